//! Headers, from parameters.

use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use runbook_action::{Args, Failure, Param};

/// Reads a mapping of headers; a list gives several of one name.
pub(crate) fn read(args: Option<&Args<'_>>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    let Some(args) = args else {
        return Ok(headers);
    };
    for (key, entry) in args.entries()? {
        let name = HeaderName::from_bytes(key.as_bytes()).map_err(|_| {
            args.wrong(format!(
                "`{}` cannot be the name of a header",
                key.escape_default()
            ))
        })?;
        if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
            return Err(entry.wrong("follows from the body and cannot be given"));
        }
        if matches!(entry.param(), Param::List(_)) {
            for item in entry.items()? {
                headers.append(name.clone(), value(&item)?);
            }
        } else if !matches!(entry.param(), Param::Null) {
            headers.append(name, value(&entry)?);
        }
    }
    Ok(headers)
}

fn value(args: &Args<'_>) -> Result<HeaderValue, Failure> {
    let text = args.text()?;
    let revealed = text.reveal();
    if revealed.contains(['\r', '\n', '\0']) {
        return Err(args.wrong("a header cannot hold a line break or a NUL character"));
    }
    if revealed.trim_matches([' ', '\t']) != revealed {
        return Err(args
            .wrong("a header cannot begin or end with a blank: whoever reads it cuts that off")
            .help("cut it off with `| trim`"));
    }
    let mut value = HeaderValue::from_bytes(revealed.as_bytes())
        .map_err(|_| args.wrong("a header cannot hold control characters"))?;
    value.set_sensitive(text.is_secret());
    Ok(value)
}
