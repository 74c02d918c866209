//! Texts as words of a POSIX shell: the one place where anything is quoted.
//!
//! What a shell elsewhere is told, it is told line by line, so that a line break in a text would end the line.
//! It is written as the variable `n`, which holds one.

/// The text as one word on one line.
///
/// Between single quotes a shell takes every character as it is, but for the single quote itself, which is put
/// between double quotes instead; between those nothing but `$n` has a meaning.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut word = String::with_capacity(text.len() + 2);
    word.push('\'');
    for c in text.chars() {
        match c {
            '\'' => word.push_str("'\"'\"'"),
            '\n' => word.push_str("'\"$n\"'"),
            other => word.push(other),
        }
    }
    word.push('\'');
    word
}

/// Whether this can be the name of a variable of a shell.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
