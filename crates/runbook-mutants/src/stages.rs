//! The tests, from the quickest to the slowest.
//!
//! What a quick stage notices is not shown to a slow one, and the first test that fails ends its stage. A change may
//! make a test hang or eat memory: each run has a bound on its time and on its memory, and what reaches one is noticed.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The variable by which a change learns that it is its turn.
const VARIABLE: &str = "MUTANT_TURN";

/// The seeds of the search.
const SEEDS: &str = "0..400";

/// How much memory a run may map, in KiB.
const MEMORY: &str = "4000000";

/// A stage: its name, and the binaries with their arguments.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    runs: Vec<Run>,
}

struct Run {
    program: PathBuf,
    folder: PathBuf,
    arguments: &'static [&'static str],
    limit: Duration,
}

/// Where a stage's binaries come from: the crate, the name of the target, and the arguments.
type Source = (&'static str, &'static str, &'static [&'static str]);

const STAGES: &[(&str, &[Source])] = &[
    (
        "table",
        &[
            ("runbook-event", "table", &[]),
            ("runbook-event", "runbook_event", &[]),
            ("runbook-engine", "runbook_engine", &["scheduler::"]),
        ],
    ),
    (
        "scenarios",
        &[(
            "runbook-engine",
            "engine",
            &[
                "--skip",
                "simulation::",
                "--skip",
                "crash::",
                "--skip",
                "secrets::",
            ],
        )],
    ),
    (
        "search",
        &[(
            "runbook-engine",
            "engine",
            &["--ignored", "simulation::whatever_happens_to_these_seeds"],
        )],
    ),
];

/// Builds all tests of the copy once, and runs them without any change.
pub(crate) fn build(work: &Path, quick: bool) -> Result<Vec<Stage>, String> {
    let built = compile(work)?;
    let mut stages = Vec::new();
    let wanted = STAGES.len() - usize::from(quick);
    for (name, sources) in &STAGES[..wanted] {
        let mut runs = Vec::new();
        for (package, target, arguments) in *sources {
            let program = built
                .iter()
                .find_map(|(known, path)| (known == target).then_some(path));
            let mut run = Run {
                program: program
                    .ok_or_else(|| format!("cargo does not say where `{target}` is"))?
                    .clone(),
                folder: work.join("tree/crates").join(package),
                arguments,
                limit: Duration::from_mins(20),
            };
            let begun = Instant::now();
            if let Some(failed) = run.notices(0)? {
                return Err(format!("without any change: {failed}"));
            }
            run.limit = begun.elapsed() * 5 + Duration::from_secs(3);
            println!("{name}: {package} in {} ms", begun.elapsed().as_millis());
            runs.push(run);
        }
        stages.push(Stage { name, runs });
    }
    Ok(stages)
}

fn compile(work: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let output = Command::new("cargo")
        .args(["test", "-p", "runbook-event", "-p", "runbook-engine"])
        .args(["--no-run", "--message-format=json"])
        .current_dir(work.join("tree"))
        .env("CARGO_TARGET_DIR", work.join("target"))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = || {
        text.lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
    };
    if !output.status.success() {
        let errors = messages().filter_map(|value| {
            let message = value.get("message")?;
            let text = message.get("rendered")?.as_str()?;
            (message.get("level")? == "error").then(|| text.to_owned())
        });
        return Err(errors.take(10).collect());
    }
    let programs = messages().filter_map(|value| {
        let name = value.get("target")?.get("name")?.as_str()?;
        Some((name.to_owned(), PathBuf::from(value.get("executable")?.as_str()?)))
    });
    Ok(programs.collect())
}

impl Stage {
    /// What notices this change, if something does.
    pub(crate) fn notices(&self, number: usize) -> Result<Option<String>, String> {
        for run in &self.runs {
            let noticed = run.notices(number)?;
            if noticed.is_some() {
                return Ok(noticed);
            }
        }
        Ok(None)
    }
}

impl Run {
    fn notices(&self, number: usize) -> Result<Option<String>, String> {
        let mut child = self.start(number)?;
        let Some(printed) = child.stdout.take() else {
            return Err("the tests print nothing".to_owned());
        };
        let (tell, told) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            // Whoever listened may have heard enough.
            let lines = BufReader::new(printed).lines().map_while(Result::ok);
            lines.take_while(|line| tell.send(line.clone()).is_ok()).count()
        });
        let begun = Instant::now();
        let found = loop {
            match told.recv_timeout(self.limit.saturating_sub(begun.elapsed())) {
                Ok(line) if line.ends_with("FAILED") => break Some(line),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => break Some("it takes too long".to_owned()),
                Err(RecvTimeoutError::Disconnected) => break None,
            }
        };
        drop(told);
        let ended = end(&mut child, found.is_some())?;
        drop(reader.join());
        Ok(found.or_else(|| (!ended).then(|| "the tests could not go on".to_owned())))
    }

    fn start(&self, number: usize) -> Result<Child, String> {
        let seconds = self.limit.as_secs().to_string();
        Command::new("sh")
            .args([
                "-c",
                "ulimit -v \"$0\"; ulimit -t \"$1\"; shift; exec \"$@\"",
                MEMORY,
                &seconds,
            ])
            .arg(&self.program)
            .arg("--test-threads=1")
            .args(self.arguments)
            .current_dir(&self.folder)
            .env(VARIABLE, number.to_string())
            .env("SEEDS", SEEDS)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot run the tests: {error}"))
    }
}

/// Whether the tests ended well.
fn end(child: &mut Child, at_once: bool) -> Result<bool, String> {
    if at_once {
        // It may have ended by itself.
        drop(child.kill());
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    Ok(status.success())
}
