//! The page around the pictures and the words.

use std::fmt::Write as _;

use runbook_event::{Outcome, Record};

use super::markdown::{self, Anchors, Body};
use super::markup::{short, text};
use super::series::{self, Series};
use super::{Medium, baseline, gantt, graph, shell, sparkline};
use crate::markdown::{Report, Section, report_of};
use crate::story::{Error, Evidence, Story};

/// How many steps, changes and outputs are told of: more than are shown of a part, so that each is cut where it is long.
const MOST: usize = 5_000;

/// What a page is made of.
struct Page<'a> {
    story: &'a Story<'a>,
    series: Series<'a>,
    medium: Medium,
    anchors: Anchors,
    out: String,
}

pub(super) fn write(records: &[Record], evidence: &Evidence<'_>, medium: Medium) -> Result<String, Error> {
    let mut story = Story::new(records)?;
    story.most = MOST;
    let report = report_of(&story, evidence)?;
    let mut page = Page {
        story: &story,
        series: series::collect(records, evidence.readings),
        medium,
        anchors: Anchors::default(),
        out: String::new(),
    };
    // The names that the page itself gives.
    for name in [
        "main",
        "grid",
        "stripes",
        "dots",
        "hatch",
        "head",
        "gantt-name",
        "gates-name",
        "baseline-name",
        "ran-name",
        "contents-name",
    ] {
        page.anchors.take(name);
    }
    page.head();
    page.body(&report);
    Ok(page.out)
}

impl Page<'_> {
    fn head(&mut self) {
        let run = self.story.run;
        let title = format!("{} – {}", short(&run.runbook.title), text(&run.run));
        self.out
            .push_str(&shell::head(self.medium, &title, Some(&run.run)));
    }

    fn body(&mut self, report: &Report) {
        let ids: Vec<String> = report
            .sections
            .iter()
            .map(|section| self.anchors.take(&section.id))
            .collect();
        let head = markdown::read(&report.head.body, &mut self.anchors);
        let bodies: Vec<Body<'_>> = report
            .sections
            .iter()
            .map(|section| markdown::read(&section.body, &mut self.anchors))
            .collect();
        self.out
            .push_str("<body>\n<a class=\"skip\" href=\"#main\">To the report</a>\n");
        self.banner(report);
        self.out.push_str("<div class=\"sheet\">\n");
        self.contents(report, &ids);
        self.out
            .push_str("<main id=\"main\">\n<section class=\"lead\" aria-label=\"At a glance\">\n");
        markdown::write(head, &self.anchors, &mut self.out);
        self.out.push_str("</section>\n");
        let mut places = Places::of(report);
        for ((section, id), body) in report.sections.iter().zip(&ids).zip(bodies) {
            self.section(section, id, body, &mut places);
        }
        self.out.push_str("</main>\n</div>\n");
        self.footer();
        self.out.push_str("</body>\n</html>\n");
    }

    fn banner(&mut self, report: &Report) {
        let run = self.story.run;
        let (class, sign, word) = outcome(self.story.state.outcome());
        _ = write!(
            self.out,
            "<header class=\"banner\">\n<div class=\"wide\"><p class=\"kicker\">Report of run <code>{}</code></p>\n<h1>{}</h1>\n\
             <p class=\"outcome {class}\"><span aria-hidden=\"true\">{sign}</span> {word}</p></div>\n</header>\n",
            text(&run.run),
            markdown::line(&report.head.title)
        );
    }

    fn contents(&mut self, report: &Report, ids: &[String]) {
        self.out.push_str("<nav class=\"contents\" aria-labelledby=\"contents-name\">\n<h2 id=\"contents-name\">Contents</h2>\n<ul>\n");
        for (section, id) in report.sections.iter().zip(ids) {
            _ = writeln!(
                self.out,
                "<li><a href=\"#{}\">{}</a></li>",
                text(id),
                markdown::line(&section.title)
            );
        }
        self.out.push_str("</ul>\n</nav>\n");
    }

    fn section(&mut self, section: &Section, id: &str, body: Body<'_>, places: &mut Places) {
        let id = text(id);
        _ = write!(
            self.out,
            "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{}</h2>\n",
            markdown::line(&section.title)
        );
        // What happened is told first in words.
        let pictures = places.at(&section.id);
        if section.id == "what-happened" {
            self.words(body);
            self.pictures(&pictures);
        } else {
            self.pictures(&pictures);
            self.words(body);
        }
        self.out.push_str("</section>\n");
    }

    fn pictures(&mut self, pictures: &[Picture]) {
        for picture in pictures {
            match picture {
                Picture::Gantt => gantt::write(self.story, self.medium, &mut self.out),
                Picture::Checks => sparkline::write(self.story, &self.series, self.medium, &mut self.out),
                Picture::Baseline => baseline::write(self.story, &mut self.out),
                Picture::Graph => graph::write(self.story, self.medium, &mut self.out),
            }
        }
    }

    fn words(&mut self, body: Body<'_>) {
        let is_cut = body.is_cut;
        markdown::write(body, &self.anchors, &mut self.out);
        if is_cut {
            _ = writeln!(
                self.out,
                "<p class=\"note\">This part is longer than a page can hold, and the rest of it is not shown. \
                 <code>runbook report {} --format md</code> shows all.</p>",
                text(&self.story.run.run)
            );
        }
    }

    fn footer(&mut self) {
        let run = self.story.run;
        _ = writeln!(
            self.out,
            "<footer><p>Made from the journal of run <code>{}</code> by runbook {}. The same journal gives the same page.</p></footer>",
            text(&run.run),
            text(&run.engine)
        );
    }
}

/// A picture of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Picture {
    Gantt,
    Graph,
    Baseline,
    Checks,
}

/// In which section each picture stands.
struct Places(Vec<(String, Picture)>);

impl Places {
    /// Each picture has the section that it belongs to. Where a report has no such section it stands in the first.
    fn of(report: &Report) -> Self {
        let wanted: [(&[&str], Picture); 4] = [
            (&["what-happened", "timeline"], Picture::Gantt),
            (&["before-and-after"], Picture::Baseline),
            (&["before-and-after", "guards"], Picture::Checks),
            (&["steps"], Picture::Graph),
        ];
        let has = |id: &&&str| report.sections.iter().any(|section| section.id == **id);
        let first = report.sections.first().map_or("", |section| &*section.id);
        let places = wanted.iter().map(|(ids, picture)| {
            let id = ids.iter().find(has).copied().unwrap_or(first);
            (id.to_owned(), *picture)
        });
        Self(places.collect())
    }

    /// The pictures of a section. They are there once.
    fn at(&mut self, id: &str) -> Vec<Picture> {
        let (here, others) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(place, _)| place == id);
        self.0 = others;
        let here: Vec<(String, Picture)> = here;
        here.into_iter().map(|(_, picture)| picture).collect()
    }
}

/// How the style knows an outcome, its sign, its words.
fn outcome(outcome: Option<Outcome>) -> (&'static str, &'static str, &'static str) {
    match outcome {
        Some(Outcome::Resolved) => ("good", "✓", "Resolved"),
        Some(Outcome::NotNeeded) => ("calm", "✓", "Not needed"),
        Some(Outcome::Failed) => ("bad", "✗", "Failed"),
        Some(Outcome::RolledBack) => ("back", "↶", "Rolled back"),
        Some(Outcome::RollbackFailed) => ("bad", "⚠", "Rollback failed"),
        Some(Outcome::Rejected) => ("bad", "✗", "Rejected"),
        Some(Outcome::Waiting) => ("calm", "…", "Waiting"),
        Some(Outcome::Unknown) => ("bad", "?", "Unknown"),
        Some(Outcome::CleanupFailed) => ("bad", "⚠", "Clean-up failed"),
        Some(Outcome::Interrupted) => ("bad", "■", "Interrupted"),
        None => ("calm", "…", "No end recorded"),
    }
}
