//! What is to be asked, from the parameters.

use std::path::Path;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use runbook_action::{Args, Effect, Failure, Param};

use crate::body::{self, Body, pairs};
use crate::connection::Server;
use crate::redirect::Rule;
use crate::shown::without_credentials;
use crate::spec::{METHODS, SHORT};
use crate::{auth, header, target};

/// The longest URL that can be sent, in bytes.
const MAX_URL: usize = 65_000;

/// Which method, and where its URL is written.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) method: Method,
    pub(crate) url: Args<'a>,
}

impl<'a> Line<'a> {
    /// Reads `get: URL` and its kin, or `method` and `url`.
    pub(crate) fn read(args: &Args<'a>) -> Result<Self, Failure> {
        let short: Vec<&str> = SHORT.into_iter().filter(|key| args.get(key).is_some()).collect();
        let method = args.get("method");
        match (short.as_slice(), method, args.get("url")) {
            ([key], None, None) => Ok(Self {
                method: method_of(&key.to_ascii_uppercase()),
                url: args.require(key)?,
            }),
            ([], Some(method), Some(url)) => {
                let word = method.literal()?;
                if !METHODS.contains(&word) {
                    return Err(method.wrong(format!("expected one of {}", METHODS.join(", "))));
                }
                Ok(Self {
                    method: method_of(word),
                    url,
                })
            }
            ([], Some(_), None) => Err(args.wrong("`url` is missing")),
            ([], None, Some(url)) => Err(url
                .wrong("no method says what to do with this URL")
                .help("write `get:` in place of `url:`, or add `method`")),
            ([], None, None) => Err(args
                .wrong("names no URL")
                .help(format!("add one of {}, or `method` and `url`", SHORT.join(", ")))),
            ([first, ..], Some(_), _) => Err(args.wrong(format!("has both `{first}` and `method`"))),
            ([first, ..], None, Some(_)) => Err(args.wrong(format!("has both `{first}` and `url`"))),
            ([first, second, ..], None, None) => {
                Err(args.wrong(format!("has both `{first}` and `{second}`")))
            }
        }
    }

    /// For people: `GET /health/status`.
    pub(crate) fn shown(&self) -> Result<String, Failure> {
        let url = self.url.text()?.to_string();
        Ok(format!("{} {}", self.method, without_credentials(&url)))
    }

    /// What the method does, and whether that is certain.
    pub(crate) fn effect(&self) -> (Effect, bool) {
        match self.method.as_str() {
            "GET" | "HEAD" | "OPTIONS" => (Effect::Read, true),
            "PUT" | "PATCH" => (Effect::Change, true),
            "DELETE" => (Effect::Destructive, true),
            _ => (Effect::Change, false),
        }
    }

    /// Whether asking leaves all as it was.
    pub(crate) fn only_reads(&self) -> bool {
        self.effect().0 == Effect::Read
    }
}

/// A request, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// Its own headers, without those of the connection.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Body>,
    /// Whether the body holds what another origin must not see.
    pub(crate) is_body_secret: bool,
    pub(crate) redirects: Rule,
    /// Whether a redirect has led to another origin, so that the connection has no more to give.
    pub(crate) has_left: bool,
}

impl Request {
    /// Reads all of it. Files are looked for from `root`.
    pub(crate) fn read(
        args: &Args<'_>,
        line: &Line<'_>,
        server: &Server,
        root: &Path,
    ) -> Result<Self, Failure> {
        is_sound(args)?;
        let mut url = target::of_request(&line.url, server.base.as_ref())?;
        if let Some(query) = args.get("query") {
            let pairs = pairs(&query)?;
            if !pairs.is_empty() {
                let all = [url.query().unwrap_or_default(), &pairs].join("&");
                url.set_query(Some(all.trim_start_matches('&')));
            }
        }
        if url.as_str().len() > MAX_URL {
            let message = format!(
                "the URL would be too long: {} bytes, and at most {MAX_URL} can be sent",
                url.as_str().len()
            );
            return Err(line.url.wrong(message).help("send what is large in the body"));
        }
        let mut headers = header::read(args.get("headers").as_ref())?;
        auth::add(args.get("auth").as_ref(), &mut headers)?;
        let body = Body::read(args, root)?;
        match &body {
            Some(Body::Bytes(kind, _)) => {
                let has_kind =
                    headers.contains_key(CONTENT_TYPE) || server.headers_for(&url).contains_key(CONTENT_TYPE);
                if !has_kind {
                    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
                }
            }
            Some(Body::Parts(_)) if headers.contains_key(CONTENT_TYPE) => {
                return Err(args
                    .require("headers")?
                    .wrong("`content-type` follows from `multipart` and cannot be given"));
            }
            Some(Body::Parts(_)) | None => {}
        }
        Ok(Self {
            method: line.method.clone(),
            url,
            headers,
            body,
            is_body_secret: body::is_secret(args),
            redirects: Rule::read(args)?,
            has_left: false,
        })
    }
}

/// The method of this name; all names are in [`METHODS`].
fn method_of(word: &str) -> Method {
    Method::from_bytes(word.as_bytes()).unwrap_or_default()
}

/// The keys that hold a body.
const BODIES: [&str; 4] = ["json", "form", "body", "multipart"];

/// Whether what is beside the URL makes sense, as far as it is known.
pub(crate) fn is_sound(args: &Args<'_>) -> Result<(), Failure> {
    // A `json: null` is a body, so it is looked up as it stands.
    let is_given = |key: &&str| match *key {
        "json" => args.param().get("json").is_some(),
        key => args.get(key).is_some(),
    };
    if BODIES.iter().filter(|key| is_given(key)).count() > 1 {
        return Err(args
            .wrong("has more than one body")
            .help("keep one of `json`, `form`, `body`, `multipart`"));
    }
    if let Some(multipart) = args.get("multipart") {
        for (_, part) in multipart.entries()? {
            if matches!(part.param(), Param::Map(_)) {
                is_one_of(&part, ["file", "text"])?;
            } else {
                part.text()?;
            }
        }
    }
    if let Some(auth) = args.get("auth") {
        is_one_of(&auth, ["bearer", "basic"])?;
    }
    Rule::read(args).map(drop)
}

/// Whether a mapping has exactly one of two keys.
pub(crate) fn is_one_of(args: &Args<'_>, [first, second]: [&str; 2]) -> Result<(), Failure> {
    args.entries()?;
    match (args.get(first), args.get(second)) {
        (Some(_), Some(extra)) => {
            Err(extra.wrong(format!("stands beside `{first}`, and one of them is enough")))
        }
        (None, None) => Err(args.wrong(format!("needs `{first}` or `{second}`"))),
        (Some(_), None) | (None, Some(_)) => Ok(()),
    }
}
