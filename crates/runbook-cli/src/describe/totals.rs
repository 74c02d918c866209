//! How much a plan does, in one sentence.

use runbook_action::Effect;
use runbook_plan::{Longest, Plan, Step, Undo};

use super::words::{count, effect, length, list};

/// What there is of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) steps: usize,
    pub(crate) reads: usize,
    pub(crate) changes: usize,
    pub(crate) destroys: usize,
    pub(crate) approvals: usize,
    /// Steps that change something for good, or of which nobody said how to undo it.
    pub(crate) for_good: usize,
}

impl Totals {
    /// Of the steps that hold no others, and of all approvals.
    pub(crate) fn of(plan: &Plan) -> Self {
        let all: Vec<&Step> = plan.all_steps().collect();
        let single: Vec<&Step> = all
            .iter()
            .copied()
            .filter(|step| step.within().is_empty())
            .collect();
        let of = |effect: Effect| single.iter().filter(|step| step.effect == effect).count();
        let is_for_good = |step: &&&Step| matches!(step.undo, Undo::Irreversible(_) | Undo::Undeclared);
        Self {
            steps: single.len(),
            reads: of(Effect::Read),
            changes: of(Effect::Change),
            destroys: of(Effect::Destructive),
            approvals: all.iter().filter(|step| step.approve.is_some()).count(),
            for_good: all.iter().filter(is_for_good).count(),
        }
    }

    /// The greatest effect.
    pub(crate) const fn effect(self) -> Effect {
        match (self.changes, self.destroys) {
            (_, 1..) => Effect::Destructive,
            (1.., 0) => Effect::Change,
            (0, 0) => Effect::Read,
        }
    }

    /// `7 steps: 3 read, 3 change, 1 destroys; 2 approvals; 1 cannot be undone`
    pub(crate) fn sentence(self) -> String {
        let of = [
            (self.reads, Effect::Read),
            (self.changes, Effect::Change),
            (self.destroys, Effect::Destructive),
        ];
        let verbs: Vec<String> = of
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, kind)| {
                let verb = effect(kind);
                let verb = match (count, kind) {
                    (1, _) => verb,
                    (_, Effect::Destructive) => "destroy",
                    (_, Effect::Read | Effect::Change) => verb.trim_end_matches('s'),
                };
                format!("{count} {verb}")
            })
            .collect();
        let mut parts = vec![format!("{}: {}", count(self.steps, "step"), verbs.join(", "))];
        if self.approvals > 0 {
            parts.push(count(self.approvals, "approval"));
        }
        if self.for_good > 0 {
            parts.push(format!("{} cannot be undone", self.for_good));
        }
        parts.join("; ")
    }
}

/// How long it takes at most, in words. Nothing if there is nothing to say.
pub(crate) fn longest(longest: &Longest) -> Option<String> {
    if longest.time.is_zero() && longest.is_known() && longest.people == 0 {
        return None;
    }
    let mut parts = vec![format!("takes at most {}", length(longest.time))];
    if longest.people > 0 {
        parts.push(format!(
            "and the time that people take to answer {}",
            count(longest.people, "question")
        ));
    }
    let lists: Vec<String> = longest.lists.iter().map(|list| format!("`{list}`")).collect();
    if !lists.is_empty() {
        parts.push(format!("more for each further item of {}", list(&lists, "and")));
    }
    let pauses: Vec<String> = longest.pauses.iter().map(|id| format!("`{id}`")).collect();
    if !pauses.is_empty() {
        parts.push(format!("and as long as {} says", list(&pauses, "and")));
    }
    Some(parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_says_how_much_there_is() {
        let totals = Totals {
            steps: 7,
            reads: 3,
            changes: 3,
            destroys: 1,
            approvals: 2,
            for_good: 1,
        };
        assert_eq!(
            totals.sentence(),
            "7 steps: 3 read, 3 change, 1 destroys; 2 approvals; 1 cannot be undone"
        );
        let one = Totals {
            steps: 1,
            reads: 1,
            changes: 0,
            destroys: 0,
            approvals: 0,
            for_good: 0,
        };
        assert_eq!(one.sentence(), "1 step: 1 reads");
        assert_eq!(
            (totals.effect(), one.effect()),
            (Effect::Destructive, Effect::Read)
        );
    }
}
