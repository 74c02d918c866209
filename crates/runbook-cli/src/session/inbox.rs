//! The inbox of a run as it goes on: what others ask of it is handed to the engine.

use std::path::Path;
use std::time::Duration;

use runbook_engine::Request;
use runbook_journal::{Arrived, Inbox};
use runbook_report::visible;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::aside::{Aside, note_of};
use crate::error::Error;
use crate::project::Project;
use crate::term;

/// How soon it is looked again.
const LOOK: Duration = Duration::from_millis(100);

/// Looks after the inbox of a run. What comes out of it is for the engine, until that ends.
pub(super) fn serve(dir: &Path) -> (JoinHandle<()>, UnboundedReceiver<Request>) {
    let (to, requests) = mpsc::unbounded_channel();
    let inbox = Inbox::of(dir);
    let serving = tokio::spawn(async move {
        let mut told = false;
        loop {
            match pass_on(&inbox, &to).await {
                Ok(true) => {}
                Ok(false) => return,
                // The run goes on without it. What cannot be read now may be read later.
                Err(error) => {
                    if !told {
                        term::print_error(&visible(&format!("the run's inbox: {error}")));
                    }
                    told = true;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    (serving, requests)
}

/// Hands over all that waits. Whether there is still somebody who takes it.
async fn pass_on(inbox: &Inbox, to: &UnboundedSender<Request>) -> Result<bool, runbook_journal::Error> {
    for arrived in inbox.waiting()? {
        if !one(inbox, to, &arrived).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// It is removed only after the journal has it durably.
async fn one(
    inbox: &Inbox,
    to: &UnboundedSender<Request>,
    arrived: &Arrived,
) -> Result<bool, runbook_journal::Error> {
    let note = match note_of(arrived) {
        Ok(note) => note,
        Err(reason) => {
            inbox.refuse(&arrived.name, &reason)?;
            return Ok(true);
        }
    };
    let (answer, answered) = oneshot::channel();
    if to.send(Request { note, answer }).is_err() {
        return Ok(false);
    }
    match answered.await {
        Ok(Ok(_)) => inbox.done(&arrived.name)?,
        Ok(Err(reason)) => inbox.refuse(&arrived.name, &reason)?,
        // The engine is gone. It stays for who holds the run next.
        Err(_) => return Ok(false),
    }
    Ok(true)
}

/// Takes up what came in the moment in which the run ended.
pub(super) fn take_up_rest(project: &Project, dir: &Path) -> Result<(), Error> {
    if Inbox::of(dir).waiting()?.is_empty() {
        return Ok(());
    }
    let run = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match Aside::take(project, &run) {
        Ok(mut aside) => {
            aside.take_up()?;
            aside.close(project)
        }
        // Somebody takes it up already.
        Err(runbook_journal::OpenError::Locked { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
