//! Starting a program and attending to it until it ends.
//!
//! Four things happen side by side: its input is written, its two outputs are read and passed on, and its end is
//! awaited. Reading waits for the engine, so a program that prints much is slowed down and memory stays bounded.
//! When the engine wants it to stop, all four go on while the process group gets SIGTERM, its grace, and SIGKILL:
//! what a program says while it cleans up is not lost.
//!
//! The end of the program is the end of the action. A process that it left behind may hold its pipes open for
//! ever, so what is read after the end is bounded in silence, in waiting and in bytes.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use runbook_action::{Call, ErrorKind, Failure, Host, Output, Stream};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::environment::search_path;
use crate::group::{Group, KILLED};
use crate::launch::Launch;
use crate::output::{self, Kept, one_line};
use crate::{Environment, process, program};

/// What a pipe holds, so that one read empties it.
const BUFFER: usize = 64 * 1024;

/// After the end: so long a silence means that nothing more comes.
const SILENCE: Duration = Duration::from_millis(250);
/// After the end: so many waits at most, however often something comes.
const WAITS: u32 = 16;
/// After the end: so many bytes at most, which is more than a pipe holds.
const REST: usize = 1024 * 1024;

/// The exit codes by which a shell says that a program could not be run, or was not found.
const NOT_RUN: [i32; 2] = [126, 127];

/// How a program ended and what it printed.
struct Ended {
    status: ExitStatus,
    stdout: Kept,
    stderr: Kept,
}

/// Starts it, attends to it, and judges how it ended.
pub(crate) async fn run(
    environment: &Environment,
    launch: Launch,
    call: Call<'_>,
) -> Result<Output, Failure> {
    let mut child = spawn(environment, &launch, call)?;
    let mut group = Group::led_by(child.id());
    // What was only asked is asked again after a crash, whatever has become of it.
    if !call.asking
        && let Some(handle) = child.id().and_then(process::handle)
    {
        call.host.record(handle).await.map_err(Failure::maybe_applied)?;
    }
    let ended = {
        let mut attending = std::pin::pin!(attend(&mut child, launch.options.stdin.as_deref(), call.host));
        tokio::select! {
            biased;
            ended = &mut attending => ended.map_err(Failure::maybe_applied)?,
            () = call.host.cancelled() => {
                let since = Instant::now();
                group.terminate();
                let stop = async {
                    group.gone_or_out_of_grace(call.host, since).await;
                    group.kill();
                    sleep(KILLED).await;
                };
                tokio::select! {
                    // The program has ended, but something of its group may still be there.
                    _ = &mut attending => group.gone_or_out_of_grace(call.host, since).await,
                    () = stop => {}
                }
                group.kill();
                return Err(Failure::new(ErrorKind::Cancelled, "was stopped before it ended").maybe_applied());
            }
        }
    };
    group.release();
    judge(&ended, &launch, call)
}

fn spawn(environment: &Environment, launch: &Launch, call: Call<'_>) -> Result<Child, Failure> {
    let vars = environment.for_program(call.env)?;
    let cwd = launch.options.directory(&environment.root)?;
    let named = |failure: Failure| match &launch.named_by {
        Some(path) => failure.about(path.clone()),
        None => failure,
    };
    let (name, arguments) = launch
        .argv
        .split_first()
        .ok_or_else(|| Failure::new(ErrorKind::Other, "names no program"))?;
    let file = program::resolve(name, &search_path(&vars), &cwd).map_err(|failure| {
        named(Failure {
            message: call.mask(&failure.message),
            ..failure
        })
    })?;
    #[expect(clippy::disallowed_methods, reason = "this plugin's job is to start programs")]
    let mut command = Command::new(file);
    command
        .arg0(name)
        .args(arguments)
        .env_clear()
        .envs(vars)
        .current_dir(cwd)
        .process_group(0)
        .stdin(if launch.options.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
        .spawn()
        .map_err(|error| named(not_started(&call.mask(name), &error)))
}

fn not_started(name: &str, error: &std::io::Error) -> Failure {
    use std::io::ErrorKind as Io;
    let failure = |kind, what: &str| Failure::new(kind, format!("`{name}` could not be started: {what}"));
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the standard library's list is open"
    )]
    match error.kind() {
        Io::NotFound => failure(
            ErrorKind::MissingProgram,
            "the interpreter in its first line does not exist",
        ),
        Io::PermissionDenied => failure(ErrorKind::Forbidden, "permission denied"),
        Io::ArgumentListTooLong => failure(ErrorKind::Other, "its arguments are too long")
            .help("pass large data through `stdin` or a file"),
        _ => failure(ErrorKind::Other, &error.to_string()),
    }
}

/// All that is to be done while it runs.
async fn attend(child: &mut Child, input: Option<&str>, host: &dyn Host) -> Result<Ended, Failure> {
    let (ended, has_ended) = watch::channel(false);
    let stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let wait = async {
        let status = child
            .wait()
            .await
            .map_err(|error| Failure::new(ErrorKind::Other, format!("the program was lost: {error}")));
        ended.send_replace(true);
        status
    };
    let (status, stdout, stderr, ()) = tokio::try_join!(
        wait,
        pass_on(stdout, Stream::Stdout, host, has_ended.clone()),
        pass_on(stderr, Stream::Stderr, host, has_ended.clone()),
        feed(stdin, input, has_ended),
    )?;
    Ok(Ended {
        status,
        stdout,
        stderr,
    })
}

/// Writes its input. A program may end without reading it.
async fn feed(
    stdin: Option<ChildStdin>,
    input: Option<&str>,
    mut ended: watch::Receiver<bool>,
) -> Result<(), Failure> {
    if let (Some(mut stdin), Some(input)) = (stdin, input) {
        tokio::select! {
            // A broken pipe only tells that it read enough.
            _written = stdin.write_all(input.as_bytes()) => {}
            _ended = ended.wait_for(|ended| *ended) => {}
        }
    }
    Ok(())
}

/// Reads one output to its end and passes it on.
async fn pass_on(
    pipe: Option<impl AsyncRead + Unpin>,
    stream: Stream,
    host: &dyn Host,
    mut ended: watch::Receiver<bool>,
) -> Result<Kept, Failure> {
    let mut kept = Kept::default();
    let Some(mut pipe) = pipe else {
        return Ok(kept);
    };
    let mut buffer = vec![0; BUFFER];
    let mut waits = WAITS;
    let mut rest = REST;
    loop {
        let after_end = *ended.borrow();
        let count = if after_end {
            waits = waits.saturating_sub(1);
            let silence = if waits > 0 { SILENCE } else { Duration::ZERO };
            match timeout(silence, pipe.read(&mut buffer)).await {
                Ok(count) => count,
                Err(_silence) => break,
            }
        } else {
            tokio::select! {
                biased;
                count = pipe.read(&mut buffer) => count,
                _ended = ended.wait_for(|ended| *ended) => continue,
            }
        };
        // A pipe that cannot be read has nothing more to say.
        let Some(bytes) = count
            .ok()
            .and_then(|count| buffer.get(..count))
            .filter(|bytes| !bytes.is_empty())
        else {
            break;
        };
        kept.push(bytes);
        host.write(stream, bytes).await?;
        if after_end {
            rest = rest.saturating_sub(bytes.len());
            if rest == 0 {
                break;
            }
        }
    }
    Ok(kept)
}

fn judge(ended: &Ended, launch: &Launch, call: Call<'_>) -> Result<Output, Failure> {
    let code = ended.status.code();
    match code {
        Some(code) if launch.options.is_ok(code) || (call.asking && !NOT_RUN.contains(&code)) => {
            return Ok(output::result(code, &ended.stdout, &ended.stderr));
        }
        Some(_) | None => {}
    }
    // Empty output of a program that never ran must not pass for an answer.
    let kind = match code {
        Some(code) if call.asking && NOT_RUN.contains(&code) => ErrorKind::MissingProgram,
        Some(_) | None => ErrorKind::Other,
    };
    let how = match code {
        Some(code) => format!("exited with {code}"),
        None => format!("killed by {}", signal_name(ended.status)),
    };
    let stderr = call.mask(&ended.stderr.end());
    let message = match stderr.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("{how}: {}", one_line(line).trim_end_matches('.')),
        None => how,
    };
    Err(Failure::new(kind, message).maybe_applied().with_result(json!({
        "exit_code": code,
        "stdout": call.mask(&ended.stdout.end()),
        "stderr": stderr,
    })))
}

fn signal_name(status: ExitStatus) -> String {
    use rustix::process::Signal;
    use std::os::unix::process::ExitStatusExt;
    const NAMES: [(Signal, &str); 14] = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::XCPU, "SIGXCPU"),
    ];
    let number = status.signal().unwrap_or_default();
    NAMES
        .iter()
        .find(|(signal, _)| signal.as_raw() == number)
        .map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned())
}
