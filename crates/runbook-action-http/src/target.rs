//! From texts to a URL.
//!
//! What the author wrote gives a URL its structure. A value fills a place in it and is percent-encoded, all but
//! the unreserved characters, so that `../../admin`, `?`, `#` or a line break stay part of that place. Two values
//! cannot be encoded away: the dots `.` and `..`, which servers and clients resolve in any spelling, and
//! nothing at all, which turns `/users/{{ id }}` into the list of all users. Both are refused.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use runbook_action::{Args, Endpoint, Failure, Segment, Text};

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Percent-encodes all but the unreserved characters.
pub(crate) fn encode(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

/// `db:8000`, without credentials.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Where the server of a URL takes connections.
pub(crate) fn endpoint(url: &Url) -> Endpoint {
    Endpoint::Tcp {
        host: bare(url.host_str().unwrap_or_default()).to_owned(),
        // A URL with `http` or `https` has a port.
        port: url.port_or_known_default().unwrap_or_default(),
    }
}

/// An IPv6 address without its brackets.
pub(crate) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// The URL that a connection names. A value at its beginning is the URL itself.
pub(crate) fn base(args: &Args<'_>) -> Result<Url, Failure> {
    let text = args.text()?;
    let given = match text.segments().split_first() {
        Some((Segment::Value(url), rest)) => encoded_after(url, rest),
        Some((Segment::Secret(url), rest)) => encoded_after(url.reveal(), rest),
        Some((Segment::Literal(_) | Segment::Unknown(_), _)) | None => text.map_segments(encode),
    };
    let url = absolute(args, &given)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(args.wrong("the URL of a connection ends with its path: paths are added to it"));
    }
    Ok(url)
}

fn encoded_after(first: &str, rest: &[Segment]) -> String {
    let rest = Text::from_segments(rest.to_vec()).map_segments(encode);
    format!("{first}{rest}")
}

/// The URL of a request: absolute, or a path that is added to the connection's URL.
pub(crate) fn of_request(args: &Args<'_>, base: Option<&Url>) -> Result<Url, Failure> {
    let text = args.text()?;
    places_are_filled(args, &text)?;
    let given = text.map_segments(encode);
    if !given.starts_with('/') {
        return absolute(args, &given);
    }
    let Some(base) = base else {
        return Err(args
            .wrong("a path needs a connection that it is added to")
            .help("write the whole URL, or add an `http` connection to the runbook"));
    };
    let joined = format!("{}{given}", base.as_str().trim_end_matches('/'));
    Url::parse(&joined).map_err(|error| args.wrong(format!("is not a path: {error}")))
}

/// Whether a text begins as an absolute URL does.
fn has_scheme(given: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        given
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

/// What can be said of a URL before its values are known: its beginning, if the author wrote that.
pub(crate) fn foresee(args: &Args<'_>) -> Result<(), Failure> {
    match args.text()?.segments().first() {
        Some(Segment::Literal(start)) if !start.starts_with('/') && !has_scheme(start) => Err(args
            .wrong("is neither a path nor a URL")
            .help("begin a path with `/`, and a URL with `http://` or `https://`")),
        Some(Segment::Literal(_) | Segment::Value(_) | Segment::Secret(_) | Segment::Unknown(_)) | None => {
            Ok(())
        }
    }
}

fn absolute(args: &Args<'_>, given: &str) -> Result<Url, Failure> {
    if !has_scheme(given) {
        let failure = args.wrong("is not a URL that begins with `http://` or `https://`");
        return Err(match args.text()?.segments().first() {
            Some(Segment::Value(_) | Segment::Secret(_)) => failure.help(
                "a value cannot be the beginning of a URL here: give it to an `http` connection, and write the path",
            ),
            Some(Segment::Literal(_) | Segment::Unknown(_)) | None => {
                failure.help("begin a path with `/`, and a URL with its scheme")
            }
        });
    }
    Url::parse(given).map_err(|error| args.wrong(format!("is not a URL: {error}")))
}

/// Refuses values that would make the URL name something else, however they are encoded.
fn places_are_filled(args: &Args<'_>, text: &Text) -> Result<(), Failure> {
    let mut place = Place::default();
    let mut in_path = true;
    for segment in text.segments() {
        match segment {
            Segment::Literal(literal) => {
                for c in literal.chars() {
                    if in_path && matches!(c, '/' | '\\' | '?' | '#') {
                        place.is_sound(args)?;
                        place = Place::default();
                        in_path = matches!(c, '/' | '\\');
                    } else {
                        place.text.push(c);
                    }
                }
            }
            Segment::Value(value) => place.add(value),
            Segment::Secret(secret) => place.add(secret.reveal()),
            Segment::Unknown(_) => {}
        }
    }
    if in_path { place.is_sound(args) } else { Ok(()) }
}

/// What stands between two slashes.
#[derive(Default)]
struct Place {
    text: String,
    has_value: bool,
}

impl Place {
    fn add(&mut self, value: &str) {
        self.text.push_str(&encode(value));
        self.has_value = true;
    }

    fn is_sound(&self, args: &Args<'_>) -> Result<(), Failure> {
        // A `%2e` is the same as a dot to those who resolve them. One that a value brings is encoded by now.
        let resolved = self.text.to_ascii_lowercase().replace("%2e", ".");
        let what = match resolved.as_str() {
            "" => "is empty",
            "." | ".." => "is made of dots",
            _ => return Ok(()),
        };
        if self.has_value {
            return Err(args.wrong(format!(
                "a value in the path {what}, so the URL would name something else"
            )));
        }
        Ok(())
    }
}
