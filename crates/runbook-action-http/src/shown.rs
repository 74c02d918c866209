//! What people get to see of URLs and bodies.

/// The longest excerpt of a body in a message, in characters.
const EXCERPT: usize = 200;

/// A URL or path without the credentials in it: `https://user:password@host/` shows as `https://host/`.
pub(crate) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return one_line(url);
    };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    one_line(&format!("{scheme}://{host}{path}"))
}

/// The beginning of a body, on one line.
pub(crate) fn excerpt(text: &str) -> String {
    one_line(text.trim())
}

/// At most 200 characters, with blanks joined and other control characters escaped.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut count = 0;
    for c in text.chars() {
        if count == EXCERPT {
            line.push('…');
            break;
        }
        if c.is_whitespace() {
            if line.ends_with(' ') {
                continue;
            }
            line.push(' ');
        } else if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
        count += 1;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        for (url, shown) in [
            ("/a?b=c@d", "/a?b=c@d"),
            ("http://u:p@h:80/x@y", "http://h:80/x@y"),
            ("http://u:p@h", "http://h"),
            ("http://u:p/x@h", "http://u:p/x@h"),
            ("https://a@b@h?x", "https://h?x"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt(" a\r\n\n  b\u{1b}[2J "), r"a b\u{1b}[2J");
        assert_eq!(excerpt(&"x".repeat(500)).chars().count(), 201);
    }
}
