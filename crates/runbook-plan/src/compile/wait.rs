//! What a step waits for: a length of time, or that checks pass. Those become the gate of the step, which is what waits.

use std::time::Duration;

use runbook_action::schema::Shape;
use runbook_action::schema::duration::parse_duration;
use runbook_document::{ActionNode, Check as Written, Node, awaited_checks};

use super::Compiler;
use super::names::Names;
use super::steps::Place;
use crate::plan::{Check, Wait};

/// The keys that are for checks.
const OF_CHECKS: [&str; 3] = ["within", "every", "consecutive"];

impl Compiler<'_, '_> {
    /// What is waited for, and the checks that tell.
    pub(super) fn wait(
        &mut self,
        node: &ActionNode,
        names: &Names,
        place: &Place<'_>,
    ) -> Option<(Wait, Vec<Check>)> {
        let params = &node.params;
        let why = params.get("why").and_then(Node::text).map(str::to_owned);
        let bare = params.entries().is_empty().then_some(params);
        let (length, until) = (params.get("for").or(bare), params.get("until"));
        let Some(until) = until else {
            let extra = OF_CHECKS.iter().find(|key| params.get(key).is_some());
            let (message, help) = match (length, extra) {
                (Some(length), None) => {
                    let shape = Shape::Dynamic(&Shape::Duration);
                    let length = Some(self.template(length, &shape, names)?);
                    return Some((Wait { length, why }, Vec::new()));
                }
                (Some(_), Some(key)) => (
                    format!("`{key}` is for checks, and this waits for a length of time"),
                    "put the checks under `until`, in place of `for`",
                ),
                (None, _) => (
                    "nothing says what is waited for".to_owned(),
                    "add `for` with a length of time, or `until` with checks",
                ),
            };
            self.composition(&node.kind, &message, help);
            return None;
        };
        if length.is_some() {
            let help = "leave `for` out, or give the checks to a step after this one";
            self.composition(
                &node.kind,
                "a step waits for a length of time or for checks, and not for both",
                help,
            );
            return None;
        }
        let checks = self.awaited(node, until);
        let mut gate = self.checks(&checks, names, place.known);
        for check in &mut gate {
            if let Some(at) = checks.iter().position(|written| written.span == check.span)
                && checks.get(at).is_some_and(|written| written.id.is_none())
            {
                check.id = if checks.len() == 1 {
                    "until".to_owned()
                } else {
                    format!("until-{}", at + 1)
                };
            }
        }
        Some((Wait { length: None, why }, gate))
    }

    /// The checks, with what is said for all of them.
    fn awaited(&mut self, node: &ActionNode, until: &Node) -> Vec<Written> {
        let params = &node.params;
        let length = |key: &str| params.get(key).and_then(Node::text).and_then(parse_duration);
        let (within, every): (Option<Duration>, Option<Duration>) = (length("within"), length("every"));
        let consecutive = params
            .get("consecutive")
            .and_then(|count| u32::try_from(count.to_json().as_u64()?).ok());
        let kinds: Vec<&str> = self.request.catalogue.kinds().collect();
        let mut checks = awaited_checks(until.items(), &kinds, self.findings);
        for (check, item) in checks.iter_mut().zip(until.items()) {
            check.within = check.within.or(within);
            check.every = check.every.or(every);
            if let Some(consecutive) = consecutive.filter(|_| item.get("consecutive").is_none()) {
                check.consecutive = consecutive;
            }
        }
        if checks.is_empty() {
            self.composition(
                &node.kind,
                "there is no check to wait for",
                "name one under `until`",
            );
        } else if checks.iter().any(|check| check.within.is_none()) {
            let help = "add `within`, beside `until` for all its checks or to the check itself";
            self.composition(&node.kind, "nothing says how long this may wait", help);
        }
        checks
    }
}

/// The checks of a step after those of what it does.
pub(super) fn with_gate(mut gate: Vec<Check>, verify: Vec<Check>) -> Vec<Check> {
    for check in &mut gate {
        check.id = super::gates::free(check.id.clone(), &verify);
    }
    gate.extend(verify);
    gate
}
