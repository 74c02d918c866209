//! Who asks: a token, or a name with a password, as the header that tells it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use runbook_action::{Args, Failure};

/// Adds the header of `auth`, which cannot stand beside one that the author wrote out.
pub(crate) fn add(auth: Option<&Args<'_>>, headers: &mut HeaderMap) -> Result<(), Failure> {
    let Some(auth) = auth else {
        return Ok(());
    };
    if headers.contains_key(AUTHORIZATION) {
        return Err(auth
            .wrong("stands beside a header `authorization`, and both say who asks")
            .help("keep one of them"));
    }
    let mut value = value(auth)?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}

fn value(auth: &Args<'_>) -> Result<HeaderValue, Failure> {
    if let Some(basic) = auth.get("basic") {
        let user = basic.require("user")?;
        let name = user.text()?.reveal();
        if name.contains(':') {
            return Err(user.wrong("holds a `:`, which ends a name in this kind of authentication"));
        }
        let password = basic.require("password")?.text()?.reveal();
        let encoded = STANDARD.encode(format!("{name}:{password}"));
        return HeaderValue::try_from(format!("Basic {encoded}"))
            .map_err(|_invalid| basic.wrong("cannot be sent in a header"));
    }
    let bearer = auth.require("bearer")?;
    let token = bearer.text()?.reveal();
    // RFC 6750: such a token has no blanks and no line breaks, so one that has was read wrongly.
    let is_sound = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_sound {
        return Err(bearer
            .wrong("is no token: it is empty, or holds blanks or other characters that a token cannot have")
            .help("cut off what surrounds it with `| trim`"));
    }
    HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_invalid| bearer.wrong("cannot be sent in a header"))
}
