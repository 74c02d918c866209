//! Running a program in a place, and judging how it ended.
//!
//! The place starts it and gives its output piece by piece; each piece is kept and passed on before the next is
//! asked for, so a program that prints much is slowed down and memory stays bounded. When the engine wants it to
//! stop, the program and all that it started are asked to end, get their grace, and are killed; what they say
//! while they clean up is not lost.

use runbook_action::{Call, End, ErrorKind, Failure, Output, Process, Stream, Transport};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::group::{KILLED, POLL};
use crate::launch::Launch;
use crate::output::{self, Kept, one_line};

/// The exit codes by which a shell says that a program could not be run, or was not found.
const NOT_RUN: [i32; 2] = [126, 127];

/// What a program has printed.
#[derive(Default)]
struct Printed {
    stdout: Kept,
    stderr: Kept,
}

/// Starts it, attends to it, and judges how it ended.
pub(crate) async fn run(place: &dyn Transport, launch: Launch, call: Call<'_>) -> Result<Output, Failure> {
    let command = launch.command(&call);
    let started = tokio::select! {
        biased;
        started = place.spawn(&command) => started,
        () = call.host.cancelled() => {
            Err(Failure::new(ErrorKind::Cancelled, "was stopped before it began").maybe_applied())
        }
    };
    let mut process = started.map_err(|failure| launch.about_parameter(call.mask_failure(failure)))?;
    // What was only asked is asked again after a crash, whatever has become of it.
    if !call.asking
        && let Some(handle) = process.handle()
    {
        call.host.record(handle).await.map_err(Failure::maybe_applied)?;
    }
    let mut printed = Printed::default();
    let cancelled = async { call.host.cancelled().await };
    if let Some(end) = attend(&mut *process, &mut printed, call, cancelled).await? {
        return judge(&end, &printed, &launch, call);
    }
    stop(&mut *process, &mut printed, call).await;
    Err(Failure::new(ErrorKind::Cancelled, "was stopped before it ended").maybe_applied())
}

/// Passes on what it prints until it has ended, or until `enough`, which gives nothing. What has been read is
/// passed on in any case.
async fn attend(
    process: &mut dyn Process,
    printed: &mut Printed,
    call: Call<'_>,
    enough: impl Future<Output = ()>,
) -> Result<Option<End>, Failure> {
    let failed = |failure: Failure| call.mask_failure(failure).maybe_applied();
    let mut enough = std::pin::pin!(enough);
    loop {
        let next = tokio::select! {
            biased;
            next = process.next() => next.map_err(failed)?,
            () = &mut enough => return Ok(None),
        };
        let Some(chunk) = next else {
            return process.wait().await.map(Some).map_err(failed);
        };
        match chunk.stream {
            Stream::Stdout => printed.stdout.push(chunk.bytes),
            Stream::Stderr => printed.stderr.push(chunk.bytes),
        }
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
    // Whatever becomes of it, something of what it started may still be there.
    let ended = attend(process, printed, call, &mut grace).await;
    if !matches!(ended, Ok(None)) {
        tokio::select! {
            biased;
            () = process.gone() => {}
            () = grace => {}
        }
    }
    process.kill().await;
    if matches!(ended, Ok(None)) {
        let last = attend(process, printed, call, sleep(KILLED)).await;
        drop(last);
    }
}

/// Returns when the grace, which began at `since`, is over. It is asked for again and again: it shrinks when a person
/// asks a second time.
async fn out_of_grace(call: Call<'_>, since: Instant) {
    while since.elapsed() < call.host.grace() {
        sleep(POLL).await;
    }
}

fn judge(end: &End, printed: &Printed, launch: &Launch, call: Call<'_>) -> Result<Output, Failure> {
    let (code, is_ok) = match end {
        End::Code(code) => {
            let answers = call.asking && !NOT_RUN.contains(code);
            (Some(*code), launch.options.is_ok(*code) || answers)
        }
        End::Signal { .. } => (None, false),
    };
    if let (Some(code), true) = (code, is_ok) {
        return Ok(output::result(code, &printed.stdout, &printed.stderr));
    }
    // Empty output of a program that never ran must not pass for an answer.
    let kind = match code {
        Some(code) if call.asking && NOT_RUN.contains(&code) => ErrorKind::MissingProgram,
        Some(_) | None => ErrorKind::Other,
    };
    let stderr = call.mask(&printed.stderr.end());
    let message = match stderr.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("{end}: {}", one_line(line).trim_end_matches('.')),
        None => end.to_string(),
    };
    Err(Failure::new(kind, message).maybe_applied().with_result(json!({
        "exit_code": code,
        "stdout": call.mask(&printed.stdout.end()),
        "stderr": stderr,
    })))
}
