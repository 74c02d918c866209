//! The text in which people answer what a report asks: written for them with one part for each question, and read back.

use jiff::civil::Date;
use runbook_event::{NoteKind, RunState};
use thiserror::Error;

use crate::questions::{QUESTIONS, Question, missing};
use crate::text::visible;

/// What comments begin with.
const COMMENT: char = '#';

/// An answer, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// What it is about.
    pub kind: NoteKind,
    /// That person's words.
    pub text: String,
    /// When it was so, as it was written, and the line that says so.
    pub at: Option<(usize, String)>,
    /// Who is to do it.
    pub owner: Option<String>,
    /// By when.
    pub due: Option<Date>,
    /// The line that it begins in.
    pub line: usize,
}

/// What cannot be understood in a text with answers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {text}")]
pub struct FormError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub text: String,
    /// The way out.
    pub help: String,
}

/// The text in which what is missing of a run's report is answered. Nothing in it is an answer yet.
#[must_use]
pub fn form(state: &RunState) -> String {
    let run = state.run();
    let title = run.map_or_else(String::new, |run| {
        format!("{}: {}", visible(&run.run), visible(&run.runbook.title))
    });
    let mut text = format!(
        "# {title}\n\
         #\n\
         # Answer below each question. Lines that begin with `#` are left out, and so is a part that stays empty:\n\
         # it stays missing in the report. What is written here goes into the run's journal with your name.\n"
    );
    for question in missing(state) {
        text.push_str(&part(&question));
    }
    text
}

fn part(question: &Question) -> String {
    let mut text = format!("\n== {} ==\n# {}\n", question.kind.word(), capital(question.asks));
    if question.kind.is_a_time() {
        text.push_str("# In `at`: `2026-05-04 23:50`, `23:50` or `20m ago`, in UTC. Below it, how that is known.\nat:\n");
    } else if question.kind.is_to_do() {
        text.push_str("# One line each: `- what is to be done owner: NAME due: YYYY-MM-DD`; owner and due may be left out.\n");
    } else if question.kind.is_list() {
        text.push_str("# One line each: `- what`.\n");
    }
    text.push('\n');
    text
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The answers in a text, in their order. Parts that are empty give none.
pub fn filled(text: &str) -> Result<Vec<Filled>, FormError> {
    let mut answers = Vec::new();
    let mut part: Option<(NoteKind, Vec<(usize, &str)>)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end();
        if line.starts_with(COMMENT) {
            continue;
        }
        if let Some(name) = heading(line) {
            if let Some((kind, lines)) = part.take() {
                of_part(kind, &lines, &mut answers)?;
            }
            part = Some((kind_of(name, number)?, Vec::new()));
        } else if let Some((_, lines)) = &mut part {
            lines.push((number, line));
        } else if !line.trim().is_empty() {
            return Err(wrong(
                number,
                "this stands before the first part".to_owned(),
                "write it below a heading such as `== root-cause ==`",
            ));
        }
    }
    if let Some((kind, lines)) = part {
        of_part(kind, &lines, &mut answers)?;
    }
    Ok(answers)
}

fn wrong(line: usize, text: String, help: impl Into<String>) -> FormError {
    FormError {
        line,
        text,
        help: help.into(),
    }
}

/// The name in a heading: `== root-cause ==`.
fn heading(line: &str) -> Option<&str> {
    Some(line.trim().strip_prefix("==")?.strip_suffix("==")?.trim())
}

fn kind_of(name: &str, line: usize) -> Result<NoteKind, FormError> {
    let mut kinds = NoteKind::ALL.into_iter();
    kinds.find(|kind| kind.word() == name).ok_or_else(|| {
        let words: Vec<&str> = QUESTIONS.iter().map(|question| question.kind.word()).collect();
        wrong(
            line,
            format!("there is no part `{}`", visible(name)),
            format!("the parts are {}", words.join(", ")),
        )
    })
}

fn of_part(kind: NoteKind, lines: &[(usize, &str)], answers: &mut Vec<Filled>) -> Result<(), FormError> {
    if kind.is_list() {
        return of_list(kind, lines, answers);
    }
    let mut lines = lines;
    let mut at = None;
    if kind.is_a_time() {
        let first = lines.iter().position(|(_, line)| !line.trim().is_empty());
        lines = first.map_or(&[], |first| &lines[first..]);
        if let Some(((line, written), rest)) = lines.split_first()
            && let Some(written) = written.trim().strip_prefix("at:")
        {
            let written = written.trim();
            at = (!written.is_empty()).then(|| (*line, written.to_owned()));
            lines = rest;
        }
    }
    let text = joined(lines);
    let line = lines
        .iter()
        .find(|(_, line)| !line.trim().is_empty())
        .map(|(line, _)| *line);
    match (text.is_empty(), at, line) {
        (true, None, _) => Ok(()),
        (false, None, line) if kind.is_a_time() => Err(wrong(
            line.unwrap_or(1),
            format!("`{}` is about when it was, and no time is given", kind.word()),
            "write the time into its `at:`",
        )),
        (is_empty, at, line) => {
            answers.push(Filled {
                kind,
                line: line.or(at.as_ref().map(|(line, _)| *line)).unwrap_or(1),
                // A time needs no more words than what it is the time of.
                text: if is_empty { kind.word().to_owned() } else { text },
                at,
                owner: None,
                due: None,
            });
            Ok(())
        }
    }
}

/// The text of these lines, without empty ones around it.
fn joined(lines: &[(usize, &str)]) -> String {
    let lines: Vec<&str> = lines.iter().map(|(_, line)| *line).collect();
    lines.join("\n").trim().to_owned()
}

/// The entries of a list: each begins with `- `, and goes on in the lines after it.
fn of_list(kind: NoteKind, lines: &[(usize, &str)], answers: &mut Vec<Filled>) -> Result<(), FormError> {
    let mut entries: Vec<Vec<(usize, &str)>> = Vec::new();
    for (number, line) in lines {
        let trimmed = line.trim();
        let begins = ["- ", "* "].iter().find_map(|mark| trimmed.strip_prefix(mark));
        let begins = begins.or_else(|| matches!(trimmed, "-" | "*").then_some(""));
        match (begins, entries.last_mut()) {
            (Some(text), _) => entries.push(vec![(*number, text)]),
            (None, Some(entry)) => entry.push((*number, trimmed)),
            (None, None) if trimmed.is_empty() => {}
            (None, None) => entries.push(vec![(*number, trimmed)]),
        }
    }
    for entry in entries {
        let line = entry.first().map_or(1, |(line, _)| *line);
        let text = joined(&entry);
        if text.is_empty() {
            continue;
        }
        let answer = Filled {
            kind,
            text,
            at: None,
            owner: None,
            due: None,
            line,
        };
        answers.push(if kind.is_to_do() { to_do(answer)? } else { answer });
    }
    Ok(())
}

/// Takes `owner: NAME` and `due: YYYY-MM-DD` from the end of what is to be done.
fn to_do(mut answer: Filled) -> Result<Filled, FormError> {
    loop {
        let owner = answer.text.rfind("owner:");
        let due = answer.text.rfind("due:");
        let Some(at) = owner.max(due) else { break };
        let is_owner = owner == Some(at);
        let (text, said) = answer.text.split_at(at);
        let said = said
            .split_once(':')
            .map_or("", |(_, said)| said)
            .trim()
            .trim_end_matches([',', ';', ')']);
        if is_owner && answer.owner.is_none() {
            answer.owner = Some(said.to_owned()).filter(|said| !said.is_empty());
        } else if !is_owner && answer.due.is_none() {
            answer.due = Some(said.parse().map_err(|_| {
                wrong(
                    answer.line,
                    format!("`{}` is no date", visible(said)),
                    "write `due: YYYY-MM-DD`, such as `due: 2026-06-01`",
                )
            })?);
        } else {
            return Err(wrong(
                answer.line,
                format!("it says `{}` twice", if is_owner { "owner" } else { "due" }),
                "leave one of them out",
            ));
        }
        answer.text = text.trim().trim_end_matches([',', ';', '(']).trim().to_owned();
    }
    if answer.text.is_empty() {
        return Err(wrong(
            answer.line,
            "it does not say what is to be done".to_owned(),
            "write that before `owner:` and `due:`",
        ));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(text: &str) -> Vec<String> {
        let answers = filled(text).unwrap();
        let brief = answers.into_iter().map(|answer| {
            let at = answer
                .at
                .map_or_else(String::new, |(line, at)| format!(" at {at} of {line}"));
            let owner = answer
                .owner
                .map_or_else(String::new, |owner| format!(" by {owner}"));
            let due = answer.due.map_or_else(String::new, |due| format!(" until {due}"));
            format!(
                "{} {}: {:?}{at}{owner}{due}",
                answer.line,
                answer.kind.word(),
                answer.text
            )
        });
        brief.collect()
    }

    #[test]
    fn answers_are_read_part_by_part() {
        let text = "# a comment\n\n== root-cause ==\n# Why?\nA leak.\n\n  Nobody looked. \n\n== trigger ==\n\n\
                    == detected ==\nat: 23:50\nThe alert.\n\n== impact-start ==\nat: -20m\n\n== lucky ==\n- one\n  and more\n\
                    * two\n-\n";
        assert_eq!(
            brief(text),
            [
                r#"5 root-cause: "A leak.\n\n  Nobody looked.""#,
                r#"13 detected: "The alert." at 23:50 of 12"#,
                r#"16 impact-start: "impact-start" at -20m of 16"#,
                r#"19 lucky: "one\nand more""#,
                r#"21 lucky: "two""#,
            ]
        );
    }

    #[test]
    fn what_is_to_be_done_may_have_an_owner_and_a_day() {
        let text = "== action-item ==\n- alert at 80 % owner: bob due: 2026-06-01\n- close, due: 2026-07-01, owner: ann lee\n- just do";
        assert_eq!(
            brief(text),
            [
                r#"2 action-item: "alert at 80 %" by bob until 2026-06-01"#,
                r#"3 action-item: "close" by ann lee until 2026-07-01"#,
                r#"4 action-item: "just do""#,
            ]
        );
    }

    #[test]
    fn what_cannot_be_understood_is_told_with_its_line() {
        for (text, expected) in [
            ("hello", "line 1: this stands before the first part"),
            ("\n== cause ==\n", "line 2: there is no part `cause`"),
            (
                "== detected ==\nat:\nthe alert",
                "line 3: `detected` is about when it was, and no time is given",
            ),
            ("== action-item ==\n- a due: soon", "line 2: `soon` is no date"),
            (
                "== action-item ==\n- a owner: b owner: c",
                "line 2: it says `owner` twice",
            ),
            (
                "== action-item ==\n\n- owner: b",
                "line 3: it does not say what is to be done",
            ),
        ] {
            assert_eq!(filled(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn nothing_written_is_no_answer() {
        let parts: String = QUESTIONS.iter().map(part).collect();
        assert_eq!(filled(&parts), Ok(Vec::new()));
        assert_eq!(filled(""), Ok(Vec::new()));
    }
}
