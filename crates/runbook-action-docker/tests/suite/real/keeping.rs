//! What every action keeps to, with an engine.

use runbook_action::{Connection, Param};
use runbook_testkit::contract::{Subject, Use, check, secret, written};
use runbook_testkit::docker::{Engine, IMAGE};
use serde_json::json;

use super::{docker, with};

/// One with a secret in its parameters.
fn telling(engine: &Engine, container: &str) -> Use {
    let mut use_ = with(
        engine,
        json!({"exec": container, "argv": ["sh", "-c", "cat >&2; exit 1"]}),
    );
    if let Param::Map(map) = &mut use_.params {
        map.insert("stdin".to_owned(), secret("token", "hunter2-hunter2"));
    }
    use_
}

fn nowhere(engine: &Engine) -> Use {
    Use {
        connection: Some(Connection {
            name: "engine".to_owned(),
            params: written(&json!({"docker": {"socket": "/not/here.sock"}})),
        }),
        ..with(engine, json!({"stop": "web"}))
    }
}

#[tokio::test]
async fn docker_keeps_to_the_contract() {
    // The world is all that this engine has, so nobody else uses it.
    let engine = Engine::start();
    let used = |params| with(&engine, params);
    let web = engine.container("web", &[], &["idle"]);
    let stopped = engine.container("stopped", &[], &["true"]);
    while engine.field(&stopped, "{{.State.Status}}") != "exited" {
        tokio::task::yield_now().await;
    }
    let failing = vec![
        used(json!({"stop": "not-there"})),
        used(json!({"start": ["not-there"]})),
        used(json!({"update": "not-there", "memory": "64Mi"})),
        used(json!({"update": web, "memory": "much"})),
        used(json!({"update": web, "cpus": "-1"})),
        used(json!({"rm": web})),
        used(json!({"kill": stopped})),
        used(json!({"exec": stopped, "argv": ["true"]})),
        used(json!({"exec": web, "argv": ["false"], "ok_exit_codes": [2]})),
        used(json!({"run": IMAGE, "argv": ["true"], "mounts": ["x"]})),
        used(json!({"run": IMAGE, "argv": ["true"], "ports": ["x"]})),
        used(json!({"logs": web, "since": "yesterday"})),
        used(json!({"wait_healthy": web})),
        used(json!({"inspect": "not-there", "type": "volume"})),
        used(json!({"stats": stopped})),
        used(json!({"pull": "127.0.0.1:1/no/such:1"})),
        used(json!({"start": web, "force": true})),
        telling(&engine, &web),
        nowhere(&engine),
    ];
    check(&Subject {
        action: &docker(),
        endless: used(json!({"exec": web, "argv": ["sh", "-c", "echo begun; sleep 1000"]})),
        begun: &|host| host.stdout() == b"begun\n",
        failing,
        world: &|| engine.docker(&["ps", "-a", "--format", "{{.Names}} {{.State}}"]),
    })
    .await;
}
