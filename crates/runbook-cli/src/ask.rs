//! Asking people on the terminal.

use std::io::{BufRead, stdin};

use async_trait::async_trait;
use runbook_engine::{Answer, Approver, Question};
use runbook_report::visible;
use tokio::sync::Mutex;

use crate::term::{self, DIM, styled};
use crate::view::Screen;

/// `--yes`: every answer is yes.
pub(crate) struct Always {
    pub(crate) user: String,
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
}

/// Asks on the terminal, one question at a time.
pub(crate) struct Terminal {
    pub(crate) user: String,
    pub(crate) screen: Screen,
    /// Whether the output is somewhere else, so that the question goes to the error output.
    pub(crate) aside: bool,
    pub(crate) turn: Mutex<()>,
}

/// The screen, held still for a question. It goes on when that is answered, and also when it is withdrawn.
struct Held<'a> {
    terminal: &'a Terminal,
    answered: bool,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // The line with a question that was withdrawn has no end yet.
        match (self.answered, self.terminal.aside) {
            (true, _) => {}
            (false, true) => term::print_error(""),
            (false, false) => term::print(""),
        }
        self.terminal.screen.resume();
    }
}

impl Terminal {
    fn show(&self, question: &Question) {
        let what = styled(DIM, &visible(&question.intent.summary));
        let ask = "      yes or no? ";
        if self.aside {
            term::print_error(&format!("      ? {}", visible(&question.message)));
            term::print_error(&format!("      {what}"));
            term::print_error_raw(ask);
        } else {
            self.screen.pause(&[format!("      {what}"), ask.to_owned()]);
        }
    }
}

#[async_trait]
impl Approver for Terminal {
    async fn ask(&self, question: &Question) -> Answer {
        let _turn = self.turn.lock().await;
        let mut held = Held {
            terminal: self,
            answered: false,
        };
        loop {
            self.show(question);
            // The thread stays until a line comes: there is no way to take a read back. It holds nothing.
            let line = tokio::task::spawn_blocking(|| {
                let mut line = String::new();
                stdin().lock().read_line(&mut line).map(|length| (length, line))
            })
            .await;
            let answer = match line {
                Ok(Ok((length, line))) if length > 0 => line.trim().to_lowercase(),
                // The terminal is gone: nobody said yes.
                Ok(Ok(_) | Err(_)) | Err(_) => "no".to_owned(),
            };
            let approved = match answer.as_str() {
                "y" | "yes" => true,
                "n" | "no" => false,
                _ => continue,
            };
            held.answered = true;
            return Answer {
                approved,
                by: self.user.clone(),
                how: "terminal".to_owned(),
            };
        }
    }
}
