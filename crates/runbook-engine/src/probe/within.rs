//! What stands within a step of a probe: a group, the turns of a loop, branches, alternatives, another runbook.

use std::sync::Arc;

use indexmap::IndexMap;
use runbook_plan::{ForEach, RunbookCall, Step};

use super::FoundOut;
use super::known::OfStep;
use super::sound::needing;
use super::walk::{At, Chance, Of, Place, Walk, Within, would_run};
use crate::unit::enter;

/// How many turns of a loop are looked at.
const TURNS: usize = 20;

impl Walk<'_> {
    pub(super) async fn group(&mut self, at: &At<'_>, steps: &[Step]) {
        let here: Vec<usize> = (0..steps.len()).collect();
        if let Some(each) = &at.step.for_each {
            return self.turns(at, each, steps, &here).await;
        }
        if let Some(repeat) = &at.step.repeat {
            let why = format!("one of up to {} rounds", repeat.at_most);
            self.tell(at, Of::node(""), FoundOut::Rendered(why));
        }
        self.list(&at.place.inside(), steps, &here).await;
        if at.step.repeat.is_some() {
            // What a later round finds may be something else.
            for step in steps.iter().flat_map(Step::flat) {
                at.place.known.learn(&step.id, OfStep::open());
            }
        }
        at.learn(OfStep::open());
    }

    /// The turns of a loop. Where its list is not known, what stands within is shown once.
    async fn turns(&mut self, at: &At<'_>, each: &ForEach, steps: &[Step], here: &[usize]) {
        let known = Arc::clone(&at.place.known);
        let needs = known.unknown([&each.list]);
        if at.place.open.is_some() || needs.is_some() {
            let why = needs.map_or_else(String::new, |needs| format!("its list depends on `{needs}`"));
            let found = FoundOut::Rendered(why.clone());
            self.tell(at, Of::node(""), found);
            known.forget_root(&each.item);
            self.list(&at.place.inside().opened(&why), steps, here).await;
            known.know_root(&each.item);
            return at.learn(OfStep::open());
        }
        let items = match enter::list(&at.context, each) {
            Ok(items) => items,
            Err(failure) => {
                let found = at.asker().failed(failure);
                self.tell(at, Of::node(""), found);
                return at.learn(OfStep::open());
            }
        };
        let more = items.len().saturating_sub(TURNS);
        let told = match (items.len(), more) {
            (1, _) => "it would run for 1 item".to_owned(),
            (all, 0) => format!("it would run for {all} items"),
            (all, _) => format!("it would run for {all} items, of which the first {TURNS} are looked at"),
        };
        let found = FoundOut::Asked {
            verdict: None,
            detail: told,
            values: IndexMap::new(),
        };
        self.tell(at, Of::node(""), found);
        let inner: Vec<&Step> = steps.iter().flat_map(Step::flat).collect();
        let mut of_steps: Vec<Vec<OfStep>> = vec![Vec::new(); inner.len()];
        for (number, item) in items.iter().take(TURNS).enumerate() {
            let masked = at.context.masker().value(item.to_json());
            let key = enter::key_of(&masked).unwrap_or_else(|| (number + 1).to_string());
            let place = at.place.turn(&each.item, &key, item.clone());
            self.list(&place, steps, here).await;
            for (step, turns) in inner.iter().zip(&mut of_steps) {
                turns.push(known.take(&step.id).unwrap_or(OfStep::open()));
            }
        }
        for (step, mut turns) in inner.iter().zip(of_steps) {
            if more > 0 {
                turns.push(OfStep::open());
            }
            known.learn(&step.id, OfStep::Each(turns));
        }
        at.learn(OfStep::open());
    }

    /// The branch that would be taken, if that is known.
    pub(super) async fn choose(&mut self, at: &At<'_>, branches: &[Step]) {
        let mut place = at.place.inside();
        let mut taken = false;
        for branch in branches {
            let mut here = self.at(&place, branch);
            let chance = if taken {
                Chance::Skipped("another branch is taken".to_owned())
            } else {
                would_run(&here)
            };
            taken |= matches!(chance, Chance::Certain);
            // If it is not known whether this one is taken, it is not of any that comes after it.
            place = place.after(&chance);
            here.place = place.clone();
            let skipped = matches!(chance, Chance::Skipped(_));
            self.tell(&here, Of::step(branch), chance.found());
            if skipped {
                here.skip();
            } else {
                self.inner(&here).await;
            }
        }
        at.learn(OfStep::open());
    }

    /// The first alternative; the others would come only where that one does not help.
    pub(super) async fn first_of(&mut self, at: &At<'_>, alternatives: &[Step]) {
        for (number, alternative) in alternatives.iter().enumerate() {
            let mut place = at.place.inside();
            if number > 0 {
                place = place.opened("it would come only if what stands before it does not help");
            }
            let here = self.at(&place, alternative);
            let why = place.open.clone().unwrap_or_default();
            self.tell(&here, Of::step(alternative), FoundOut::Rendered(why));
            self.inner(&here).await;
            // Which of them are tried is not known.
            for step in alternative.flat() {
                place.known.learn(&step.id, OfStep::open());
            }
        }
        at.learn(OfStep::open());
    }

    fn inner<'w>(&'w mut self, at: &'w At<'w>) -> Within<'w> {
        Box::pin(self.inside(at))
    }

    /// Another runbook, with its inputs as far as they are known.
    pub(super) async fn called(&mut self, at: &At<'_>, called: &RunbookCall) {
        at.learn(OfStep::open());
        let title = format!("runbook {}", called.name);
        if let Some(needs) = at.place.known.unknown_of(called.inputs.values()) {
            return self.tell(at, Of::node(&title), needing(&needs));
        }
        if at.place.open.is_some() {
            return self.tell(at, Of::node(&title), FoundOut::Rendered(String::new()));
        }
        let opened = enter::inputs(&at.context, called).and_then(|inputs| {
            let inputs = inputs.into_iter().map(|(name, value)| (name, value.reveal()));
            let run = &self.run;
            run.courses.open(called, &run.id, inputs.collect(), &run.masks)
        });
        match opened {
            Ok(opened) => {
                self.tell(at, Of::node(&title), FoundOut::Rendered(String::new()));
                let place = Place::new(&opened.course, Some((at.id.clone(), &at.place)));
                Box::pin(self.course(&place)).await;
            }
            Err(failure) => {
                let found = at.asker().failed(failure);
                self.tell(at, Of::node(&title), found);
            }
        }
    }
}
