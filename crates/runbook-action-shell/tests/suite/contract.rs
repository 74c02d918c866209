//! What every action keeps to.

use runbook_action::{Action, Param, Secret, Segment, Text};
use runbook_testkit::contract::{Subject, Use, check, secret};
use serde_json::{Value, json};

use crate::{Place, used, with_env};

fn tree(place: &Place) -> String {
    let mut names: Vec<_> = std::fs::read_dir(place.root.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    format!("{names:?}")
}

async fn keeps_to_it(place: &Place, action: &dyn Action, endless: Value, failing: Vec<Use>) {
    check(&Subject {
        action,
        endless: used(endless),
        begun: &|host| host.stdout() == b"begun\n",
        failing,
        world: &|| tree(place),
    })
    .await;
}

fn token() -> Text {
    let secret = Secret::new("token", "hunter2-hunter2".to_owned());
    Text::from_segments(vec![Segment::Secret(secret)])
}

#[tokio::test]
async fn shell_keeps_to_the_contract() {
    let place = Place::new();
    let failing = vec![
        used(json!("exit 3")),
        used(json!("  \n")),
        used(json!({"run": "true", "interpreter": "no-such-interpreter -x"})),
        used(json!({"run": "true", "interpreter": ["/etc"]})),
        used(json!({"run": "true", "interpreter": []})),
        used(json!({"run": "true", "cwd": "not-here"})),
        used(json!({"run": "true", "cwd": ""})),
        used(json!({"run": "true", "ok_exit_codes": ["x"]})),
        used(json!({"run": 5})),
        used(json!({"cwd": "."})),
        used(json!("kill -9 $$")),
        with_env(
            json!("echo \"$TOKEN\"; echo \"no: $TOKEN\" >&2; exit 1"),
            &[("TOKEN", token())],
        ),
    ];
    keeps_to_it(&place, &place.shell, json!("echo begun; sleep 1000"), failing).await;
}

#[tokio::test]
async fn exec_keeps_to_the_contract() {
    let place = Place::new();
    let with_secret = |program: &str, options: &[&str]| {
        let mut items: Vec<Param> = std::iter::once(&program)
            .chain(options)
            .map(|text| Param::Text(Text::literal(*text)))
            .collect();
        items.push(secret("token", "hunter2-hunter2"));
        Use {
            params: Param::List(items),
            ..Use::default()
        }
    };
    let failing = vec![
        used(json!([])),
        used(json!([[]])),
        used(json!("ls -l")),
        used(json!([null])),
        used(json!(["echo", {"a": 1}])),
        used(json!(["echo", "a\u{0}b"])),
        used(json!(["no-such-program"])),
        used(json!({"argv": ["./not/here"]})),
        used(json!({"argv": ["false"], "stdin": "x"})),
        with_secret("ls", &["--"]),
        with_secret("sh", &["-c", "echo \"$0\" >&2; exit 1"]),
        Use {
            params: Param::List(vec![secret("token", "hunter2-hunter2")]),
            ..Use::default()
        },
    ];
    keeps_to_it(
        &place,
        &place.exec,
        json!(["sh", "-c", "echo begun; sleep 1000"]),
        failing,
    )
    .await;
}
