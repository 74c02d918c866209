//! Asking people on the terminal.

use std::io::{BufRead, stdin};

use async_trait::async_trait;
use runbook_engine::{Answer, Approver, Question};
use tokio::sync::Mutex;

use crate::term::{DIM, styled};
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
    pub(crate) turn: Mutex<()>,
}

#[async_trait]
impl Approver for Terminal {
    async fn ask(&self, question: &Question) -> Answer {
        let _turn = self.turn.lock().await;
        loop {
            let what = runbook_report::visible(&question.intent.summary);
            self.screen.pause(&[
                format!("      {}", styled(DIM, &what)),
                "      yes or no? ".to_owned(),
            ]);
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
            self.screen.resume();
            return Answer {
                approved,
                by: self.user.clone(),
                how: "terminal".to_owned(),
            };
        }
    }
}
