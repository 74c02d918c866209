//! Values are data, whatever is in them.

use runbook_action::{Param, Segment, Text};
use runbook_testkit::contract::{Use, value, written};
use runbook_testkit::host::FakeHost;
use serde_json::json;

use crate::{Place, run, with_env};

const HOSTILE: [&str; 8] = [
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "'; touch pwned; '",
    "\"; touch pwned; \"",
    "a\n touch pwned\n",
    "--help",
    "${IFS}&&touch${IFS}pwned\\",
];

fn text(value: &str) -> Text {
    Text::from_segments(vec![Segment::Value(value.to_owned())])
}

#[tokio::test]
async fn values_in_the_environment_stay_data() {
    let place = Place::new();
    for hostile in HOSTILE {
        let case = with_env(json!("printf %s \"$X\"; test $# = 0"), &[("X", text(hostile))]);
        let host = FakeHost::new();
        run(&place.shell, &case, &host).await.unwrap();
        assert_eq!(host.stdout(), hostile.as_bytes());
        assert!(!place.path("pwned").exists(), "{hostile}");
    }
}

#[tokio::test]
async fn values_in_arguments_stay_data() {
    let place = Place::new();
    for hostile in HOSTILE {
        let case = Use {
            params: Param::List(vec![
                written(&json!("printf")),
                written(&json!("%s|")),
                value(hostile),
            ]),
            ..Use::default()
        };
        let host = FakeHost::new();
        run(&place.exec, &case, &host).await.unwrap();
        assert_eq!(host.stdout(), format!("{hostile}|").as_bytes());
        assert!(!place.path("pwned").exists(), "{hostile}");
    }
}

#[tokio::test]
async fn values_in_standard_input_stay_data() {
    let place = Place::new();
    for hostile in HOSTILE {
        let output = place
            .shell(json!({"run": "cat", "stdin": hostile}))
            .await
            .unwrap();
        assert_eq!(
            output.value["stdout"],
            hostile.strip_suffix('\n').unwrap_or(hostile)
        );
    }
    assert!(!place.path("pwned").exists());
}

#[tokio::test]
async fn a_script_that_a_value_is_part_of_is_refused() {
    let place = Place::new();
    let case = Use {
        params: value("echo pwned"),
        ..Use::default()
    };
    let failure = run(&place.shell, &case, &FakeHost::new()).await.unwrap_err();
    assert_eq!(failure.message, "must be written out, without `{{ … }}`");
}

#[tokio::test]
async fn names_of_variables_are_checked() {
    let place = Place::new();
    for name in ["", "A=B", "A\0"] {
        let failure = run(
            &place.shell,
            &with_env(json!("true"), &[(name, text("x"))]),
            &FakeHost::new(),
        )
        .await
        .unwrap_err();
        assert!(failure.message.contains("cannot be the name"), "{failure}");
        assert!(!failure.may_have_applied);
    }
    let failure = run(
        &place.shell,
        &with_env(json!("true"), &[("A", text("x\0y"))]),
        &FakeHost::new(),
    )
    .await
    .unwrap_err();
    assert_eq!(
        failure.message,
        "the environment variable `A` holds a NUL character"
    );
}
