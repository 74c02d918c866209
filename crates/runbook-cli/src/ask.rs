//! Asking people on the terminal.

use std::sync::OnceLock;

use async_trait::async_trait;
use runbook_engine::{Answer, Approver, Question};
use runbook_event::OnFailure;
use runbook_report::visible;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedReceiver;

use self::typed::Typed;
use crate::term::{self, BOLD, DIM, WARN, styled};
use crate::view::Screen;

mod typed;

/// How much of a value is shown, in characters.
const SHOWN: usize = 400;

/// How much of a script is shown, in characters.
const SCRIPT: usize = 4000;

/// The parameters that a summary is made of. What any other says must not be taken for shown by chance.
const MAIN: &[&str] = &[
    "run", "argv", "method", "url", "get", "head", "post", "put", "patch", "delete", "query", "execute",
];

/// `--yes`: every approval is given. What a signal is to do is no approval.
pub(crate) struct Always {
    pub(crate) user: String,
    pub(crate) terminal: Terminal,
}

#[async_trait]
impl Approver for Always {
    async fn ask(&self, _question: &Question) -> Answer {
        Answer {
            approved: true,
            by: self.user.clone(),
            how: "--yes".to_owned(),
        }
    }

    async fn on_interrupt(&self) -> OnFailure {
        self.terminal.on_interrupt().await
    }
}

/// Asks on the terminal, one question at a time.
pub(crate) struct Terminal {
    user: String,
    screen: Screen,
    /// Whether the output is somewhere else, so that the question goes to the error output.
    aside: bool,
    /// Whether somebody can see a question and answer it.
    is_there: bool,
    turn: Mutex<()>,
    typed: OnceLock<Typed>,
}

/// The screen, held still for a question. It goes on when that is answered, and also when it is withdrawn.
struct Held<'a> {
    terminal: &'a Terminal,
    answered: bool,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // The line with a question that was withdrawn has no end yet.
        if !self.answered {
            self.terminal.show("\n");
        }
        self.terminal.screen.resume();
    }
}

impl Terminal {
    pub(crate) fn new(user: String, screen: Screen, aside: bool, is_there: bool) -> Self {
        Self {
            user,
            screen,
            aside,
            is_there,
            turn: Mutex::new(()),
            typed: OnceLock::new(),
        }
    }

    /// Holds the screen still for a question, and reads what is typed.
    fn hold(&self) -> (UnboundedReceiver<Option<String>>, Held<'_>) {
        let typed = self.typed.get_or_init(Typed::start).open();
        if !self.aside {
            self.screen.pause();
        }
        let held = Held {
            terminal: self,
            answered: false,
        };
        (typed, held)
    }

    fn show(&self, text: &str) {
        if self.aside {
            term::print_error_raw(text);
        } else {
            term::print_raw(text);
        }
    }

    fn answer(&self, held: &mut Held<'_>, line: Option<&str>) -> Option<Answer> {
        let by_user = |approved| Answer {
            approved,
            by: self.user.clone(),
            how: "terminal".to_owned(),
        };
        let answer = match line.map(|line| line.trim().to_lowercase()).as_deref() {
            Some("y" | "yes") => by_user(true),
            Some("n" | "no") => by_user(false),
            Some(_) => return None,
            // The terminal is gone, or somebody pressed Ctrl-D: nobody said yes, and nobody said no.
            None => {
                self.show("\n");
                Answer {
                    approved: false,
                    by: "nobody".to_owned(),
                    how: "end of input".to_owned(),
                }
            }
        };
        held.answered = true;
        Some(answer)
    }
}

#[async_trait]
impl Approver for Terminal {
    async fn ask(&self, question: &Question) -> Answer {
        let _turn = self.turn.lock().await;
        let (mut typed, mut held) = self.hold();
        let prompt = format!("{}: yes or no? ", visible(&question.step));
        self.show(&format!("{}\n{prompt}", lines(question).join("\n")));
        loop {
            let line = typed.recv().await.flatten();
            match self.answer(&mut held, line.as_deref()) {
                Some(answer) => return answer,
                None => self.show(&format!("type yes or no\n{prompt}")),
            }
        }
    }

    async fn on_interrupt(&self) -> OnFailure {
        if !self.is_there {
            return OnFailure::Hold;
        }
        let _turn = self.turn.lock().await;
        let (mut typed, mut held) = self.hold();
        let prompt = "rollback or hold? ";
        self.show(&format!(
            "  {} {}\n{prompt}",
            styled(WARN, "?"),
            styled(
                BOLD,
                "undo what was done, or leave all as it is? Ctrl-C leaves it"
            ),
        ));
        loop {
            let line = typed.recv().await.flatten();
            let then = match line.map(|line| line.trim().to_lowercase()).as_deref() {
                Some("rollback" | "roll back" | "r") => OnFailure::Rollback,
                Some("hold" | "h") => OnFailure::Hold,
                Some(_) => {
                    self.show(&format!("type rollback or hold\n{prompt}"));
                    continue;
                }
                // Nobody is there to say what to do.
                None => {
                    self.show("\n");
                    OnFailure::Hold
                }
            };
            held.answered = true;
            return then;
        }
    }
}

/// All that a question is about.
fn lines(question: &Question) -> Vec<String> {
    let intent = &question.intent;
    let row = |name: &str, text: &str| format!("      {} {text}", styled(DIM, &format!("{name:8}")));
    let mut lines = vec![
        format!(
            "    {} {}",
            styled(WARN, "?"),
            styled(BOLD, &visible(&question.message))
        ),
        row("step", &visible(&question.title)),
        row("does", &visible(&intent.summary)),
    ];
    lines.extend(intent.target.iter().map(|name| row("through", &visible(name))));
    for (name, value) in &intent.env {
        lines.push(row("with", &cut(&visible(&format!("{name}={value}")), SHOWN)));
    }
    let (scripts, rest) = unseen(&intent.params, &intent.summary);
    lines.extend(rest.iter().map(|rest| row("and", rest)));
    for script in &scripts {
        let script = cut(script, SCRIPT);
        for (number, line) in script.trim_end().lines().enumerate() {
            lines.push(row(if number == 0 { "script" } else { "" }, &visible(line)));
        }
    }
    lines
}

/// The parameters that the summary does not show: texts of several lines as they are, all else as JSON.
fn unseen(params: &Value, summary: &str) -> (Vec<String>, Option<String>) {
    let json = |value: &Value| Some(cut(&visible(&value.to_string()), SHOWN));
    match params {
        Value::Null => (Vec::new(), None),
        Value::Object(map) => {
            let (mut scripts, mut rest) = (Vec::new(), Map::new());
            for (name, value) in map {
                if MAIN.contains(&name.as_str()) && is_shown(value, summary) {
                    continue;
                }
                match value.as_str().filter(|text| text.trim().contains('\n')) {
                    Some(text) => scripts.push(text.to_owned()),
                    None => drop(rest.insert(name.clone(), value.clone())),
                }
            }
            let rest = (!rest.is_empty()).then_some(Value::Object(rest));
            (scripts, rest.as_ref().and_then(json))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)
            if is_shown(params, summary) =>
        {
            (Vec::new(), None)
        }
        Value::String(text) => (vec![text.clone()], None),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => (Vec::new(), json(params)),
    }
}

/// Whether the summary shows this text, or all words of this list. Spaces and ends of lines are alike to it.
fn is_shown(value: &Value, summary: &str) -> bool {
    match value {
        Value::String(text) => {
            let words: Vec<&str> = text.split_whitespace().collect();
            !words.is_empty() && summary.contains(&words.join(" "))
        }
        Value::Array(items) => items
            .iter()
            .all(|item| item.is_string() && is_shown(item, summary)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::unseen;

    #[test]
    fn what_the_summary_does_not_show_is_told() {
        let nothing = (Vec::new(), None);
        assert_eq!(unseen(&json!("touch two"), "touch two"), nothing);
        assert_eq!(unseen(&json!(["rm", "a file"]), "rm 'a file'"), nothing);
        assert_eq!(unseen(&json!({"run": "id\n"}), "id"), nothing);
        let rest = unseen(&json!({"run": "ls /", "cwd": "/"}), "ls /").1;
        assert_eq!(rest.as_deref(), Some(r#"{"cwd":"/"}"#));
        let (scripts, rest) = unseen(&json!("first\nrm -rf x"), "first …");
        assert_eq!((scripts, rest), (vec!["first\nrm -rf x".to_owned()], None));
        let params = json!({"execute": "DELETE  FROM t\nWHERE a = $1", "bind": [7]});
        let (scripts, rest) = unseen(&params, "DELETE FROM t WHERE a = $1");
        assert_eq!((scripts.len(), rest.as_deref()), (0, Some(r#"{"bind":[7]}"#)));
        let long = json!({"post": "/x", "json": {"text": "é".repeat(500)}});
        let rest = unseen(&long, "POST /x").1.unwrap();
        assert_eq!((rest.chars().count(), rest.ends_with('…')), (401, true));
    }
}
