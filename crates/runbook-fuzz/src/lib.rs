//! Hostile texts: what is read, checked and planned from any bytes.
//!
//! [`read`] is the whole way from bytes to a plan, as `runbook check` goes it, with the project file and the
//! runbook in one text. Whoever searches for bytes that break it uses this: the coverage-guided search of
//! `tests/fuzz`, and [`Mutant`], which needs nothing but a seed and so can be a test.

mod mutant;
mod tree;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use runbook_action_docker::{Compose, Docker};
use runbook_action_http::{Http, Promql};
use runbook_action_k8s::Language;
use runbook_action_shell::{Environment, Exec, File, Shell};
use runbook_action_sql::Sql;
use runbook_document::{Config, Document, Finding, Findings, SourceId, parse, settle};
use runbook_plan::{Catalogue, Library, Request, check_everywhere};

pub use mutant::Mutant;
pub use tree::Parts;

/// What stands between a project file and a runbook in one text.
const CUT: &str = "\n%%%\n";

/// All actions, none of which is ever run.
fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let nothing = Environment {
            vars: Vec::new(),
            root: PathBuf::from("/"),
        };
        let mut catalogue = Catalogue::new();
        catalogue.add(Arc::new(Shell::new(nothing.clone())));
        catalogue.add(Arc::new(Exec::new(nothing.clone())));
        catalogue.add(Arc::new(File::new(nothing.clone())));
        catalogue.add(Arc::new(Http::new(PathBuf::from("/"))));
        catalogue.add(Arc::new(Sql::new(PathBuf::from("/"))));
        catalogue.add(Arc::new(Promql::new(PathBuf::from("/"))));
        catalogue.declare(Arc::new(Language));
        catalogue.declare(Arc::new(Docker::default()));
        let here = Arc::new(runbook_action_shell::Local::new(nothing));
        catalogue.declare(Arc::new(Compose::new(
            runbook_action_docker::Environment::default(),
            here,
        )));
        catalogue
    })
}

/// Reads, checks and plans. The findings are what `runbook check` would say.
///
/// # Panics
///
/// When a finding stands outside its text, or between the bytes of a character: nobody could show it.
#[must_use]
pub fn read(bytes: &[u8]) -> Vec<Finding> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Vec::new();
    };
    let (config, runbook) = text.split_once(CUT).unwrap_or(("", text));
    let texts = [config.to_owned(), runbook.to_owned()];
    let mut findings = Findings::new();
    let config = if config.is_empty() {
        Config::default()
    } else {
        parse(SourceId(0), config, &mut findings)
            .map(|tree| Config::read(&tree, &mut findings))
            .unwrap_or_default()
    };
    let catalogue = catalogue();
    let kinds: Vec<&str> = catalogue.kinds().collect();
    let tree = parse(SourceId(1), runbook, &mut findings);
    let document = tree
        .as_ref()
        .and_then(|tree| Document::read(tree, &kinds, &mut findings));
    let mut all = findings.clone().into_sorted();
    if let (Some(tree), Some(document)) = (&tree, &document) {
        let mut library = Library::new();
        library.add(document);
        let environments: Vec<Option<&str>> = std::iter::once(None)
            .chain(config.names().take(3).map(Some))
            .collect();
        let request = Request {
            document,
            tree: Some(tree),
            config: &config,
            environment: None,
            catalogue,
            library: &library,
            texts: &texts,
        };
        all.extend(check_everywhere(&request, &environments, |_| {}));
    }
    let settled = settle(all, findings.waivers(), &config.levels(None));
    for finding in &settled {
        shows(finding, &texts);
    }
    settled
}

/// A finding must point into its text.
fn shows(finding: &Finding, texts: &[String; 2]) {
    let related = finding.related.iter().map(|(span, _)| *span);
    for span in std::iter::once(finding.span).chain(related) {
        let text = &texts[usize::try_from(span.source.0).unwrap_or(usize::MAX).min(1)];
        assert!(
            text.get(span.start..span.end).is_some(),
            "{}: {} points to {}..{} of {} bytes",
            finding.code.id,
            finding.message,
            span.start,
            span.end,
            text.len()
        );
    }
}
