//! Attending to work until it is done, or the engine of runbooks wants it to end.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use runbook_action::{Call, End, ErrorKind, Failure, Output, Process};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::printed::Printed;
use crate::trouble::one_line;

/// How often one looks whether something has ended.
const POLL: Duration = Duration::from_millis(50);

/// The exit codes by which `env` and shells say that a program could not be run, or was not found.
const NOT_RUN: [i32; 2] = [126, 127];

/// What something is waiting for, for whoever stops it.
#[derive(Debug, Default)]
pub(crate) struct Note(Mutex<String>);

impl Note {
    pub(crate) fn set(&self, text: &str) {
        text.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Does something that can be left at any time, unless the call is to end.
pub(crate) async fn unless_cancelled<T>(
    call: Call<'_>,
    changes: bool,
    note: &Note,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let result = tokio::select! {
        biased;
        result = work => result,
        () = call.host.cancelled() => {
            let note = note.get();
            let message = if note.is_empty() {
                "was stopped before it ended".to_owned()
            } else {
                format!("was stopped before it ended: {note}")
            };
            let failure = Failure::new(ErrorKind::Cancelled, message);
            Err(if changes { failure.maybe_applied() } else { failure })
        }
    };
    result.map_err(|failure| call.mask_failure(failure))
}

/// Attends to a program until it has ended, and judges its end. `fine` are the exit codes that mean success.
pub(crate) async fn run(
    process: &mut dyn Process,
    fine: &[i64],
    call: Call<'_>,
    into: Output,
) -> Result<Output, Failure> {
    if !call.asking
        && let Some(handle) = process.handle()
        && let Err(failure) = call.host.record(handle).await
    {
        process.kill().await;
        return Err(failure.maybe_applied());
    }
    let mut printed = Printed::default();
    if let Some(end) = pass_on(process, &mut printed, call, call.host.cancelled()).await? {
        return judge(&end, &printed, fine, call, into);
    }
    stop(process, &mut printed, call).await;
    Err(Failure::new(ErrorKind::Cancelled, "was stopped before it ended").maybe_applied())
}

/// Passes on what it prints until it has ended, or until `enough`, which gives nothing.
async fn pass_on(
    process: &mut dyn Process,
    printed: &mut Printed,
    call: Call<'_>,
    enough: impl Future<Output = ()>,
) -> Result<Option<End>, Failure> {
    let mut enough = std::pin::pin!(enough);
    loop {
        let next = tokio::select! {
            biased;
            next = process.next() => next.map_err(|failure| call.mask_failure(failure))?,
            () = &mut enough => return Ok(None),
        };
        let Some(chunk) = next else {
            return process
                .wait()
                .await
                .map(Some)
                .map_err(|failure| call.mask_failure(failure));
        };
        printed.push(chunk.stream, chunk.bytes);
        call.host
            .write(chunk.stream, chunk.bytes)
            .await
            .map_err(Failure::maybe_applied)?;
    }
}

/// Ends it with all that it started. What it says meanwhile is passed on.
async fn stop(process: &mut dyn Process, printed: &mut Printed, call: Call<'_>) {
    process.terminate().await;
    let mut grace = std::pin::pin!(out_of_grace(call, Instant::now()));
    let ended = pass_on(process, printed, call, &mut grace).await;
    if !matches!(ended, Ok(None)) {
        tokio::select! {
            biased;
            () = process.gone() => {}
            () = grace => {}
        }
    }
    process.kill().await;
}

/// Returns when the grace, which began at `since`, is over. It shrinks when a person asks a second time.
async fn out_of_grace(call: Call<'_>, since: Instant) {
    while since.elapsed() < call.host.grace() {
        sleep(POLL).await;
    }
}

fn judge(
    end: &End,
    printed: &Printed,
    fine: &[i64],
    call: Call<'_>,
    into: Output,
) -> Result<Output, Failure> {
    let code = match end {
        End::Code(code) => Some(*code),
        End::Signal { number, .. } => fine.contains(&i64::from(128 + number)).then_some(128 + number),
    };
    let is_fine = |code: i32| {
        if fine.is_empty() {
            code == 0
        } else {
            fine.contains(&i64::from(code))
        }
    };
    if let Some(code) = code
        && (is_fine(code) || (call.asking && !NOT_RUN.contains(&code)))
    {
        return Ok(printed.result(code, into));
    }
    let stderr = call.mask(&printed.stderr.end());
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
    // This is how `env` says that there is no such program.
    let missing = code == Some(127) && last.is_some_and(|line| line.starts_with("env: "));
    let kind = if missing || (call.asking && code.is_some_and(|code| NOT_RUN.contains(&code))) {
        ErrorKind::MissingProgram
    } else {
        ErrorKind::Other
    };
    let message = match last {
        Some(line) => format!("{end}: {}", one_line(line)),
        None => end.to_string(),
    };
    Err(Failure::new(kind, message).maybe_applied().with_result(json!({
        "exit_code": code,
        "stdout": call.mask(&printed.stdout.end()),
        "stderr": stderr,
    })))
}
