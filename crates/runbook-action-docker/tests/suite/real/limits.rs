//! `update`, and that the limits are put back as they were.

use runbook_action::ErrorKind;
use runbook_testkit::docker::Engine;
use runbook_testkit::host::FakeHost;
use serde_json::json;

use super::{docker, idle, used};

#[tokio::test]
async fn limits_are_set_and_put_back() {
    let engine = Engine::shared();
    let bounded = idle(
        "bounded",
        &["--memory", "64m", "--cpus", "0.5", "--restart", "on-failure"],
    );
    let free = idle("free", &[]);
    let update = used(json!({
        "update": [bounded, free], "memory": "96Mi", "cpus": "1.5", "pids": 50, "restart_policy": "always",
    }));
    let limits = |name: &str| {
        let template = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.HostConfig.RestartPolicy.Name}}";
        engine.field(name, template)
    };
    let (docker, host) = (docker(), FakeHost::new());
    let kept = update.prepare(&docker, &host).await.unwrap().unwrap();
    let result = update.run(&docker, &host).await.unwrap().value;
    assert_eq!(result["changed"], true);
    assert_eq!(
        result["containers"][1]["limits"],
        json!({"memory": 96 << 20, "cpus": 1.5, "pids": 50})
    );
    assert_eq!(limits(&bounded), "100663296 1500000000 50 always");
    assert_eq!(update.run(&docker, &host).await.unwrap().value["changed"], false);

    for changed in [true, false] {
        let undone = update.undo(&docker, &host, &kept).await.unwrap().value;
        assert_eq!(undone["changed"], changed);
        assert_eq!(
            undone["containers"][0]["limits"],
            json!({"memory": 64 << 20, "cpus": 0.5, "pids": 0})
        );
        // What there is a limit of once can only become as great as the machine.
        let free = &undone["containers"][1]["limits"];
        assert!(free["memory"].as_u64().unwrap() > 1 << 30, "{free}");
        assert_eq!(free["pids"], 0);
    }
    assert!(
        limits(&bounded).starts_with("67108864 500000000 "),
        "{}",
        limits(&bounded)
    );
    assert!(limits(&bounded).ends_with(" on-failure"));
}

#[tokio::test]
async fn what_somebody_else_has_set_since_stays() {
    let engine = Engine::shared();
    let web = idle("web", &["--memory", "64m"]);
    let update = used(json!({"update": web, "memory": "96Mi"}));
    let (docker, host) = (docker(), FakeHost::new());
    let kept = update.prepare(&docker, &host).await.unwrap().unwrap();
    update.run(&docker, &host).await.unwrap();
    let _set = engine.docker(&["update", "--memory", "80m", "--memory-swap", "160m", &web]);
    let conflict = update.undo(&docker, &host, &kept).await.unwrap_err();
    assert_eq!(conflict.kind, ErrorKind::Conflict);
    assert!(
        conflict
            .message
            .contains(&format!("`{web} memory` is 83886080, and was left as 100663296")),
        "{conflict}"
    );
    assert_eq!(engine.field(&web, "{{.HostConfig.Memory}}"), "83886080");
}
