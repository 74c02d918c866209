//! `for_each`: the steps of a list, once for each item.

use runbook_event::{Event, Into, Item, Outcome, StepStatus};
use runbook_testkit::play::Play;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::Scenario;
use serde_json::{Value, json};

use crate::is;

fn status(ran: &Ran, id: &str) -> Option<StepStatus> {
    ran.finished().state.step(id).map(|step| step.status)
}

/// The items that the loop goes through.
fn items(ran: &Ran) -> Vec<Item> {
    let entered = ran.records().into_iter().find_map(|record| {
        if let Event::Entered {
            into: Into::Items { items },
            ..
        } = record.event
        {
            Some(items)
        } else {
            None
        }
    });
    entered.expect("it entered")
}

#[test]
fn one_item_after_the_other() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: hub, in: '[\"north\", \"south\"]'}
            steps:
              - {id: a, probe: {name: 'a {{ hub }}'}, capture: {x: got}}
              - {id: b, act: {name: 'b {{ hub }} {{ steps.a.x }}'}, rollback: not_needed}
          - {id: end, let: {all: steps.a.x}}
        ",
    )
    .on("a north", [Play::gives(1).takes(1000)])
    .on("a south", [Play::gives(2).takes(1000)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        each start
        each for north, south
        each[north] start
        a[north] start
        a[north] intent
        @1000
        a[north] acted
        a[north] captured x=1
        a[north] done
        b[north] start
        b[north] intent
        b[north] acted
        b[north] done
        each[north] done
        each[south] start
        a[south] start
        a[south] intent
        @2000
        a[south] acted
        a[south] captured x=2
        a[south] done
        b[south] start
        b[south] intent
        b[south] acted
        b[south] done
        each[south] done
        each done
        end start
        end intent
        end acted
        end captured all=[1,2]
        end done
        == resolved
        ",
    );
}

#[test]
fn so_many_items_at_a_time() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: n, in: '[1, 2, 3]', batch: 2}
            steps: [{id: a, probe: {name: 'a{{ n }}'}}]
        ",
    )
    .on("a1", [Play::works().takes(3000)])
    .on("a2", [Play::works().takes(1000)])
    .on("a3", [Play::works().takes(1000)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        each start
        each for 1, 2, 3
        each[1] start
        each[2] start
        a[1] start
        a[2] start
        a[1] intent
        a[2] intent
        @1000
        a[2] acted
        a[2] done
        each[2] done
        each[3] start
        a[3] start
        a[3] intent
        @2000
        a[3] acted
        a[3] done
        each[3] done
        @3000
        a[1] acted
        a[1] done
        each[1] done
        each done
        == resolved
        ",
    );
}

#[test]
fn an_empty_list_is_done_at_once() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: n, in: '[]'}
            steps: [{id: a, act: {name: a}, rollback: not_needed, capture: {x: got}}]
          - {id: end, let: {all: steps.a.x}}
        ",
    )
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        each start
        each for nothing
        each done
        end start
        end intent
        end acted
        end captured all=[]
        end done
        == resolved
        ",
    );
}

fn counted(count: u32) -> Ran {
    Scenario::new(
        "
        inputs: {list: {type: list, items: integer}}
        steps:
          - id: each
            for_each: {item: n, in: inputs.list, batch: 1000}
            steps: [{id: a, probe: {name: a}}]
        ",
    )
    .input("list", json!((0..count).collect::<Vec<u32>>()))
    .run()
}

#[test]
fn a_list_that_is_too_long_fails_before_anything_within_begins() {
    let ran = counted(10_001);
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        each start
        each failed: other
        STOP each: rollback
        == failed
        ",
    );
    let failure = ran
        .finished()
        .state
        .step("each")
        .and_then(|step| step.failure.clone());
    let message = failure.expect("it failed").to_string();
    assert!(
        message.contains("10001") && message.contains("10000"),
        "{message}"
    );
}

#[test]
fn what_is_no_list_fails_before_anything_within_begins() {
    for (list, word) in [
        ("steps.p.x", "null"),
        ("steps.p.y", "text"),
        ("steps.p.x.z", "null"),
    ] {
        let text = format!(
            "
            steps:
              - {{id: p, probe: {{name: p}}, capture: {{x: got, y: '\"abc\"'}}}}
              - id: each
                for_each: {{item: n, in: {list}}}
                steps: [{{id: a, act: {{name: a}}, rollback: not_needed}}]
            "
        );
        let ran = Scenario::new(&text).run();
        assert_eq!(ran.outcome(), Outcome::Failed, "{list}: {}", ran.trace());
        assert_eq!(ran.calls().get("a"), None);
        let failure = ran
            .finished()
            .state
            .step("each")
            .and_then(|step| step.failure.clone());
        let message = failure.expect("it failed").to_string();
        assert!(message.contains(list) && message.contains(word), "{message}");
    }
}

/// Each item has a key of its own, whatever it is; what has no short plain name is called by its position.
#[test]
fn every_item_has_a_key_of_its_own() {
    let ran = Scenario::new(
        "
        steps:
          - {id: p, probe: {name: p}, capture: {list: got}}
          - id: each
            for_each: {item: it, in: steps.p.list, batch: 100}
            steps: [{id: a, probe: {name: a}}]
        ",
    )
    .on(
        "p",
        [Play::gives(json!([
            "a", "a", "a/b", "", 3, true, null, {"name": "x"}, {"id": 7}, {"name": "x"}, [1], "2", "a]b", "é"
        ]))],
    )
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    let keys: Vec<String> = items(&ran).into_iter().map(|item| item.key).collect();
    let unlike: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!(unlike.len(), 14, "{keys:?}");
    assert_eq!(keys.first().map(String::as_str), Some("a"));
    assert!(
        keys.iter()
            .all(|key| !key.contains(['/', '[', ']', '\n']) && !key.is_empty()),
        "{keys:?}"
    );
    for key in &keys {
        assert_eq!(
            status(&ran, &format!("a[{key}]")),
            Some(StepStatus::Done),
            "{key}"
        );
    }
}

#[test]
fn an_item_may_be_a_map() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: hub, in: '[{\"name\": \"north\", \"port\": 80}]'}
            steps: [{id: a, when: hub.port == 80, probe: {name: 'a {{ hub.name }}', whole: '{{ hub }}'}, capture: {said: said.whole}}]
          - {id: end, let: {port: 'steps.a.said[0].port'}}
        ",
    )
    .run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        each start
        each for north
        each[north] start
        a[north] start
        a[north] intent
        a[north] acted
        a[north] captured said={"name":"north","port":80}
        a[north] done
        each[north] done
        each done
        end start
        end intent
        end acted
        end captured port=80
        end done
        == resolved
        "#,
    );
}

const EVERYWHERE: &str = "
        steps:
          - id: each
            for_each: {item: hub, in: '[\"north\"]'}
            steps:
              - id: a
                when: hub == 'north'
                require: [{probe: {name: 'require {{ hub }}'}, expect: hub == 'north'}]
                approve: {message: 'Restart {{ hub }}?'}
                before: {probe: {name: 'before {{ hub }}'}, capture: {old: hub}}
                act: {name: 'act {{ hub }}'}
                env: {HUB: '{{ hub }}'}
                capture: {new: hub}
                then: {act: {name: 'then {{ hub }}'}}
                verify: [{probe: {name: 'verify {{ hub }}'}, expect: hub == 'north'}]
                rollback: {act: {name: 'undo {{ hub }} {{ steps.a.old }}'}}
          - {id: bad, probe: {name: bad}}
        ";

/// The items are known to all that stands within, its undo too.
#[test]
fn the_item_is_in_scope_everywhere_within() {
    let ran = Scenario::new(EVERYWHERE)
        .answer("a[north]", 1000, true)
        .on("bad", [Play::fails("no")])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        r#"
        run
        == steps
        each start
        each for north
        each[north] start
        a[north] start
        a[north] require.1 ?
        a[north] require.1 #1 pass 1
        a[north] require.1 = pass
        a[north] asks
        @1000
        a[north] approved terminal
        a[north] require.1 ?
        a[north] require.1 #1 pass 1
        a[north] require.1 = pass
        a[north] before old="north"
        a[north] intent
        a[north] acted
        a[north] captured new="north"
        a[north] then 1
        a[north] then 1 acted
        a[north] gate.1 ?
        a[north] gate.1 #1 pass 1
        a[north] gate.1 = pass
        a[north] done
        each[north] done
        each done
        bad start
        bad intent
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        == rollback
        a[north] undo
        a[north] undo then 1
        a[north] undo then 1 acted
        a[north] undone
        == rolled_back
        "#,
    );
    let calls = ran.calls();
    for name in [
        "require north",
        "before north",
        "act north",
        "then north",
        "verify north",
        "undo north north",
    ] {
        assert!(calls.contains_key(name), "{name}: {calls:?}");
    }
    assert_eq!(
        ran.questions.first().map(|question| question.message.as_str()),
        Some("Restart north?")
    );
    let env = ran.questions.first().map(|question| question.intent.env.clone());
    assert_eq!(
        env.and_then(|env| env.get("HUB").cloned()).as_deref(),
        Some("north")
    );
}

#[test]
fn captures_are_a_list_in_the_order_of_the_items_with_null_for_those_without() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: n, in: '[1, 2, 3]', batch: 3, max_failures: 1}
            steps: [{id: a, when: n != 2, probe: {name: 'a{{ n }}'}, capture: {x: got}}]
          - {id: end, let: {all: steps.a.x, how: steps.a.outcome}}
        ",
    )
    .on("a1", [Play::gives("late").takes(5000)])
    .on("a3", [Play::gives("early")])
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    let end = ran.finished().state.step("end").expect("it is there").clone();
    assert_eq!(end.value("all"), Some(&json!(["late", null, "early"])));
    assert_eq!(end.value("how"), Some(&json!(["done", "skipped", "done"])));
}

#[test]
fn loops_within_loops_have_both_keys_and_give_lists_of_lists() {
    let ran = Scenario::new(
        "
        steps:
          - id: outer
            for_each: {item: x, in: '[\"a\", \"b\"]'}
            steps:
              - id: inner
                for_each: {item: y, in: '[1, 2]'}
                steps: [{id: s, act: {name: '{{ x }}{{ y }}'}, capture: {v: 'x ~ y'}, rollback: {act: {name: 'undo-{{ x }}{{ y }}'}}}]
              - {id: row, let: {all: steps.s.v}}
          - {id: table, let: {all: steps.s.v}}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .on("bad", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    let state = &ran.finished().state;
    let all = |id: &str| state.step(id).and_then(|step| step.value("all").cloned());
    assert_eq!(all("row[a]"), Some(json!(["a1", "a2"])));
    assert_eq!(all("row[b]"), Some(json!(["b1", "b2"])));
    assert_eq!(all("table"), Some(json!([["a1", "a2"], ["b1", "b2"]])));
    for id in ["s[a][1]", "s[a][2]", "s[b][1]", "s[b][2]"] {
        assert_eq!(status(&ran, id), Some(StepStatus::Done), "{id}");
    }
    for name in ["undo-a1", "undo-a2", "undo-b1", "undo-b2"] {
        assert_eq!(ran.calls().get(name), Some(&1), "{name}");
    }
}

/// The list is what it was when the loop began, whatever the steps within change.
#[test]
fn the_list_is_evaluated_once() {
    let ran = Scenario::new(
        "
        steps:
          - {id: p, probe: {name: p}, capture: {list: got}}
          - id: each
            for_each: {item: n, in: steps.p.list}
            steps: [{id: a, probe: {name: a}}]
        ",
    )
    .on("p", [Play::gives(json!(["x", "y"])), Play::gives(json!([]))])
    .run();
    let items: Vec<(String, Value)> = items(&ran)
        .into_iter()
        .map(|item| (item.key, item.value))
        .collect();
    assert_eq!(
        items,
        [("x".to_owned(), json!("x")), ("y".to_owned(), json!("y"))]
    );
    assert_eq!(ran.calls().get("p"), Some(&1));
}

/// One question covers the list, and shows it.
#[test]
fn one_approval_covers_the_list_that_it_showed() {
    let ran = Scenario::new(
        "
        steps:
          - {id: p, probe: {name: p}, capture: {hubs: got}}
          - id: each
            for_each: {item: hub, in: steps.p.hubs}
            approve: {message: Restart them?}
            steps: [{id: a, act: {name: 'a {{ hub }}'}, rollback: {act: {name: 'undo {{ hub }}'}}}]
        ",
    )
    .on("p", [Play::gives(json!(["north", "south"]))])
    .answer("each", 1000, true)
    .run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        p start
        p intent
        p acted
        p captured hubs=["north","south"]
        p done
        each start
        each asks
        @1000
        each approved terminal
        each for north, south
        each[north] start
        a[north] start
        a[north] intent
        a[north] acted
        a[north] done
        each[north] done
        each[south] start
        a[south] start
        a[south] intent
        a[south] acted
        a[south] done
        each[south] done
        each done
        == resolved
        "#,
    );
    assert_eq!(ran.questions.len(), 1);
    let shown = format!("{:?}", ran.questions);
    assert!(shown.contains("north") && shown.contains("south"), "{shown}");
}

#[test]
fn a_refused_list_begins_nothing() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: hub, in: '[\"north\", \"south\"]'}
            approve: {message: Restart them?}
            steps: [{id: a, act: {name: 'a {{ hub }}'}, rollback: {act: {name: 'undo {{ hub }}'}}}]
        ",
    )
    .answer("each", 1000, false)
    .run();
    is(
        &ran,
        Outcome::Rejected,
        "
        run
        == steps
        each start
        each asks
        @1000
        each refused terminal
        each failed: other
        STOP each rejected: rollback
        == rejected
        ",
    );
}
