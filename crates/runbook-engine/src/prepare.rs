//! From a plan and what the caller gives to a run that can begin, or go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use runbook_action::{Connection, Param, Secret};
use runbook_event::{Commit, Event, Promise, Record, RunResumed, RunStarted, RunState, Vault, Wanted, Who};
use runbook_plan::{Catalogue, Plan};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::courses::{CourseRun, Courses, Sources, secret_inputs};
use crate::lacks::{Lacking, lacks};
use crate::live::{Live, Sealed};
use crate::mask::{MaskError, Masker};
use crate::masks::Masks;
use crate::outline::{outline, runbook_ref};

/// The version of the journal's format.
const FORMAT: u32 = 2;

/// The secrets of a run: of each runbook of it, by the runbook's name.
pub type Secrets = BTreeMap<String, Vec<Secret>>;

/// What a caller gives besides the plan, for a run that begins.
pub struct Start {
    /// The run's name.
    pub run: String,
    /// The values of the inputs.
    pub inputs: IndexMap<String, Value>,
    /// The secrets.
    pub secrets: Secrets,
    /// Where the practice system is, if one was started.
    pub lab: Option<LabAddress>,
    /// The incident that it is a part of.
    pub incident: Option<String>,
    /// What the project promises for the runbook's severity.
    pub promise: Option<Promise>,
    /// Who starts it, and where.
    pub who: Who,
    /// The file, relative to the project's root.
    pub path: String,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// The texts that decide it: name and SHA-256 in hexadecimal.
    pub pinned: IndexMap<String, String>,
    /// The commit of the repository that the runbook is in.
    pub commit: Option<Commit>,
    /// What was asked for on the command line beyond the runbook.
    pub wanted: Wanted,
    /// The program's version.
    pub engine: String,
    /// Encrypts what is secret and must outlive a crash.
    pub vault: Arc<dyn Vault>,
}

/// What a caller gives besides the plan, for a run that goes on.
pub struct Again {
    /// What the journal holds.
    pub records: Vec<Record>,
    /// Their fold.
    pub state: RunState,
    /// How it goes on, and who wants it.
    pub resumed: RunResumed,
    /// The secrets, read anew.
    pub secrets: Secrets,
    /// Where the practice system is, if one was started.
    pub lab: Option<LabAddress>,
    /// Decrypts what is secret in the journal.
    pub vault: Arc<dyn Vault>,
}

/// Where a practice system is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabAddress {
    /// Its service.
    pub url: String,
    /// Its database.
    pub database: String,
}

/// A run cannot begin, or go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PrepareError {
    /// A variable has no value.
    #[error("variable `{name}`: {reason}")]
    Variable {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// A connection has no value.
    #[error("connection `{name}`: {reason}")]
    Connection {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// What the run owns has no name.
    #[error("lock: {reason}")]
    Lock {
        /// Why.
        reason: String,
    },
    /// A secret could not be encrypted.
    #[error("{reason}")]
    Vault {
        /// Why.
        reason: String,
    },
    /// It asks for what this version cannot run.
    #[error("this version cannot run {}", listed(.0))]
    Lacks(Vec<Lacking>),
    /// It has too many steps.
    #[error("it has {steps} steps with those of its sub-runbooks, and {MAX_STEPS} are the most")]
    TooLarge {
        /// How many.
        steps: usize,
    },
    /// A secret cannot be protected.
    #[error(transparent)]
    Secret(#[from] MaskError),
    /// The journal is of another runbook, or of another plan of it.
    #[error("the journal is of another plan than this one")]
    AnotherPlan,
    /// A secret input is encrypted, and cannot be read.
    #[error("the value of the secret input `{name}` is encrypted, and the run's key is not here")]
    NoKey {
        /// Its name.
        name: String,
    },
    /// A sub-runbook that was on its way cannot be opened again.
    #[error("the runbook of step `{step}` cannot be opened again: {reason}")]
    Runbook {
        /// The step.
        step: String,
        /// Why.
        reason: String,
    },
}

fn listed(lacking: &[Lacking]) -> String {
    let mut words: Vec<&str> = lacking.iter().map(|lacking| lacking.what.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    words.join(", ")
}

/// A run that can begin, or go on.
pub struct Prepared {
    pub(crate) catalogue: Catalogue,
    pub(crate) courses: Courses,
    pub(crate) masks: Arc<Masks>,
    pub(crate) live: Arc<Live>,
    pub(crate) run: String,
    pub(crate) state: RunState,
    pub(crate) first: Vec<Event>,
    pub(crate) max_parallel: usize,
    locks: Vec<String>,
}

impl Prepared {
    /// Gives every name its value.
    pub fn new(plan: Plan, catalogue: Catalogue, start: Start) -> Result<Self, PrepareError> {
        let plan = able(plan, &catalogue)?;
        let (masks, prints) = masks(&plan, &start.inputs, &start.secrets)?;
        let top = course(
            &plan,
            &start.run,
            &start.inputs,
            &start.secrets,
            start.lab.as_ref(),
        )?;
        let top = Arc::new(top);
        let live = Arc::new(Live::new(Arc::clone(&start.vault)));
        let courses = Courses::new(Arc::clone(&top), start.secrets, start.lab);
        let locks = courses
            .locks(&top, &start.run, &masks)
            .map_err(|failure| PrepareError::Lock {
                reason: failure.message,
            })?;
        let secret = plan.inputs().iter().filter(|input| input.secret);
        let sealed = Sealed {
            values: secret
                .filter_map(|input| Some((input.name.clone(), start.inputs.get(&input.name)?.clone())))
                .collect(),
            inverse: None,
            prints,
        };
        let sealed = live.seal(&sealed).map_err(|failure| PrepareError::Vault {
            reason: failure.to_string(),
        })?;
        let started = RunStarted {
            run: start.run.clone(),
            format: FORMAT,
            engine: start.engine,
            runbook: runbook_ref(plan.about(), start.path, start.sha256),
            plan: plan.digest().to_owned(),
            environment: plan.environment().map(str::to_owned),
            practice: courses.lab().and_then(|_| plan.lab().map(str::to_owned)),
            inputs: start.inputs,
            connections: top
                .connections
                .iter()
                .map(|(name, connection)| (name.clone(), address(connection)))
                .collect(),
            incident: start.incident,
            promise: start.promise,
            who: start.who,
            pinned: start.pinned,
            commit: start.commit,
            locks: locks.clone(),
            wanted: start.wanted,
            sealed,
            outline: outline(&plan),
        };
        Ok(Self {
            catalogue,
            courses,
            masks,
            live,
            run: start.run,
            state: RunState::new(),
            first: vec![Event::RunStarted(Box::new(started))],
            max_parallel: places(&plan),
            locks,
        })
    }

    /// Gives every name the value that it had.
    pub fn again(plan: Plan, catalogue: Catalogue, again: Again) -> Result<Self, PrepareError> {
        let plan = able(plan, &catalogue)?;
        let started = again.state.run().ok_or(PrepareError::AnotherPlan)?.clone();
        let same = masked_outline(&again.secrets, outline(&plan))? == started.outline;
        if !same {
            return Err(PrepareError::AnotherPlan);
        }
        let live = Arc::new(Live::new(Arc::clone(&again.vault)));
        let opened = started.sealed.as_deref().map(|sealed| live.open(sealed));
        let sealed = opened.flatten().unwrap_or_default();
        let mut inputs = started.inputs.clone();
        for input in plan.inputs().iter().filter(|input| input.secret) {
            let Some(value) = inputs.get_mut(&input.name) else {
                continue;
            };
            let plain = sealed
                .values
                .get(&input.name)
                .ok_or_else(|| PrepareError::NoKey {
                    name: input.name.clone(),
                })?;
            plain.clone_into(value);
        }
        let (masks, prints) = masks(&plan, &inputs, &again.secrets)?;
        masks.learn(live.secrets_in(&again.records))?;
        live.remember(&masks.now(), &again.records);
        let top = course(&plan, &started.run, &inputs, &again.secrets, again.lab.as_ref())?;
        let locks = started.locks.clone();
        let mut first = vec![Event::RunResumed(Box::new(again.resumed))];
        let changed = prints
            .iter()
            .filter(|(name, print)| sealed.prints.get(*name).is_some_and(|before| before != *print));
        first.extend(changed.map(|(name, _)| Event::Noted {
            notice: runbook_event::Notice::SecretChanged { name: name.clone() },
        }));
        let prepared = Self {
            catalogue,
            courses: Courses::new(Arc::new(top), again.secrets, again.lab),
            masks,
            live,
            run: started.run,
            state: again.state,
            first,
            max_parallel: places(&plan),
            locks,
        };
        prepared.reopen()?;
        Ok(prepared)
    }

    /// The sub-runbooks that were on their way have the inputs that they had.
    fn reopen(&self) -> Result<(), PrepareError> {
        for known in self.state.courses().iter().skip(1) {
            let Some(owner) = known.owner.and_then(|at| self.state.steps().get(at)) else {
                continue;
            };
            let wrong = |reason: String| PrepareError::Runbook {
                step: owner.id.clone(),
                reason,
            };
            let around = self
                .state
                .frames()
                .get(owner.frame)
                .map_or(0, |frame| frame.course);
            let around = self.state.courses().get(around).and_then(|course| course.owner);
            let around = around
                .and_then(|at| self.state.steps().get(at))
                .map(|step| step.id.as_str());
            let course = self
                .courses
                .get(around)
                .ok_or_else(|| wrong("it stands in none".to_owned()))?;
            let step = course.plan.step(&owner.outline.id);
            let Some(runbook_plan::Body::Runbook(call)) = step.map(|step| &step.body) else {
                return Err(wrong("the plan has no such call".to_owned()));
            };
            let inputs = known.inputs.iter().map(|(name, value)| {
                let kept = self.live.get(&format!("into {}", owner.id), name);
                let value = kept.map_or_else(|| value.clone(), |kept| kept.to_param().reveal());
                (name.clone(), value)
            });
            let opened = self
                .courses
                .open(call, &self.run, inputs.collect(), &self.masks)
                .map_err(|failure| wrong(failure.to_string()))?;
            self.courses.keep(&owner.id, opened.course);
        }
        Ok(())
    }

    /// Masks the secrets of this run, for what is printed beside it.
    #[must_use]
    pub fn masker(&self) -> Arc<Masker> {
        self.masks.now()
    }

    /// What the run owns while it runs. Whoever starts it takes that first.
    #[must_use]
    pub fn locks(&self) -> &[String] {
        &self.locks
    }
}

fn places(plan: &Plan) -> usize {
    usize::try_from(plan.max_parallel().max(1)).unwrap_or(tokio::sync::Semaphore::MAX_PERMITS)
}

/// The plan, if every part of it can be run, those of its sub-runbooks too.
pub(crate) fn able(plan: Plan, catalogue: &Catalogue) -> Result<Arc<Plan>, PrepareError> {
    let mut lacking = lacks(&plan, catalogue);
    for (_, called) in plan.runbooks() {
        lacking.extend(lacks(called, catalogue));
    }
    if !lacking.is_empty() {
        return Err(PrepareError::Lacks(lacking));
    }
    let steps = size(&plan, &mut BTreeMap::new());
    if steps > MAX_STEPS {
        return Err(PrepareError::TooLarge { steps });
    }
    Ok(Arc::new(plan))
}

pub(crate) fn course(
    plan: &Arc<Plan>,
    run: &str,
    inputs: &IndexMap<String, Value>,
    secrets: &Secrets,
    lab: Option<&LabAddress>,
) -> Result<CourseRun, PrepareError> {
    let own = secrets.get(&plan.about().name).map_or(&[] as &[_], Vec::as_slice);
    let sources = Sources {
        run,
        inputs,
        secrets: own,
        lab,
    };
    CourseRun::new(Arc::clone(plan), &sources)
}

/// What masks the secrets that are known at the start, and what tells later whether one of them has changed.
pub(crate) fn masks(
    plan: &Plan,
    inputs: &IndexMap<String, Value>,
    secrets: &Secrets,
) -> Result<(Arc<Masks>, IndexMap<String, String>), PrepareError> {
    let mut all: Vec<Secret> = Vec::new();
    let mut prints = IndexMap::new();
    for (runbook, own) in secrets {
        for secret in own {
            let name = format!("{runbook}.{}", secret.name());
            prints.insert(name, print(secret.reveal()));
            all.push(secret.clone());
        }
    }
    all.extend(secret_inputs(plan, inputs));
    Ok((Arc::new(Masks::new(all)?), prints))
}

fn print(secret: &str) -> String {
    let digest = Sha256::digest(secret);
    digest.iter().fold(String::new(), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
        text
    })
}

/// How many steps a run may have, with those of all its sub-runbooks, before any loop unfolds.
const MAX_STEPS: usize = 20_000;

/// How many steps a plan has with those of its sub-runbooks, each counted as often as it is called.
fn size(plan: &Plan, known: &mut BTreeMap<String, usize>) -> usize {
    if let Some(size) = known.get(&plan.about().name) {
        return *size;
    }
    let mut size = 0_usize;
    for step in plan.all_steps() {
        size = size.saturating_add(1);
        if let runbook_plan::Body::Runbook(runbook_plan::RunbookCall {
            plan: Some(called), ..
        }) = &step.body
        {
            size = size.saturating_add(self::size(called, known));
        }
    }
    known.insert(plan.about().name.clone(), size);
    size
}

/// An outline as the journal has it, with the secrets in its texts masked.
fn masked_outline(
    secrets: &Secrets,
    outline: runbook_event::Outline,
) -> Result<runbook_event::Outline, PrepareError> {
    let all: Vec<Secret> = secrets.values().flatten().cloned().collect();
    Ok(Masker::new(&all)?.masked_outline(outline))
}

/// Where a connection leads, for people: its address without what stands before an `@`, secrets masked.
fn address(connection: &Connection) -> String {
    let Param::Map(params) = &connection.params else {
        return String::new();
    };
    let address = params.values().next().map(Param::masked).unwrap_or_default();
    let address = address.as_str().unwrap_or_default().to_owned();
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => address,
    }
}

/// The time of an event: microseconds are kept.
pub(crate) fn to_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
