//! A text in lines, each with its own line break.

/// The lines of a text with their line breaks.
pub(super) fn of(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// The line without its line break, and the line break.
pub(super) fn split(line: &str) -> (&str, &str) {
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.split_at(end)
}

/// The line break that a text uses.
pub(super) fn line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The text with a line in place of some of its lines. What ends without a line break gets one only where
/// something comes after it.
pub(super) fn splice(text: &str, from: usize, to: usize, with: Option<&str>) -> String {
    let lines = of(text);
    let mut out = String::with_capacity(text.len() + with.map_or(0, str::len));
    for line in lines.get(..from).unwrap_or_default() {
        out.push_str(line);
    }
    if let Some(with) = with {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push_str(line_break(text));
        }
        out.push_str(with);
        match lines.get(from..to).unwrap_or_default().last() {
            // As the line was that it replaces: a text may have both kinds of line breaks.
            Some(line) => out.push_str(split(line).1),
            None => out.push_str(line_break(text)),
        }
    }
    for line in lines.get(to..).unwrap_or_default() {
        out.push_str(line);
    }
    out
}
