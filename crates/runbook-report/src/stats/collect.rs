//! Many samples, kept as numbers.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use runbook_event::{CheckSite, Outcome};

use super::figures::{Dated, change, part, periods, quantile, spread};
use super::sample::{GateSample, Kind, Sample, StepSample, UndoSample, is_repair};
use super::shape::{Freshness, Gate, Last, Repair, Runbook, Statistics, Step, Totals, Undo, Unused};
use crate::words::role_word;

/// How many readings more than it must pass make a gate one that needs many.
const MANY: u64 = 5;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// When it is asked for.
    pub as_of: Timestamp,
    /// Runs that began before this are left out.
    pub since: Option<Timestamp>,
    /// Runs that began then or later are left out.
    pub until: Option<Timestamp>,
    /// After how many days a runbook is stale.
    pub stale_after_days: u32,
    /// Whether runs on practice systems are counted as all others.
    pub practice_counts: bool,
}

/// A runbook as the project has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its file.
    pub path: String,
    /// Its steps, in its order: id and title.
    pub steps: Vec<(String, String)>,
}

/// Collects samples. What it keeps of a run are numbers, so thousands of runs fit.
#[derive(Debug)]
pub struct Collector {
    options: Options,
    totals: Totals,
    runbooks: BTreeMap<String, Collected>,
}

#[derive(Debug, Default)]
struct Collected {
    title: String,
    runs: u64,
    outcomes: BTreeMap<&'static str, u64>,
    tried: Vec<Dated>,
    steps: IndexMap<String, Steps>,
    gates: IndexMap<CheckSite, Gates>,
    undos: IndexMap<String, UndoSample>,
    last_run: Option<Last>,
    last_rehearsal: Option<Last>,
}

#[derive(Debug, Default)]
struct Steps {
    /// Of all runs, but for the times.
    sum: StepSample,
    used: u64,
}

#[derive(Debug, Default)]
struct Gates {
    /// Of all runs, but for the flaps.
    sum: GateSample,
    flapped: u64,
    flaps: u64,
}

impl Collector {
    /// One that has seen nothing.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            totals: Totals::default(),
            runbooks: BTreeMap::new(),
        }
    }

    /// Whether a run that began then counts.
    #[must_use]
    pub fn wants(&self, at: Timestamp) -> bool {
        self.options.since.is_none_or(|since| at >= since)
            && self.options.until.is_none_or(|until| at < until)
    }

    /// Adds a run that cannot be read.
    pub fn unreadable(&mut self) {
        self.totals.unreadable += 1;
    }

    /// Adds that there was a run, of which nothing counts but that it was: it began before all that is asked for.
    pub fn seen(&mut self, runbook: &str, kind: Kind, last: Last) {
        let collected = self.runbooks.entry(runbook.to_owned()).or_default();
        collected.saw(kind, last);
    }

    /// Adds a run.
    pub fn add(&mut self, sample: Sample) {
        let last = Last {
            run: sample.run.clone(),
            at: sample.at,
            outcome: sample.outcome,
        };
        self.seen(&sample.runbook, sample.kind, last);
        if sample.kind == Kind::Rehearsal && !self.options.practice_counts {
            self.totals.rehearsals += 1;
            return;
        }
        self.totals.counted += 1;
        self.totals.pruned += u64::from(sample.pruned);
        if let Some(collected) = self.runbooks.get_mut(&sample.runbook) {
            collected.add(sample);
        }
    }

    /// All that is known, of the runbooks that there are now and of those that there were. With `only` of that one.
    #[must_use]
    pub fn finish(mut self, current: &[Current], only: Option<&str>) -> Statistics {
        for runbook in current {
            self.runbooks.entry(runbook.name.clone()).or_default();
        }
        let options = self.options;
        let runbooks = self
            .runbooks
            .into_iter()
            .filter(|(name, _)| only.is_none_or(|only| only == name))
            .map(|(name, collected)| {
                let current = current.iter().find(|runbook| runbook.name == name);
                collected.finish(name, current, &options)
            })
            .collect();
        Statistics {
            as_of: options.as_of,
            since: options.since,
            until: options.until,
            stale_after_days: options.stale_after_days,
            practice_counts: options.practice_counts,
            runs: self.totals,
            runbooks,
        }
    }
}

/// Whether it had something to do and is over.
const fn is_tried(outcome: Option<Outcome>) -> bool {
    match outcome {
        None | Some(Outcome::NotNeeded | Outcome::Waiting) => false,
        Some(
            Outcome::Resolved
            | Outcome::Failed
            | Outcome::RolledBack
            | Outcome::RollbackFailed
            | Outcome::Rejected
            | Outcome::Unknown
            | Outcome::CleanupFailed
            | Outcome::Interrupted,
        ) => true,
    }
}

impl Collected {
    fn saw(&mut self, kind: Kind, last: Last) {
        let kept = match kind {
            Kind::Real => &mut self.last_run,
            Kind::Rehearsal => &mut self.last_rehearsal,
        };
        if kept
            .as_ref()
            .is_none_or(|kept| (kept.at, &kept.run) < (last.at, &last.run))
        {
            *kept = Some(last);
        }
    }

    fn add(&mut self, sample: Sample) {
        self.runs += 1;
        if self.title.is_empty() {
            self.title = sample.title;
        }
        let ended = match sample.outcome {
            Some(outcome) => outcome.word(),
            None if sample.running => "running",
            None => "killed",
        };
        *self.outcomes.entry(ended).or_default() += 1;
        if is_tried(sample.outcome) {
            self.tried.push(Dated {
                at: sample.at,
                resolved: is_repair(sample.outcome),
                repair_ms: sample.repair_ms,
            });
        }
        for (id, step) in sample.steps {
            self.steps.entry(id).or_default().add(step);
        }
        for (site, gate) in sample.gates {
            self.gates.entry(site).or_default().add(&gate);
        }
        for (step, undo) in sample.undos {
            let sum = self.undos.entry(step).or_default();
            sum.undone += undo.undone;
            sum.failed += undo.failed;
        }
    }

    fn finish(mut self, name: String, current: Option<&Current>, options: &Options) -> Runbook {
        self.tried.sort_by_key(|run| run.at);
        let tried = self.tried.len() as u64;
        let resolved = self.tried.iter().filter(|run| run.resolved).count() as u64;
        let repairs: Vec<u64> = self.tried.iter().filter_map(|run| run.repair_ms).collect();
        let mut outcomes: Vec<(&str, u64)> = self
            .outcomes
            .iter()
            .map(|(word, count)| (*word, *count))
            .collect();
        outcomes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let lately = [&self.last_run, &self.last_rehearsal];
        let lately = lately.into_iter().flatten().map(|last| last.at).max();
        let days_since = lately.map(|at| options.as_of.duration_since(at).as_hours().max(0) / 24);
        let freshness = match (current, days_since) {
            (None, _) => Freshness::Gone,
            (Some(_), None) => Freshness::NeverRun,
            (Some(_), Some(days)) if days >= i64::from(options.stale_after_days) => Freshness::Stale,
            (Some(_), Some(_)) => Freshness::Fresh,
        };
        Runbook {
            title: current.map_or(self.title.clone(), |current| current.title.clone()),
            path: current.map(|current| current.path.clone()),
            runs: self.runs,
            outcomes: outcomes
                .into_iter()
                .map(|(word, count)| (word.to_owned(), count))
                .collect(),
            tried,
            resolved,
            success_rate: (tried > 0).then(|| part(resolved, tried)),
            repair: Repair {
                all: spread(&repairs),
                change: change(&repairs),
                periods: periods(&self.tried),
            },
            gates: self.gates.iter().map(|(site, gates)| gates.told(site)).collect(),
            never_used: self.never_used(current),
            steps: self.steps_told(current),
            undos: self
                .undos
                .iter()
                .map(|(step, undo)| Undo {
                    step: step.clone(),
                    undone: undo.undone,
                    failed: undo.failed,
                })
                .collect(),
            last_run: self.last_run,
            last_rehearsal: self.last_rehearsal,
            freshness,
            days_since,
            name,
        }
    }

    fn never_used(&self, current: Option<&Current>) -> Vec<Unused> {
        let steps = current.map_or(&[] as &[_], |current| &current.steps);
        steps
            .iter()
            .filter(|(id, _)| self.steps.get(id).is_none_or(|step| step.used == 0))
            .map(|(id, title)| {
                let skipped = self.steps.get(id).map(|step| &step.sum.skipped);
                let most = skipped.and_then(|skipped| skipped.iter().max_by_key(|(_, count)| **count));
                Unused {
                    id: id.clone(),
                    title: title.clone(),
                    skipped: skipped.map_or(0, |skipped| skipped.values().sum()),
                    why: most.map(|(why, _)| (*why).to_owned()),
                }
            })
            .collect()
    }

    fn steps_told(&self, current: Option<&Current>) -> Vec<Step> {
        let known = current.map_or(&[] as &[_], |current| &current.steps);
        let is_current = |id: &str| known.iter().any(|(known, _)| known == id);
        let of = |times: &[u64]| times.iter().fold(0_u64, |sum, ms| sum.saturating_add(*ms));
        let all = self
            .steps
            .values()
            .fold(0_u64, |sum, step| sum.saturating_add(of(&step.sum.times_ms)));
        let told = |id: &String, step: &Steps| Step {
            id: id.clone(),
            title: step.sum.title.clone(),
            current: is_current(id),
            used: step.used,
            done: step.sum.done,
            failed: step.sum.failed,
            skipped: step.sum.skipped.values().sum(),
            retries: step.sum.retries,
            time: spread(&step.sum.times_ms),
            share: part(of(&step.sum.times_ms), all),
        };
        let now = known
            .iter()
            .filter_map(|(id, _)| self.steps.get(id).map(|step| told(id, step)));
        let others = self.steps.iter().filter(|(id, _)| !is_current(id));
        now.chain(others.map(|(id, step)| told(id, step))).collect()
    }
}

impl Steps {
    fn add(&mut self, step: StepSample) {
        if !step.title.is_empty() {
            self.sum.title = step.title;
        }
        self.sum.done += step.done;
        self.sum.failed += step.failed;
        self.sum.retries += step.retries;
        self.used += u64::from(step.used);
        for (why, count) in step.skipped {
            *self.sum.skipped.entry(why).or_default() += count;
        }
        self.sum.times_ms.extend(step.times_ms);
    }
}

impl Gates {
    fn add(&mut self, gate: &GateSample) {
        self.sum.decided += gate.decided;
        self.sum.consecutive = gate.consecutive;
        self.sum.readings.extend(&gate.readings);
        self.sum.times_ms.extend(&gate.times_ms);
        self.flapped += gate.flaps.iter().filter(|flaps| **flaps > 0).count() as u64;
        self.flaps += gate.flaps.iter().sum::<u64>();
    }

    fn told(&self, site: &CheckSite) -> Gate {
        let mut readings = self.sum.readings.clone();
        readings.sort_unstable();
        let readings_median = quantile(&readings, 50);
        Gate {
            role: role_word(site.role).to_owned(),
            step: site.step.clone().or_else(|| site.within.clone()),
            check: site.check.clone(),
            decided: self.sum.decided,
            passed: readings.len() as u64,
            flapped: self.flapped,
            flaps: self.flaps,
            readings_median,
            readings_p90: quantile(&readings, 90),
            needs_many: readings_median.is_some_and(|median| median >= self.sum.consecutive + MANY),
            time: spread(&self.sum.times_ms),
        }
    }
}
