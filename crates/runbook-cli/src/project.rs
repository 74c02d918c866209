//! The project: its root, its file, its runbooks.

mod load;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runbook_document::{Config, Finding, Findings, SourceId, Waiver};
use runbook_event::Promise;

use crate::error::Error;
use crate::identity::Environment;
use crate::sources::Sources;

pub(crate) use self::load::{Loaded, sha256};

/// The name of the project file.
pub(crate) const CONFIG: &str = "runbook.config.yaml";

/// The folder of the runbooks.
pub(crate) const RUNBOOKS: &str = "runbooks";

/// How many runbooks are named where another one was not found.
const NAMED: usize = 10;

/// A project.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) directory: PathBuf,
    pub(crate) config: Config,
    pub(crate) config_text: Option<String>,
    pub(crate) sources: Sources,
    /// What is wrong with the project file.
    pub(crate) findings: Vec<Finding>,
    /// What the project file waives.
    pub(crate) waivers: Vec<Waiver>,
}

impl Project {
    /// The project around what is named, where that is there as given, else the one around the current directory.
    pub(crate) fn find(environment: &Environment, named: Option<&Path>) -> Result<Self, Error> {
        let directory = environment.directory.clone();
        let root = named
            .and_then(|named| folder_of(&directory.join(named)))
            .and_then(|folder| root_above(&folder))
            .or_else(|| root_above(&directory))
            .unwrap_or_else(|| directory.clone());
        let mut project = Self {
            directory,
            config: Config::default(),
            config_text: None,
            sources: Sources::default(),
            findings: Vec::new(),
            waivers: Vec::new(),
            root,
        };
        let path = project.root.join(CONFIG);
        if path.exists() {
            project.read_config(&path)?;
        }
        Ok(project)
    }

    fn read_config(&mut self, path: &Path) -> Result<(), Error> {
        let mut findings = Findings::new();
        if let Some((source, text)) = self.read(path, CONFIG.to_owned(), &mut findings)? {
            self.take_config(source, text, findings);
        } else {
            self.findings = findings.into_sorted();
        }
        Ok(())
    }

    fn take_config(&mut self, source: SourceId, text: String, mut findings: Findings) {
        if let Some(tree) = runbook_document::parse(source, &text, &mut findings) {
            self.config = Config::read(&tree, &mut findings);
        }
        self.config_text = Some(text);
        self.waivers = findings.waivers().to_vec();
        self.findings = findings.into_sorted();
    }

    /// Whether an environment that was asked for is one. A project file with errors has its own to say first.
    pub(crate) fn knows_environment(&self, name: Option<&str>) -> Result<(), Error> {
        let Some(name) =
            name.filter(|name| self.findings.is_empty() && self.config.environment(name).is_none())
        else {
            return Ok(());
        };
        let names: Vec<&str> = self.config.names().collect();
        let help = match runbook_document::nearest(name, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => format!("`{CONFIG}` has none, or is not there"),
            None => format!("the environments are {}", names.join(", ")),
        };
        Err(Error::usage_with(
            format!("there is no environment `{name}`"),
            help,
        ))
    }

    /// What the project promises for a severity.
    pub(crate) fn promise(&self, severity: Option<&str>) -> Option<Promise> {
        let known = self.config.severities.iter();
        let severity = known
            .into_iter()
            .find(|known| Some(known.name.value.as_str()) == severity)?;
        let millis = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let promise = Promise {
            respond_within_ms: severity.respond_within.map(millis),
            resolve_within_ms: severity.resolve_within.map(millis),
        };
        (promise != Promise::default()).then_some(promise)
    }

    /// The same project as it was with this project file.
    pub(crate) fn with_config(&self, text: Option<String>) -> Self {
        let mut project = Self {
            root: self.root.clone(),
            directory: self.directory.clone(),
            config: Config::default(),
            config_text: None,
            sources: Sources::default(),
            findings: Vec::new(),
            waivers: Vec::new(),
        };
        if let Some(text) = text {
            let source = project.sources.add(CONFIG.to_owned(), text.clone());
            project.take_config(source, text, Findings::new());
        }
        project
    }

    /// Where all is kept that outlives a run.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.join(self.config.state.as_deref().unwrap_or(".runbook"))
    }

    /// Where runs are kept.
    pub(crate) fn runs(&self) -> PathBuf {
        self.state().join("runs")
    }

    /// Where it is kept what runs own.
    pub(crate) fn locks(&self) -> PathBuf {
        self.state().join("locks")
    }

    /// The name under which a file is shown: relative to the root where it is below it.
    pub(crate) fn shown(&self, path: &Path) -> String {
        shown_below(&self.full_root(), path)
    }

    /// The root without links.
    fn full_root(&self) -> PathBuf {
        fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone())
    }

    /// The file of a runbook, if it is there: as given, then under `runbooks/`, each with and without `.yaml`.
    pub(crate) fn runbook_at(&self, given: &Path) -> Option<PathBuf> {
        let bases = [
            self.directory.clone(),
            self.root.clone(),
            self.root.join(RUNBOOKS),
        ];
        for base in &bases {
            for suffix in ["", ".yaml", ".yml"] {
                let mut name = given.as_os_str().to_owned();
                name.push(suffix);
                let path = base.join(name);
                if path.is_file() {
                    return Some(path);
                }
            }
        }
        None
    }

    /// Finds a runbook, or says which there are.
    pub(crate) fn find_runbook(&self, given: &Path) -> Result<PathBuf, Error> {
        if let Some(path) = self.runbook_at(given) {
            return Ok(path);
        }
        let known: Vec<String> = self.all_runbooks()?.iter().map(|path| self.shown(path)).collect();
        let given = given.to_string_lossy();
        let short = |path: &String| path.strip_prefix("runbooks/").unwrap_or(path).to_owned();
        let names: Vec<String> = known.iter().map(short).collect();
        let meant = runbook_document::nearest(&given, names.iter().map(String::as_str));
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => format!(
                "there are no runbooks under `{RUNBOOKS}/` of {}",
                self.root.display()
            ),
            None => match names.get(..NAMED).filter(|first| first.len() < names.len()) {
                None => format!("the runbooks are {}", names.join(", ")),
                Some(first) => {
                    let more = names.len() - first.len();
                    let first = first.join(", ");
                    format!("the runbooks are {first} and {more} more: `runbook list` lists them all")
                }
            },
        };
        Err(Error::usage_with(format!("there is no runbook `{given}`"), help))
    }

    /// All runbooks of the project, in order of their paths.
    pub(crate) fn all_runbooks(&self) -> Result<Vec<PathBuf>, Error> {
        let folder = self.root.join(RUNBOOKS);
        if folder.is_dir() {
            runbooks_below(&folder)
        } else {
            Ok(Vec::new())
        }
    }
}

/// The name of a file, relative to a folder without links where it is below it.
fn shown_below(root: &Path, path: &Path) -> String {
    let full = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    full.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

/// The folder that a path is in, or is, if it is there. Without `..`, since what is above is looked for in it.
fn folder_of(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return fs::canonicalize(path).ok();
    }
    let given = ["", ".yaml", ".yml"].iter().any(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        Path::new(&name).is_file()
    });
    fs::canonicalize(path.parent()?).ok().filter(|_| given)
}

/// The nearest folder upwards that has a project file, else a `runbooks` folder, else a git repository.
fn root_above(folder: &Path) -> Option<PathBuf> {
    let above = |name: &str| folder.ancestors().find(|folder| folder.join(name).exists());
    above(CONFIG)
        .or_else(|| above(RUNBOOKS))
        .or_else(|| above(".git"))
        .map(Path::to_owned)
}

/// The YAML files below a folder, in order of their paths. Links to folders are not followed, and neither is a folder
/// with a project file: it is another project. The project file itself is no runbook.
pub(crate) fn runbooks_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| Error::file("read", &folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Error::file("read", &folder, &error))?;
            let kind = entry
                .file_type()
                .map_err(|error| Error::file("read", &entry.path(), &error))?;
            let path = entry.path();
            if kind.is_dir() {
                if !path.join(CONFIG).exists() {
                    folders.push(path);
                }
            } else if entry.file_name() != CONFIG
                && path
                    .extension()
                    .is_some_and(|extension| extension == "yaml" || extension == "yml")
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
