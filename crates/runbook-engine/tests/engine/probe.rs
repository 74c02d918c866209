//! Looking before leaping: what is asked, what is previewed, what is only rendered; and that nothing changes.

use runbook_engine::{FoundOut, Sounding};
use runbook_event::Verdict;
use runbook_testkit::play::Play;
use runbook_testkit::scenario::{Scenario, outdent};
use runbook_testkit::stage::Probed;

/// Each thing that was found out in a line.
fn told(probed: &Probed) -> String {
    let lines: Vec<String> = probed.soundings.iter().map(line).collect();
    lines.join("\n")
}

fn line(sounding: &Sounding) -> String {
    let step = sounding.step.as_deref().unwrap_or("-");
    let found = match &sounding.found {
        FoundOut::Asked {
            verdict,
            detail,
            values,
        } => {
            let verdict = match verdict {
                Some(Verdict::Pass) => " yes",
                Some(Verdict::Fail) => " no",
                Some(Verdict::Error) => " error",
                None => "",
            };
            let values: Vec<String> = values
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let told = if verdict.is_empty() && !values.is_empty() {
                values.join(", ")
            } else {
                detail.clone()
            };
            format!("{verdict}: {told}")
        }
        FoundOut::Failed(failure) => format!(": {failure}"),
        FoundOut::Previewed(preview) => {
            let lines = preview.lines.iter();
            let lines: Vec<String> = lines
                .map(|line| format!("{}{}", line.mark.sign(), line.text))
                .collect();
            format!(": {} [{}]", preview.summary, lines.join(", "))
        }
        FoundOut::Rendered(why) | FoundOut::Skipped(why) if why.is_empty() => String::new(),
        FoundOut::Rendered(why) | FoundOut::Skipped(why) => format!(": {why}"),
    };
    let word = sounding.found.word();
    format!("{step} {} {word}{found}", sounding.part.word())
}

#[track_caller]
fn finds(scenario: Scenario, expected: &str) -> Probed {
    let probed = scenario.stage().probe();
    let deeds = probed.world.deeds();
    assert!(deeds.is_empty(), "it changed something: {deeds:?}");
    assert_eq!(told(&probed).trim(), outdent(expected).trim());
    probed
}

#[test]
fn reads_are_asked_and_changes_tell_what_they_would_change() {
    let scenario = Scenario::new(
        "
        detect: [{id: broken, probe: {name: size}, expect: got > 9, capture: {was: got}}]
        guards: [{id: up, probe: {name: up}, expect: got}]
        steps:
          - {id: look, probe: {name: look}, capture: {n: got}}
          - {id: set, keep: {name: set, key: size, value: '{{ steps.look.n }}'}, rollback: auto,
             require: [{probe: {name: ready}, expect: got}],
             verify: [{probe: {name: size}, expect: got == steps.look.n}]}
          - {id: act, act: {name: 'act{{ checks.broken.was }}'}, rollback: not_needed, capture: {done: got}}
          - {id: after, probe: {name: '{{ steps.act.done }}'}}
        verify: [{id: over, probe: {name: size}, expect: got < 9}]
        ",
    )
    .on("size", [Play::gives(10)])
    .on("up", [Play::gives(true)])
    .on("ready", [Play::gives(true)])
    .on("look", [Play::gives(3)]);
    finds(
        scenario,
        "
        - detect asked yes: `got` is 10
        - guard asked yes: `got` is true
        look step rendered
        look action asked: n=3
        set step rendered
        set require asked yes: `got` is true
        set action previewed: `size` would change [-size = null, +size = 3]
        set kept asked: put back `size = null`
        set verify asked no: `got` is 10, `steps.look.n` is 3
        act step rendered
        act action rendered
        after step rendered
        after action rendered: it needs `steps.act.done`, which is not known before the run
        - verify asked no: `got` is 10
        ",
    );
}

#[test]
fn what_a_step_reads_before_it_acts_is_known_to_it() {
    let scenario = Scenario::new(
        "
        steps:
          - id: set
            before: {probe: {name: size}, capture: {old: got}}
            keep: {name: set, key: size, value: '{{ steps.set.old + 1 }}'}
            capture: {new: got}
            rollback: {keep: {name: back, key: size, value: '{{ steps.set.old }}'}}
            verify: [{probe: {name: size}, expect: got == steps.set.old + 1},
                     {probe: {name: size}, expect: got == steps.set.new}]
          - {id: next, probe: {name: next}, when: steps.set.old > 3}
          - {id: last, probe: {name: last}, when: steps.set.new > 3}
        ",
    )
    .on("size", [Play::gives(4)]);
    finds(
        scenario,
        "
        set step rendered
        set before asked: old=4
        set action previewed: `size` would change [-size = null, +size = 5]
        set verify asked no: `got` is 4, `steps.set.old + 1` is 5
        set verify rendered: it needs `steps.set.new`, which is not known before the run
        next step rendered
        next action asked: it answered
        last step rendered: whether it runs depends on `steps.set.new`
        last action rendered
        ",
    );
}

#[test]
fn a_skipped_step_captures_null_and_what_stands_within_is_skipped_too() {
    let scenario = Scenario::new(
        "
        inputs: {deep: {type: boolean, default: false}}
        steps:
          - {id: outer, when: inputs.deep, steps: [{id: inner, probe: {name: inner}, capture: {n: got}}]}
          - {id: seen, probe: {name: seen}, when: steps.inner.n == none}
          - {id: told, probe: {name: told}, when: steps.inner.outcome == 'skipped'}
        ",
    )
    .input("deep", false);
    finds(
        scenario,
        "
        outer step skipped: `inputs.deep` is false
        seen step rendered
        seen action asked: it answered
        told step rendered
        told action asked: it answered
        ",
    );
}

#[test]
fn a_loop_is_looked_at_item_by_item() {
    let scenario = Scenario::new(
        "
        steps:
          - {id: list, probe: {name: list}, capture: {hosts: got}}
          - id: each
            for_each: {item: host, in: steps.list.hosts}
            steps:
              - {id: ask, probe: {name: 'ask {{ host }}'}, capture: {n: got}}
              - {id: set, keep: {name: set, key: '{{ host }}', value: '{{ steps.ask.n }}'}, rollback: not_needed}
          - {id: sum, let: {all: steps.ask.n}}
          - {id: change, act: {name: change}, capture: {more: got}, rollback: not_needed}
          - id: unknown
            for_each: {item: host, in: steps.change.more}
            steps: [{id: late, probe: {name: '{{ host }}'}}]
        ",
    )
    .on("list", [Play::gives(serde_json::json!(["a", "b"]))])
    .on("ask a", [Play::gives(1)])
    .on("ask b", [Play::gives(2)]);
    finds(
        scenario,
        "
        list step rendered
        list action asked: hosts=[\"a\",\"b\"]
        each step rendered
        each action asked: it would run for 2 items
        ask[a] step rendered
        ask[a] action asked: n=1
        set[a] step rendered
        set[a] action previewed: `a` would change [-a = null, +a = 1]
        ask[b] step rendered
        ask[b] action asked: n=2
        set[b] step rendered
        set[b] action previewed: `b` would change [-b = null, +b = 2]
        sum step rendered
        sum action asked: all=[1,2]
        change step rendered
        change action rendered
        unknown step rendered
        unknown action rendered: its list depends on `steps.change.more`
        late step rendered: its list depends on `steps.change.more`
        late action rendered
        ",
    );
}

#[test]
fn branches_are_chosen_as_far_as_that_is_known_and_alternatives_come_one_by_one() {
    let scenario = Scenario::new(
        "
        steps:
          - {id: look, probe: {name: look}, capture: {n: got}}
          - id: pick
            choose:
              - {id: low, when: steps.look.n < 3, probe: {name: low}}
              - {id: high, when: steps.look.n > 3, probe: {name: high}}
              - {id: other, else: true, probe: {name: other}}
          - id: try
            first_of:
              - {id: one, act: {name: one}, rollback: not_needed}
              - {id: two, act: {name: two}, rollback: not_needed}
            verify: [{probe: {name: well}, expect: got}]
        ",
    )
    .on("look", [Play::gives(7)])
    .on("well", [Play::gives(false)]);
    finds(
        scenario,
        "
        look step rendered
        look action asked: n=7
        pick step rendered
        low step skipped: `steps.look.n` is 7
        high step rendered
        high action asked: it answered
        other step skipped: another branch is taken
        try step rendered
        one step rendered
        one action rendered
        one verify asked no: `got` is false
        two step rendered: it would come only if what stands before it does not help
        two action rendered
        two verify rendered
        ",
    );
}

#[test]
fn a_runbook_within_is_looked_at_with_its_inputs() {
    let scenario = Scenario::new(
        "
        steps:
          - {id: sub, runbook: {name: child, inputs: {size: 3}}}
          - {id: act, act: {name: act}, capture: {n: got}, rollback: not_needed}
          - {id: late, runbook: {name: child, inputs: {size: '{{ steps.act.n }}'}}}
        ",
    )
    .runbook(
        "child",
        "
        inputs: {size: {type: integer}}
        detect: [{id: needed, probe: {name: needed}, expect: got}]
        steps:
          - {id: set, keep: {name: set, key: size, value: '{{ inputs.size }}'}, rollback: auto}
        ",
    )
    .on("needed", [Play::gives(true)]);
    finds(
        scenario,
        "
        sub step rendered
        sub action rendered
        sub detect asked yes: `got` is true
        sub/set step rendered
        sub/set action previewed: `size` would change [-size = null, +size = 3]
        sub/set kept asked: put back `size = null`
        act step rendered
        act action rendered
        late step rendered
        late action rendered: it needs `steps.act.n`, which is not known before the run
        ",
    );
}

#[test]
fn what_cannot_be_asked_hinders_and_what_does_not_hold_does_not() {
    let scenario = Scenario::new(
        "
        steps:
          - {id: look, probe: {name: gone}, capture: {n: got}}
          - {id: set, keep: {name: set, key: size, value: 1}, rollback: auto}
          - {id: gate, probe: {name: fine}, verify: [{probe: {name: gone}, expect: got}, {probe: {name: fine}, expect: got == 2}]}
          - {id: maybe, probe: {name: gone}, may_fail: true, capture: {fine: ok}}
          - {id: next, let: {n: steps.look.n}}
        ",
    )
    .on("gone", [Play::fails("nobody is there")])
    .on("fine", [Play::gives(1)])
    .on("preview set", [Play::fails("the table is not there")])
    .on("prepare set", [Play::fails("it cannot be read")]);
    let probed = finds(
        scenario,
        "
        look step rendered
        look action failed: nobody is there
        set step rendered
        set action failed: the table is not there
        set kept failed: it cannot be read
        gate step rendered
        gate action asked: it answered
        gate verify asked error: nobody is there
        gate verify asked no: `got` is 1
        maybe step rendered
        maybe action asked: fine=false
        next step rendered
        next action rendered: it needs `steps.look.n`, which is not known before the run
        ",
    );
    let hindering = probed
        .soundings
        .iter()
        .filter(|sounding| sounding.found.hinders());
    assert_eq!(hindering.count(), 4);
}

/// It is shown nowhere, and the next step can use it.
#[test]
fn what_is_secret_is_shown_by_its_name() {
    let scenario = Scenario::new(
        "
        secrets: {token: {env: TOKEN}}
        steps:
          - {id: look, probe: {name: look}, capture: {key: {value: got, secret: true}}}
          - {id: set, keep: {name: set, key: k, value: '{{ steps.look.key }}{{ secrets.token }}'}, rollback: auto}
          - {id: see, probe: {name: see}, capture: {all: got}}
        ",
    )
    .secret("token", "hunter2")
    .on("look", [Play::gives("swordfish")])
    .on("see", [Play::gives("hunter2 and swordfish")]);
    let probed = scenario.stage().probe();
    let all = told(&probed);
    assert!(!all.contains("hunter2") && !all.contains("swordfish"), "{all}");
    assert!(
        all.contains("‹secret token›") && all.contains("‹secret look.key›"),
        "{all}"
    );
}

#[test]
fn a_signal_ends_it_and_what_is_asked_is_cancelled() {
    let scenario = Scenario::new(
        "
        steps:
          - {id: look, probe: {name: look}}
          - {id: next, probe: {name: next}}
        ",
    )
    .on("look", [Play::hangs()])
    .signal(100);
    let probed = scenario.stage().probe();
    assert_eq!(
        told(&probed),
        "look step rendered\nlook action failed: it was stopped"
    );
    let stopped = probed.result.expect_err("it was stopped");
    assert_eq!(stopped.to_string(), "stopped by SIGINT, before all was asked");
}

#[test]
fn an_answer_that_never_comes_is_a_timeout() {
    let scenario =
        Scenario::new("steps: [{id: look, probe: {name: look}, timeout: 2s}]").on("look", [Play::hangs()]);
    finds(
        scenario,
        "
        look step rendered
        look action failed: took longer than its timeout of 2 s
        ",
    );
}
