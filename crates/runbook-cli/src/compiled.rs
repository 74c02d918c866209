//! A runbook that is compiled to be run, from the project's files or from the texts that a run has pinned, with all
//! the texts that decide it.

use std::path::Path;

use runbook_action_plugin::Lock;
use runbook_document::{Finding, Findings, Severity, codes, settle};
use runbook_event::RunStarted;
use runbook_plan::{Catalogue, Library, Plan, Request, compile};

use crate::error::Error;
use crate::project::{CONFIG, Loaded, Project, RUNBOOKS, sha256};
use crate::term;
use crate::{diagnostics, lacking};

/// What the runbook of a run is called among its pinned texts. What it calls stands below [`RUNBOOKS`].
const RUNBOOK: &str = "runbook.yaml";

/// A runbook that can be run.
pub(crate) struct Compiled {
    pub(crate) plan: Plan,
    /// The file, relative to the project's root where it is below it.
    pub(crate) path: String,
    /// The texts that decide the run, by the names under which they are pinned.
    pub(crate) texts: Vec<(String, String)>,
}

impl Compiled {
    /// Whether plugins are pinned as they were when a run began.
    pub(crate) fn has_plugins_of(&self, started: &RunStarted) -> bool {
        let now = self.texts.iter().find(|(name, _)| name == Lock::FILE);
        now.map(|(_, text)| sha256(text)).as_ref() == started.pinned.get(Lock::FILE)
    }

    /// The text of the runbook itself.
    pub(crate) fn text(&self) -> &str {
        self.texts.first().map_or("", |(_, text)| text)
    }
}

/// From the files. Warnings are shown.
pub(crate) fn from_files(
    project: &Project,
    path: &Path,
    environment: Option<&str>,
    catalogue: &Catalogue,
) -> Result<Compiled, Error> {
    let mut project = project.clone();
    let loaded = project.load(path)?;
    let library = project.library_to_run(&loaded)?;
    let (compiled, warnings) = of(&project, &loaded, &library, environment, catalogue)?;
    if !warnings.is_empty() {
        let text = diagnostics::text(&project.sources, &warnings, &std::io::stderr());
        term::print_error(&text);
    }
    Ok(compiled)
}

/// From the files, without a word about what is wrong.
pub(crate) fn quietly(
    project: &Project,
    path: &Path,
    environment: Option<&str>,
    catalogue: &Catalogue,
) -> Result<Compiled, Error> {
    let mut project = project.clone();
    let loaded = project.load(path)?;
    let library = project.library_to_run(&loaded)?;
    of(&project, &loaded, &library, environment, catalogue).map(|(compiled, _)| compiled)
}

/// From the texts that a run has pinned in its directory.
pub(crate) fn from_pinned(
    project: &Project,
    dir: &Path,
    started: &RunStarted,
    catalogue: &Catalogue,
) -> Result<Compiled, Error> {
    let mut texts = pinned(dir, started)?;
    let mut take = |name: &str| {
        let at = texts.iter().position(|(known, _)| known == name)?;
        Some(texts.swap_remove(at).1)
    };
    let config = take(CONFIG);
    // It is in the catalogue already.
    let _lock = take(Lock::FILE);
    let Some(runbook) = take(RUNBOOK) else {
        let path = dir.join("pinned").join(RUNBOOK);
        let error = std::io::ErrorKind::NotFound.into();
        return Err(Error::file("read", &path, &error));
    };
    let mut project = project.with_config(config);
    let mut loaded = project.load_text(RUNBOOK.to_owned(), runbook);
    let mut called = Vec::new();
    for (name, text) in texts {
        called.push(project.load_text(name, text));
    }
    let library = project.library_of(&loaded, called);
    loaded.path.clone_from(&started.runbook.path);
    of(
        &project,
        &loaded,
        &library,
        started.environment.as_deref(),
        catalogue,
    )
    .map(|(compiled, _)| compiled)
}

/// What a run had pinned of plugins when it began.
pub(crate) fn pinned_lock(dir: &Path, started: &RunStarted) -> Result<Option<String>, Error> {
    let texts = pinned(dir, started)?.into_iter();
    Ok(texts
        .into_iter()
        .find(|(name, _)| name == Lock::FILE)
        .map(|(_, text)| text))
}

/// The pinned texts, if they are those that the journal names.
fn pinned(dir: &Path, started: &RunStarted) -> Result<Vec<(String, String)>, Error> {
    let mut texts = Vec::new();
    for (name, bytes) in runbook_journal::pinned(dir)? {
        let path = dir.join("pinned").join(&name);
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::usage(format!("`{}` is not UTF-8", path.display())))?;
        if started.pinned.get(&name) != Some(&sha256(&text)) {
            let message = format!(
                "`{}` is not what the run began with: its SHA-256 is not that in the journal",
                path.display()
            );
            return Err(Error::usage_with(
                message,
                "put back what was there, or the run can only be looked at",
            ));
        }
        texts.push((name, text));
    }
    match started
        .pinned
        .keys()
        .find(|name| !texts.iter().any(|(known, _)| known == *name))
    {
        None => Ok(texts),
        Some(name) => {
            let path = dir.join("pinned").join(name);
            Err(Error::file("read", &path, &std::io::ErrorKind::NotFound.into()))
        }
    }
}

/// The plan, and what is to be said of it all the same.
fn of(
    project: &Project,
    loaded: &Loaded,
    library: &Library,
    environment: Option<&str>,
    catalogue: &Catalogue,
) -> Result<(Compiled, Vec<Finding>), Error> {
    let mut findings = Findings::new();
    let plan = match (&loaded.tree, &loaded.document) {
        (Some(tree), Some(document)) => {
            let request = Request {
                document,
                tree: Some(tree),
                config: &project.config,
                environment,
                catalogue,
                library,
                texts: &project.sources.texts,
            };
            compile(&request, &mut findings)
        }
        (None | Some(_), None | Some(_)) => None,
    };
    let mut all = project.findings.clone();
    all.extend(loaded.findings.clone().into_sorted());
    all.extend(findings.into_sorted());
    if let (Some(plan), Some(document)) = (&plan, &loaded.document) {
        let lacking = runbook_engine::lacks(plan, catalogue);
        all.extend(lacking::error(lacking, document.name.span));
    }
    let all = settled(project, loaded, all, plan.as_ref().and_then(Plan::environment));
    let refused = all.iter().any(|finding| finding.severity == Severity::Error);
    match plan.filter(|_| !refused) {
        Some(plan) => {
            let compiled = Compiled {
                texts: texts(project, loaded, &plan),
                path: loaded.path.clone(),
                plan,
            };
            Ok((compiled, all))
        }
        None => Err(Error::Findings(Box::new((project.sources.clone(), all)))),
    }
}

/// The findings as the project wants them. What is declared for nothing does not matter to whoever runs it.
fn settled(project: &Project, loaded: &Loaded, all: Vec<Finding>, environment: Option<&str>) -> Vec<Finding> {
    let mut waivers = project.waivers.clone();
    waivers.extend_from_slice(loaded.findings.waivers());
    let mut settled = settle(all, &waivers, &project.config.levels(environment));
    let idle = [codes::UNUSED_INPUT, codes::UNUSED_CAPTURE, codes::WAIVER];
    settled.retain(|finding| finding.severity == Severity::Error || !idle.contains(&finding.code));
    settled
}

/// The texts that decide a run: the runbook, the project file, and all runbooks that can be called. A runbook's name
/// has no `/`, so no two of these names are the same.
fn texts(project: &Project, loaded: &Loaded, plan: &Plan) -> Vec<(String, String)> {
    let own = project.sources.text(loaded.source).to_owned();
    let config = project.config_text.clone().map(|text| (CONFIG.to_owned(), text));
    let lock = std::fs::read_to_string(project.root.join(Lock::FILE)).ok();
    let called = plan.runbooks().into_iter().map(|(name, called)| {
        let text = project.sources.text(called.source()).to_owned();
        (format!("{RUNBOOKS}/{name}.yaml"), text)
    });
    std::iter::once((RUNBOOK.to_owned(), own))
        .chain(config)
        .chain(lock.map(|text| (Lock::FILE.to_owned(), text)))
        .chain(called)
        .collect()
}
