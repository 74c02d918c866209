//! Random runbooks, with what their actions do, who answers, and when somebody interrupts.

use std::fmt::Write as _;

use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use super::random::Random;

/// How a step is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undo {
    Action,
    NotNeeded,
    Irreversible,
}

/// What the checks must know of a step.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) changes: bool,
    pub(crate) undo: Undo,
    pub(crate) needs: Vec<usize>,
    pub(crate) gated: bool,
    pub(crate) continues: bool,
}

/// A random case.
pub(crate) struct Case {
    pub(crate) scenario: Scenario,
    pub(crate) steps: Vec<Made>,
    pub(crate) finally: usize,
    pub(crate) max_parallel: usize,
    pub(crate) verified: bool,
    pub(crate) signals: usize,
}

struct Maker {
    random: Random,
    text: String,
    plays: Vec<(String, Vec<Play>)>,
    answers: Vec<(String, u64, bool)>,
    /// One in so many actions goes wrong.
    trouble: u64,
}

/// The case of a seed.
pub(crate) fn case(seed: u64) -> Case {
    let mut random = Random::new(seed);
    let trouble = random.pick(&[3, 8, 20, 60, 1000]);
    let mut maker = Maker {
        random,
        text: String::new(),
        plays: Vec::new(),
        answers: Vec::new(),
        trouble,
    };
    let max_parallel = maker.random.pick(&[1, 2, 3, 8, 8, 64]);
    maker.line(&format!("max_parallel: {max_parallel}"));
    for key in ["on_failure", "on_interrupt"] {
        if maker.random.once_in(4) {
            maker.line(&format!("{key}: hold"));
        }
    }
    if maker.random.once_in(3) {
        maker.detect();
    }
    let most = maker.random.pick(&[3, 6, 6, 12, 12, 25, 60]);
    let count = 1 + usize::try_from(maker.random.below(most)).unwrap_or(0);
    maker.line("steps:");
    let mut steps: Vec<Made> = Vec::new();
    for at in 0..count {
        let made = maker.step(at);
        steps.push(made);
    }
    let verified = maker.random.once_in(2);
    if verified {
        maker.line("verify:");
        maker.check("v", "    ");
    }
    let finally = usize::try_from(maker.random.below(3)).unwrap_or(0);
    if finally > 0 {
        maker.line("finally:");
    }
    for at in 0..finally {
        let kind = maker.random.pick(&["probe", "act"]);
        maker.line(&format!(
            "  - {{id: f{at}, {kind}: {{name: f{at}}}, timeout: 10s}}"
        ));
        maker.plays(&format!("f{at}"), 1);
    }
    maker.finish(steps, finally, max_parallel, verified)
}

impl Maker {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn detect(&mut self) {
        let any = self.random.once_in(3);
        self.line(if any { "detect:\n  any:" } else { "detect:" });
        for at in 0..=self.random.below(2) {
            self.line(&format!("    - {{probe: {{name: d{at}}}, expect: got != 0}}"));
            let play = if self.random.once_in(12) {
                Play::gives(0)
            } else {
                self.play()
            };
            self.plays.push((format!("d{at}"), vec![play]));
        }
    }

    fn step(&mut self, at: usize) -> Made {
        let kind = self.random.pick(&["probe", "act", "act", "smash"]);
        let changes = kind != "probe";
        let undo = match self.random.below(6) {
            0 => Undo::NotNeeded,
            1 => Undo::Irreversible,
            _ => Undo::Action,
        };
        let needs = self.needs(at);
        let listed: Vec<String> = needs.iter().map(|need| format!("s{need}")).collect();
        let mut text = format!(
            "  - id: s{at}\n    needs: [{}]\n    {kind}: {{name: s{at}}}\n    timeout: 10s\n    capture: {{x: got}}\n",
            listed.join(", ")
        );
        match undo {
            Undo::Action if changes => {
                let _infallible = writeln!(text, "    rollback: {{act: {{name: u{at}}}, timeout: 10s}}");
            }
            Undo::NotNeeded if changes => text.push_str("    rollback: not_needed\n"),
            Undo::Irreversible if changes => text.push_str("    irreversible: gone\n"),
            Undo::Action | Undo::NotNeeded | Undo::Irreversible => {}
        }
        let continues = self.random.once_in(8);
        if continues {
            text.push_str("    on_failure: continue\n");
        } else if self.random.once_in(8) {
            let word = self.random.pick(&["hold", "rollback"]);
            let _infallible = writeln!(text, "    on_failure: {word}");
        }
        if let Some(when) = self.when(&needs) {
            let _infallible = writeln!(text, "    when: {when}");
        }
        self.text.push_str(&text);
        self.before_action(at);
        let gated = self.random.once_in(3);
        if gated {
            self.line("    verify:");
            self.check(&format!("g{at}"), "      ");
        }
        self.plays(&format!("s{at}"), 1);
        self.plays(&format!("u{at}"), 1);
        Made {
            changes,
            undo,
            needs,
            gated,
            continues,
        }
    }

    /// Wide and deep graphs, and chains.
    fn needs(&mut self, at: usize) -> Vec<usize> {
        if at == 0 || self.random.once_in(5) {
            return Vec::new();
        }
        if self.random.once_in(2) {
            return vec![at - 1];
        }
        let mut needs: Vec<usize> = (0..=self.random.below(3))
            .map(|_| usize::try_from(self.random.below(at as u64)).unwrap_or(0))
            .collect();
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    fn when(&mut self, needs: &[usize]) -> Option<String> {
        match (self.random.below(12), needs.first()) {
            (0, _) => Some("1 > 2".to_owned()),
            (1, Some(need)) => Some(format!("steps.s{need}.outcome == 'done'")),
            (2, Some(need)) => Some(format!("steps.s{need}.x != 3")),
            _ => None,
        }
    }

    fn before_action(&mut self, at: usize) {
        if self.random.once_in(8) {
            self.line("    require:");
            self.check(&format!("r{at}"), "      ");
        }
        if self.random.once_in(10) {
            self.line("    approve: {within: 30s}");
            if !self.random.once_in(4) {
                let (after, yes) = (self.random.below(40) * 1000, !self.random.once_in(4));
                self.answers.push((format!("s{at}"), after, yes));
            }
        }
        if self.random.once_in(6) {
            self.line(&format!(
                "    before: {{probe: {{name: b{at}}}, capture: {{old: got}}}}"
            ));
            self.plays(&format!("b{at}"), 1);
        }
    }

    fn check(&mut self, name: &str, margin: &str) {
        let consecutive = 1 + self.random.below(3);
        let mut more = format!("consecutive: {consecutive}");
        if self.random.once_in(2) {
            more.push_str(", every: 1s, within: 7s");
        }
        self.line(&format!(
            "{margin}- {{id: {name}, probe: {{name: {name}}}, expect: got != 0, {more}}}"
        ));
        let flaps = if self.random.once_in(3) { 12 } else { 1 };
        self.plays(name, flaps);
        if flaps > 1 {
            for at in 0..flaps {
                if self.random.once_in(2)
                    && let Some((_, plays)) = self.plays.last_mut()
                {
                    plays[at] = Play::gives(0);
                }
            }
        }
    }

    fn plays(&mut self, name: &str, count: usize) {
        let plays = (0..count).map(|_| self.play()).collect();
        self.plays.push((name.to_owned(), plays));
    }

    fn play(&mut self) -> Play {
        let takes = if self.random.once_in(2) {
            0
        } else {
            self.random.below(50) * 100
        };
        let play = if self.random.once_in(self.trouble) {
            match self.random.below(8) {
                0 => Play::hangs(),
                1 => Play::acts_then_hangs(),
                2 => Play::cleans_up(self.random.below(8000)),
                3 => Play::is_deaf(),
                4 => Play::panics(),
                _ => Play::fails("the script says no"),
            }
        } else {
            match self.random.below(4) {
                0 => Play::gives(f64::from(u32::try_from(self.random.below(1 << 30)).unwrap_or(1)) / 7.3e4),
                1 => Play::gives("text"),
                _ => Play::gives(self.random.below(1000) + 3),
            }
        };
        play.takes(takes)
    }

    fn finish(mut self, steps: Vec<Made>, finally: usize, max_parallel: usize, verified: bool) -> Case {
        let mut scenario = Scenario::new(&self.text);
        for (name, plays) in self.plays {
            scenario = scenario.on(&name, plays);
        }
        for (step, after, yes) in self.answers {
            scenario = scenario.answer(&step, after, yes);
        }
        let signals = self.random.pick(&[0, 0, 0, 1, 1, 2, 3]);
        let mut at = 0;
        for _ in 0..signals {
            at += self.random.below(30) * 250;
            scenario = scenario.signal(at);
        }
        Case {
            scenario,
            steps,
            finally,
            max_parallel,
            verified,
            signals,
        }
    }
}
