//! Attending to a program: passing on what it prints, ending it when the engine of runbooks wants that, judging its end.

use std::time::Duration;

use runbook_action::{Call, End, ErrorKind, Failure, Handle, Output, Process};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::printed::Printed;
use crate::trouble::one_line;

/// How often one looks whether something has ended.
pub(crate) const POLL: Duration = Duration::from_millis(50);

/// How long what was killed may take to be gone.
const KILLED: Duration = Duration::from_secs(5);

/// The exit codes by which a shell says that a program could not be run, or was not found.
const NOT_RUN: [i32; 2] = [126, 127];

/// Which exit codes mean success.
#[derive(Debug, Default)]
pub(crate) struct Fine(pub(crate) Vec<i64>);

impl Fine {
    fn is(&self, code: i32) -> bool {
        if self.0.is_empty() {
            code == 0
        } else {
            self.0.contains(&i64::from(code))
        }
    }
}

/// Attends to a program until it has ended, and judges its end. `into` is the result that its output is put in.
pub(crate) async fn run(
    process: &mut dyn Process,
    fine: &Fine,
    call: Call<'_>,
    into: impl FnOnce() -> Output,
) -> Result<Output, Failure> {
    if !call.asking
        && let Some(handle) = process.handle()
        && let Err(failure) = keep(call, handle).await
    {
        process.kill().await;
        return Err(failure);
    }
    let mut printed = Printed::default();
    if let Some(end) = attend(process, &mut printed, call, call.host.cancelled()).await? {
        return judge(&end, &printed, fine, call, into);
    }
    stop(process, &mut printed, call).await;
    Err(Failure::new(ErrorKind::Cancelled, "was stopped before it ended").maybe_applied())
}

async fn keep(call: Call<'_>, handle: Handle) -> Result<(), Failure> {
    call.host.record(handle).await.map_err(Failure::maybe_applied)
}

/// Passes on what it prints until it has ended, or until `enough`, which gives nothing.
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
        drop(attend(process, printed, call, sleep(KILLED)).await);
    }
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
    fine: &Fine,
    call: Call<'_>,
    into: impl FnOnce() -> Output,
) -> Result<Output, Failure> {
    let code = match end {
        End::Code(code) => Some(*code),
        End::Signal { .. } => None,
    };
    if let Some(code) = code
        && (fine.is(code) || (call.asking && !NOT_RUN.contains(&code)))
    {
        return Ok(printed.result(code, into()));
    }
    let kind = match code {
        Some(code) if call.asking && NOT_RUN.contains(&code) => ErrorKind::MissingProgram,
        Some(_) | None => ErrorKind::Other,
    };
    let stderr = call.mask(&printed.stderr.end());
    let message = match stderr.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("{end}: {}", one_line(line)),
        None => end.to_string(),
    };
    Err(Failure::new(kind, message).maybe_applied().with_result(json!({
        "exit_code": code,
        "stdout": call.mask(&printed.stdout.end()),
        "stderr": stderr,
    })))
}

/// The end that an exit code stands for: programs that run others tell signals by codes above 128.
pub(crate) fn end_of(code: i64) -> End {
    const NAMES: [&str; 15] = [
        "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL",
        "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM",
    ];
    let code = i32::try_from(code).unwrap_or(-1);
    let number = code - 128;
    let name = usize::try_from(number - 1).ok().and_then(|at| NAMES.get(at));
    match name {
        Some(name) => End::Signal {
            number,
            name: (*name).to_owned(),
        },
        None => End::Code(code),
    }
}

/// Does something that can be left at any time, unless the call is to end.
pub(crate) async fn unless_cancelled<T>(
    call: Call<'_>,
    changes: bool,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let result = tokio::select! {
        biased;
        result = work => result,
        () = call.host.cancelled() => {
            let failure = Failure::new(ErrorKind::Cancelled, "was stopped before it ended");
            Err(if changes { failure.maybe_applied() } else { failure })
        }
    };
    result.map_err(|failure| call.mask_failure(failure))
}
