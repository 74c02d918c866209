//! What is sent after the headers.

use std::io;
use std::path::{Path, PathBuf};

use reqwest::RequestBuilder;
use reqwest::multipart::{Form, Part};
use runbook_action::{Args, ErrorKind, Failure, Param, Segment};
use tokio::fs::File;

use crate::target::encode;

/// What is sent after the headers. It can be sent again, after a redirect.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// Bytes, with the type that they have unless a header says otherwise.
    Bytes(&'static str, Vec<u8>),
    /// The parts of a form.
    Parts(Vec<Piece>),
}

/// A part of a form.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    name: String,
    /// Where it was written.
    path: String,
    content: Content,
    filename: Option<String>,
    kind: Option<String>,
}

#[derive(Debug, Clone)]
enum Content {
    Text(String),
    /// It is read while it is sent.
    File(PathBuf),
}

impl Body {
    /// Reads the one of `json`, `form`, `body`, `multipart` that is given. Files are looked for from `root`.
    pub(crate) fn read(args: &Args<'_>, root: &Path) -> Result<Option<Self>, Failure> {
        if let Some(json) = args.param().get("json") {
            let bytes = json.reveal().to_string().into_bytes();
            return Ok(Some(Self::Bytes("application/json", bytes)));
        }
        if let Some(form) = args.get("form") {
            let bytes = pairs(&form)?.into_bytes();
            return Ok(Some(Self::Bytes("application/x-www-form-urlencoded", bytes)));
        }
        if let Some(multipart) = args.get("multipart") {
            let pieces = multipart.entries()?;
            let pieces: Result<_, _> = pieces
                .iter()
                .map(|(name, it)| Piece::read(name, it, root))
                .collect();
            return Ok(Some(Self::Parts(pieces?)));
        }
        match args.get("body") {
            Some(body) => {
                let bytes = body.text()?.reveal().into_bytes();
                Ok(Some(Self::Bytes("text/plain; charset=utf-8", bytes)))
            }
            None => Ok(None),
        }
    }

    /// Gives it to a request. It fails before anything is sent if a file cannot be read.
    pub(crate) async fn put(&self, builder: RequestBuilder) -> Result<RequestBuilder, Failure> {
        match self {
            Self::Bytes(_, bytes) => Ok(builder.body(bytes.clone())),
            Self::Parts(pieces) => {
                let mut form = Form::new();
                for piece in pieces {
                    form = form.part(piece.name.clone(), piece.part().await?);
                }
                Ok(builder.multipart(form))
            }
        }
    }
}

impl Piece {
    fn read(name: &str, args: &Args<'_>, root: &Path) -> Result<Self, Failure> {
        let text = |key: &str| -> Result<Option<String>, Failure> {
            args.get(key).map(|it| Ok(it.text()?.reveal())).transpose()
        };
        let is_plain = !matches!(args.param(), Param::Map(_));
        let (content, filename) = if is_plain {
            (Content::Text(args.text()?.reveal()), None)
        } else if let Some(file) = text("file")? {
            let path = root.join(file);
            let own = path.file_name().map(|name| name.to_string_lossy().into_owned());
            (Content::File(path), own)
        } else {
            (Content::Text(args.require("text")?.text()?.reveal()), None)
        };
        let piece = Self {
            name: name.to_owned(),
            path: args.path().to_owned(),
            content,
            filename: text("filename")?.or(filename),
            kind: text("type")?,
        };
        if piece
            .filename
            .as_ref()
            .is_some_and(|name| name.contains(char::is_control))
        {
            let given = args.get("filename").or_else(|| args.get("file"));
            return Err(given
                .unwrap_or_else(|| args.clone())
                .wrong("the name of a file that is sent cannot hold line breaks or other control characters")
                .help("give another as `filename`"));
        }
        if let (Some(kind), Some(given)) = (&piece.kind, args.get("type"))
            && Part::text("").mime_str(kind).is_err()
        {
            return Err(given
                .wrong("is not a media type")
                .help("write one such as `text/csv`"));
        }
        Ok(piece)
    }

    async fn part(&self) -> Result<Part, Failure> {
        let mut part = match &self.content {
            Content::Text(text) => Part::text(text.clone()),
            Content::File(path) => {
                let (file, length) = open(path).await.map_err(|error| self.unreadable(path, &error))?;
                Part::stream_with_length(file, length)
            }
        };
        if let Some(filename) = &self.filename {
            part = part.file_name(filename.clone());
        }
        match &self.kind {
            Some(kind) => part
                .mime_str(kind)
                .map_err(|_wrong| Failure::new(ErrorKind::Other, "is not a media type").about(&self.path)),
            None => Ok(part),
        }
    }

    fn unreadable(&self, path: &Path, error: &io::Error) -> Failure {
        let kind = kind_of(error);
        Failure::new(kind, format!("`{}` cannot be sent: {error}", path.display()))
            .about(format!("{}.file", self.path))
    }
}

/// Why a file cannot be read, as a runbook can ask for it.
pub(crate) fn kind_of(error: &io::Error) -> ErrorKind {
    if error.kind() == io::ErrorKind::NotFound {
        ErrorKind::NotFound
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        ErrorKind::Forbidden
    } else {
        ErrorKind::Other
    }
}

/// Only a file has a length, and only a file can be read to its end.
async fn open(path: &Path) -> io::Result<(File, u64)> {
    let is_file = tokio::fs::metadata(path).await?.is_file();
    if !is_file {
        return Err(io::Error::other("it is not a file"));
    }
    let file = File::open(path).await?;
    let length = file.metadata().await?.len();
    Ok((file, length))
}

/// A mapping as `a=1&b=2`, all encoded; a list repeats its key.
pub(crate) fn pairs(args: &Args<'_>) -> Result<String, Failure> {
    let mut pairs: Vec<String> = Vec::new();
    let mut add = |key: &str, value: &str| pairs.push(format!("{}={}", encode(key), encode(value)));
    for (key, entry) in args.entries()? {
        match entry.param() {
            Param::Null => {}
            Param::List(_) => {
                for item in entry.items()? {
                    add(key, &item.text()?.reveal());
                }
            }
            Param::Bool(_) | Param::Number(_) | Param::Text(_) | Param::Map(_) => {
                add(key, &entry.text()?.reveal());
            }
        }
    }
    Ok(pairs.join("&"))
}

/// Whether what is sent holds a secret. What is in a file is not known, and may.
pub(crate) fn is_secret(args: &Args<'_>) -> bool {
    let given = ["json", "form", "body", "multipart"];
    given
        .iter()
        .filter_map(|key| args.get(key))
        .any(|it| holds_secret(it.param()))
}

fn holds_secret(param: &Param) -> bool {
    match param {
        Param::Null | Param::Bool(_) | Param::Number(_) => false,
        Param::Text(text) => text
            .segments()
            .iter()
            .any(|segment| matches!(segment, Segment::Secret(_))),
        Param::List(items) => items.iter().any(holds_secret),
        Param::Map(map) => map.contains_key("file") || map.values().any(holds_secret),
    }
}
