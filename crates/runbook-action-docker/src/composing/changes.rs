//! The verbs that change a project, by its program.

use runbook_action::{Failure, Output};
use serde_json::Value;

use super::Asked;
use super::inverse;
use super::looks::{self, services};
use super::program::{self, Program};
use crate::answer;
use crate::asked::{self, Named};

/// What a program is told, and variables that it finds.
struct Told {
    words: Vec<String>,
    env: Vec<(String, String)>,
}

impl Told {
    fn new(words: &[&str]) -> Self {
        Self {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            env: Vec::new(),
        }
    }

    fn when(&mut self, is_on: bool, word: &str) {
        if is_on {
            self.words.push(word.to_owned());
        }
    }

    fn grace(&mut self, asked: Asked<'_>) -> Result<(), Failure> {
        if let Some(grace) = asked::grace(asked.chosen)? {
            self.words.extend(["-t".to_owned(), grace.to_string()]);
        }
        Ok(())
    }

    fn services(&mut self, services: &[Named]) {
        self.words.extend(services.iter().map(|(name, _)| name.clone()));
    }
}

/// Whether a switch that is on unless given is off.
fn is_off(asked: Asked<'_>, key: &str) -> bool {
    asked
        .chosen
        .get(key)
        .is_some_and(|switch| *switch.param() == runbook_action::Param::Bool(false))
}

pub(crate) async fn run(asked: Asked<'_>) -> Result<Output, Failure> {
    let program = Program::said(asked).await?;
    let meant = match asked.chosen.verb.key {
        "scale" => scaled(asked)?
            .into_iter()
            .map(|(name, _)| (name, "scale".to_owned()))
            .collect(),
        _ => services(&asked.chosen.value)?,
    };
    let before = looks::state(asked, &meant).await?;
    let mut output = looks::empty();
    for told in told(asked, program, &meant)? {
        let mut command = program::command(asked, program, told.words)?;
        command.env.extend(told.env);
        output = program::run(asked, &command, output).await?;
    }
    let after = looks::state(asked, &meant)
        .await
        .map_err(Failure::maybe_applied)?;
    let mut output = compared(output, &before, &after);
    if asked.chosen.verb.key == "up" {
        // What the files make of the services is known only now.
        output.left = Some(inverse::images(asked).await.map_err(Failure::maybe_applied)?);
    }
    Ok(output)
}

/// The result of a program with what has become of the services.
pub(crate) fn compared(mut output: Output, before: &Output, after: &Output) -> Output {
    let containers = |output: &Output| output.value.get("containers").cloned().unwrap_or_default();
    let names = |containers: &Value| -> Vec<String> {
        let containers = containers.as_array().into_iter().flatten();
        containers
            .filter_map(|container| Some(container.get("name")?.as_str()?.to_owned()))
            .collect()
    };
    let essence = |containers: &Value| -> Vec<Value> {
        let containers = containers.as_array().into_iter().flatten();
        let essential = ["/id", "/state/status", "/state/started_at"];
        containers
            .map(|container| {
                essential
                    .iter()
                    .map(|path| container.pointer(path).cloned())
                    .collect()
            })
            .map(|parts: Vec<Option<Value>>| parts.into_iter().flatten().collect())
            .collect()
    };
    let (was, is) = (containers(before), containers(after));
    let left = names(&is);
    let removed: Vec<String> = names(&was)
        .into_iter()
        .filter(|name| !left.contains(name))
        .collect();
    let changed = essence(&was) != essence(&is);
    for name in ["services", "containers"] {
        output = answer::with(output, name, after.value.get(name).cloned().unwrap_or_default());
    }
    answer::with(answer::with(output, "removed", removed), "changed", changed)
}

/// How many containers services are to have.
pub(crate) fn scaled(asked: Asked<'_>) -> Result<Vec<(String, i64)>, Failure> {
    let mut wanted = Vec::new();
    for (service, replicas) in asked.chosen.value.entries()? {
        let count = replicas
            .text()?
            .reveal()
            .parse::<i64>()
            .ok()
            .filter(|count| *count >= 0);
        let count = count.ok_or_else(|| replicas.wrong("expected a whole number of at least 0"))?;
        wanted.push((service.to_owned(), count));
    }
    Ok(wanted)
}

/// The words that set the numbers of containers and leave all else as it is.
pub(crate) fn scaling(wanted: &[(String, i64)], without_dependencies: bool) -> Vec<String> {
    let mut words: Vec<String> = ["up", "-d", "--no-recreate"].map(str::to_owned).to_vec();
    if without_dependencies {
        words.push("--no-deps".to_owned());
    }
    for (service, count) in wanted {
        words.extend(["--scale".to_owned(), format!("{service}={count}")]);
    }
    words.extend(wanted.iter().map(|(service, _)| service.clone()));
    words
}

fn told(asked: Asked<'_>, program: Program, meant: &[Named]) -> Result<Vec<Told>, Failure> {
    let alone = is_off(asked, "dependencies");
    let is_on = |key: &str| asked.chosen.is_on(key);
    let mut told = match asked.chosen.verb.key {
        "up" => return up(asked, program, meant),
        "down" => return down(asked, meant),
        "scale" => {
            let words = scaling(&scaled(asked)?, alone);
            return Ok(vec![Told {
                words,
                env: Vec::new(),
            }]);
        }
        "start" => Told::new(&["start"]),
        "stop" => {
            let mut told = Told::new(&["stop"]);
            told.grace(asked)?;
            told
        }
        "restart" => {
            let mut told = Told::new(&["restart"]);
            told.grace(asked)?;
            // The older program never restarts what depends on a service.
            told.when(alone && program == Program::Plugin, "--no-deps");
            told
        }
        "pull" => {
            let mut told = Told::new(&["pull"]);
            told.when(is_on("dependencies"), "--include-deps");
            told
        }
        _ => {
            let mut told = Told::new(&["build"]);
            told.when(is_on("no_cache"), "--no-cache");
            for (name, value) in asked::map(asked.chosen, "build_args")? {
                // The value is taken from the environment, where nobody else sees it.
                told.words.extend(["--build-arg".to_owned(), name.clone()]);
                told.env.push((name, value));
            }
            told
        }
    };
    told.services(meant);
    Ok(vec![told])
}

fn up(asked: Asked<'_>, program: Program, meant: &[Named]) -> Result<Vec<Told>, Failure> {
    let is_on = |key: &str| asked.chosen.is_on(key);
    let policy = asked.chosen.get("pull_policy");
    let mut all = Vec::new();
    let mut told = Told::new(&["up", "-d"]);
    match policy.as_ref().map(runbook_action::Args::literal).transpose()? {
        Some("always") => {
            let mut pull = Told::new(&["pull"]);
            pull.services(meant);
            all.push(pull);
        }
        Some("never") if program == Program::Plugin => {
            told.words.extend(["--pull", "never"].map(str::to_owned));
        }
        Some("never") => {
            let policy = policy.unwrap_or_else(|| asked.chosen.value.clone());
            let failure = policy.wrong("is not what `docker-compose` can do: it pulls what is missing");
            return Err(failure.help("install Docker's plugin `compose`, or leave it out"));
        }
        Some(_) | None => {}
    }
    told.when(is_on("force_recreate"), "--force-recreate");
    told.when(is_off(asked, "dependencies"), "--no-deps");
    told.when(is_on("with_build"), "--build");
    told.when(is_on("remove_orphans"), "--remove-orphans");
    told.grace(asked)?;
    told.services(meant);
    all.push(told);
    Ok(all)
}

/// The older program takes all down or nothing, so single services are stopped and removed.
fn down(asked: Asked<'_>, meant: &[Named]) -> Result<Vec<Told>, Failure> {
    let is_on = |key: &str| asked.chosen.is_on(key);
    if meant.is_empty() {
        let mut told = Told::new(&["down"]);
        told.when(is_on("volumes"), "--volumes");
        told.when(is_on("remove_orphans"), "--remove-orphans");
        if let Some(images) = asked::text(asked.chosen, "images")? {
            told.words.extend(["--rmi".to_owned(), images]);
        }
        told.grace(asked)?;
        return Ok(vec![told]);
    }
    for key in ["images", "remove_orphans"] {
        if let Some(given) = asked.chosen.get(key) {
            return Err(given
                .wrong("is for a project as a whole")
                .help("write `down: all`, or leave it out"));
        }
    }
    let mut stop = Told::new(&["stop"]);
    stop.grace(asked)?;
    stop.services(meant);
    let mut remove = Told::new(&["rm", "-f"]);
    remove.when(is_on("volumes"), "-v");
    remove.services(meant);
    Ok(vec![stop, remove])
}
