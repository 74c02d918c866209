//! What in a command destroys, as far as words tell: a hint for whoever reviews, and never a proof that nothing does.

use crate::Weight;

/// Words that destroy, each with blanks or line ends around it. `*` at its end: whatever follows.
const WORDS: &[&[&str]] = &[
    &["rm", "-*"],
    &["rmdir"],
    &["shred"],
    &["mkfs*"],
    &["dd"],
    &["truncate"],
    &["wipefs"],
    &["kill", "-9"],
    &["kill", "-KILL"],
    &["pkill"],
    &["killall"],
    &["shutdown"],
    &["reboot"],
    &["poweroff"],
    &["drop"],
    &["delete"],
    &["flushall"],
    &["flushdb"],
    &["chmod", "777"],
    &["chmod", "-R"],
    &["chown", "-R"],
    &["iptables", "-F"],
    &["eval"],
    &["base64", "-d"],
    &["base64", "--decode"],
    &["sudo"],
    &["prune"],
    &["--force"],
    &["push", "-f"],
    &["mv"],
    &["-delete"],
    &["-exec"],
    &["unlink"],
    &["git", "clean"],
    &["bash", "<*"],
];

/// Programs that would run what comes to them through a pipe.
const SHELLS: [&str; 7] = ["sh", "bash", "zsh", "python", "python3", "perl", "ruby"];

/// What is new in a command and destroys, or runs what nobody has seen: the words, each once.
pub(crate) fn new_in(before: &str, after: &str) -> Vec<String> {
    let known = found(before);
    let mut new = Vec::new();
    for word in found(after) {
        let times = |all: &[String]| all.iter().filter(|one| **one == word).count();
        if times(&found(after)) > times(&known) && !new.contains(&word) {
            new.push(word);
        }
    }
    new
}

/// A sentence about what a text was and is, with its weight: an alarm if something that destroys is new in it.
pub(crate) fn weighed(weight: Weight, text: String, before: &str, after: &str) -> (Weight, String) {
    let dangers = new_in(before, after);
    if dangers.is_empty() {
        return (weight, text);
    }
    let dangers: Vec<String> = dangers.iter().map(|word| format!("`{word}`")).collect();
    (
        Weight::Alarm,
        format!("{text}, and has {} in it now", dangers.join(", ")),
    )
}

fn found(text: &str) -> Vec<String> {
    let words = words(text);
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        for pattern in WORDS {
            let here = words.get(at..at + pattern.len()).unwrap_or_default();
            if here.len() == pattern.len() && here.iter().zip(*pattern).all(|(word, part)| fits(word, part)) {
                found.push(here.join(" "));
            }
        }
        let piped = word == "|"
            && words
                .get(at + 1)
                .is_some_and(|next| SHELLS.contains(&program(next)));
        if piped {
            found.push(format!(
                "| {}",
                words.get(at + 1).map_or("", |next| program(next))
            ));
        }
    }
    found
}

fn fits(word: &str, part: &str) -> bool {
    let word = program(word);
    match part.strip_suffix('*') {
        Some(begin) => word.starts_with(begin) && word.len() > begin.len() || (word == begin),
        None => word.eq_ignore_ascii_case(part),
    }
}

/// The name of a program without the folders before it.
fn program(word: &str) -> &str {
    if word.starts_with('-') {
        return word;
    }
    word.rsplit('/').next().unwrap_or(word)
}

/// The words of a command, with pipes and ends of commands as words of their own.
fn words(text: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '|' | ';' | '&' | '(' | ')' | '`' | '\n' | '{' | '}' => spaced.extend([' ', char, ' ']),
            '"' | '\'' | ',' | '$' => spaced.push(' '),
            char => spaced.push(char),
        }
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_and_destroys_is_named() {
        let new = |before: &str, after: &str| new_in(before, after).join(", ");
        assert_eq!(new("ls /tmp", "ls /tmp; rm -rf /"), "rm -rf");
        assert_eq!(new("ls", "ls; /bin/rm -r x"), "/bin/rm -r");
        assert_eq!(new("rm -f a", "rm -f a b"), "", "it did before");
        assert_eq!(new("curl x", "curl x | bash"), "| bash");
        assert_eq!(new("SELECT 1", "SELECT 1; DROP TABLE x"), "DROP");
        assert_eq!(new("echo a", "echo \"$(rm -rf ~)\""), "rm -rf");
        assert_eq!(new("form -r", "form -r x"), "", "part of a word");
    }
}
