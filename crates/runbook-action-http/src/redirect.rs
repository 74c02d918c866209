//! Which redirects are followed, and what goes along.
//!
//! Credentials stay on the origin that they are for: scheme, host and port. What has once been sent elsewhere gets
//! none again, even where it is sent back: the way was chosen by another server.

use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName,
    LOCATION, PROXY_AUTHORIZATION,
};
use reqwest::{Method, Response, StatusCode, Url};
use runbook_action::{Args, Failure};

use crate::request::Request;
use crate::spec::REDIRECTS;

/// Which redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Those that stay on scheme, host and port.
    SameOrigin,
    /// All.
    Any,
    /// None: the redirect is the answer.
    None,
}

impl Rule {
    /// Reads `redirects`.
    pub(crate) fn read(args: &Args<'_>) -> Result<Self, Failure> {
        let Some(given) = args.get("redirects") else {
            return Ok(Self::SameOrigin);
        };
        match given.literal()? {
            "same_origin" => Ok(Self::SameOrigin),
            "any" => Ok(Self::Any),
            "none" => Ok(Self::None),
            _ => Err(given.wrong(format!("expected one of {}", REDIRECTS.join(", ")))),
        }
    }

    /// What to do about a redirect that was not followed.
    pub(crate) const fn help(self) -> &'static str {
        match self {
            Self::SameOrigin => {
                "give the URL that it redirects to: only redirects on the same origin are followed, unless `redirects` says otherwise"
            }
            Self::Any => {
                "give the URL that it redirects to: this redirect was one too many, or what is sent holds a secret"
            }
            Self::None => "give the URL that it redirects to, or let `redirects` follow it",
        }
    }
}

/// The request to send instead, where the answer is a redirect that is followed.
pub(crate) fn next(request: &Request, response: &Response) -> Option<Request> {
    let keeps_method = match response.status() {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method != Method::POST,
        StatusCode::SEE_OTHER => request.method == Method::GET || request.method == Method::HEAD,
        _ => return None,
    };
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let mut url = request.url.join(location).ok()?;
    let mut next = request.clone();
    if url.origin() == request.url.origin() {
        url.set_username(request.url.username()).ok()?;
        url.set_password(request.url.password()).ok()?;
    } else {
        let is_allowed = request.redirects == Rule::Any && matches!(url.scheme(), "http" | "https");
        if !is_allowed || (keeps_method && request.body.is_some() && request.is_body_secret) {
            return None;
        }
        leave(&mut next, &mut url);
    }
    next.url = url;
    if !keeps_method {
        next.method = Method::GET;
        next.body = None;
        for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE] {
            next.headers.remove(name);
        }
    }
    Some(next)
}

/// Takes off what is for the origin that is left.
fn leave(request: &mut Request, url: &mut Url) {
    request.has_left = true;
    // A URL with a host can have its credentials taken out.
    let _bare = url.set_username("").is_ok() && url.set_password(None).is_ok();
    for name in secret_names(&request.headers) {
        request.headers.remove(name);
    }
}

/// The headers that are secrets, or that are known to hold some; and the one that names the host.
fn secret_names(headers: &HeaderMap) -> Vec<HeaderName> {
    let known = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, HOST];
    headers
        .iter()
        .filter(|(name, value)| value.is_sensitive() || known.contains(name))
        .map(|(name, _)| name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_language() {
        for word in REDIRECTS {
            let params = runbook_action::Param::Map(
                [(
                    "redirects".to_owned(),
                    runbook_action::Param::Text(runbook_action::Text::literal(*word)),
                )]
                .into_iter()
                .collect(),
            );
            assert!(Rule::read(&Args::new(&params)).is_ok(), "{word}");
        }
    }
}
