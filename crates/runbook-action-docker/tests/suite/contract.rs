//! What every kind of action keeps to.

use runbook_action::{Kind, Param, Via};
use runbook_action_docker::Docker;
use runbook_testkit::contract::{Use, declares, secret, written};
use serde_json::{Value, json};

use crate::{effect, refused};

fn used(params: &Value) -> Use {
    Use {
        params: written(params),
        ..Use::default()
    }
}

/// A use with a secret in one of its parameters.
fn with_secret(params: &Value, key: &str) -> Use {
    let Param::Map(mut map) = written(params) else {
        panic!("not a mapping")
    };
    map.insert(key.to_owned(), secret("token", "hunter2 hunter2"));
    Use {
        params: Param::Map(map),
        ..Use::default()
    }
}

fn keeps_to_it(kind: &dyn Kind, fine: &[effect::Row], wrong: &[refused::Row]) {
    let mut fine: Vec<Use> = fine.iter().map(|row| used(&row.0)).collect();
    fine.push(with_secret(&json!({"exec": "a", "argv": ["cat"]}), "stdin"));
    let mut wrong: Vec<Use> = wrong.iter().map(|row| used(&row.0)).collect();
    wrong.push(with_secret(&json!({}), "restart"));
    wrong.push(with_secret(&json!({"restart": "a"}), "stdin"));
    declares(kind, &fine, &wrong);
}

#[test]
fn docker_keeps_to_the_contract() {
    keeps_to_it(&Docker::default(), &effect::docker(), &refused::docker());
}

#[test]
fn compose_keeps_to_the_contract() {
    keeps_to_it(&crate::compose(), &effect::compose(), &refused::compose());
}

#[test]
fn a_container_is_reached_through_an_engine_or_a_project() {
    let vias = |kind: &dyn Kind| -> Vec<(&str, Via)> {
        let connections = kind.spec().connections;
        connections.iter().map(|spec| (spec.kind, spec.via)).collect()
    };
    let container = ("container", Via::Required(&["docker", "compose"]));
    let engine = ("docker", Via::Named(&["ssh"]));
    assert_eq!(vias(&Docker::default()), [engine, container]);
    assert_eq!(
        vias(&crate::compose()),
        [("compose", Via::Named(&["docker", "ssh"])), engine, container]
    );
}
