//! The verbs that read.

use runbook_action::ErrorKind;
use runbook_testkit::docker::{Engine, IMAGE};
use runbook_testkit::host::FakeHost;
use serde_json::json;

use super::{done, fails, idle, preview, run, used};

#[tokio::test]
async fn containers_are_data() {
    let engine = Engine::shared();
    let web = engine.container(
        "web",
        &[
            "-p",
            "127.0.0.1::8000",
            "--label",
            "tier=front",
            "--memory",
            "64m",
            "--cpus",
            "0.5",
            "--health-cmd",
            "health",
            "--health-interval",
            "1s",
        ],
        &["sh", "-c", "echo out; echo err >&2; exec serve"],
    );
    let found = done(json!({"ps": "running", "name": web, "labels": {"tier": "front"}})).await;
    let container = &found["container"];
    assert_eq!(container["name"], json!(web));
    assert_eq!(container["image"], json!(IMAGE));
    assert_eq!(container["state"]["status"], "running");
    assert_eq!(container["state"]["exit_code"], json!(null));
    assert_eq!(container["labels"]["tier"], "front");
    assert_eq!(
        container["limits"],
        json!({"memory": 64 << 20, "cpus": 0.5, "pids": 0})
    );
    let port = engine.docker(&["port", &web, "8000"]);
    assert_eq!(container["ports"]["8000/tcp"], json!(port));
    assert_eq!(found["containers"].as_array().unwrap().len(), 1);
    let none = done(json!({"ps": "running", "name": web, "labels": {"tier": "back"}})).await;
    assert_eq!(
        (&none["container"], &none["containers"]),
        (&json!(null), &json!([]))
    );

    let inspected = done(json!({"inspect": web})).await;
    assert_eq!(inspected["container"], *container);
    assert_eq!(inspected["object"]["HostConfig"]["Memory"], 64 << 20);
    let image = done(json!({"inspect": IMAGE, "type": "image"})).await;
    assert_eq!(image["image"], inspected["image"]);
}

#[tokio::test]
async fn what_containers_print_and_use_is_data() {
    let engine = Engine::shared();
    let script = "echo out; echo err >&2; exec serve";
    let web = engine.container("web", &["--memory", "64m"], &["sh", "-c", script]);
    while !engine.docker(&["logs", &web]).contains("out") {
        tokio::task::yield_now().await;
    }
    let host = FakeHost::new();
    let logs = used(json!({"logs": web, "tail": 10}))
        .run(&super::docker(), &host)
        .await;
    let logs = logs.unwrap().value;
    assert_eq!(
        (host.stdout(), host.stderr()),
        (b"out\n".to_vec(), b"err\n".to_vec())
    );
    let mut lines: Vec<String> = serde_json::from_value(logs["logs"]["lines"].clone()).unwrap();
    lines.sort();
    assert_eq!(lines, ["err", "out"]);
    let none = done(json!({"logs": web, "tail": 0})).await;
    assert_eq!(none["logs"]["lines"], json!([]));

    let stats = done(json!({"stats": web})).await;
    assert_eq!(stats["stats"]["memory_limit"], 64 << 20);
    assert!(stats["stats"]["memory"].as_u64().unwrap() > 0, "{stats}");
    assert!(
        stats["stats"]["memory_percent"].as_f64().unwrap() < 50.0,
        "{stats}"
    );
    assert!(stats["stats"]["cpu_percent"].as_f64().is_some(), "{stats}");
    assert_eq!(stats["all_stats"][&web], stats["stats"]);
    let all = done(json!({"stats": "all"})).await;
    assert!(all["all_stats"][&web].is_object(), "{all}");

    let events = done(json!({"events": web, "since": "1h"})).await;
    let actions: Vec<&str> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["action"].as_str().unwrap())
        .collect();
    assert!(
        actions.contains(&"create") && actions.contains(&"start"),
        "{events}"
    );
    assert_eq!(events["events"][0]["name"], json!(web));
}

#[tokio::test]
async fn health_is_waited_for_without_polling_by_the_author() {
    let options = [
        "--health-cmd",
        "health",
        "--health-interval",
        "200ms",
        "--health-retries",
        "2",
        "--health-start-period",
        "60s",
    ];
    let web = idle("web", &options);
    let waiting = run(json!({"wait_healthy": web}));
    let getting_well = async {
        while Engine::shared().field(&web, "{{.State.Health.Status}}") != "starting" {
            tokio::task::yield_now().await;
        }
        done(json!({"exec": web, "argv": ["touch", "/tmp/well"]})).await
    };
    let (healthy, _) = tokio::join!(waiting, getting_well);
    assert_eq!(healthy.unwrap().value["container"]["state"]["health"], "healthy");

    done(json!({"exec": web, "argv": ["touch", "/tmp/sick"]})).await;
    let engine = Engine::shared();
    while engine.field(&web, "{{.State.Health.Status}}") != "unhealthy" {
        tokio::task::yield_now().await;
    }
    let sick = fails(json!({"wait_healthy": [web]})).await;
    assert_eq!(
        (sick.kind, sick.param.as_deref()),
        (ErrorKind::Conflict, Some("wait_healthy[0]"))
    );
    assert!(sick.message.ends_with("is unhealthy"), "{sick}");

    let unchecked = idle("plain", &[]);
    let unchecked = fails(json!({"wait_healthy": unchecked})).await;
    assert!(unchecked.message.ends_with("has no health check"), "{unchecked}");
    let ended = engine.container("short", &["--health-cmd", "health"], &["false"]);
    let ended = fails(json!({"wait_healthy": ended})).await;
    assert!(ended.message.ends_with("has exited with code 1"), "{ended}");
}

#[tokio::test]
async fn what_would_go_is_shown_and_stays() {
    let engine = Engine::shared();
    let web = idle("web", &["-v", "/data"]);
    done(json!({"exec": web, "argv": ["sh", "-c", "head -c 5000 /dev/zero > /big; head -c 700 /dev/zero > /data/kept"]})).await;
    let refused = used(json!({"rm": web}))
        .preview(&super::docker(), &FakeHost::new())
        .await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Conflict);
    let seen = preview(json!({"rm": web, "force": true, "volumes": true})).await;
    assert_eq!(seen.summary, "1 container, 1 volume would go, 5700 bytes");
    assert!(
        seen.lines[1].text.ends_with(", at /data (700 bytes)"),
        "{:?}",
        seen.lines
    );
    let seen = preview(json!({"stop": web})).await;
    assert_eq!(seen.summary, "1 container would be stopped");
    let seen = preview(json!({"update": web, "memory": "64Mi"})).await;
    let lines: Vec<&str> = seen.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(
        lines,
        [format!("{web} memory: 0"), format!("{web} memory: 67108864")]
    );
    assert_eq!(
        engine.field(&web, "{{.State.Status}} {{.HostConfig.Memory}}"),
        "running 0"
    );
    assert_eq!(engine.docker(&["exec", &web, "wc", "-c", "/big"]), "5000 /big");
}
