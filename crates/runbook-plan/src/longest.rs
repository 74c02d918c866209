//! How long a plan can take at most: a bound that follows from what its author wrote, before anything runs.
//!
//! Every action has a timeout, every gate a length, every repetition an end, so there is always such a bound, but for
//! three things: people, lists whose length only a run knows, and pauses whose length is a value of the run. These are
//! told apart, and undoing is not part of it.
//!
//! Steps that may run side by side are bounded as any schedule that leaves no place idle is: by the longest chain, and
//! the rest of the work divided by the places (Graham, “Bounds on Multiprocessing Timing Anomalies”, 1969).

use std::time::Duration;

use runbook_action::Param;
use runbook_action::schema::duration::parse_duration;

use crate::foresight::Foreseen;
use crate::plan::{Body, Check, Plan, RatedCheck, Retry, Section, Step, Then};

/// How long something takes at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Longest {
    /// All that has an end of its own: actions with their further attempts, gates, pauses.
    pub time: Duration,
    /// How often it waits for people: approvals and work by hand. Their time is not in `time`.
    pub people: usize,
    /// The lists whose length is not known, as expressions: what is done for each item is counted once.
    pub lists: Vec<String>,
    /// The ids of the steps that pause for a time that is not known: it is not counted.
    pub pauses: Vec<String>,
}

impl Longest {
    /// Whether `time` bounds all that people do not decide.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.lists.is_empty() && self.pauses.is_empty()
    }

    /// The same with another length. What is not known stays.
    const fn lasting(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// All that is not known of several, and how often they wait for people.
    fn open(all: &[Self]) -> Self {
        let mut open = Self::default();
        for one in all {
            open.people = open.people.saturating_add(one.people);
            for (names, more) in [(&mut open.lists, &one.lists), (&mut open.pauses, &one.pauses)] {
                for name in more {
                    if !names.contains(name) {
                        names.push(name.clone());
                    }
                }
            }
        }
        open
    }

    /// One after the other.
    fn sum(all: &[Self]) -> Self {
        let time = total(all.iter().map(|one| one.time));
        Self::open(all).lasting(time)
    }

    /// One of them.
    fn most(all: &[Self]) -> Self {
        let time = all.iter().map(|one| one.time).max().unwrap_or_default();
        Self {
            people: all.iter().map(|one| one.people).max().unwrap_or_default(),
            ..Self::open(all).lasting(time)
        }
    }
}

fn total(times: impl Iterator<Item = Duration>) -> Duration {
    times.fold(Duration::ZERO, Duration::saturating_add)
}

/// A length so often.
fn times(length: Duration, count: u32) -> Duration {
    length.checked_mul(count).unwrap_or(Duration::MAX)
}

impl Plan {
    /// How long a run of it takes at most, without people and without undoing.
    #[must_use]
    pub fn longest(&self) -> Longest {
        Reckoner { foreseen: None }.plan(self)
    }
}

impl Foreseen {
    /// How long a run for these inputs takes at most, without people and without undoing.
    #[must_use]
    pub fn longest(&self) -> Longest {
        Reckoner { foreseen: Some(self) }.plan(self.plan())
    }
}

struct Reckoner<'a> {
    foreseen: Option<&'a Foreseen>,
}

impl Reckoner<'_> {
    fn plan(&self, plan: &Plan) -> Longest {
        let of = |section: Section| -> Longest {
            let steps: Vec<&Step> = plan
                .steps()
                .iter()
                .filter(|step| step.section == section)
                .collect();
            let offset = match section {
                Section::Steps => 0,
                Section::Finally => plan.steps().len() - steps.len(),
            };
            self.graph(&steps, offset, plan.max_parallel())
        };
        let asked = |checks: &[Check]| Longest::default().lasting(total(checks.iter().map(check)));
        let main = Longest::sum(&[asked(plan.detect()), of(Section::Steps), asked(plan.verify())]);
        let main = match plan.timeout() {
            Some(timeout) if !main.is_known() || timeout < main.time => Longest {
                people: main.people,
                ..Longest::default().lasting(timeout)
            },
            Some(_) | None => main,
        };
        Longest::sum(&[main, of(Section::Finally)])
    }

    /// Steps of which each waits for some others, so many side by side.
    fn graph(&self, steps: &[&Step], offset: usize, places: u32) -> Longest {
        let each: Vec<Longest> = steps.iter().map(|step| self.step(step, places)).collect();
        let mut ends: Vec<Duration> = Vec::with_capacity(each.len());
        for (step, one) in steps.iter().zip(&each) {
            let needs = step.needs.iter().filter_map(|need| need.checked_sub(offset));
            let begins = needs.filter_map(|need| ends.get(need)).max().copied();
            ends.push(begins.unwrap_or_default().saturating_add(one.time));
        }
        let chain = ends.into_iter().max().unwrap_or_default();
        let work = total(each.iter().map(|one| one.time));
        let beside = work.saturating_sub(chain) / places.max(1);
        let is_wide = steps.len() > usize::try_from(places).unwrap_or(usize::MAX);
        let time = if is_wide {
            chain.saturating_add(beside)
        } else {
            chain
        };
        Longest::open(&each).lasting(time)
    }

    fn step(&self, step: &Step, places: u32) -> Longest {
        let within = self.body(step, places);
        let within = match step.timeout {
            Some(timeout) if !within.is_known() || timeout < within.time => Longest {
                people: within.people,
                ..Longest::default().lasting(timeout)
            },
            Some(_) | None => within,
        };
        let before = step
            .before
            .as_ref()
            .map_or(Duration::ZERO, |before| before.action.timeout);
        let proof = total(step.verify.iter().map(check));
        let proof = step.within.map_or(proof, |within| within.max(proof));
        let around = [
            total(step.require.iter().map(check)),
            before,
            total(step.then.iter().map(then)),
            proof,
        ];
        let mut one = Longest::sum(&[within, Longest::default().lasting(total(around.into_iter()))]);
        if let Some(repeat) = &step.repeat {
            let pauses = times(repeat.every, repeat.at_most.saturating_sub(1));
            let rounds = times(one.time, repeat.at_most);
            one.time = rounds.saturating_add(pauses);
        }
        if let Some(each) = &step.for_each {
            let items = self.foreseen.and_then(|foreseen| foreseen.items(each));
            match items {
                None => one.lists.push(each.list.source().to_owned()),
                Some(items) => {
                    let rounds = items.div_ceil(usize::try_from(each.batch.max(1)).unwrap_or(1));
                    one.time = times(one.time, u32::try_from(rounds).unwrap_or(u32::MAX));
                }
            }
        }
        // One approval covers all items.
        one.people += usize::from(step.approve.is_some());
        one
    }

    fn body(&self, step: &Step, places: u32) -> Longest {
        match &step.body {
            Body::Action(action) => Longest::default().lasting(attempts(action.timeout, step.retry.as_ref())),
            Body::Manual(_) => Longest {
                people: 1,
                ..Longest::default()
            },
            Body::Wait(wait) => match &wait.length {
                None => Longest::default(),
                Some(length) => match pause(&length.sketch()) {
                    Some(length) => Longest::default().lasting(length),
                    None => Longest {
                        pauses: vec![step.id.clone()],
                        ..Longest::default()
                    },
                },
            },
            Body::Checks(rows) => Longest::default().lasting(total(rows.iter().map(row))),
            Body::Runbook(call) => match &call.plan {
                Some(plan) => Reckoner { foreseen: None }.plan(plan),
                None => Longest {
                    pauses: vec![step.id.clone()],
                    ..Longest::default()
                },
            },
            Body::Group(steps) => self.graph(&steps.iter().collect::<Vec<_>>(), 0, places),
            Body::Choose(steps) => Longest::most(&self.all(steps, places)),
            Body::FirstOf(steps) => Longest::sum(&self.all(steps, places)),
            Body::Notify(_) | Body::Fail(_) | Body::Let(_) | Body::Undo(_) => Longest::default(),
        }
    }

    fn all(&self, steps: &[Step], places: u32) -> Vec<Longest> {
        steps.iter().map(|step| self.step(step, places)).collect()
    }
}

fn pause(length: &Param) -> Option<Duration> {
    match length {
        Param::Text(text) if !text.is_unknown() => parse_duration(&text.reveal()),
        Param::Text(_) | Param::Null | Param::Bool(_) | Param::Number(_) | Param::List(_) | Param::Map(_) => {
            None
        }
    }
}

/// An action with its further attempts. Chance only makes the pauses between them shorter.
fn attempts(timeout: Duration, retry: Option<&Retry>) -> Duration {
    let Some(retry) = retry else {
        return timeout;
    };
    let mut time = timeout;
    let mut delay = retry.delay;
    for attempt in 1..retry.attempts {
        time = time
            .saturating_add(delay.min(retry.max_delay))
            .saturating_add(timeout);
        delay = Duration::try_from_secs_f64(delay.as_secs_f64() * retry.backoff).unwrap_or(retry.max_delay);
        if delay >= retry.max_delay {
            let rest = retry.attempts.saturating_sub(attempt + 1);
            return time.saturating_add(times(timeout.saturating_add(retry.max_delay), rest));
        }
    }
    time
}

fn then(then: &Then) -> Duration {
    attempts(then.action.timeout, then.retry.as_ref())
}

/// A check until it passes, with the reading that is under way when its time is over.
fn check(check: &Check) -> Duration {
    let reading = check.action.timeout;
    if let Some(within) = check.within {
        return within.saturating_add(reading);
    }
    let between = times(check.every, check.consecutive.saturating_sub(1));
    times(reading, check.consecutive.max(1)).saturating_add(between)
}

fn row(row: &RatedCheck) -> Duration {
    check(&row.check)
}
