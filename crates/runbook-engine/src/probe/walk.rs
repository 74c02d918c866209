//! The way through a plan, in the order of a run.

use std::collections::{BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::Arc;

use runbook_action::{Effect, ErrorKind, Failure, Output};
use runbook_event::CheckRole;
use runbook_plan::expression::{Scope, Val};
use runbook_plan::{Action, Body, Check, Section, Step, Undo};
use serde_json::json;

use super::known::{Knowledge, OfStep};
use super::sound::Asker;
use super::{FoundOut, Sounded, Sounding};
use crate::brake::{Brake, Stops};
use crate::courses::CourseRun;
use crate::unit::{Context, Run, attempt, call};

/// Work that calls itself for what stands within.
pub(super) type Within<'w> = Pin<Box<dyn Future<Output = ()> + 'w>>;

/// A way through a plan.
pub(super) struct Walk<'t> {
    pub(super) run: Arc<Run>,
    stop: Brake,
    tell: &'t mut (dyn FnMut(Sounding) + Send),
}

/// A place in a plan.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) course: Arc<CourseRun>,
    pub(super) known: Arc<Knowledge>,
    pub(super) scope: Scope,
    /// The step whose sub-runbook this is.
    within: Option<String>,
    /// What stands before the ids of steps here, and the turns of loops that stand after them.
    prefix: String,
    pub(super) keys: String,
    depth: usize,
    /// Why nothing here is asked: nobody knows whether it would run.
    pub(super) open: Option<String>,
}

impl Place {
    pub(super) fn new(course: &Arc<CourseRun>, within: Option<(String, &Self)>) -> Self {
        let known = Arc::new(Knowledge::default());
        let (depth, open) = within
            .as_ref()
            .map_or((0, None), |(_, around)| (around.depth + 1, around.open.clone()));
        let within = within.map(|(owner, _)| owner);
        Self {
            scope: course.scope.with_known(Arc::clone(&known) as Arc<_>),
            course: Arc::clone(course),
            known,
            prefix: within
                .as_ref()
                .map_or_else(String::new, |owner| format!("{owner}/")),
            within,
            keys: String::new(),
            depth,
            open,
        }
    }

    /// The turn of a loop for an item.
    pub(super) fn turn(&self, item: &str, key: &str, value: Val) -> Self {
        let inside = self.inside();
        Self {
            scope: inside.scope.with_root(item, value),
            keys: format!("{}[{key}]", inside.keys),
            ..inside
        }
    }

    pub(super) fn inside(&self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self.clone()
        }
    }

    fn id(&self, step: &Step) -> String {
        format!("{}{}{}", self.prefix, step.id, self.keys)
    }

    /// The same once it is known whether a step here would run.
    pub(super) fn after(&self, chance: &Chance) -> Self {
        match chance {
            Chance::Certain | Chance::Skipped(_) => self.clone(),
            Chance::Open(why) => self.opened(why),
            Chance::Failed(_) => self.opened("whether it runs cannot be told"),
        }
    }

    /// The same where nobody knows whether it would run.
    pub(super) fn opened(&self, why: &str) -> Self {
        Self {
            open: Some(self.open.clone().unwrap_or_else(|| why.to_owned())),
            ..self.clone()
        }
    }
}

/// A part of the plan that something was found out about.
#[derive(Clone, Copy)]
pub(super) struct Of<'o> {
    part: Sounded,
    title: &'o str,
    action: Option<&'o Action>,
    effect: Effect,
}

impl<'o> Of<'o> {
    const fn action(part: Sounded, action: &'o Action) -> Self {
        Self {
            part,
            title: "",
            action: Some(action),
            effect: action.effect,
        }
    }

    const fn check(part: Sounded, check: &'o Check) -> Self {
        Self {
            title: check.title.as_str(),
            ..Self::action(part, &check.action)
        }
    }

    pub(super) const fn step(step: &'o Step) -> Self {
        Self {
            part: Sounded::Step,
            title: step.title.as_str(),
            action: None,
            effect: step.effect,
        }
    }

    /// What a step does in place of an action.
    pub(super) const fn node(title: &'o str) -> Self {
        Self {
            part: Sounded::Action,
            title,
            action: None,
            effect: Effect::Read,
        }
    }
}

/// A step at its place.
pub(super) struct At<'s> {
    pub(super) place: Place,
    pub(super) step: &'s Step,
    pub(super) id: String,
    pub(super) context: Context,
}

impl At<'_> {
    pub(super) fn asker(&self) -> Asker<'_> {
        Asker {
            context: &self.context,
            known: &self.place.known,
            id: &self.id,
        }
    }

    pub(super) fn learn(&self, found: OfStep) {
        self.place.known.learn(&self.step.id, found);
    }

    /// Neither it runs nor what stands within it.
    pub(super) fn skip(&self) {
        for step in self.step.flat() {
            let skipped = OfStep::Settled("skipped", HashMap::new());
            self.place.known.learn(&step.id, skipped);
        }
    }
}

impl<'t> Walk<'t> {
    pub(super) fn new(run: Arc<Run>, stop: Brake, tell: &'t mut (dyn FnMut(Sounding) + Send)) -> Self {
        Self { run, stop, tell }
    }

    /// All of a plan.
    pub(super) async fn all(&mut self, course: &Arc<CourseRun>) {
        self.course(&Place::new(course, None)).await;
    }

    pub(super) async fn course(&mut self, place: &Place) {
        let plan = Arc::clone(&place.course.plan);
        self.checks(place, Sounded::Detect, CheckRole::Detect, plan.detect())
            .await;
        self.checks(place, Sounded::Guard, CheckRole::Guard, plan.guards())
            .await;
        for section in [Section::Steps, Section::Finally] {
            let steps = plan.steps();
            let here: Vec<usize> = (0..steps.len())
                .filter(|at| steps.get(*at).is_some_and(|step| step.section == section))
                .collect();
            self.list(place, steps, &here).await;
        }
        self.checks(place, Sounded::Verify, CheckRole::Baseline, plan.verify())
            .await;
    }

    fn sounding(context: &Context, place: &Place, of: Of<'_>, found: FoundOut) -> Sounding {
        let masker = context.masker();
        let does = of
            .action
            .map(|action| masker.text(&call::foresee(context, action).summary));
        Sounding {
            step: place.within.clone(),
            depth: place.depth,
            part: of.part,
            title: masker.text(of.title),
            does: does.unwrap_or_default(),
            target: of.action.and_then(|action| action.connection.clone()),
            effect: of.effect,
            found,
        }
    }

    pub(super) fn at<'s>(&self, place: &Place, step: &'s Step) -> At<'s> {
        At {
            id: place.id(step),
            context: self.context(place),
            place: place.clone(),
            step,
        }
    }

    fn context(&self, place: &Place) -> Context {
        Context {
            run: Arc::clone(&self.run),
            course: Arc::clone(&place.course),
            within: place.within.clone(),
            scope: place.scope.clone(),
            stops: Stops {
                reads: self.stop.clone(),
                changes: self.stop.clone(),
            },
            undos: self.stop.clone(),
        }
    }

    /// The checks of a runbook.
    async fn checks(&mut self, place: &Place, part: Sounded, role: CheckRole, checks: &[Check]) {
        for check in checks {
            if self.stop.is_raised() {
                return;
            }
            let context = self.context(place);
            let asker = Asker {
                context: &context,
                known: &place.known,
                id: &check.id,
            };
            let (found, values) = match &place.open {
                Some(why) => (FoundOut::Rendered(why.clone()), None),
                None => asker.check(role, check).await,
            };
            for (name, value) in values.into_iter().flatten().filter(|_| part == Sounded::Detect) {
                place.known.learn_check(&check.id, &name, value);
            }
            (self.tell)(Self::sounding(&context, place, Of::check(part, check), found));
        }
    }

    /// Steps, each after those that it waits for.
    pub(super) fn list<'w>(
        &'w mut self,
        place: &'w Place,
        steps: &'w [Step],
        here: &'w [usize],
    ) -> Within<'w> {
        Box::pin(async move {
            let mut waiting: BTreeSet<usize> = here.iter().copied().collect();
            let mut ready: BTreeSet<usize> = BTreeSet::new();
            let mut followers: HashMap<usize, Vec<usize>> = HashMap::new();
            let mut open: HashMap<usize, usize> = HashMap::new();
            for at in here {
                let needs = steps.get(*at).map_or(&[] as &[_], |step| &step.needs);
                let needs = needs.iter().filter(|need| waiting.contains(need));
                let mut count = 0;
                for need in needs {
                    followers.entry(*need).or_default().push(*at);
                    count += 1;
                }
                open.insert(*at, count);
                if count == 0 {
                    ready.insert(*at);
                }
            }
            while let Some(at) = ready.pop_first() {
                waiting.remove(&at);
                if self.stop.is_raised() {
                    return;
                }
                if let Some(step) = steps.get(at) {
                    self.step(place, step).await;
                }
                for follower in followers.remove(&at).unwrap_or_default() {
                    let left = open.entry(follower).or_default();
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        ready.insert(follower);
                    }
                }
            }
        })
    }

    /// A step: whether it would run, and what it would meet.
    async fn step(&mut self, place: &Place, step: &Step) {
        let at = self.at(place, step);
        let chance = would_run(&at);
        if matches!(chance, Chance::Skipped(_)) {
            at.skip();
            return self.tell(&at, Of::step(step), chance.found());
        }
        let at = At {
            place: place.after(&chance),
            ..at
        };
        self.tell(&at, Of::step(step), chance.found());
        self.inside(&at).await;
        if at.place.open.is_some() {
            at.learn(OfStep::open());
        }
    }

    pub(super) fn tell(&mut self, at: &At<'_>, of: Of<'_>, found: FoundOut) {
        (self.tell)(Sounding {
            step: Some(at.id.clone()),
            ..Self::sounding(&at.context, &at.place, of, found)
        });
    }
    /// What stands within a step, and all that belongs to it.
    pub(super) async fn inside(&mut self, at: &At<'_>) {
        self.gates(at, Sounded::Require, CheckRole::Require, &at.step.require)
            .await;
        let before = self.before(at).await;
        match &at.step.body {
            Body::Action(action) => self.action(at, action, before).await,
            Body::Let(_) => self.named(at),
            Body::Checks(rows) => {
                for row in rows {
                    let found = match &at.place.open {
                        Some(_) => FoundOut::Rendered(String::new()),
                        None => at.asker().row(row).await,
                    };
                    self.tell(at, Of::check(Sounded::Row, &row.check), found);
                }
                at.learn(OfStep::open());
            }
            Body::Group(steps) => self.group(at, steps).await,
            Body::Choose(branches) => self.choose(at, branches).await,
            Body::FirstOf(alternatives) => self.first_of(at, alternatives).await,
            Body::Runbook(called) => self.called(at, called).await,
            Body::Manual(_) | Body::Wait(_) | Body::Notify(_) | Body::Fail(_) | Body::Undo(_) => {
                at.learn(OfStep::open());
                self.tell(
                    at,
                    Of::node(node(&at.step.body)),
                    FoundOut::Rendered(String::new()),
                );
            }
        }
        for then in &at.step.then {
            let found = self.changing(at, &then.action).await;
            self.tell(at, Of::action(Sounded::Then, &then.action), found);
        }
        // The gate of alternatives stands at the end of each one's own.
        if !matches!(at.step.body, Body::FirstOf(_)) {
            self.gates(at, Sounded::Gate, CheckRole::Gate, &at.step.verify)
                .await;
        }
    }

    async fn gates(&mut self, at: &At<'_>, part: Sounded, role: CheckRole, checks: &[Check]) {
        for check in checks {
            let found = match &at.place.open {
                Some(_) => FoundOut::Rendered(String::new()),
                None => at.asker().check(role, check).await.0,
            };
            self.tell(at, Of::check(part, check), found);
        }
    }

    /// What is read before the action: the values are known from then on.
    async fn before(&mut self, at: &At<'_>) -> HashMap<String, Val> {
        let mut values = HashMap::new();
        if let Some(before) = &at.step.before {
            let (found, read) = match &at.place.open {
                Some(_) => (FoundOut::Rendered(String::new()), None),
                None => at.asker().read(&before.action, &before.capture, None).await,
            };
            values.extend(read.unwrap_or_default());
            self.tell(at, Of::action(Sounded::Before, &before.action), found);
        }
        // A step's own `before` may be used by its action. What its action would capture is not known.
        if !values.is_empty() {
            at.learn(OfStep::Open(values.clone()));
        }
        values
    }

    async fn action(&mut self, at: &At<'_>, action: &Action, before: HashMap<String, Val>) {
        if action.effect > Effect::Read {
            let found = self.changing(at, action).await;
            self.tell(at, Of::action(Sounded::Action, action), found);
            if matches!(at.step.undo, Undo::Auto) && at.place.open.is_none() {
                let found = at.asker().keeps(action).await;
                self.tell(
                    at,
                    Of {
                        part: Sounded::Kept,
                        ..Of::node("")
                    },
                    found,
                );
            }
            at.learn(OfStep::Open(before));
            return;
        }
        let (found, values) = match &at.place.open {
            Some(_) => (FoundOut::Rendered(String::new()), None),
            None => at.asker().read(action, &at.step.capture, Some(at.step)).await,
        };
        at.learn(match values {
            Some(values) => OfStep::Settled("done", before.into_iter().chain(values).collect()),
            None => OfStep::open(),
        });
        self.tell(at, Of::action(Sounded::Action, action), found);
    }

    /// What an action would change, if it may be asked.
    async fn changing(&self, at: &At<'_>, action: &Action) -> FoundOut {
        if at.place.open.is_some() {
            return FoundOut::Rendered(String::new());
        }
        at.asker().preview(action).await
    }

    /// Names for values.
    fn named(&mut self, at: &At<'_>) {
        if at.place.open.is_some() {
            return at.learn(OfStep::open());
        }
        let nothing = Output::from(json!({}));
        let (found, values) = at.asker().captured(attempt::named(at.step), &nothing);
        at.learn(values.map_or(OfStep::open(), |values| OfStep::Settled("done", values)));
        self.tell(at, Of::node(""), found);
    }
}

/// Whether a step would run.
pub(super) enum Chance {
    /// It would.
    Certain,
    /// It would not, and why.
    Skipped(String),
    /// Nobody knows, and why.
    Open(String),
    /// Its condition cannot be evaluated.
    Failed(Failure),
}

impl Chance {
    pub(super) fn found(self) -> FoundOut {
        match self {
            Self::Certain => FoundOut::Rendered(String::new()),
            Self::Skipped(why) => FoundOut::Skipped(why),
            Self::Open(why) => FoundOut::Rendered(why),
            Self::Failed(failure) => FoundOut::Failed(failure),
        }
    }
}

/// Whether a step would run, as far as its `when` tells.
pub(super) fn would_run(at: &At<'_>) -> Chance {
    if let Some(why) = &at.place.open {
        return Chance::Open(why.clone());
    }
    let Some(when) = &at.step.when else {
        return Chance::Certain;
    };
    if let Some(needs) = at.place.known.unknown([when]) {
        return Chance::Open(format!("whether it runs depends on `{needs}`"));
    }
    let masker = at.context.masker();
    match when.eval_bool(&at.context.scope) {
        Ok(true) => Chance::Certain,
        Ok(false) => Chance::Skipped(masker.text(&when.explain(&at.context.scope))),
        Err(error) => {
            let message = format!("`when: {}`: {error}", when.source());
            Chance::Failed(Failure::new(ErrorKind::Other, masker.text(&message)))
        }
    }
}

/// What the engine does in place of an action, for people.
const fn node(body: &Body) -> &'static str {
    match body {
        Body::Manual(_) => "a person does it",
        Body::Wait(_) => "it waits",
        Body::Notify(_) => "it tells people",
        Body::Fail(_) => "it ends the run as failed",
        Body::Undo(_) => "it undoes steps",
        Body::Action(_)
        | Body::Let(_)
        | Body::Checks(_)
        | Body::Runbook(_)
        | Body::Group(_)
        | Body::Choose(_)
        | Body::FirstOf(_) => "",
    }
}
