//! Secret inputs, captures that are secrets, and what is computed from them: they are used, and never shown.

use runbook_action::Stream;
use runbook_event::Outcome;
use runbook_testkit::crash::Crash;
use runbook_testkit::play::Play;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::Scenario;
use serde_json::json;

const PIN: &str = "swordfish-77";
const TOKEN: &str = "tok-9f8e7d6c5b";

/// All that leaves the engine, as text, but for the names by which the script knows what was called.
fn shown(ran: &Ran) -> String {
    let records: Vec<String> = ran
        .records()
        .iter()
        .map(|record| serde_json::to_string(record).expect("JSON"))
        .collect();
    let outputs: Vec<String> = ran
        .outputs
        .values()
        .flatten()
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    format!(
        "{records:#?}\n{:?}\n{:?}\n{outputs:?}\n{:?}",
        ran.heard,
        ran.questions,
        ran.finished().state
    )
}

#[track_caller]
fn hides(ran: &Ran, secret: &str) {
    let text = shown(ran);
    let at = text.find(secret);
    let around = at.map(|at| {
        text.chars()
            .skip(at.saturating_sub(120))
            .take(260)
            .collect::<String>()
    });
    assert_eq!(around, None);
}

fn scenario() -> Scenario {
    Scenario::new(
        "
        inputs: {pin: {type: string, secret: true}}
        vars: {both: inputs.pin ~ '-x'}
        steps:
          - id: login
            probe: {name: login, pin: '{{ inputs.pin }}'}
            capture: {token: {value: got.token, secret: true}, who: got.who}
          - id: use
            approve: {message: 'Use {{ steps.login.token }} of {{ steps.login.who }}?'}
            before: {probe: {name: before}, capture: {old: {value: got, secret: true}}}
            act: {name: use, token: '{{ steps.login.token }}', both: '{{ vars.both }}'}
            env: {TOKEN: 'Bearer {{ steps.login.token }}'}
            capture: {echo: got, said: said}
            verify: [{probe: {name: gate}, expect: got != 'never', value: got}]
            rollback: {act: {name: undo, token: '{{ steps.login.token }}', old: '{{ steps.use.old }}', pin: '{{ inputs.pin }}'}}
          - {id: bad, fail: 'It was {{ steps.login.token }} with {{ inputs.pin }}.'}
        ",
    )
    .input("pin", PIN)
    .on("login", [Play::gives(json!({"token": TOKEN, "who": "ada"})).prints(Stream::Stdout, format!("pin {PIN}\n"))])
    .on("before", [Play::gives("old-secret-4711")])
    .on("use", [Play::gives(format!("used {TOKEN} and {PIN}-x")).prints(Stream::Stderr, format!("{TOKEN}\n"))])
    .on("gate", [Play::gives(format!("gate {TOKEN}"))])
    .answer("use", 1000, true)
}

/// The undo was called with the values themselves.
fn undone_with_them(ran: &Ran) {
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    assert_eq!(ran.calls().get("undo"), Some(&1), "{}", ran.trace());
    for secret in [PIN, TOKEN, "old-secret-4711"] {
        hides(ran, secret);
    }
    assert!(shown(ran).contains("‹secret "), "{}", ran.trace());
}

#[test]
fn they_are_in_nothing_that_is_shown() {
    undone_with_them(&scenario().run());
}

/// What an action was given is what was said: an echo of it is hidden again, and can be compared by nobody.
#[test]
fn what_an_action_is_given_is_the_value_itself() {
    let ran = Scenario::new(
        "
        inputs: {pin: {type: string, secret: true}}
        steps:
          - {id: a, probe: {name: '{{ inputs.pin }}'}}
        ",
    )
    .input("pin", PIN)
    .run();
    // The script is called by the name that it was given.
    assert_eq!(ran.calls().get(PIN), Some(&1), "{:?}", ran.calls());
    hides(&ran, PIN);
}

/// Killed after every append, and resumed: the sealed values are there again, and nothing shows them.
#[test]
fn they_are_there_after_a_crash_and_still_hidden() {
    let all = scenario().run().records().len();
    for append in 1..all {
        let ran = scenario().crashes([Crash::after(append)]).run();
        if ran.finished().outcome == Outcome::Unknown {
            // It was killed in the middle of a change of which nobody can tell.
            for secret in [PIN, TOKEN, "old-secret-4711"] {
                hides(&ran, secret);
            }
            continue;
        }
        undone_with_them(&ran);
    }
}

/// A list of secrets: the items are used one by one, and not even their keys tell them.
#[test]
fn a_list_of_secrets() {
    let ran = Scenario::new(
        "
        inputs: {tokens: {type: list, items: string, secret: true}}
        steps:
          - id: each
            for_each: {item: token, in: inputs.tokens}
            steps: [{id: a, act: {name: a, token: '{{ token }}'}, rollback: {act: {name: undo, token: '{{ token }}'}}, capture: {x: said.token}}]
          - {id: bad, probe: {name: bad}}
        ",
    )
    .input("tokens", json!([TOKEN, "tok-another-one"]))
    .on("bad", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    assert!(ran.trace().contains("each for 1, 2"), "{}", ran.trace());
    assert_eq!(ran.calls().get("undo"), Some(&2));
    hides(&ran, TOKEN);
    hides(&ran, "tok-another-one");
}

/// What is given to a sub-runbook as a secret is one there, and what it gives back stays one.
#[test]
fn through_a_sub_runbook() {
    let ran = Scenario::new(
        "
        inputs: {pin: {type: string, secret: true}}
        steps:
          - {id: call, runbook: {name: child, inputs: {pin: '{{ inputs.pin }}'}}, capture: {token: outputs.token}}
          - {id: end, act: {name: end, token: '{{ steps.call.token }}'}, rollback: {act: {name: undo, token: '{{ steps.call.token }}'}}}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .runbook(
        "child",
        "
        inputs: {pin: {type: string, secret: true}}
        outputs: {token: steps.a.token}
        steps: [{id: a, probe: {name: a, pin: '{{ inputs.pin }}'}, capture: {token: {value: got, secret: true}}}]
        ",
    )
    .input("pin", PIN)
    .on("a", [Play::gives(TOKEN).prints(Stream::Stdout, PIN)])
    .on("bad", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    hides(&ran, PIN);
    hides(&ran, TOKEN);
}

/// A secret that is too short to be found again is none that can be kept: the step fails, and says so.
#[test]
fn a_captured_secret_that_is_too_short_fails() {
    let ran = Scenario::new(
        "steps: [{id: a, act: {name: a}, capture: {x: {value: got, secret: true}}, rollback: {act: {name: undo-a}}}]",
    )
    .on("a", [Play::gives("abc")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
}
