//! Files, images, and what nothing uses.

use runbook_action::ErrorKind;
use runbook_testkit::docker::{Engine, IMAGE, NEWER, unique};
use runbook_testkit::host::FakeHost;
use serde_json::json;

use super::{docker, done, fails, idle, preview, root, used, with};

#[tokio::test]
async fn files_are_copied_both_ways() {
    let web = idle("web", &[]);
    let contents = "x".repeat(300_000);
    std::fs::write(root().join("in"), &contents).unwrap();
    let sent = done(json!({"cp": web, "path": "/www/page", "from": "in"})).await;
    assert_eq!(
        (&sent["bytes"], &sent["changed"]),
        (&json!(300_000), &json!(true))
    );
    let fetched = done(json!({"cp": web, "path": "/www/page", "to": "out"})).await;
    assert_eq!(fetched["bytes"], 300_000);
    assert_eq!(std::fs::read_to_string(root().join("out")).unwrap(), contents);
    done(json!({"cp": web, "path": "/www", "to": "site"})).await;
    assert_eq!(
        std::fs::read_to_string(root().join("site/index.html")).unwrap(),
        "one"
    );
    done(json!({"cp": web, "path": "/tmp/copy", "from": "site"})).await;
    let copied = done(json!({"exec": web, "argv": ["cat", "/tmp/copy/index.html"]})).await;
    assert_eq!(copied["stdout"], "one");
    for (params, path) in [
        (json!({"cp": web, "path": "/not/here", "to": "x"}), "path"),
        (
            json!({"cp": web, "path": "/www/page", "from": "not-here"}),
            "from",
        ),
        (json!({"cp": "not-there", "path": "/www", "to": "x"}), "cp"),
    ] {
        let failure = fails(params).await;
        assert_eq!(
            (failure.kind, failure.param.as_deref()),
            (ErrorKind::NotFound, Some(path)),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn an_image_that_cannot_be_had_is_told() {
    let failure = fails(json!({"pull": "127.0.0.1:1/no/such:1"})).await;
    assert_eq!(
        (failure.kind, failure.param.as_deref()),
        (ErrorKind::Refused, Some("pull")),
        "{failure}"
    );
    let (docker, host) = (docker(), FakeHost::new());
    let pull = used(json!({"pull": "renamed:1"}));
    let engine = Engine::shared();
    let _tagged = engine.docker(&["tag", IMAGE, "renamed:1"]);
    let identity = |name: &str| engine.field(name, "{{.Id}}");
    let kept = pull.prepare(&docker, &host).await.unwrap().unwrap();
    // As if a registry had another image under the name.
    let _tagged = engine.docker(&["tag", NEWER, "renamed:1"]);
    assert_eq!(
        pull.undo(&docker, &host, &kept).await.unwrap().value["changed"],
        true
    );
    assert_eq!(identity("renamed:1"), identity(IMAGE));
    assert_eq!(
        pull.undo(&docker, &host, &kept).await.unwrap().value["changed"],
        false
    );
}

#[tokio::test]
async fn what_nothing_uses_is_pruned() {
    // Everything of an engine is pruned, so it is one of its own.
    let engine = Engine::start();
    let done_with = engine.container("old", &[], &["sh", "-c", "head -c 4000 /dev/zero > /big"]);
    let kept = engine.container("kept", &[], &["idle"]);
    let volume = unique("data");
    let held = format!("{volume}:/data");
    let _made = engine.docker(&[
        "run",
        "--rm",
        "-v",
        &held,
        IMAGE,
        "sh",
        "-c",
        "head -c 300 /dev/zero > /data/x",
    ]);
    while engine.field(&done_with, "{{.State.Status}}") != "exited" {
        tokio::task::yield_now().await;
    }
    let (docker, host) = (docker(), FakeHost::new());
    let prune = with(
        &engine,
        json!({"prune": ["containers", "volumes", "networks", "images"]}),
    );
    let seen = prune.preview(&docker, &host).await.unwrap().unwrap();
    assert_eq!(
        seen.summary,
        "1 container, 1 volume, 0 networks, 0 images would go, at least 4300 bytes"
    );
    assert_eq!(
        engine.field(&done_with, "{{.State.Status}}"),
        "exited",
        "it is only looked at"
    );
    let result = prune.run(&docker, &host).await.unwrap().value;
    assert_eq!(result["removed"].as_array().unwrap().len(), 2, "{result}");
    assert_eq!(result["bytes"], 4300);
    assert_eq!(engine.field(&done_with, "{{.Id}}"), "");
    assert_eq!(engine.field(&kept, "{{.State.Status}}"), "running");
    let seen = with(&engine, json!({"prune": "images", "all": true}))
        .preview(&docker, &host)
        .await;
    let lines: Vec<String> = seen
        .unwrap()
        .unwrap()
        .lines
        .into_iter()
        .map(|line| line.text)
        .collect();
    assert!(
        lines.len() == 1 && lines[0].starts_with(&format!("image {NEWER} (")),
        "{lines:?}"
    );
    let nothing = preview(json!({"prune": "containers", "labels": {"no": "such"}})).await;
    assert_eq!(nothing.summary, "nothing would go");
}
