//! A secret is in no record, no reading, no question, no output and in nothing that an observer is told.

use runbook_action::{ErrorKind, Failure, Stream};
use runbook_testkit::play::Play;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::Scenario;
use serde_json::json;

const TEXT: &str = "
    inputs: {same: {type: string}}
    secrets: {pw: {env: PW}}
    detect: [{id: d, probe: {name: d}, expect: got != 'never', capture: {seen: got}}]
    steps:
      - id: a
        approve: {message: 'with {{ secrets.pw }} and {{ inputs.same }}?'}
        before: {probe: {name: b}, capture: {old: got}}
        act: {name: a, key: '{{ secrets.pw }}', also: '{{ inputs.same }}'}
        capture: {echo: got, mine: secrets.pw, said: said}
        verify: [{probe: {name: g}, expect: got == 'fine', value: got, every: 1s, within: 4s}]
        rollback: {act: {name: undo, key: 'x-{{ secrets.pw }}', old: '{{ steps.a.old }}'}}
    finally: [{id: z, when: steps.a.echo == 'x', probe: {name: z}}]
";

fn scenario(secret: &str, echo: &str) -> Ran {
    let (first, second) = echo.split_at(echo.char_indices().nth(3).map_or(0, |(at, _)| at));
    let failure = Failure::new(ErrorKind::Auth, format!("it said {echo}"))
        .help(format!("try without {echo}"))
        .about(format!("k.{echo}"))
        .with_result(json!({"deep": [echo], echo: 1}));
    Scenario::new(TEXT)
        .secret("pw", secret)
        .input("same", echo)
        .answer("a", 10, true)
        .on("d", [Play::gives(format!("d {echo}"))])
        .on("b", [Play::gives(json!({"k": [echo], echo: echo}))])
        .on(
            "a",
            [Play::gives(format!("got {echo} back"))
                .prints(Stream::Stdout, first)
                .prints(Stream::Stderr, echo)
                .prints(Stream::Stdout, second)],
        )
        .on("g", [Play::gives(format!("<{echo}>"))])
        .on("undo", [Play::fails_with(failure)])
        .run()
}

/// All that leaves the engine, as text.
fn all(ran: &Ran) -> String {
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
    // The tape also says what was called and by which name, which no secret is part of here.
    format!(
        "{records:#?}\n{:?}\n{:?}\n{:?}\n{outputs:?}\n{:?}",
        ran.tape,
        ran.heard,
        ran.questions,
        ran.finished().state
    )
}

fn hides(secret: &str, echo: &str, bare: &str) {
    let ran = scenario(secret, echo);
    let text = all(&ran);
    let found = text.find(bare).map(|at| {
        text.chars()
            .skip(text[..at].chars().count().saturating_sub(80))
            .take(200)
            .collect::<String>()
    });
    assert_eq!(found, None, "{secret:?} as {echo:?}");
    assert!(text.contains("‹secret pw›"), "{secret:?} as {echo:?}");
}

#[test]
fn a_plain_secret() {
    hides("hunter2hunter3", "hunter2hunter3", "hunter2");
}

#[test]
fn the_forms_in_which_it_is_echoed() {
    for (secret, echo, bare) in [
        ("swordfish!!x", "c3dvcmRmaXNoISF4", "c3dvcmRmaXNo"),
        ("swordfish!!x", "dXNlcjpzd29yZGZpc2ghIXg=", "d29yZGZp"),
        ("swordfish!!x", "YWI6c3dvcmRmaXNoISF4", "3dvcmRma"),
        ("swordfish!!x", "dTpzd29yZGZpc2ghIXg6eA==", "d29yZGZp"),
        ("swordfish!!x", "c3dvcmRmaXNoISF4Om1vcmU=", "3dvcmRma"),
        ("swordfish!!x", "Z3JhY2U6c3dvcmRmaXNoISF4Pw==", "3dvcmRma"),
        ("sword-fish/@ü", "sword-fish%2F%40%C3%BC", "sword-fish"),
        ("sword-fish/@ü", "sword-fish%2f%40%c3%bc", "sword-fish"),
        ("sword-fish/@ü", "sword%2Dfish%2F%40%C3%BC", "fish%2F"),
        ("sword fish+1", "sword+fish%2B1", "fish%2B1"),
        ("sword'fishbone\"x", "sword'\\''fishbone\"x", "fishbone"),
        ("sword'fishbone\"x", "sword'\"'\"'fishbone\"x", "fishbone"),
        ("schwürdfisch", "schw\\u00fcrdfisch", "rdfisch"),
    ] {
        hides(secret, echo, bare);
    }
}

/// A program prints JSON, and that text becomes part of JSON again.
#[test]
fn a_secret_in_json_in_json() {
    hides("pa\"ss\\wörd", r#"{"k": "pa\"ss\\wörd"}"#, "wörd");
    hides("pa\"ss\\wörd", "pa\"ss\\wörd", "wörd");
}

#[test]
fn a_secret_that_is_a_number() {
    let ran = Scenario::new(
        "
        secrets: {pin: {env: PIN}}
        steps:
          - {id: a, probe: {name: a, key: '{{ secrets.pin }}'}, capture: {echo: got}, verify: [{probe: {name: a}, value: got}]}
        ",
    )
    .secret("pin", "73519462")
    .on("a", [Play::gives(73_519_462)])
    .run();
    let text = all(&ran);
    assert!(!text.contains("73519462"), "{text}");
}

/// Masking a word of the journal's own language must not make the record unreadable, and then unmasked.
#[test]
fn a_secret_that_is_a_word_of_the_journal() {
    for word in [
        "read",
        "change",
        "gate",
        "step_done",
        "capture",
        "values",
        "fail",
        "other",
        "rollback",
        "message",
        "stdout",
        "null",
        "true",
        "event",
    ] {
        let echo = format!("{word}-{word}");
        let ran = scenario(word, &echo);
        let step = ran.finished().state.step("a").expect("it is there").clone();
        let shown = format!(
            "{:?} {:?} {:?}",
            step.captures,
            step.before.values(),
            step.undo_failure.map(|failure| failure.message)
        );
        assert!(!shown.contains(&echo), "{word}: {shown}");
        crate::simulation::folds(&ran);
    }
}

#[test]
fn a_key_of_several_lines() {
    let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n";
    hides(key, "line two is hkiG9w0BAQEFAASC", "hkiG9w0BAQEFAASC");
    hides(key, key, "hkiG9w0BAQEFAASC");
    hides(key, &key.replace('\n', "\\n"), "MIIEvQIBADANBgkq");
}
