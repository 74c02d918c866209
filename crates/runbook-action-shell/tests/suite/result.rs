//! What is made of exit codes and outputs.

use runbook_action::ErrorKind;
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use crate::{Place, run, used};

#[tokio::test]
async fn a_result_has_all_its_names() {
    let place = Place::new();
    let output = place
        .shell(json!("printf '{\"a\": 1}\\n'; echo warn >&2"))
        .await
        .unwrap();
    assert_eq!(
        output.value,
        json!({"exit_code": 0, "stdout": "{\"a\": 1}", "stderr": "warn", "json": {"a": 1}, "lines": ["{\"a\": 1}"]})
    );
    assert!(output.cut.is_empty());

    let output = place.shell(json!("printf 'a\\nb\\n\\n'")).await.unwrap();
    assert_eq!(output.value["stdout"], "a\nb\n");
    assert_eq!(output.value["lines"], json!(["a", "b"]));
    assert_eq!(output.value["json"], Value::Null);
}

#[tokio::test]
async fn outputs_are_passed_on_apart() {
    let place = Place::new();
    let host = FakeHost::new();
    run(&place.shell, &used(json!("echo out; echo err >&2")), &host)
        .await
        .unwrap();
    assert_eq!(host.stdout(), b"out\n");
    assert_eq!(host.stderr(), b"err\n");
}

#[tokio::test]
async fn an_exit_code_is_a_failure_unless_it_is_expected() {
    let place = Place::new();
    let failure = place
        .shell(json!("echo out; echo one >&2; echo 'two.' >&2; echo >&2; exit 3"))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Other);
    assert_eq!(failure.message, "exited with 3: two");
    assert!(failure.may_have_applied);
    assert_eq!(
        failure.result,
        Some(json!({"exit_code": 3, "stdout": "out", "stderr": "one\ntwo.\n"}))
    );

    let output = place
        .shell(json!({"run": "exit 3", "ok_exit_codes": [0, 3]}))
        .await
        .unwrap();
    assert_eq!(output.value["exit_code"], 3);
    let failure = place
        .shell(json!({"run": "true", "ok_exit_codes": [3]}))
        .await
        .unwrap_err();
    assert_eq!(failure.message, "exited with 0");
}

#[tokio::test]
async fn to_a_question_every_exit_code_is_an_answer() {
    let place = Place::new();
    let output = used(json!("exit 3"))
        .ask(&place.shell, &FakeHost::new())
        .await
        .unwrap();
    assert_eq!(output.value["exit_code"], 3);
}

#[tokio::test]
async fn long_last_words_are_cut() {
    let place = Place::new();
    let failure = place
        .shell(json!("printf 'x%.0s' {1..20000} >&2; exit 1"))
        .await
        .unwrap_err();
    assert_eq!(failure.message, format!("exited with 1: {}…", "x".repeat(200)));
    let kept = failure.result.unwrap()["stderr"].as_str().unwrap().len();
    assert!(kept <= 4096, "{kept}");
}

#[tokio::test]
async fn much_output_is_cut_for_expressions_and_passed_on_whole() {
    let place = Place::new();
    let host = FakeHost::new().keep(0);
    let memory = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let before = memory();
    let script = "head -c 50000000 /dev/zero; head -c 3000000 /dev/zero >&2";
    let output = run(&place.shell, &used(json!(script)), &host).await.unwrap();
    assert_eq!(host.total(), 53_000_000);
    assert_eq!(output.cut, ["stdout", "json", "lines", "stderr"]);
    assert_eq!(output.value["stdout"].as_str().unwrap().len(), 1024 * 1024);
    assert!(
        memory() - before < 20_000,
        "memory grew by {} kB",
        memory() - before
    );
}

#[tokio::test]
async fn binary_output_is_replaced_in_the_value_and_raw_for_the_host() {
    let place = Place::new();
    let host = FakeHost::new();
    let output = run(&place.shell, &used(json!("printf 'a\\377\\000b'")), &host)
        .await
        .unwrap();
    assert_eq!(host.stdout(), b"a\xff\x00b");
    assert_eq!(output.value["stdout"], "a\u{fffd}\u{0}b");
}

#[tokio::test]
async fn a_program_that_is_missing_in_a_script_is_no_answer() {
    let place = Place::new();
    let host = FakeHost::new();
    for (script, code) in [
        ("no-such-program-here", 127),
        ("no-such-program-here | cat", 127),
        ("/", 126),
    ] {
        let failure = used(json!(script)).ask(&place.shell, &host).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::MissingProgram);
        let begun = format!("exited with {code}: ");
        assert!(failure.message.starts_with(&begun), "{}", failure.message);
        let expected = used(json!({"run": script, "ok_exit_codes": [code]}));
        let output = expected.ask(&place.shell, &host).await.unwrap();
        assert_eq!(output.value["exit_code"], code);
    }
    let output = used(json!("exit 3")).ask(&place.shell, &host).await.unwrap();
    assert_eq!(output.value["exit_code"], 3);
}
