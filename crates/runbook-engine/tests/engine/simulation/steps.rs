//! Random steps, and what stands within them.

use runbook_testkit::play::Play;

use super::case::Maker;

/// How deep steps stand within steps.
const DEEPEST: usize = 3;

/// Where a list of steps stands.
#[derive(Debug, Clone)]
pub(crate) struct Around {
    depth: usize,
    /// In an undo or in the clean-up: nothing here is undone.
    plain: bool,
    /// The name of the item of the innermost loop.
    item: Option<String>,
    /// In how many loops over items: what is kept by the name of one item is not to be that of several turns.
    loops: usize,
    /// Whether the same name may mean several instances: of rounds, or of calls of one runbook.
    again: bool,
    /// Whether ids of instances are not those of steps.
    within: bool,
}

impl Around {
    pub(crate) fn new(is_called: bool) -> Self {
        Self {
            depth: 0,
            plain: false,
            item: None,
            loops: usize::from(is_called),
            again: is_called,
            within: is_called,
        }
    }

    /// The same, where nothing is undone.
    pub(crate) fn plain(self) -> Self {
        Self { plain: true, ..self }
    }

    fn deeper(&self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self.clone()
        }
    }
}

/// A step of the list that is being written.
struct Sibling {
    id: String,
    /// Whether it captures `x`.
    captures: bool,
    /// Whether it may be undone by name.
    undoable: bool,
}

impl Maker {
    /// Steps, each a little deeper than this margin.
    pub(crate) fn list(&mut self, margin: &str, around: &Around) {
        let mut siblings: Vec<Sibling> = Vec::new();
        for _ in 0..=self.random.below(if around.depth == 0 { 200 } else { 4 }) {
            if self.left == 0 && !siblings.is_empty() {
                return;
            }
            let sibling = self.step(margin, around, &siblings);
            siblings.push(sibling);
        }
    }

    fn step(&mut self, margin: &str, around: &Around, siblings: &[Sibling]) -> Sibling {
        self.left = self.left.saturating_sub(1);
        let id = self.name("s");
        self.line(&format!("{margin}- id: {id}"));
        let inner = format!("{margin}  ");
        let needs = self.needs(&inner, siblings);
        self.when(&inner, siblings, &needs);
        let on_failure = self.random.below(16);
        match on_failure {
            0 | 1 => self.line(&format!("{inner}on_failure: continue")),
            2 => self.line(&format!("{inner}on_failure: hold")),
            3 => self.line(&format!("{inner}on_failure: rollback")),
            _ => {}
        }
        let (captures, undoable) = self.body(&id, &inner, around, (siblings, &needs));
        Sibling {
            id,
            captures,
            undoable,
        }
    }

    /// Wide and deep graphs, and chains. The positions of those that have surely ended.
    fn needs(&mut self, margin: &str, siblings: &[Sibling]) -> Vec<usize> {
        let all: Vec<usize> = (0..siblings.len()).collect();
        if self.trouble.one_by_one || self.random.once_in(2) {
            return all;
        }
        let mut needs = Vec::new();
        if !siblings.is_empty() && !self.random.once_in(4) {
            for _ in 0..=self.random.below(3) {
                let at = self.random.below(siblings.len() as u64);
                needs.push(usize::try_from(at).unwrap_or(0));
            }
            needs.sort_unstable();
            needs.dedup();
        }
        let ids: Vec<&str> = needs.iter().map(|at| siblings[*at].id.as_str()).collect();
        self.line(&format!("{margin}needs: [{}]", ids.join(", ")));
        needs
    }

    fn when(&mut self, margin: &str, siblings: &[Sibling], needs: &[usize]) {
        let need = needs.last().map(|at| &siblings[*at]);
        match (self.random.below(16), need) {
            (0, _) => self.line(&format!("{margin}when: 1 > 2")),
            (1, Some(need)) => self.line(&format!("{margin}when: steps.{}.outcome == 'done'", need.id)),
            (2 | 3, Some(need)) if need.captures => {
                self.line(&format!("{margin}when: steps.{}.x != 3", need.id));
            }
            _ => {}
        }
    }

    /// What the step does: whether it captures `x`, and whether it may be undone by name.
    fn body(
        &mut self,
        id: &str,
        margin: &str,
        around: &Around,
        (siblings, needs): (&[Sibling], &[usize]),
    ) -> (bool, bool) {
        let targets: Vec<&Sibling> = needs
            .iter()
            .map(|at| &siblings[*at])
            .filter(|sibling| sibling.undoable)
            .collect();
        match self.random.below(30) {
            0..=4 => (self.probe(id, margin, around), false),
            5 => {
                self.line(&format!("{margin}let: {{x: 1 + 2}}"));
                (true, false)
            }
            6 => {
                let name = self.name("t");
                self.line(&format!(
                    "{margin}checks: [{{id: {name}, probe: {{name: {name}}}, warn: got == 3}}]"
                ));
                self.play(&name, true);
                (false, false)
            }
            7 => {
                let length = self.random.below(20) * 300 + 1;
                self.line(&format!("{margin}wait: {length}ms"));
                (false, false)
            }
            8 if self.trouble.may_fail() && self.random.once_in(3) => {
                self.line(&format!("{margin}fail: on purpose"));
                (false, false)
            }
            9 | 10 if !targets.is_empty() && !around.plain => {
                let target = targets[usize::try_from(self.random.below(targets.len() as u64)).unwrap_or(0)];
                self.line(&format!("{margin}undo: [{}]", target.id));
                (false, false)
            }
            11..=18 if around.depth < DEEPEST && self.left > 0 && !around.plain => {
                self.composite(id, margin, around);
                (false, true)
            }
            _ => (false, self.change(id, margin, around)),
        }
    }

    /// The parameter by which an instance of a step is told from others, as far as that goes.
    fn named(&mut self, name: &str, around: &Around, looks: bool) -> String {
        self.play(name, looks);
        match &around.item {
            Some(item) => {
                for value in ["a", "b", "c"] {
                    self.play(&format!("{name} {value}"), looks);
                }
                format!("name: '{name} {{{{ {item} }}}}'")
            }
            None => format!("name: {name}"),
        }
    }

    fn probe(&mut self, id: &str, margin: &str, around: &Around) -> bool {
        let name = self.named(id, around, true);
        self.line(&format!("{margin}probe: {{{name}}}"));
        self.line(&format!("{margin}timeout: 10s"));
        if self.random.once_in(4) {
            self.line(&format!("{margin}may_fail: true"));
            return false;
        }
        if self.random.once_in(5) {
            self.line(&format!("{margin}retry: {{attempts: 3, delay: 700ms}}"));
        }
        self.line(&format!("{margin}capture: {{x: got}}"));
        true
    }

    /// Says whether it may be undone by name.
    fn change(&mut self, id: &str, margin: &str, around: &Around) -> bool {
        let kind = match self.random.pick(&["act", "act", "act", "smash", "keep"]) {
            "keep" if around.loops > 1 => "act",
            kind => kind,
        };
        let name = self.named(id, around, false);
        let key = match &around.item {
            Some(item) => format!("'{id} {{{{ {item} }}}}'"),
            None => id.to_owned(),
        };
        if kind == "keep" {
            self.line(&format!("{margin}keep: {{{name}, key: {key}, value: 3}}"));
        } else {
            self.line(&format!("{margin}{kind}: {{{name}}}"));
        }
        self.line(&format!("{margin}timeout: 10s"));
        let undoable = !around.plain && self.undo(id, margin, around, kind == "keep");
        if self.random.once_in(5) {
            self.line(&format!("{margin}idempotent: true"));
            if self.random.once_in(2) {
                self.line(&format!("{margin}retry: {{attempts: 3, delay: 500ms}}"));
            }
        }
        self.before_action(id, margin, around);
        if self.random.once_in(6) {
            let then = self.random.pick(&["probe", "act"]);
            self.line(&format!(
                "{margin}then: {{{then}: {{name: {id}-then}}, timeout: 10s}}"
            ));
            self.play(&format!("{id}-then"), then == "probe");
        }
        if kind == "keep" && self.random.once_in(2) {
            self.line(&format!("{margin}verify_decides: true"));
            self.honest_gate(id, margin, around);
        } else if self.random.once_in(4) {
            self.line(&format!("{margin}verify:"));
            let name = self.name("g");
            self.check(&name, &format!("{margin}  "));
        }
        undoable
    }

    /// A gate that tells the truth.
    fn honest_gate(&mut self, id: &str, margin: &str, around: &Around) {
        let name = around
            .item
            .as_ref()
            .map_or_else(String::new, |item| format!(" {{{{ {item} }}}}"));
        self.line(&format!(
            "{margin}verify: [{{probe: {{name: 'look {id}{name}'}}, expect: got == 3, within: 3s}}]"
        ));
        for value in ["", " a", " b", " c"] {
            let reads = Play::reads(&format!("{id}{value}"));
            self.plays.push((format!("look {id}{value}"), vec![reads]));
        }
    }

    fn before_action(&mut self, id: &str, margin: &str, around: &Around) {
        if self.random.once_in(8) {
            self.line(&format!("{margin}require:"));
            let name = self.name("q");
            self.check(&name, &format!("{margin}  "));
        }
        if self.random.once_in(10) && (!self.trouble.steady || self.trouble.one_by_one) {
            let skips = self.random.pick(&["", ", on_timeout: skip", ", on_reject: skip"]);
            self.line(&format!("{margin}approve: {{within: 30s{skips}}}"));
            if !around.within && !self.random.once_in(4) {
                let (after, yes) = (self.random.below(40) * 1000 + 500, !self.random.once_in(4));
                // A crash lets those who are asked begin anew.
                let after = if self.trouble.steady {
                    after.min(5000)
                } else {
                    after
                };
                self.answers.push((id.to_owned(), after, yes));
            }
        }
        if self.random.once_in(6) {
            self.line(&format!(
                "{margin}before: {{probe: {{name: {id}-before}}, capture: {{old: got}}}}"
            ));
            self.play(&format!("{id}-before"), true);
        }
    }

    /// How the step is undone, and whether it may be undone by name.
    fn undo(&mut self, id: &str, margin: &str, around: &Around, keeps: bool) -> bool {
        let how = self.random.below(8);
        match how {
            0 => self.line(&format!("{margin}rollback: not_needed")),
            1 => self.line(&format!("{margin}irreversible: gone")),
            2 => {
                self.line(&format!("{margin}rollback:"));
                let left = std::mem::replace(&mut self.left, 2);
                let around = Around {
                    plain: true,
                    again: true,
                    within: true,
                    ..around.deeper()
                };
                self.list(&format!("{margin}  "), &around);
                self.left = left;
            }
            3..=5 if keeps => self.line(&format!("{margin}rollback: auto")),
            _ => {
                let name = self.named(&format!("{id}-undo"), around, false);
                let mut more = String::new();
                if self.random.once_in(5) {
                    more.push_str(", idempotent: true");
                    if self.random.once_in(2) {
                        more.push_str(", retry: {attempts: 3, delay: 400ms}");
                    }
                }
                if around.item.is_none() && !around.again && self.random.once_in(4) {
                    let _infallible = std::fmt::Write::write_fmt(
                        &mut more,
                        format_args!(
                            ", verify: [{{probe: {{name: 'undone {id}'}}, expect: got >= 1, within: 2s}}]"
                        ),
                    );
                    let counts = Play::counts(&format!("{id}-undo"));
                    self.plays.push((format!("undone {id}"), vec![counts]));
                }
                self.line(&format!(
                    "{margin}rollback: {{act: {{{name}}}, timeout: 10s{more}}}"
                ));
            }
        }
        how > 1
    }

    fn composite(&mut self, id: &str, margin: &str, around: &Around) {
        if !self.trouble.steady && self.random.once_in(6) {
            let seconds = 1 + self.random.below(20);
            self.line(&format!("{margin}timeout: {seconds}s"));
        }
        let inner = around.deeper();
        let deeper = format!("{margin}  ");
        match self.random.below(8) {
            0 | 1 => {
                self.line(&format!("{margin}steps:"));
                self.list(&deeper, &inner);
            }
            2 | 3 => self.for_each(margin, &inner),
            4 => self.repeat(margin, &inner),
            5 => self.choose(margin, &inner),
            6 => self.first_of(id, margin, &inner),
            _ => match self.callable.clone().as_slice() {
                [] => {
                    self.line(&format!("{margin}steps:"));
                    self.list(&deeper, &inner);
                }
                runbooks => {
                    let at = usize::try_from(self.random.below(runbooks.len() as u64)).unwrap_or(0);
                    self.line(&format!("{margin}runbook: {{name: {}}}", runbooks[at]));
                }
            },
        }
    }

    fn for_each(&mut self, margin: &str, around: &Around) {
        let item = format!("i{}", around.depth);
        let list = self
            .random
            .pick(&["[]", "['a']", "['a', 'b']", "['a', 'b', 'c']", "['a', 'b', 'c']"]);
        let batch = if self.trouble.one_by_one {
            1
        } else {
            1 + self.random.below(3)
        };
        let most = self.random.pick(&[0, 0, 1, 2]);
        self.line(&format!(
            "{margin}for_each: {{item: {item}, in: \"{list}\", batch: {batch}, max_failures: {most}}}\n{margin}steps:"
        ));
        let inside = Around {
            item: Some(item),
            loops: around.loops + 1,
            within: true,
            ..around.clone()
        };
        self.list(&format!("{margin}  "), &inside);
    }

    fn repeat(&mut self, margin: &str, around: &Around) {
        let inside = Around {
            again: true,
            within: true,
            ..around.clone()
        };
        let deeper = format!("{margin}  ");
        // It ends by itself, by how often something was done, or never.
        let id = self.name("n");
        let until = match self.random.below(6) {
            0 if self.trouble.may_fail() => "1 > 2".to_owned(),
            1 => "1 < 2".to_owned(),
            _ if around.again || (self.trouble.steady && !self.trouble.one_by_one) => "1 < 2".to_owned(),
            _ => format!("steps.{id}look.n >= 2"),
        };
        let counts = until.contains(&id);
        self.line(&format!(
            "{margin}repeat: {{until: \"{until}\", at_most: 3, every: 2s}}\n{margin}steps:"
        ));
        if counts {
            self.line(&format!(
                "{deeper}- {{id: {id}, act: {{name: {id}}}, rollback: not_needed}}"
            ));
            self.line(&format!(
                "{deeper}- {{id: {id}look, probe: {{name: {id}look}}, capture: {{n: got}}}}"
            ));
            self.plays.push((format!("{id}look"), vec![Play::counts(&id)]));
        }
        self.list(&deeper, &inside);
    }

    fn choose(&mut self, margin: &str, around: &Around) {
        self.line(&format!("{margin}choose:"));
        let first = self.random.pick(&["1 > 2", "1 < 2", "1 < 2"]);
        for when in [Some(first), Some("2 < 3"), None] {
            let id = self.name("b");
            self.line(&format!("{margin}  - id: {id}"));
            match when {
                Some(when) => self.line(&format!("{margin}    when: {when}")),
                None => self.line(&format!("{margin}    else: true")),
            }
            self.change(&id, &format!("{margin}    "), around);
            if self.random.once_in(2) {
                return;
            }
        }
    }

    fn first_of(&mut self, id: &str, margin: &str, around: &Around) {
        self.line(&format!("{margin}first_of:"));
        let count = 1 + self.random.below(3);
        for _ in 0..count {
            let id = self.name("b");
            self.line(&format!("{margin}  - id: {id}"));
            if self.random.once_in(3) {
                self.line(&format!("{margin}    within: 4s"));
            }
            let plain = self.random.once_in(3);
            if plain {
                self.line(&format!("{margin}    steps:"));
                self.list(&format!("{margin}      "), &around.deeper());
            } else {
                self.change(&id, &format!("{margin}    "), around);
            }
        }
        self.line(&format!("{margin}verify:"));
        self.check(&format!("{id}-works"), &format!("{margin}  "));
    }
}
