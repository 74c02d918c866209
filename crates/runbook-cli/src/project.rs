//! The project: its root, its file, its runbooks.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use runbook_document::{Config, Document, Finding, Findings, Node, SourceId, Span, Waiver, codes};
use runbook_plan::Library;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::identity::Environment;
use crate::sources::Sources;

/// The name of the project file.
pub(crate) const CONFIG: &str = "runbook.config.yaml";

/// The folder of the runbooks.
pub(crate) const RUNBOOKS: &str = "runbooks";

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

/// A runbook that was read.
pub(crate) struct Loaded {
    /// The file, as it was found.
    pub(crate) file: PathBuf,
    /// The file, relative to the project's root where it is below it, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) source: Option<SourceId>,
    pub(crate) tree: Option<Node>,
    pub(crate) document: Option<Document>,
    pub(crate) findings: Findings,
}

impl Loaded {
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub(crate) fn sha256(&self) -> String {
        let digit = |four: u8| char::from_digit(four.into(), 16);
        Sha256::digest(&self.bytes)
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .flatten()
            .collect()
    }
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
        if let Some((source, text)) = self.read(path, CONFIG.to_owned(), &mut findings)?.1 {
            if let Some(tree) = runbook_document::parse(source, &text, &mut findings) {
                self.config = Config::read(&tree, &mut findings);
            }
            self.config_text = Some(text);
        }
        self.waivers = findings.waivers().to_vec();
        self.findings = findings.into_sorted();
        Ok(())
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

    /// Where runs are kept.
    pub(crate) fn runs(&self) -> PathBuf {
        self.root
            .join(self.config.state.as_deref().unwrap_or(".runbook"))
            .join("runs")
    }

    /// The name under which a file is shown: relative to the root where it is below it.
    pub(crate) fn shown(&self, path: &Path) -> String {
        let full = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let root = fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone());
        full.strip_prefix(&root)
            .unwrap_or(path)
            .to_string_lossy()
            .replace('\\', "/")
    }

    /// Finds a runbook: as given, then under `runbooks/`, each with and without `.yaml`.
    pub(crate) fn find_runbook(&self, given: &Path) -> Result<PathBuf, Error> {
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
                    return Ok(path);
                }
            }
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
            None => format!("the runbooks are {}", names.join(", ")),
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

    /// Reads a runbook. What is wrong with it is among its findings.
    pub(crate) fn load(&mut self, path: &Path) -> Result<Loaded, Error> {
        let shown = self.shown(path);
        let mut findings = Findings::new();
        let (bytes, text) = self.read(path, shown.clone(), &mut findings)?;
        let source = text.as_ref().map(|(source, _)| *source);
        let tree = text.and_then(|(source, text)| runbook_document::parse(source, &text, &mut findings));
        let document = tree
            .as_ref()
            .and_then(|tree| Document::read(tree, crate::catalogue::KINDS, &mut findings));
        Ok(Loaded {
            file: path.to_owned(),
            path: shown,
            bytes,
            source,
            tree,
            document,
            findings,
        })
    }

    /// The runbooks of the project by name, those that were read and all others. What is wrong with the others is
    /// for when they are checked.
    pub(crate) fn library(&mut self, loaded: &[Loaded]) -> Result<Library, Error> {
        let mut library = Library::new();
        let mut known = HashSet::new();
        for one in loaded {
            known.insert(fs::canonicalize(&one.file).unwrap_or_else(|_| one.file.clone()));
            if let Some(document) = &one.document {
                library.add(document);
            }
        }
        for path in self.all_runbooks()? {
            if known.contains(&fs::canonicalize(&path).unwrap_or_else(|_| path.clone())) {
                continue;
            }
            if let Some(document) = self.load(&path)?.document {
                library.add(&document);
            }
        }
        Ok(library)
    }

    /// Reads a file as text. One that is too long or not UTF-8 is a finding.
    #[expect(
        clippy::type_complexity,
        reason = "the bytes are pinned even where they are no text"
    )]
    pub(crate) fn read(
        &mut self,
        path: &Path,
        shown: String,
        findings: &mut Findings,
    ) -> Result<(Vec<u8>, Option<(SourceId, String)>), Error> {
        let length = fs::metadata(path)
            .map_err(|error| Error::file("read", path, &error))?
            .len();
        if length > runbook_document::MAX_BYTES as u64 {
            let source = self.sources.add(shown, String::new());
            let message = format!(
                "the file has {length} bytes, more than the {} that are read",
                runbook_document::MAX_BYTES
            );
            findings.push(Finding::error(codes::TOO_LARGE, Span::new(source, 0, 0), message));
            return Ok((Vec::new(), None));
        }
        let bytes = fs::read(path).map_err(|error| Error::file("read", path, &error))?;
        match String::from_utf8(bytes.clone()) {
            Ok(text) => {
                let source = self.sources.add(shown, text.clone());
                Ok((bytes, Some((source, text))))
            }
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let source = self.sources.add(shown, text);
                let finding = Finding::error(
                    codes::YAML,
                    Span::new(source, at, at + char::REPLACEMENT_CHARACTER.len_utf8()),
                    "the file is not UTF-8",
                );
                findings.push(finding.help("save it as UTF-8"));
                Ok((bytes, None))
            }
        }
    }
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

/// The YAML files below a folder, in order of their paths. Links to folders are not followed.
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
                folders.push(path);
            } else if path
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
