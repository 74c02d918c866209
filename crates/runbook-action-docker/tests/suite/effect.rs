//! Every verb with its effect, whether that is certain, and what it takes to undo it.

use runbook_action::schema::Shape;
use runbook_action::{Effect, Kind, Undoing};
use runbook_action_docker::Docker;
use runbook_testkit::contract::written;
use serde_json::{Value, json};

use Effect::{Change, Destructive, Read};
use Undoing::{Automatic, ByAuthor, Needless};

/// A use, and what is to be known of it.
pub(crate) type Row = (Value, Effect, bool, Undoing);

/// Uses of `docker`.
pub(crate) fn docker() -> Vec<Row> {
    let mut rows = docker_reading();
    rows.extend(docker_changing());
    rows.extend(docker_destroying());
    rows
}

fn docker_reading() -> Vec<Row> {
    vec![
        (
            json!({"ps": "running", "name": "hub", "labels": {"tier": "front"}}),
            Read,
            true,
            Needless,
        ),
        (json!({"ps": "all", "status": "exited"}), Read, true, Needless),
        (json!({"inspect": "hub"}), Read, true, Needless),
        (
            json!({"inspect": "ghcr.io/x/hub:1", "type": "image"}),
            Read,
            true,
            Needless,
        ),
        (json!({"wait_healthy": ["hub", "neo4j"]}), Read, true, Needless),
        (
            json!({"logs": "hub", "tail": 100, "since": "5m", "timestamps": true}),
            Read,
            true,
            Needless,
        ),
        (json!({"stats": "all"}), Read, true, Needless),
        (
            json!({"events": "hub", "since": "1h", "type": "container"}),
            Read,
            true,
            Needless,
        ),
    ]
}

fn docker_changing() -> Vec<Row> {
    vec![
        (json!({"start": "hub"}), Change, true, Automatic),
        (
            json!({"stop": ["hub", "neo4j"], "grace": "30s"}),
            Change,
            true,
            Automatic,
        ),
        (json!({"restart": "hub"}), Change, true, Needless),
        (
            json!({"run": "busybox", "argv": ["true"]}),
            Change,
            false,
            ByAuthor,
        ),
        (
            json!({
                "run": "ghcr.io/x/hub@sha256:00", "name": "hub", "detach": true, "keep": true, "user": "1000",
                "ports": ["8080:80"], "mounts": ["data:/data"], "network": "front", "memory": "1Gi", "cpus": 1.5,
                "pids": 100, "restart_policy": "always", "pull_policy": "never", "workdir": "/", "env": {"A": "b"},
                "entrypoint": ["sh"], "stdin": "x", "ok_exit_codes": [0], "labels": {"a": "b"}
            }),
            Change,
            false,
            ByAuthor,
        ),
        (
            json!({"exec": "hub", "argv": ["ps", "aux"]}),
            Change,
            false,
            ByAuthor,
        ),
        (json!({"update": "hub", "memory": "1Gi"}), Change, true, Automatic),
        (json!({"pull": "busybox:1.36"}), Change, true, Automatic),
        (
            json!({"cp": "hub", "from": "a.tar", "path": "/tmp/a.tar"}),
            Change,
            true,
            ByAuthor,
        ),
        (
            json!({"cp": "hub", "path": "/tmp/a.tar", "to": "a.tar"}),
            Change,
            false,
            ByAuthor,
        ),
    ]
}

fn docker_destroying() -> Vec<Row> {
    vec![
        (json!({"kill": "hub"}), Destructive, true, ByAuthor),
        (
            json!({"kill": "hub", "signal": "SIGTERM"}),
            Destructive,
            true,
            ByAuthor,
        ),
        // A program may well take this one as the word to read its settings again.
        (
            json!({"kill": "hub", "signal": "HUP"}),
            Destructive,
            false,
            ByAuthor,
        ),
        (
            json!({"rm": ["hub"], "force": true, "volumes": true}),
            Destructive,
            true,
            ByAuthor,
        ),
        (
            json!({"prune": "images", "all": true, "older_than": "7d"}),
            Destructive,
            true,
            ByAuthor,
        ),
        (
            json!({"prune": ["containers", "volumes"]}),
            Destructive,
            true,
            ByAuthor,
        ),
    ]
}

/// Uses of `compose`.
pub(crate) fn compose() -> Vec<Row> {
    vec![
        (json!({"ps": "all"}), Read, true, Needless),
        (
            json!({"logs": ["hub", "neo4j"], "tail": 100, "since": "5m", "timestamps": true}),
            Read,
            true,
            Needless,
        ),
        (json!({"up": "all"}), Change, true, Automatic),
        (
            json!({"up": "codesage-mcp", "force_recreate": true, "dependencies": false, "with_build": true, "pull_policy": "always"}),
            Change,
            true,
            Automatic,
        ),
        (
            json!({"up": "all", "remove_orphans": false}),
            Change,
            true,
            Automatic,
        ),
        (
            json!({"up": "all", "remove_orphans": true}),
            Destructive,
            true,
            ByAuthor,
        ),
        (json!({"start": "hub"}), Change, true, Automatic),
        (json!({"stop": "hub", "grace": "30s"}), Change, true, Automatic),
        (json!({"restart": "hub"}), Change, true, Needless),
        (
            json!({"scale": {"mcp-hub": 3, "worker": 0}}),
            Change,
            true,
            Automatic,
        ),
        (json!({"pull": "all"}), Change, true, ByAuthor),
        (
            json!({"build": "hub", "no_cache": true, "build_args": {"A": "b"}}),
            Change,
            true,
            ByAuthor,
        ),
        (
            json!({"exec": "hub", "argv": ["env"], "index": 2, "user": "root", "workdir": "/", "env": {}, "stdin": "", "ok_exit_codes": [0]}),
            Change,
            false,
            ByAuthor,
        ),
        (json!({"down": "hub"}), Change, true, ByAuthor),
        (json!({"down": "all", "volumes": false}), Change, true, ByAuthor),
        (
            json!({"down": "all", "volumes": true}),
            Destructive,
            true,
            ByAuthor,
        ),
        (
            json!({"down": "all", "images": "local"}),
            Destructive,
            true,
            ByAuthor,
        ),
    ]
}

fn has_its_effect(kind: &dyn Kind, rows: Vec<Row>) {
    for (params, effect, certain, undoing) in rows {
        let known = kind
            .recognise(&written(&params))
            .unwrap_or_else(|failure| panic!("{params}: {failure}"));
        assert_eq!(
            (known.effect, known.certain, known.undoing),
            (effect, certain, undoing),
            "{params}"
        );
    }
}

#[test]
fn every_use_has_its_effect() {
    has_its_effect(&Docker::default(), docker());
    has_its_effect(&crate::compose(), compose());
}

/// So no verb and no parameter is without a row above.
#[test]
fn every_key_is_used() {
    for (kind, rows) in [
        (&Docker::default() as &dyn Kind, docker()),
        (&crate::compose(), compose()),
    ] {
        let Shape::Object(object) = kind.spec().params else {
            panic!("not a mapping")
        };
        for field in object.fields {
            assert!(
                rows.iter().any(|row| row.0.get(field.key).is_some()),
                "no test uses `{}` of `{}`",
                field.key,
                kind.spec().kind
            );
        }
    }
}

#[test]
fn a_summary_reads_like_the_command() {
    for (kind, params, summary) in [
        (
            &Docker::default() as &dyn Kind,
            json!({"stop": ["a", "b"], "grace": "30s"}),
            "stop a b (grace: 30s)",
        ),
        (
            &Docker::default(),
            json!({"prune": ["containers", "images"]}),
            "prune containers images",
        ),
        (
            &crate::compose(),
            json!({"scale": {"hub": 3, "db": 1}}),
            "scale hub=3 db=1",
        ),
        (
            &crate::compose(),
            json!({"down": "all", "volumes": true}),
            "down all (volumes: true)",
        ),
    ] {
        assert_eq!(kind.recognise(&written(&params)).unwrap().summary, summary);
    }
}
