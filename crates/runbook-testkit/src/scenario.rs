//! A scenario: the text of a runbook, a script for its actions, people and signals; and what came of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::Secret;
use runbook_document::{Config, Document, Findings, Node, SourceId, parse};
use runbook_engine::{OnHangup, Secrets, Start};
use runbook_event::{Assumed, Assumption, JournalError, OnFailure, Resumed, StepState, Vault, Wanted, Who};
use runbook_plan::{Catalogue, Given, Library, Origin, Plan, Request, compile};
use serde_json::Value;

use crate::crash::Crash;
use crate::play::Play;
use crate::ran::Ran;
use crate::stage::Stage;

/// A vault that hides nothing from whoever looks for the word, and no secret shows in what it gives.
#[derive(Debug)]
pub struct OpenVault;

impl Vault for OpenVault {
    fn seal(&self, plain: &[u8]) -> Result<String, JournalError> {
        Ok(plain.iter().fold("sealed:".to_owned(), |mut text, byte| {
            let _infallible = write!(text, "{:02x}", byte ^ 0x5a);
            text
        }))
    }

    fn open(&self, sealed: &str) -> Option<Vec<u8>> {
        let digits = sealed.strip_prefix("sealed:")?;
        let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        (0..digits.len())
            .step_by(2)
            .map(|at| Some(byte(at)? ^ 0x5a))
            .collect()
    }
}

/// Actions that are real, in place of the scripted ones, and time that passes as it does.
#[derive(Clone)]
pub(crate) struct Real {
    pub(crate) catalogue: Catalogue,
    /// What a person says who looks at the world, where nobody can tell about a step.
    pub(crate) looks: Arc<dyn Fn(&StepState) -> Assumption + Send + Sync>,
}

impl std::fmt::Debug for Real {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Real").finish_non_exhaustive()
    }
}

/// What is to happen.
#[derive(Debug, Clone, Default)]
pub struct Scenario {
    text: String,
    pub(crate) plays: Vec<(String, Vec<Play>)>,
    pub(crate) answers: BTreeMap<String, (Duration, bool)>,
    pub(crate) signals: Vec<Duration>,
    secrets: Vec<(String, String)>,
    inputs: IndexMap<String, Value>,
    pub(crate) rude: bool,
    pub(crate) unheard: bool,
    pub(crate) appends: Option<usize>,
    pub(crate) syncs: Option<usize>,
    others: Vec<String>,
    wanted: Wanted,
    pub(crate) on_hangup: OnHangup,
    pub(crate) hangup: Option<Duration>,
    pub(crate) on_interrupt: Option<OnFailure>,
    pub(crate) locked: Vec<String>,
    crashes: Vec<Crash>,
    pub(crate) by_truth: bool,
    pub(crate) goes_on: Vec<(Resumed, Vec<Assumed>)>,
    pub(crate) real: Option<Real>,
}

impl Scenario {
    /// A runbook whose head is given; `body` is the rest, from `steps` or so on.
    #[must_use]
    pub fn new(body: &str) -> Self {
        Self {
            text: format!(
                "apiVersion: runbook/v1\nname: scenario\nversion: 1.0.0\ntitle: A scenario\n{}",
                outdent(body)
            ),
            ..Self::default()
        }
    }

    /// A whole runbook with real actions, and time that passes as it does. Where nobody can tell about a step, a person
    /// looks at the world, says what is so, and resumes.
    #[must_use]
    pub fn real(
        text: &str,
        catalogue: Catalogue,
        looks: impl Fn(&StepState) -> Assumption + Send + Sync + 'static,
    ) -> Self {
        let looks = Arc::new(looks);
        Self {
            text: text.to_owned(),
            by_truth: true,
            real: Some(Real { catalogue, looks }),
            ..Self::default()
        }
    }

    /// What the calls of this name do, in order; the last is repeated.
    #[must_use]
    pub fn on(mut self, name: &str, plays: impl IntoIterator<Item = Play>) -> Self {
        self.plays.push((name.to_owned(), plays.into_iter().collect()));
        self
    }

    /// A person answers the question of this step after so many milliseconds. Otherwise nobody does.
    #[must_use]
    pub fn answer(mut self, step: &str, after: u64, approved: bool) -> Self {
        self.answers
            .insert(step.to_owned(), (Duration::from_millis(after), approved));
        self
    }

    /// A signal at a time, in milliseconds from the start.
    #[must_use]
    pub fn signal(mut self, at: u64) -> Self {
        self.signals.push(Duration::from_millis(at));
        self
    }

    /// A secret's value.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.push((name.to_owned(), value.to_owned()));
        self
    }

    /// An input's value.
    #[must_use]
    pub fn input(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.inputs.insert(name.to_owned(), value.into());
        self
    }

    /// Somebody watches who panics at the third event.
    #[must_use]
    pub fn with_a_rude_observer(mut self) -> Self {
        self.rude = true;
        self
    }

    /// The journal takes so many records, and then no more.
    #[must_use]
    pub fn appends(mut self, count: usize) -> Self {
        self.appends = Some(count);
        self
    }

    /// The journal syncs so many times, and then no more.
    #[must_use]
    pub fn syncs(mut self, count: usize) -> Self {
        self.syncs = Some(count);
        self
    }

    /// Another runbook of the project, which this one may call: its name, and what follows its head.
    #[must_use]
    pub fn runbook(mut self, name: &str, body: &str) -> Self {
        self.others.push(format!(
            "apiVersion: runbook/v1\nname: {name}\nversion: 1.0.0\ntitle: Runbook {name}\n{}",
            outdent(body)
        ));
        self
    }

    /// What is asked for on the command line.
    #[must_use]
    pub fn wants(mut self, wanted: Wanted) -> Self {
        self.wanted = wanted;
        self
    }

    /// The terminal goes away at a time, in milliseconds from the start.
    #[must_use]
    pub fn hangs_up(mut self, at: u64, then: OnHangup) -> Self {
        self.hangup = Some(Duration::from_millis(at));
        self.on_hangup = then;
        self
    }

    /// What a person says who is asked what a signal is to do. Otherwise nobody says anything.
    #[must_use]
    pub fn on_interrupt(mut self, then: OnFailure) -> Self {
        self.on_interrupt = Some(then);
        self
    }

    /// Its process ends so, and the run is resumed; and so on, until there are no more crashes.
    #[must_use]
    pub fn crashes(mut self, crashes: impl IntoIterator<Item = Crash>) -> Self {
        self.crashes.extend(crashes);
        self
    }

    /// Whenever nobody can tell, a person looks at what has happened, says so, and resumes. A run that a third signal
    /// left is resumed as well.
    #[must_use]
    pub const fn by_truth(mut self) -> Self {
        self.by_truth = true;
        self
    }

    /// When it has ended, it is resumed so, with what a person says about steps that nobody else can tell about.
    #[must_use]
    pub fn resumes<'a>(
        mut self,
        how: Resumed,
        assumed: impl IntoIterator<Item = (&'a str, Assumption)>,
    ) -> Self {
        let assumed = assumed.into_iter().map(|(step, assume)| Assumed {
            step: step.to_owned(),
            assume,
            reason: "a person has looked".to_owned(),
        });
        self.goes_on.push((how, assumed.collect()));
        self
    }

    /// Nobody watches: many runs are faster so.
    #[must_use]
    pub const fn unheard(mut self) -> Self {
        self.unheard = true;
        self
    }

    /// Another run has this lock.
    #[must_use]
    pub fn locked(mut self, lock: &str) -> Self {
        self.locked.push(lock.to_owned());
        self
    }

    /// The plan of its text.
    ///
    /// # Panics
    ///
    /// When there is something to find fault with.
    #[must_use]
    pub fn plan(&self, catalogue: &Catalogue) -> Plan {
        let mut findings = Findings::new();
        let own = Catalogue::new();
        let kinds: Vec<&str> = catalogue
            .kinds()
            .filter(|kind| !own.kinds().any(|own| own == *kind))
            .collect();
        let texts: Vec<String> = std::iter::once(&self.text).chain(&self.others).cloned().collect();
        let mut library = Library::new();
        let (mut own, mut others) = (None, Vec::new());
        for (at, text) in texts.iter().enumerate() {
            let source = SourceId(u32::try_from(at).unwrap_or(u32::MAX));
            let tree = parse(source, text, &mut findings);
            let read = tree.and_then(|tree| Some((Document::read(&tree, &kinds, &mut findings)?, tree)));
            match (read, at) {
                (Some(read), 0) => own = Some(read),
                (Some((document, tree)), _) => {
                    others.push((document.clone(), tree.clone()));
                    library.keep(document, tree, Findings::new());
                }
                (None, _) => {}
            }
        }
        let config = Config::default();
        let compiled = |document: &Document, tree: &Node, findings: &mut Findings| {
            let request = Request {
                document,
                tree: Some(tree),
                config: &config,
                environment: None,
                catalogue,
                library: &library,
                texts: &texts,
            };
            compile(&request, findings)
        };
        let plan = own.and_then(|(document, tree)| compiled(&document, &tree, &mut findings));
        let Some(plan) = plan else {
            for (document, tree) in &others {
                drop(compiled(document, tree, &mut findings));
            }
            let found = findings.into_sorted();
            let found: Vec<String> = found
                .iter()
                .map(|finding| format!("{}: {:?}: {}", finding.code.id, finding.severity, finding.message))
                .collect();
            panic!("{}\n{}", found.join("\n"), texts.join("\n"));
        };
        plan
    }

    /// Its plan and what runs it: for several runs of the same.
    ///
    /// # Panics
    ///
    /// When the runbook is wrong.
    #[must_use]
    pub fn stage(self) -> Stage {
        Stage::new(self)
    }

    /// Runs it to its end, through its crashes.
    ///
    /// # Panics
    ///
    /// When the runbook is wrong, or the run does not end.
    #[must_use]
    pub fn run(self) -> Ran {
        let crashes = self.crashes.clone();
        self.stage().run(&crashes)
    }

    pub(crate) fn start(&self, plan: &Plan) -> Start {
        let given = self.inputs.iter().map(|(name, value)| Given {
            name: name.clone(),
            value: value.clone(),
            origin: Origin::Argument,
        });
        let inputs = match &self.real {
            Some(_) => plan
                .resolve_inputs(&given.collect::<Vec<_>>())
                .unwrap_or_default(),
            None => self.inputs.clone(),
        };
        Start {
            run: "run-1".to_owned(),
            inputs,
            secrets: self.secrets_by_runbook(),
            lab: None,
            incident: None,
            promise: None,
            who: ada(),
            path: "scenario.yaml".to_owned(),
            sha256: "0".repeat(64),
            pinned: IndexMap::new(),
            commit: None,
            wanted: self.wanted.clone(),
            engine: "test".to_owned(),
            vault: Arc::new(OpenVault),
        }
    }

    /// Every runbook has the same secrets.
    pub(crate) fn secrets_by_runbook(&self) -> Secrets {
        let own: Vec<Secret> = self
            .secrets
            .iter()
            .map(|(name, value)| Secret::new(name, value.clone()))
            .collect();
        let names = self.others.iter().filter_map(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("name: "))?;
            Some(line.to_owned())
        });
        let names = std::iter::once("scenario".to_owned()).chain(names);
        names.map(|name| (name, own.clone())).collect()
    }
}

/// Who starts runs.
pub(crate) fn ada() -> Who {
    Who {
        user: "ada".to_owned(),
        host: "here".to_owned(),
    }
}

/// A text without the margin that the source code gave it.
#[must_use]
pub fn outdent(text: &str) -> String {
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let margin = lines().map(|line| line.len() - line.trim_start().len()).min();
    let lines = lines().map(|line| line.get(margin.unwrap_or(0)..).unwrap_or_default());
    lines.flat_map(|line| [line, "\n"]).collect()
}
