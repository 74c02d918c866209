//! How long plans take at most.

use super::{catalogue, plan, runbook};
use crate::Longest;

/// The bound of a runbook with this in it, in seconds, and what is not in it.
fn longest(more: &str) -> (u64, Longest) {
    let longest = plan(&[runbook("timed", more)]).longest();
    (longest.time.as_secs(), longest)
}

#[test]
fn one_after_the_other_is_a_sum() {
    let (seconds, all) = longest(
        "steps:
  - {id: one, do: {read: it}, timeout: 10s}
  - {id: two, do: {read: it}, timeout: 20s}
  - {id: rest, wait: 5s}",
    );
    assert_eq!(seconds, 35);
    assert!(all.is_known() && all.people == 0);
}

#[test]
fn side_by_side_is_the_longest_chain() {
    let steps = "steps:
  - {id: one, do: {read: it}, timeout: 10s, needs: []}
  - {id: two, do: {read: it}, timeout: 20s, needs: []}
  - {id: three, do: {read: it}, timeout: 30s, needs: []}
  - {id: end, do: {read: it}, timeout: 1s, needs: [one, two, three]}";
    assert_eq!(longest(steps).0, 31);
    // With two places the rest of the work is divided between them: (61 - 31) / 2.
    assert_eq!(longest(&format!("max_parallel: 2\n{steps}")).0, 46);
    assert_eq!(longest(&format!("max_parallel: 1\n{steps}")).0, 61);
}

#[test]
fn attempts_gates_and_what_follows_count() {
    // Three attempts of 10 s, pauses of 2 s and 3 s; a gate of 60 s, with a reading of 5 s under way at its end.
    let (seconds, _) = longest(
        "steps:
  - id: one
    do: {read: it}
    timeout: 10s
    retry: {attempts: 3, delay: 2s, backoff: 2, max_delay: 3s}
    verify: [{do: {read: it}, expect: ok, within: 1m, timeout: 5s}]",
    );
    assert_eq!(seconds, 30 + 5 + 60 + 5);
    let (seconds, _) = longest(
        "steps: [{id: one, do: {read: it}, timeout: 1s, retry: {attempts: 100, delay: 1s, max_delay: 1s, backoff: 1}}]",
    );
    assert_eq!(seconds, 100 + 99);
}

#[test]
fn what_nobody_knows_is_named() {
    let (seconds, all) = longest(
        "inputs: {hosts: {type: list}, pause: {type: duration}}
steps:
  - {id: ask, do: {read: it}, timeout: 1s, approve: {message: Go on?}}
  - {id: each, for_each: {item: host, in: inputs.hosts}, steps: [{id: one, do: {read: it}, timeout: 2s}]}
  - {id: rest, wait: '{{ inputs.pause }}'}",
    );
    assert_eq!(seconds, 3);
    assert_eq!(all.people, 1);
    assert_eq!(all.lists, ["inputs.hosts"]);
    assert_eq!(all.pauses, ["rest"]);
    assert!(!all.is_known());
}

#[test]
fn inputs_tell_what_was_not_known() {
    let plan = plan(&[runbook(
        "timed",
        "inputs: {hosts: {type: list}}
steps: [{id: each, for_each: {item: host, in: inputs.hosts, batch: 2}, steps: [{id: one, do: {read: it}, timeout: 2s}]}]",
    )]);
    let inputs = [("hosts".to_owned(), serde_json::json!(["a", "b", "c", "d", "e"]))];
    let known = plan
        .foreseen(&catalogue(), &inputs.into_iter().collect())
        .longest();
    assert_eq!(known.time.as_secs(), 6);
    assert!(known.is_known());
}

#[test]
fn a_limit_of_the_run_is_a_bound() {
    let (seconds, all) = longest(
        "timeout: 1m
inputs: {hosts: {type: list}}
steps: [{id: each, for_each: {item: host, in: inputs.hosts}, steps: [{id: one, do: {read: it}, timeout: 2s}]}]
finally: [{id: end, do: {read: it}, timeout: 4s}]",
    );
    assert_eq!(seconds, 64);
    assert!(all.is_known());
}
