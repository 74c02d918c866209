//! Random runbooks of the whole language, with what their actions do, who answers, and when somebody interrupts.

use std::fmt::Write as _;

use runbook_engine::OnHangup;
use runbook_event::{OnFailure, Wanted};
use runbook_testkit::crash::Crash;
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;
use runbook_testkit::stage::Stage;

use super::plays::{Trouble, plays};
use super::random::Random;
use super::steps::Around;

/// A random case: one plan, for several runs.
pub(crate) struct Case {
    pub(crate) stage: Stage,
    pub(crate) text: String,
    /// Whether what comes of it depends neither on time nor on which of two comes first.
    pub(crate) steady: bool,
    pub(crate) random: Random,
}

/// What a case is made with.
pub(crate) struct Maker {
    pub(crate) random: Random,
    pub(crate) text: String,
    pub(crate) plays: Vec<(String, Vec<Play>)>,
    pub(crate) answers: Vec<(String, u64, bool)>,
    pub(crate) trouble: Trouble,
    /// How many steps there may still be.
    pub(crate) left: u64,
    /// The number of the next thing with a name.
    pub(crate) next: usize,
    /// The runbooks that may be called.
    pub(crate) callable: Vec<String>,
    others: Vec<(String, String)>,
}

/// The case of a seed.
pub(crate) fn case(seed: u64) -> Case {
    let mut random = Random::new(seed);
    let trouble = Trouble::new(&mut random);
    let mut maker = Maker {
        random,
        text: String::new(),
        plays: Vec::new(),
        answers: Vec::new(),
        trouble,
        left: 0,
        next: 0,
        callable: Vec::new(),
        others: Vec::new(),
    };
    for _ in 0..maker.random.pick(&[0, 0, 0, 1, 2]) {
        maker.callee();
    }
    maker.left = maker.random.pick(&[
        3,
        5,
        5,
        8,
        8,
        8,
        12,
        12,
        20,
        40,
        if seed.is_multiple_of(8) { 200 } else { 12 },
    ]);
    maker.runbook(false);
    maker.finish()
}

impl Maker {
    pub(crate) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A name that nothing else has.
    pub(crate) fn name(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}{}", self.next)
    }

    /// A runbook that others may call.
    fn callee(&mut self) {
        let name = self.name("r");
        self.left = 1 + self.random.below(6);
        self.runbook(true);
        let text = std::mem::take(&mut self.text);
        self.others.push((name.clone(), text));
        self.callable.push(name);
    }

    fn runbook(&mut self, is_called: bool) {
        let most = if self.trouble.one_by_one {
            1
        } else {
            self.random.pick(&[1, 2, 3, 8, 64])
        };
        self.line(&format!("max_parallel: {most}"));
        if self.random.once_in(4) {
            self.line("on_failure: hold");
        }
        match self.random.below(6) {
            0 => self.line("on_interrupt: hold"),
            1 => self.line("on_interrupt: ask"),
            _ => {}
        }
        if !self.trouble.steady && self.random.once_in(8) {
            let seconds = 5 + self.random.below(60);
            self.line(&format!("timeout: {seconds}s"));
        }
        if self.random.once_in(4) {
            self.detect();
        }
        if self.random.once_in(5) {
            self.guards();
        }
        self.line("steps:");
        let around = Around::new(is_called);
        while self.left > 0 {
            self.list("  ", &around);
            if self.random.once_in(2) {
                break;
            }
        }
        if self.random.once_in(3) {
            self.line("verify:");
            let name = self.name("v");
            self.check(&name, "  ");
        }
        if self.random.once_in(3) {
            self.line("finally:");
            self.left = 1 + self.random.below(2);
            self.list("  ", &around.plain());
        }
    }

    fn detect(&mut self) {
        let any = self.random.once_in(3);
        self.line(if any { "detect:\n  any:" } else { "detect:" });
        for _ in 0..=self.random.below(2) {
            let name = self.name("d");
            self.line(&format!("    - {{probe: {{name: {name}}}, expect: got != 0}}"));
            let play = if self.random.once_in(12) {
                Play::gives(0)
            } else {
                self.trouble.play(&mut self.random, true)
            };
            self.plays.push((name, vec![play]));
        }
    }

    fn guards(&mut self) {
        let name = self.name("w");
        let fails = 1 + self.random.below(3);
        self.line(&format!(
            "guards:\n  - {{id: {name}, probe: {{name: {name}}}, expect: got != 0, every: 2s, fails: {fails}}}"
        ));
        let flaps = if self.trouble.steady { 1 } else { 9 };
        let mut played = vec![Play::gives(1); flaps];
        for play in &mut played {
            if self.random.once_in(30) {
                *play = Play::gives(0);
            }
        }
        if self.trouble.steady && !self.trouble.one_by_one {
            played = vec![Play::gives(1)];
        }
        self.plays.push((name, played));
    }

    /// A check, and what it reads.
    pub(crate) fn check(&mut self, name: &str, margin: &str) {
        let consecutive = 1 + self.random.below(3);
        let mut more = format!("consecutive: {consecutive}");
        if consecutive > 1 || self.random.once_in(2) {
            more.push_str(", every: 1s, within: 7s");
        }
        self.line(&format!(
            "{margin}- {{id: {name}, probe: {{name: {name}}}, expect: got != 0, {more}}}"
        ));
        let played = if !self.trouble.steady && self.random.once_in(3) {
            (0..12).map(|_| Play::gives(self.random.below(2))).collect()
        } else {
            vec![self.trouble.play(&mut self.random, true)]
        };
        self.plays.push((name.to_owned(), played));
    }

    /// What the calls of a name do.
    pub(crate) fn play(&mut self, name: &str, looks: bool) {
        let played = plays(&self.trouble, &mut self.random, looks);
        self.plays.push((name.to_owned(), played));
    }

    fn finish(mut self) -> Case {
        let mut scenario = Scenario::new(&self.text).unheard().by_truth();
        for (name, text) in &self.others {
            scenario = scenario.runbook(name, text);
        }
        for (name, plays) in self.plays {
            scenario = scenario.on(&name, plays);
        }
        for (step, after, yes) in self.answers {
            scenario = scenario.answer(&step, after, yes);
        }
        let then = self.random.pick(&[OnFailure::Hold, OnFailure::Rollback]);
        scenario = scenario.on_interrupt(then).wants(Wanted {
            force: self.random.once_in(10),
            no_rollback: self.random.once_in(20),
            ..Wanted::default()
        });
        let steady = self.trouble.steady;
        let signals = if steady {
            0
        } else {
            self.random.pick(&[0, 0, 0, 1, 1, 2, 3])
        };
        let mut at = 0;
        for _ in 0..signals {
            at += self.random.below(30) * 250;
            scenario = scenario.signal(at);
        }
        if !steady && self.random.once_in(8) {
            let then = self.random.pick(&[OnHangup::GoOn, OnHangup::Hold]);
            scenario = scenario.hangs_up(self.random.below(40) * 250, then);
        }
        let mut text = self.text;
        for (name, other) in &self.others {
            let _infallible = write!(text, "\n--- {name}\n{other}");
        }
        Case {
            stage: scenario.stage(),
            text,
            steady,
            random: self.random,
        }
    }
}

impl Case {
    /// Some crashes of a run with so many records.
    pub(crate) fn crashes(&mut self, records: usize) -> Vec<Crash> {
        let count = self.random.pick(&[1, 1, 1, 2, 3, 4]);
        let mut left = u64::try_from(records).unwrap_or(1).max(1);
        let mut crashes = Vec::new();
        for _ in 0..count {
            let at = 1 + self.random.below(left);
            left = (left - at).max(6);
            let at = usize::try_from(at).unwrap_or(1);
            let crash = match self.random.below(3) {
                0 => Crash::before(at),
                1 => Crash::after(at),
                _ => Crash::of_power(at),
            };
            crashes.push(if self.random.once_in(2) {
                crash.while_it_acts()
            } else {
                crash
            });
        }
        crashes
    }
}
