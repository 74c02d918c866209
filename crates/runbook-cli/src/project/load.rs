//! Reading the runbooks of a project: each file once, and many side by side.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use runbook_document::{Document, Finding, Findings, Node, SourceId, Span, codes};
use runbook_plan::Library;
use sha2::{Digest, Sha256};

use super::{Project, shown_below};
use crate::error::Error;
use crate::parallel;

/// A runbook that was read.
pub(crate) struct Loaded {
    /// The file, as it was found.
    pub(crate) file: PathBuf,
    /// The file, relative to the project's root where it is below it, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) source: SourceId,
    pub(crate) tree: Option<Node>,
    pub(crate) document: Option<Document>,
    pub(crate) findings: Findings,
}

/// SHA-256 of a text's bytes, in hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    let digit = |four: u8| char::from_digit(four.into(), 16);
    Sha256::digest(text)
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .flatten()
        .collect()
}

impl Project {
    /// Reads a runbook. What is wrong with it is among its findings.
    pub(crate) fn load(&mut self, path: &Path) -> Result<Loaded, Error> {
        let (loaded, text) = read_runbook(path, self.shown(path), self.sources.next(0))?;
        self.sources.add(loaded.path.clone(), text);
        Ok(loaded)
    }

    /// Takes a text as a runbook.
    pub(crate) fn load_text(&mut self, shown: String, text: String) -> Loaded {
        let source = self.sources.next(0);
        let read = Text {
            text: text.clone(),
            whole: true,
        };
        let loaded = parsed(Path::new(&shown), shown.clone(), source, &read, Findings::new());
        self.sources.add(shown, text);
        loaded
    }

    /// Takes texts as runbooks, side by side: each with the name under which it is shown.
    pub(crate) fn load_texts(&mut self, texts: Vec<(String, String)>) -> Vec<Loaded> {
        let read = parallel::each(&texts, |at, (shown, text)| {
            let fits = text.len() <= runbook_document::MAX_BYTES;
            let read = Text {
                text: if fits { text.clone() } else { String::new() },
                whole: fits,
            };
            parsed(
                Path::new(shown),
                shown.clone(),
                self.sources.next(at),
                &read,
                Findings::new(),
            )
        });
        for (shown, text) in texts {
            self.sources.add(shown, text);
        }
        read
    }

    /// Reads runbooks, side by side. They come in the order of their paths here, and so do their texts. Their trees,
    /// which are half of the room that they take, are kept only if somebody needs them.
    pub(crate) fn load_all(&mut self, paths: &[PathBuf], trees: bool) -> Result<Vec<Loaded>, Error> {
        let root = self.full_root();
        let read = parallel::each(paths, |at, path| {
            let mut read = read_runbook(path, shown_below(&root, path), self.sources.next(at));
            if let Ok((loaded, _)) = &mut read {
                loaded.tree = loaded.tree.take().filter(|_| trees);
            }
            read
        });
        let mut all = Vec::with_capacity(paths.len());
        for one in read {
            let (loaded, text) = one?;
            self.sources.add(loaded.path.clone(), text);
            all.push(loaded);
        }
        Ok(all)
    }

    /// The runbooks of the project by name, those that were read and all others. What is wrong with the others is
    /// for when they are checked.
    pub(crate) fn library(&mut self, loaded: &[Loaded]) -> Result<Library, Error> {
        let others = self.others(loaded, false)?;
        let mut library = Library::new();
        let documents = loaded.iter().chain(&others);
        for document in documents.filter_map(|one| one.document.as_ref()) {
            library.add(document);
        }
        Ok(library)
    }

    /// The same for a runbook that is to be run: what it calls is part of its plan, so all others are kept whole.
    /// Empty if it calls none.
    pub(crate) fn library_to_run(&mut self, loaded: &Loaded) -> Result<Library, Error> {
        let needs = loaded.document.as_ref().is_some_and(Library::is_needed_by);
        let others = if needs {
            self.others(std::slice::from_ref(loaded), true)?
        } else {
            Vec::new()
        };
        Ok(self.library_of(loaded, others))
    }

    /// A runbook that is to be run, and others that it may call.
    pub(crate) fn library_of(&self, loaded: &Loaded, others: Vec<Loaded>) -> Library {
        let mut library = Library::new().waiving(&self.waivers);
        let Some(document) = loaded.document.as_ref().filter(|one| Library::is_needed_by(one)) else {
            return library;
        };
        library.add(document);
        for other in others {
            if let (Some(document), Some(tree)) = (other.document, other.tree) {
                library.keep(document, tree, other.findings);
            }
        }
        library
    }

    /// The runbooks of the project besides these.
    fn others(&mut self, loaded: &[Loaded], trees: bool) -> Result<Vec<Loaded>, Error> {
        let mut others = self.all_runbooks()?;
        let same: HashSet<&Path> = loaded.iter().map(|one| one.file.as_path()).collect();
        others.retain(|path| !same.contains(path.as_path()));
        if !others.is_empty() {
            // One that was named in another way is the same file all the same.
            let full = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            let known: HashSet<PathBuf> = loaded.iter().map(|one| full(&one.file)).collect();
            others.retain(|path| !known.contains(&full(path)));
        }
        self.load_all(&others, trees)
    }

    /// Reads a file as text. One that is too long or not UTF-8 is a finding.
    pub(crate) fn read(
        &mut self,
        path: &Path,
        shown: String,
        findings: &mut Findings,
    ) -> Result<Option<(SourceId, String)>, Error> {
        let source = self.sources.next(0);
        let read = read_text(path, source, findings)?;
        self.sources.add(shown, read.text.clone());
        Ok(read.whole.then_some((source, read.text)))
    }
}

/// What a file holds, or what is shown of it where that is no text.
struct Text {
    text: String,
    whole: bool,
}

fn read_runbook(path: &Path, shown: String, source: SourceId) -> Result<(Loaded, String), Error> {
    let mut findings = Findings::new();
    let read = read_text(path, source, &mut findings)?;
    let loaded = parsed(path, shown, source, &read, findings);
    Ok((loaded, read.text))
}

fn parsed(path: &Path, shown: String, source: SourceId, read: &Text, mut findings: Findings) -> Loaded {
    let tree = read
        .whole
        .then(|| runbook_document::parse(source, &read.text, &mut findings))
        .flatten();
    let document = tree
        .as_ref()
        .and_then(|tree| Document::read(tree, crate::catalogue::KINDS, &mut findings));
    Loaded {
        file: path.to_owned(),
        path: shown,
        source,
        tree,
        document,
        findings,
    }
}

fn read_text(path: &Path, source: SourceId, findings: &mut Findings) -> Result<Text, Error> {
    let length = fs::metadata(path)
        .map_err(|error| Error::file("read", path, &error))?
        .len();
    if length > runbook_document::MAX_BYTES as u64 {
        let message = format!(
            "the file has {length} bytes, more than the {} that are read",
            runbook_document::MAX_BYTES
        );
        findings.push(Finding::error(codes::TOO_LARGE, Span::new(source, 0, 0), message));
        return Ok(Text {
            text: String::new(),
            whole: false,
        });
    }
    let bytes = fs::read(path).map_err(|error| Error::file("read", path, &error))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Text { text, whole: true }),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let finding = Finding::error(
                codes::YAML,
                Span::new(source, at, at + char::REPLACEMENT_CHARACTER.len_utf8()),
                "the file is not UTF-8",
            );
            findings.push(finding.help("save it as UTF-8"));
            Ok(Text {
                text: String::from_utf8_lossy(error.as_bytes()).into_owned(),
                whole: false,
            })
        }
    }
}
