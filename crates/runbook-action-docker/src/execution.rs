//! A program that the engine runs in a container that is there already.
//!
//! The interface of engines can start such a program and tell when it has ended; it cannot end it, and the program goes on
//! when nobody listens any more. So each gets a variable with a value that nobody can guess, which all that it starts
//! inherits, and what carries it is found in the container by a short script, as the same user, and is sent a signal.
//! Where the container has no shell, and the engine is on this machine, the same is tried from here.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures_util::{Stream as Pieces, StreamExt as _};
use indexmap::IndexMap;
use runbook_action::{
    Chunk, Command, End, ErrorKind, Failure, Handle, Inherit, Process, Stream, async_trait,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::access::hex;
use crate::attend::{POLL, end_of};
use crate::engine::Engine;
use crate::launch::LABELS;
use crate::look;
use crate::trouble::one_line;

/// What a handle of this module is.
pub(crate) const HANDLE: &str = "container_exec";

/// The variable that all of a program's processes carry.
const MARK: &str = "RUNBOOK_MARK";

/// How long pieces may still be on their way when a program has ended whose pipes others hold.
const DRAIN: Duration = Duration::from_millis(500);

/// How often one looks whether a silent program has ended, at most.
const SILENT: Duration = Duration::from_secs(1);

/// The exit codes by which an engine tells that a program could not be run.
const NOT_RUN: std::ops::RangeInclusive<i64> = 126..=128;

/// How often one looks whether a program has begun, and how many times its number is waited for.
const BEGINS: Duration = Duration::from_millis(10);
const NUMBERED: u32 = 200;

/// How often what is killed is looked for again: a program may have started another meanwhile.
const KILLS: usize = 20;

/// Sends the signal `$2` to each process that carries `$1`, and prints how many there are. `0` only counts.
const SCRIPT: &str = r#"n=0
for p in /proc/[0-9]*; do
    case $(cat "$p/environ" 2>/dev/null) in
        *"$1"*) n=$((n + 1)); [ "$2" = 0 ] || kill -s "$2" "${p#/proc/}" 2>/dev/null ;;
    esac
done
echo "$n""#;

/// What finds the processes of a program again.
#[derive(Debug, Clone)]
pub(crate) struct Marked {
    pub(crate) container: String,
    pub(crate) mark: String,
    pub(crate) user: Option<String>,
}

impl Marked {
    /// Sends all of them a signal, `0` for none, and tells how many there were; nothing if that cannot be known.
    pub(crate) async fn signal(&self, engine: &Engine, signal: &str) -> Option<u32> {
        match self.signal_inside(engine, signal).await {
            Some(count) => Some(count),
            None if engine.beyond => None,
            None => signal_here(&self.mark, signal),
        }
    }

    async fn signal_inside(&self, engine: &Engine, signal: &str) -> Option<u32> {
        let argv = ["sh", "-c", SCRIPT, "sh", &self.mark, signal].map(str::to_owned);
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            cmd: Some(argv.to_vec()),
            user: self.user.clone(),
            ..CreateExecOptions::default()
        };
        let created = engine.docker.create_exec(&self.container, options).await.ok()?;
        let started = engine.docker.start_exec(&created.id, None).await.ok()?;
        let StartExecResults::Attached { mut output, .. } = started else {
            return None;
        };
        let mut printed = Vec::new();
        while let Some(Ok(piece)) = output.next().await {
            printed.extend_from_slice(&piece.into_bytes());
        }
        String::from_utf8_lossy(&printed).trim().parse().ok()
    }

    /// Ends all of them, whatever they want; tells whether none is left.
    pub(crate) async fn kill(&self, engine: &Engine) -> bool {
        for _ in 0..KILLS {
            match self.signal(engine, "KILL").await {
                Some(0) => return true,
                Some(_) => sleep(POLL).await,
                // A container that has ended has no processes.
                None => return !runs(engine, &self.container).await,
            }
        }
        false
    }
}

async fn runs(engine: &Engine, container: &str) -> bool {
    let container = look::ask(engine, container).await;
    container.is_ok_and(|container| look::is_running(&container))
}

/// The same from outside: processes in containers of this machine are processes of this machine.
fn signal_here(mark: &str, signal: &str) -> Option<u32> {
    use rustix::process::{Pid, Signal, kill_process};
    let signal = match signal {
        "TERM" => Some(Signal::TERM),
        "KILL" => Some(Signal::KILL),
        _ => None,
    };
    let mut count = 0;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if environ
            .windows(mark.len())
            .any(|window| window == mark.as_bytes())
        {
            count += 1;
            if let (Some(pid), Some(signal)) = (Pid::from_raw(pid), signal) {
                let _sent = kill_process(pid, signal).is_ok();
            }
        }
    }
    Some(count)
}

/// A program in a container.
pub(crate) struct Execution {
    engine: Engine,
    id: String,
    marked: Marked,
    output: Pin<Box<dyn Pieces<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    input: Option<JoinHandle<()>>,
    silence: Duration,
    shown: Option<LogOutput>,
    end: Option<End>,
    is_over: bool,
}

impl Execution {
    /// Starts it, and returns when it runs, or cannot.
    pub(crate) async fn start(engine: &Engine, container: &str, command: &Command) -> Result<Self, Failure> {
        let looked = look::inspect(engine, container).await?;
        if !look::is_running(&looked) {
            let message = format!("container `{container}` is {}", look::status(&looked));
            return Err(Failure::new(ErrorKind::Conflict, message).help("start it before"));
        }
        let config = looked.config.unwrap_or_default();
        let directory = command.cwd.as_ref().map(|cwd| {
            let home = config.working_dir.as_deref().filter(|home| !home.is_empty());
            absolute(home.unwrap_or("/"), cwd)
        });
        let mark = mark(&command.env);
        let marked = Marked {
            container: looked.id.unwrap_or_else(|| container.to_owned()),
            mark: mark.clone(),
            user: command.user.clone(),
        };
        let options = CreateExecOptions {
            attach_stdin: Some(command.stdin.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(command.tty),
            env: Some(environment(command, &mark)?),
            cmd: Some(argv(command)),
            user: command.user.clone(),
            working_dir: directory,
            ..CreateExecOptions::default()
        };
        let failed = |error: bollard::errors::Error| not_started(engine.failure(&error), command);
        let created = engine.docker.create_exec(&marked.container, options).await;
        let id = created.map_err(failed)?.id;
        let options = StartExecOptions {
            tty: command.tty,
            ..StartExecOptions::default()
        };
        let started = engine
            .docker
            .start_exec(&id, Some(options))
            .await
            .map_err(failed)?;
        let StartExecResults::Attached { output, input } = started else {
            return Err(Failure::new(ErrorKind::Protocol, "the engine gives no output"));
        };
        let mut execution = Self {
            engine: engine.clone(),
            id,
            marked,
            output,
            input: None,
            silence: POLL,
            shown: None,
            end: None,
            is_over: false,
        };
        execution.begins(command).await?;
        execution.input = command
            .stdin
            .clone()
            .map(|bytes| tokio::spawn(feed(input, bytes)));
        Ok(execution)
    }

    /// Waits until the engine says that it runs, or why not.
    async fn begins(&mut self, command: &Command) -> Result<(), Failure> {
        for tries in 1_u32.. {
            let looked = self.engine.docker.inspect_exec(&self.id).await;
            let looked = looked.map_err(|error| self.engine.failure(&error).maybe_applied())?;
            // An engine says that it runs before there is a process; not all of them tell its number.
            let has_number = looked.pid.is_some_and(|pid| pid > 0);
            if looked.running == Some(true) && (has_number || tries > NUMBERED) {
                return Ok(());
            }
            if let Some(code) = looked.exit_code {
                if !NOT_RUN.contains(&code) {
                    return Ok(());
                }
                self.is_over = true;
                // The engine says in the program's place why there is none.
                let first = self.output.next().await.and_then(Result::ok);
                let said = first.as_ref().map_or_else(String::new, ToString::to_string);
                let tells = ["exec failed", "OCI runtime", "unable to find user"];
                if !tells.iter().any(|words| said.contains(words)) {
                    self.is_over = false;
                    self.shown = None;
                    let rest = std::mem::replace(&mut self.output, Box::pin(futures_util::stream::empty()));
                    let first = futures_util::stream::iter(first.map(Ok));
                    self.output = Box::pin(first.chain(rest));
                    return Ok(());
                }
                let failure = Failure::new(ErrorKind::Other, one_line(&said));
                return Err(not_started(failure, command));
            }
            sleep(BEGINS).await;
        }
        Ok(())
    }

    /// How it ended, if it has.
    async fn look(&mut self) -> Result<bool, Failure> {
        let looked = self.engine.docker.inspect_exec(&self.id).await;
        let looked = looked.map_err(|error| self.engine.failure(&error).maybe_applied())?;
        if looked.running == Some(true) {
            return Ok(false);
        }
        let Some(code) = looked.exit_code else {
            return Ok(false);
        };
        self.end = Some(end_of(code));
        Ok(true)
    }
}

/// Why a program was not started, with the part of the command that is to blame.
fn not_started(failure: Failure, command: &Command) -> Failure {
    let said = failure.message.as_str();
    if said.contains("chdir to cwd") || said.contains("working directory") || said.contains("Cwd") {
        return Failure::new(ErrorKind::NotFound, "the working directory does not exist there").about("cwd");
    }
    if said.contains("unable to find user") || said.contains("no matching entries in passwd") {
        return Failure::new(ErrorKind::NotFound, "there is no such user in the container").about("user");
    }
    let is_missing = said.contains("executable file not found") || said.contains("no such file or directory");
    if is_missing {
        let name = command.argv.first().map_or("", String::as_str);
        return Failure::new(
            ErrorKind::MissingProgram,
            format!("the program `{name}` is not in the container"),
        )
        .about("argv");
    }
    if said.contains("permission denied") {
        return Failure::new(
            ErrorKind::Forbidden,
            "the program may not be run in the container",
        )
        .about("argv");
    }
    failure
}

/// The program, with what the engine cannot do for it done by a shell.
fn argv(command: &Command) -> Vec<String> {
    let Some(umask) = command.umask else {
        return command.argv.clone();
    };
    let script = "umask \"$1\"; shift; exec \"$@\"";
    let mut argv: Vec<String> = ["sh", "-c", script, "sh"].map(str::to_owned).to_vec();
    argv.push(format!("{umask:03o}"));
    argv.extend(command.argv.iter().cloned());
    argv
}

fn environment(command: &Command, mark: &str) -> Result<Vec<String>, Failure> {
    if let Inherit::Only(_) = command.inherit {
        let failure = Failure::new(
            ErrorKind::Other,
            "this version cannot keep the variables of a container from a program",
        );
        return Err(failure.help("leave `inherit` out, or run it with `env -i`"));
    }
    let mut lines = vec![format!("{MARK}={mark}")];
    for (name, value) in &command.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            let message = format!("`{}` cannot be given to a program", name.escape_default());
            return Err(Failure::new(ErrorKind::Other, message).about("env"));
        }
        lines.push(format!("{name}={value}"));
    }
    Ok(lines)
}

fn absolute(home: &str, cwd: &str) -> String {
    if cwd.starts_with('/') {
        return cwd.to_owned();
    }
    format!("{}/{cwd}", home.trim_end_matches('/'))
}

async fn feed(mut input: Pin<Box<dyn tokio::io::AsyncWrite + Send>>, bytes: Vec<u8>) {
    // A program may end without having read all.
    if input.write_all(&bytes).await.is_ok() {
        drop(input.shutdown().await);
    }
}

/// A word that nobody can guess; where it is known which attempt starts the program, it begins with that.
fn mark(env: &IndexMap<String, String>) -> String {
    let part = || RandomState::new().hash_one(0_u8);
    let random = format!("{:016x}{:016x}", part(), part());
    let attempt = beginning(|name| env.get(name).cloned());
    attempt.map_or_else(|| random.clone(), |attempt| format!("{attempt}{random}"))
}

/// How the marks of an attempt begin, if all that tells it from others is given.
pub(crate) fn beginning(value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let names = LABELS.map(|(_, variable)| variable);
    let values = names.iter().map(|name| value(name)).collect::<Option<Vec<_>>>()?;
    let digest = Sha256::digest(values.join("\0").as_bytes());
    Some(format!("{}-", hex(digest.get(..16)?)))
}

#[async_trait]
impl Process for Execution {
    fn handle(&self) -> Option<Handle> {
        Some(Handle {
            what: HANDLE.to_owned(),
            data: json!({
                "container": self.marked.container,
                "exec": self.id,
                "mark": self.marked.mark,
                "user": self.marked.user,
            }),
        })
    }

    async fn next(&mut self) -> Result<Option<Chunk<'_>>, Failure> {
        while !self.is_over {
            match timeout(self.silence, self.output.next()).await {
                Ok(Some(Ok(piece))) if piece.as_ref().is_empty() => {}
                Ok(Some(Ok(piece))) => {
                    self.silence = if self.end.is_some() { DRAIN } else { POLL };
                    let piece = self.shown.insert(piece);
                    let stream = match piece {
                        LogOutput::StdErr { .. } => Stream::Stderr,
                        LogOutput::StdOut { .. } | LogOutput::StdIn { .. } | LogOutput::Console { .. } => {
                            Stream::Stdout
                        }
                    };
                    return Ok(Some(Chunk {
                        stream,
                        bytes: self.shown.as_ref().map(AsRef::as_ref).unwrap_or_default(),
                    }));
                }
                Ok(Some(Err(error))) => return Err(self.engine.failure(&error).maybe_applied()),
                Ok(None) => self.is_over = true,
                Err(_silent) if self.end.is_some() => self.is_over = true,
                Err(_silent) => {
                    let ended = self.look().await?;
                    self.silence = if ended {
                        DRAIN
                    } else {
                        (self.silence * 2).min(SILENT)
                    };
                }
            }
        }
        Ok(None)
    }

    async fn wait(&mut self) -> Result<End, Failure> {
        let mut pause = Duration::from_millis(5);
        while self.end.is_none() {
            if !self.look().await? {
                sleep(pause).await;
                pause = (pause * 2).min(SILENT);
            }
        }
        Ok(self.end.clone().unwrap_or(End::Code(-1)))
    }

    async fn terminate(&mut self) {
        let _count = self.marked.signal(&self.engine, "TERM").await;
    }

    async fn kill(&mut self) {
        if let Some(input) = self.input.take() {
            input.abort();
        }
        let _gone = self.marked.kill(&self.engine).await;
    }

    async fn gone(&mut self) {
        while self
            .marked
            .signal(&self.engine, "0")
            .await
            .is_some_and(|count| count > 0)
        {
            sleep(POLL).await;
        }
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        if let Some(input) = self.input.take() {
            input.abort();
        }
        if self.end.is_some() || self.is_over {
            return;
        }
        let (engine, marked) = (self.engine.clone(), self.marked.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(async move { marked.kill(&engine).await }));
        }
    }
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
