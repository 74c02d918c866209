//! A plan with everything written out that is known before it runs: the values of its inputs, and what follows from
//! them.

use indexmap::IndexMap;
use runbook_action::{Param, Secret, Segment, Text};
use serde_json::Value;

use crate::expression::{Scope, Val};
use crate::plan::{Action, Body, Check, ForEach, Plan, Step, Undo};
use crate::{Catalogue, Template};

/// A plan for these inputs, to be read and never to be run: what only a run can know stays an expression, and a secret
/// stands for itself.
#[derive(Clone)]
pub struct Foreseen {
    plan: Plan,
    scope: Scope,
    inputs: IndexMap<String, Value>,
}

impl Plan {
    /// The same with everything written out that follows from these inputs. Pure: no secret is read.
    #[must_use]
    pub fn foreseen(&self, catalogue: &Catalogue, inputs: &IndexMap<String, Value>) -> Foreseen {
        let scope = self.scope_before(inputs);
        let mut plan = self.clone();
        plan.places = std::sync::OnceLock::new();
        let kinds = self.connections.iter();
        let writer = Writer {
            kinds: kinds
                .map(|connection| (connection.name.clone(), connection.kind))
                .collect(),
            catalogue,
            scope: &scope,
        };
        for connection in &mut plan.connections {
            writer.template(&mut connection.params);
        }
        plan.lock.iter_mut().for_each(|lock| writer.template(lock));
        for checks in [&mut plan.detect, &mut plan.guards, &mut plan.verify] {
            for check in checks {
                writer.check(check);
            }
        }
        plan.steps.iter_mut().for_each(|step| writer.step(step));
        Foreseen {
            plan,
            inputs: self.shown(inputs),
            scope,
        }
    }

    /// The inputs, without those that are secret.
    fn shown(&self, inputs: &IndexMap<String, Value>) -> IndexMap<String, Value> {
        let is_secret = |name: &str| self.inputs.iter().any(|input| input.secret && input.name == name);
        let shown = inputs.iter().filter(|(name, _)| !is_secret(name));
        shown.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// What expressions can use before anything has run.
    fn scope_before(&self, inputs: &IndexMap<String, Value>) -> Scope {
        let secret = |name: &str| {
            let secret = Secret::new(name, String::new());
            Val::Secret(Text::from_segments(vec![Segment::Secret(secret)]))
        };
        let shown = self.shown(inputs);
        let values = inputs.keys().map(|name| {
            let value = shown.get(name).map_or_else(|| secret(name), Val::from);
            (name.clone(), value)
        });
        let secrets = self
            .secrets
            .iter()
            .map(|known| (known.name.clone(), secret(&known.name)));
        let mut scope = Scope::new(IndexMap::from([
            ("inputs".to_owned(), Val::map(values.collect())),
            ("secrets".to_owned(), Val::map(secrets.collect())),
            (
                "environment".to_owned(),
                self.environment.as_deref().map_or(Val::Null, Val::text),
            ),
        ]));
        let mut vars = IndexMap::new();
        for (name, expression) in &self.vars {
            if let Ok(value) = expression.eval(&scope) {
                vars.insert(name.clone(), value);
                scope = scope.with_root("vars", Val::map(vars.clone()));
            }
        }
        let connections = self.connections.iter().filter_map(|connection| {
            let params = connection.params.render(&scope).ok()?;
            Some((connection.name.clone(), seen(&params)))
        });
        let connections = Val::map(connections.collect());
        scope.with_root("connections", connections)
    }
}

/// A rendered parameter as expressions see it; a text with a secret in it stays one.
fn seen(param: &Param) -> Val {
    match param {
        Param::Text(text) if text.is_secret() => Val::Secret(text.clone()),
        Param::Map(map) => Val::map(
            map.iter()
                .map(|(key, value)| (key.clone(), seen(value)))
                .collect(),
        ),
        Param::List(items) => Val::list(items.iter().map(seen).collect()),
        Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) => Val::from(&param.masked()),
    }
}

impl Foreseen {
    /// The plan as far as it is known.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The values of its inputs, without those that are secret.
    #[must_use]
    pub const fn inputs(&self) -> &IndexMap<String, Value> {
        &self.inputs
    }

    /// How many items a list has, if that is known before the run.
    #[must_use]
    pub fn items(&self, each: &ForEach) -> Option<usize> {
        match each.list.eval(&self.scope).ok()? {
            Val::List(items) => Some(items.len()),
            Val::Null
            | Val::Bool(_)
            | Val::Int(_)
            | Val::Float(_)
            | Val::Text(_)
            | Val::Secret(_)
            | Val::Map(_) => None,
        }
    }

    /// Whether a step's `when` holds, and why, if that is known before the run.
    #[must_use]
    pub fn when(&self, step: &Step) -> Option<(bool, String)> {
        let when = step.when.as_ref()?;
        let holds = when.eval_bool(&self.scope).ok()?;
        Some((holds, when.explain(&self.scope)))
    }
}

/// Writes out what is known.
struct Writer<'a> {
    kinds: IndexMap<String, &'static str>,
    catalogue: &'a Catalogue,
    scope: &'a Scope,
}

impl Writer<'_> {
    fn template(&self, template: &mut Template) {
        *template = Template::fixed(template.foresee(self.scope), template.span);
    }

    fn action(&self, action: &mut Action) {
        self.template(&mut action.params);
        for (_, value) in &mut action.env {
            self.template(value);
        }
        let kind = action.connection.as_ref().and_then(|name| self.kinds.get(name));
        let params = action.params.sketch();
        let service = self.catalogue.action(action.kind, kind.copied());
        let recognised = match service {
            Some(known) => known.recognise(&params),
            None => match self.catalogue.kind(action.kind) {
                Some(known) => known.recognise(&params),
                None => return,
            },
        };
        if let Ok(recognised) = recognised {
            action.summary = recognised.summary;
        }
    }

    fn check(&self, check: &mut Check) {
        let untitled = check.title == check.action.summary;
        self.action(&mut check.action);
        if untitled {
            check.title.clone_from(&check.action.summary);
        }
    }

    fn step(&self, step: &mut Step) {
        for check in step.require.iter_mut().chain(&mut step.verify) {
            self.check(check);
        }
        if let Some(message) = step.approve.as_mut().and_then(|approve| approve.message.as_mut()) {
            self.template(message);
        }
        if let Some(before) = &mut step.before {
            self.action(&mut before.action);
        }
        self.body(&mut step.body);
        for (_, path) in &mut step.save {
            self.template(path);
        }
        for then in &mut step.then {
            self.action(&mut then.action);
        }
        match &mut step.undo {
            Undo::Action(undo) => {
                self.action(&mut undo.action);
                undo.verify.iter_mut().for_each(|check| self.check(check));
            }
            Undo::Steps(steps) => steps.iter_mut().for_each(|step| self.step(step)),
            Undo::Auto | Undo::Within | Undo::Irreversible(_) | Undo::NotNeeded | Undo::Undeclared => {}
        }
    }

    fn body(&self, body: &mut Body) {
        match body {
            Body::Action(action) => self.action(action),
            Body::Manual(manual) => self.template(&mut manual.instructions),
            Body::Wait(wait) => {
                if let Some(length) = &mut wait.length {
                    self.template(length);
                }
            }
            Body::Notify(notify) => self.template(&mut notify.message),
            Body::Fail(message) => self.template(message),
            Body::Checks(rows) => rows.iter_mut().for_each(|row| self.check(&mut row.check)),
            Body::Runbook(call) => call.inputs.values_mut().for_each(|value| self.template(value)),
            Body::Group(steps) | Body::Choose(steps) | Body::FirstOf(steps) => {
                for step in steps {
                    self.step(step);
                }
            }
            Body::Let(_) | Body::Undo(_) => {}
        }
    }
}
