//! What a probe has found out so far, as expressions see it, and what nobody can know before a run.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use runbook_plan::expression::{Expression, Known, Val};
use runbook_plan::{Action, Template};

/// The values that were found out, by the step or check they belong to.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    steps: HashMap<String, OfStep>,
    checks: HashMap<(String, String), Val>,
    /// Names of roots that have no value: the item of a loop whose list is not known.
    roots: HashSet<String>,
}

/// What is known of a step.
#[derive(Debug, Clone)]
pub(super) enum OfStep {
    /// It was asked, and this is how it ended and what it captured.
    Settled(&'static str, HashMap<String, Val>),
    /// It would change something, or it may not run at all: only what was read before it is known.
    Open(HashMap<String, Val>),
    /// The same of each turn of a loop.
    Each(Vec<Self>),
}

impl OfStep {
    /// Nothing is known of it.
    pub(super) fn open() -> Self {
        Self::Open(HashMap::new())
    }

    fn value(&self, name: &str) -> Option<Val> {
        match self {
            Self::Settled(outcome, _) if name == "outcome" => Some(Val::text(*outcome)),
            Self::Settled(_, values) => Some(values.get(name).cloned().unwrap_or(Val::Null)),
            Self::Open(values) => values.get(name).cloned(),
            Self::Each(turns) => {
                let values: Option<Vec<Val>> = turns.iter().map(|turn| turn.value(name)).collect();
                values.map(Val::list)
            }
        }
    }
}

impl Knowledge {
    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A step is settled, or will not be.
    pub(super) fn learn(&self, step: &str, found: OfStep) {
        self.with(|inner| inner.steps.insert(step.to_owned(), found));
    }

    /// Takes out what is known of a step: that of one turn of a loop.
    pub(super) fn take(&self, step: &str) -> Option<OfStep> {
        self.with(|inner| inner.steps.remove(step))
    }

    /// A check captured a value.
    pub(super) fn learn_check(&self, check: &str, name: &str, value: Val) {
        let key = (check.to_owned(), name.to_owned());
        self.with(|inner| inner.checks.insert(key, value));
    }

    /// A root has no value from now on.
    pub(super) fn forget_root(&self, name: &str) {
        self.with(|inner| inner.roots.insert(name.to_owned()));
    }

    /// A root has a value again.
    pub(super) fn know_root(&self, name: &str) {
        self.with(|inner| inner.roots.remove(name));
    }

    /// The first thing that an expression needs and nobody knows before the run.
    pub(super) fn unknown<'e>(
        &self,
        expressions: impl IntoIterator<Item = &'e Expression>,
    ) -> Option<String> {
        let mut all = expressions.into_iter().flat_map(Expression::references);
        all.find_map(|reference| {
            let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
            let is_known = match path.as_slice() {
                ["run", ..] => false,
                ["steps", step, name, ..] => self.step(step, name).is_some(),
                ["checks", check, name, ..] => self.check(check, name).is_some(),
                [root, ..] => !self.with(|inner| inner.roots.contains(*root)),
                [] => true,
            };
            (!is_known).then(|| path.into_iter().take(3).collect::<Vec<_>>().join("."))
        })
    }

    /// The first thing that an action needs and nobody knows before the run.
    pub(super) fn unknown_in(&self, action: &Action) -> Option<String> {
        let templates = action.env.iter().map(|(_, template)| template);
        self.unknown_of(templates.chain([&action.params]))
    }

    /// The same of templates.
    pub(super) fn unknown_of<'t>(&self, templates: impl IntoIterator<Item = &'t Template>) -> Option<String> {
        let found = templates.into_iter().flat_map(Template::expressions);
        self.unknown(found.map(|(expression, _)| expression))
    }
}

impl Known for Knowledge {
    fn step(&self, step: &str, name: &str) -> Option<Val> {
        self.with(|inner| inner.steps.get(step)?.value(name))
    }

    fn check(&self, check: &str, name: &str) -> Option<Val> {
        let key = (check.to_owned(), name.to_owned());
        self.with(|inner| inner.checks.get(&key).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(source: &str) -> Expression {
        Expression::parse(source).unwrap()
    }

    fn settled(value: i64) -> OfStep {
        OfStep::Settled("done", HashMap::from([("n".to_owned(), Val::Int(value))]))
    }

    #[test]
    fn what_was_not_asked_is_named() {
        let known = Knowledge::default();
        let needs = |source: &str| known.unknown([&parsed(source)]);
        assert_eq!(needs("steps.a.n > 1").as_deref(), Some("steps.a.n"));
        assert_eq!(needs("inputs.x > 1"), None);
        assert_eq!(needs("run.id").as_deref(), Some("run.id"));
        assert_eq!(needs("checks.c.v == 1").as_deref(), Some("checks.c.v"));
        known.learn("a", settled(3));
        known.learn_check("c", "v", Val::Int(1));
        assert_eq!(needs("steps.a.n > checks.c.v"), None);
        known.learn("a", OfStep::open());
        assert_eq!(
            needs("steps.a.outcome == \"done\"").as_deref(),
            Some("steps.a.outcome")
        );
        known.forget_root("host");
        assert_eq!(needs("host.name").as_deref(), Some("host.name"));
        known.know_root("host");
        assert_eq!(needs("host.name"), None);
    }

    #[test]
    fn the_turns_of_a_loop_are_known_if_each_is() {
        let known = Knowledge::default();
        known.learn("a", OfStep::Each(vec![settled(1), settled(2)]));
        assert_eq!(
            known.step("a", "n"),
            Some(Val::list(vec![Val::Int(1), Val::Int(2)]))
        );
        known.learn("a", OfStep::Each(vec![settled(1), OfStep::open()]));
        assert_eq!(known.step("a", "n"), None);
    }
}
