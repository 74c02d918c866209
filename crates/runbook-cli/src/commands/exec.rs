//! `runbook exec`

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runbook_action::Secret;
use runbook_document::{Finding, Findings, Severity, codes, settle};
use runbook_engine::{Approver, LabAddress, Ports, Prepared, Start};
use runbook_journal::Writer;
use runbook_plan::{Catalogue, Given, Library, Origin, Plan, Request, SecretFrom, compile};
use runbook_report::Evidence;
use serde_json::{Value, json};

use crate::args::{Exec, Format};
use crate::ask::{Always, Terminal};
use crate::catalogue::catalogue;
use crate::clock::{SystemClock, now};
use crate::error::Error;
use crate::identity::Environment;
use crate::project::{CONFIG, Loaded, Project, sha256};
use crate::term;
use crate::view::{Screen, View};
use crate::{diagnostics, lacking, practice, signals};

/// Runs a runbook. Everything that can be refused is refused before anything starts.
pub(crate) fn run(project: &Project, environment: &Environment, args: &Exec) -> Result<u8, Error> {
    let mut project = project.clone();
    let path = project.find_runbook(&args.runbook)?;
    project.knows_environment(args.env.as_deref())?;
    let loaded = project.load(&path)?;
    let catalogue = catalogue(environment, &project.root);
    let (plan, loaded) = compiled(&mut project, loaded, &catalogue, args)?;
    let given = given(args)?;
    let inputs = plan.resolve_inputs(&given).map_err(Error::Inputs)?;
    let secrets = secrets(&plan, environment)?;
    let asks = plan.steps().iter().find(|step| step.approve.is_some());
    if let Some(step) = asks.filter(|_| !args.yes && !can_ask(args)) {
        return Err(Error::usage_with(
            format!(
                "step `{}` asks for approval, and there is no terminal to ask on, so nothing ran",
                step.id
            ),
            "pass `--yes` to approve everything, or run it on a terminal",
        ));
    }
    let start = Start {
        run: run_name(&plan.about().name),
        inputs,
        secrets,
        lab: None,
        who: environment.who(),
        path: loaded.path.clone(),
        sha256: sha256(project.sources.text(loaded.source)),
        engine: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let runtime =
        tokio::runtime::Runtime::new().map_err(|error| Error::usage(format!("cannot start: {error}")))?;
    let session = Session {
        project: &project,
        environment,
        args,
        loaded: &loaded,
    };
    let result = runtime.block_on(session.run(plan, catalogue, start));
    // Nobody waits for what may still block, such as the lookup of a name.
    runtime.shutdown_background();
    result
}

fn compiled(
    project: &mut Project,
    loaded: Loaded,
    catalogue: &Catalogue,
    args: &Exec,
) -> Result<(Plan, Loaded), Error> {
    let mut findings = Findings::new();
    let needs_others = loaded.document.as_ref().is_some_and(Library::is_needed_by);
    let library = if needs_others {
        project.library(std::slice::from_ref(&loaded))?
    } else {
        Library::new()
    };
    let plan = match (&loaded.tree, &loaded.document) {
        (Some(tree), Some(document)) => {
            let request = Request {
                document,
                tree: Some(tree),
                config: &project.config,
                environment: args.env.as_deref(),
                catalogue,
                library: &library,
                texts: &project.sources.texts,
            };
            compile(&request, &mut findings)
        }
        (None | Some(_), None | Some(_)) => None,
    };
    let mut all = project.findings.clone();
    all.extend(loaded.findings.clone().into_sorted());
    all.extend(findings.into_sorted());
    if let (Some(plan), Some(document)) = (&plan, &loaded.document) {
        let lacking = runbook_engine::lacks(plan, catalogue);
        all.extend(lacking::error(lacking, document.name.span));
    }
    let all = settled(project, &loaded, all, plan.as_ref().and_then(Plan::environment));
    let refused = all.iter().any(|finding| finding.severity == Severity::Error);
    match plan.filter(|_| !refused) {
        Some(plan) => {
            if !all.is_empty() {
                term::print_error(&diagnostics::text(&project.sources, &all, &std::io::stderr()));
            }
            Ok((plan, loaded))
        }
        None => Err(Error::Findings(Box::new((project.sources.clone(), all)))),
    }
}

/// The findings as the project wants them. What is declared for nothing does not matter to whoever runs it.
fn settled(project: &Project, loaded: &Loaded, all: Vec<Finding>, environment: Option<&str>) -> Vec<Finding> {
    let mut waivers = project.waivers.clone();
    waivers.extend_from_slice(loaded.findings.waivers());
    let mut settled = settle(all, &waivers, &project.config.levels(environment));
    let idle = [codes::UNUSED_INPUT, codes::UNUSED_CAPTURE, codes::WAIVER];
    settled.retain(|finding| finding.severity == Severity::Error || !idle.contains(&finding.code));
    settled
}

fn given(args: &Exec) -> Result<Vec<Given>, Error> {
    let mut given = Vec::new();
    for path in &args.inputs {
        given.extend(from_file(path)?);
    }
    for pair in &args.input {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Error::usage_with(
                format!("`{pair}` is not an input"),
                "write it as `-i NAME=VALUE`",
            ));
        };
        let twice = |known: &Given| known.origin == Origin::Argument && known.name == name;
        if given.iter().any(twice) {
            return Err(Error::usage_with(
                format!("the input `{name}` is given twice with `-i`"),
                "leave one of them out",
            ));
        }
        given.push(Given {
            name: name.to_owned(),
            value: Value::from(value),
            origin: Origin::Argument,
        });
    }
    Ok(given)
}

fn from_file(path: &Path) -> Result<Vec<Given>, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::file("read", path, &error))?;
    let origin = Origin::File(path.display().to_string());
    let not =
        |what: &str, error: String| Error::usage(format!("`{}` is not {what}: {error}", path.display()));
    let is_json = path
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("json"));
    // JSON has escapes, such as pairs of surrogates, that a reader of YAML refuses.
    let value: Value = if is_json {
        serde_json::from_str(&text).map_err(|error| not("JSON", error.to_string()))?
    } else {
        serde_yaml::from_str(&text)
            .or_else(|error| serde_json::from_str(&text).map_err(|_| error))
            .map_err(|error| not("YAML or JSON", error.to_string()))?
    };
    let Value::Object(map) = value else {
        return Err(Error::usage_with(
            format!("`{}` holds no inputs", path.display()),
            "write a mapping: `name: value`",
        ));
    };
    Ok(map
        .into_iter()
        .map(|(name, value)| Given {
            name,
            value,
            origin: origin.clone(),
        })
        .collect())
}

fn secrets(plan: &Plan, environment: &Environment) -> Result<Vec<Secret>, Error> {
    let mut secrets = Vec::new();
    for secret in plan.secrets() {
        let (name, SecretFrom::Env(variable)) = (&secret.name, &secret.from) else {
            // A plan with another source was refused.
            continue;
        };
        match environment.get(variable) {
            Some(value) if !value.is_empty() => secrets.push(Secret::new(name, value.to_owned())),
            Some(_) | None => {
                return Err(Error::usage_with(
                    format!(
                        "secret `{name}` has no value: the environment variable `{variable}` is not set, so nothing ran"
                    ),
                    format!("set `{variable}`"),
                ));
            }
        }
    }
    Ok(secrets)
}

/// When, which runbook, and four digits against two in the same second.
fn run_name(runbook: &str) -> String {
    let mut random = [0u8; 2];
    // Without randomness the name is still good: two runs of one runbook in one second are refused.
    let _unseeded = getrandom::fill(&mut random);
    let [high, low] = random;
    format!(
        "{}-{runbook}-{high:02x}{low:02x}",
        now().strftime("%Y%m%d-%H%M%S")
    )
}

struct Session<'a> {
    project: &'a Project,
    environment: &'a Environment,
    args: &'a Exec,
    loaded: &'a Loaded,
}

impl Session<'_> {
    async fn run(&self, plan: Plan, catalogue: Catalogue, start: Start) -> Result<u8, Error> {
        let signals =
            signals::listen().map_err(|error| Error::usage(format!("cannot listen for signals: {error}")))?;
        let lab = practice::start(&plan, self.args).await?;
        let practice = plan.lab().map(str::to_owned);
        let address = lab.as_ref().map(|lab| LabAddress {
            url: lab.url().to_owned(),
            database: lab.database_url().to_owned(),
        });
        let run = start.run.clone();
        let prepared = Prepared::new(
            plan,
            catalogue,
            Start {
                lab: address,
                ..start
            },
        )?;
        let runs = self.project.runs();
        let journal = Writer::create(&runs, &run, &self.pinned())?;
        let dir = journal.dir().to_owned();
        let text = self.args.format == Format::Text;
        let screen = if text {
            Screen::on_output(std::io::stdout().is_terminal())
        } else {
            Screen::silent()
        };
        let ports = Ports {
            clock: Arc::new(SystemClock::new()),
            journal: Box::new(journal),
            observers: vec![Box::new(View::new(
                screen.clone(),
                self.args.output,
                !self.args.yes && shows_on_terminal(self.args),
            ))],
            approver: self.approver(screen),
            signals,
        };
        let finished = prepared.run(ports).await;
        if let Some(lab) = lab {
            lab.stop().await;
        }
        let report = write_report(&dir);
        let finished = finished.inspect_err(|_| self.say_where(&dir, report.as_deref().ok()))?;
        // What happened has happened, whether or not there is still a place to write about it.
        let report = report.inspect_err(Error::print).ok();
        if text {
            self.say_where(&dir, report.as_deref());
            if let Some(system) = practice {
                term::print(&format!(
                    "this was practice: the practice system {system} stood in for the real one"
                ));
            }
        } else {
            let summary = json!({
                "run": run,
                "outcome": finished.outcome.word(),
                "exit_code": finished.outcome.exit_code(),
                "journal": dir.join("journal.jsonl"),
                "report": report,
            });
            term::print(&summary.to_string());
        }
        Ok(finished.outcome.exit_code())
    }

    /// The texts that decide the run.
    fn pinned(&self) -> Vec<(&str, &[u8])> {
        let config = self
            .project
            .config_text
            .as_deref()
            .map(|text| (CONFIG, text.as_bytes()));
        let runbook = self.project.sources.text(self.loaded.source);
        std::iter::once(("runbook.yaml", runbook.as_bytes()))
            .chain(config)
            .collect()
    }

    fn approver(&self, screen: Screen) -> Arc<dyn Approver> {
        let user = self.environment.who().user;
        if self.args.yes {
            Arc::new(Always { user })
        } else {
            Arc::new(Terminal::new(user, screen, !shows_on_terminal(self.args)))
        }
    }

    fn say_where(&self, dir: &Path, report: Option<&Path>) {
        let shown = |path: &Path| {
            path.strip_prefix(&self.project.directory)
                .unwrap_or(path)
                .display()
                .to_string()
        };
        let print = |line: &str| {
            if self.args.format == Format::Text {
                term::print(line);
            } else {
                term::print_error(line);
            }
        };
        print(&format!("  journal  {}", shown(&dir.join("journal.jsonl"))));
        if let Some(report) = report {
            print(&format!("  report   {}", shown(report)));
        }
    }
}

/// Whether people see on a terminal how the run goes.
fn shows_on_terminal(args: &Exec) -> bool {
    args.format == Format::Text && std::io::stdout().is_terminal()
}

/// Whether a question can be seen and answered.
fn can_ask(args: &Exec) -> bool {
    std::io::stdin().is_terminal() && (shows_on_terminal(args) || std::io::stderr().is_terminal())
}

/// The report beside the journal, made from what the journal holds.
fn write_report(dir: &Path) -> Result<PathBuf, Error> {
    let run = runbook_journal::read(dir)?;
    let report = runbook_report::markdown(&run.records, &Evidence { head: &run.head })?;
    let path = dir.join("report.md");
    // Nobody else may read it, as all else in the run's directory.
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(&path)
        .and_then(|mut file| file.write_all(report.as_bytes()))
        .map_err(|error| Error::file("write", &path, &error))?;
    Ok(path)
}
