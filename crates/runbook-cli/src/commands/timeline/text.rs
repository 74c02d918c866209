//! A timeline on a terminal.

use anstyle::Style;
use jiff::Timestamp;
use runbook_report::{Chronicle, EntryKind, Told, duration, letter, visible};
use textwrap::{Options, WordSplitter};

use crate::term::{self, BAD, BOLD, DIM, GOOD, WARN, styled};

/// At least so much of a line is text, however narrow the terminal is.
const LEAST: usize = 12;

/// What does not hold any more.
const STRUCK: Style = Style::new().strikethrough().dimmed();

/// How a timeline is laid out.
pub(super) struct Sheet<'a> {
    known: &'a Chronicle,
    /// Whether also what only the machinery is interested in is shown, and times to the millisecond.
    all: bool,
    width: Option<usize>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(known: &'a Chronicle, all: bool) -> Self {
        Self {
            known,
            all,
            width: term::width(),
        }
    }

    /// The runs, the times of the incident, what happened, and what the signs mean.
    pub(super) fn print(&self, entries: &[&Told]) {
        self.head();
        let mut day = None;
        for entry in entries.iter().filter(|entry| self.shows(entry)) {
            self.entry(entry, &mut day);
        }
        self.foot(entries);
    }

    pub(super) fn shows(&self, entry: &Told) -> bool {
        self.all || !entry.is_noise
    }

    /// The runs, and the times that are known.
    pub(super) fn head(&self) {
        for (number, run) in self.known.runs.iter().enumerate() {
            let sign = if self.is_one() {
                String::new()
            } else {
                format!("{}  ", letter(number))
            };
            let indent = " ".repeat(sign.len());
            self.wrapped(&sign, &indent, BOLD, &visible(&run.title));
            let outcome = run.outcome.map_or("not ended", runbook_event::Outcome::word);
            let took =
                u64::try_from(run.until.duration_since(run.started_at).as_millis()).unwrap_or_default();
            let mut text = format!("{} · {outcome} · {}", visible(&run.run), duration(took));
            if !run.overlaps.is_empty() {
                let others: Vec<String> = run.overlaps.iter().map(|other| letter(*other)).collect();
                text = format!("{text} · while {} went on", others.join(", "));
            }
            self.wrapped(&indent, &indent, DIM, &text);
        }
        for time in &self.known.times {
            let name = time.name.replace('_', " ");
            let told = match time.note {
                Some(seq) if self.is_one() => format!("noted, #{seq}"),
                Some(seq) => format!("noted, {}#{seq}", letter(time.run)),
                None => "shown by the run".to_owned(),
            };
            let at = time.at.strftime("%Y-%m-%d %H:%M:%S UTC");
            let text = format!("{name:<13}{at}  ({told})");
            self.wrapped("  ", &" ".repeat(15), Style::new(), &text);
        }
    }

    fn is_one(&self) -> bool {
        self.known.runs.len() == 1
    }

    /// An entry, after the day if that is another than the last one's.
    pub(super) fn entry(&self, entry: &Told, day: &mut Option<String>) {
        let today = entry.at.strftime("%Y-%m-%d").to_string();
        if day.as_ref() != Some(&today) {
            term::print(&styled(DIM, &format!("── {today} (UTC)")));
            *day = Some(today);
        }
        let begins = self.begins(entry);
        let indent = " ".repeat(textwrap::core::display_width(&begins));
        let (mark, style) = look(entry);
        let text = self.said(entry);
        let first = format!("{begins}{} ", styled(style, mark));
        self.wrapped(&first, &format!("{indent}  "), emphasis(entry, style), &text);
        if let Some(beside) = beside(entry) {
            self.wrapped(&format!("{indent}  "), &format!("{indent}  "), DIM, &beside);
        }
    }

    /// The time, the run, and whether another one went on.
    fn begins(&self, entry: &Told) -> String {
        let claimed = if entry.is_claimed() { '≈' } else { ' ' };
        let time = self.time(entry.at);
        if self.is_one() {
            return format!("{claimed}{time} ");
        }
        let beside = if entry.overlaps { '‖' } else { ' ' };
        format!("{claimed}{time} {}{beside} ", letter(entry.run))
    }

    fn time(&self, at: Timestamp) -> String {
        let format = if self.all { "%H:%M:%S%.3f" } else { "%H:%M:%S" };
        at.strftime(format).to_string()
    }

    fn said(&self, entry: &Told) -> String {
        let Some(known) = &entry.note else {
            return entry.text.clone();
        };
        let number = if self.is_one() {
            format!("#{}", entry.seq)
        } else {
            format!("{}#{}", letter(entry.run), entry.seq)
        };
        let user = visible(&known.note.by.user);
        format!("{user}, {}: {} {number}", known.note.kind.word(), entry.text)
    }

    /// What the signs mean that were used, and what is folded.
    fn foot(&self, entries: &[&Told]) {
        let shown = || entries.iter().filter(|entry| self.shows(entry));
        let mut legend = Vec::new();
        if shown().any(|entry| entry.is_claimed()) {
            legend.push("≈ a person says that it was then");
        }
        if !self.is_one() && shown().any(|entry| entry.overlaps) {
            legend.push("‖ another run went on at that time");
        }
        if !legend.is_empty() {
            self.wrapped("", "  ", DIM, &legend.join("; "));
        }
        let folded = entries.iter().filter(|entry| !self.shows(entry)).count();
        if folded > 0 {
            let text = format!("{folded} more of the machinery; see all with `--all`");
            self.wrapped("", "  ", DIM, &text);
        }
    }

    /// A text between what begins its lines and the end of the terminal.
    fn wrapped(&self, first: &str, further: &str, style: Style, text: &str) {
        let Some(width) = self.width else {
            term::print(&format!("{first}{}", styled(style, text)));
            return;
        };
        let indent = textwrap::core::display_width(further).max(textwrap::core::display_width(first));
        let options = Options::new(width.max(indent + LEAST))
            .initial_indent(first)
            .subsequent_indent(further)
            .word_splitter(WordSplitter::NoHyphenation);
        for (number, line) in textwrap::wrap(text, options).iter().enumerate() {
            let begins = if number == 0 { first } else { further };
            let line = line.strip_prefix(begins).unwrap_or(line);
            term::print(&format!("{begins}{}", styled(style, line)));
        }
    }
}

fn look(entry: &Told) -> (&'static str, Style) {
    if entry.note.as_ref().is_some_and(|known| !known.stands()) {
        return ("✎", STRUCK);
    }
    match entry.kind {
        EntryKind::Phase => ("─", BOLD),
        EntryKind::Good => ("✓", GOOD),
        EntryKind::Bad => ("✗", BAD),
        EntryKind::Question => ("?", WARN),
        EntryKind::Note => ("✎", Style::new()),
        EntryKind::Info => ("·", Style::new()),
    }
}

/// The sign says how it went; only what went wrong, and where parts begin, is loud.
fn emphasis(entry: &Told, style: Style) -> Style {
    match entry.kind {
        EntryKind::Good => Style::new(),
        EntryKind::Phase | EntryKind::Bad | EntryKind::Question | EntryKind::Note | EntryKind::Info => style,
    }
}

/// What stands below what a person wrote: what it stands for or has become, who is to do it, how it is known who wrote it.
fn beside(entry: &Told) -> Option<String> {
    let known = entry.note.as_ref()?;
    let note = &known.note;
    let mut parts = Vec::new();
    parts.extend(known.corrected_by.map(|by| format!("corrected by #{by}")));
    parts.extend(note.corrects.map(|corrects| format!("in place of #{corrects}")));
    parts.extend(
        note.owner
            .as_ref()
            .map(|owner| format!("owner {}", visible(owner))),
    );
    parts.extend(note.due.map(|due| format!("due {due}")));
    if entry.is_claimed() {
        parts.push(format!(
            "written {}",
            entry.written_at.strftime("%Y-%m-%d %H:%M:%S UTC")
        ));
    }
    (!parts.is_empty()).then(|| parts.join(" · "))
}
