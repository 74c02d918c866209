//! Printing: colours only where they are wanted, and no panic when nobody reads.

use std::io::Write;

use anstyle::{AnsiColor, Style};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const CODE: Style = AnsiColor::Cyan.on_default();

/// The text in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// How many columns the terminal on the output has, if it is one.
pub(crate) fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Prints a line. A reader that is gone (`| head`) is no error.
pub(crate) fn print(line: &str) {
    let mut out = anstream::stdout();
    drop(writeln!(out, "{line}"));
}

/// Prints text as it is.
pub(crate) fn print_raw(text: &str) {
    let mut out = anstream::stdout();
    drop(write!(out, "{text}"));
    drop(out.flush());
}

/// Prints a file's bytes, escape sequences and all.
pub(crate) fn print_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout();
    drop(out.write_all(bytes));
    drop(out.flush());
}

/// Prints text on the error output as it is.
pub(crate) fn print_error_raw(text: &str) {
    let mut out = anstream::stderr();
    drop(write!(out, "{text}"));
    drop(out.flush());
}

/// Prints a line on the error output.
pub(crate) fn print_error(line: &str) {
    let mut out = anstream::stderr();
    drop(writeln!(out, "{line}"));
}
