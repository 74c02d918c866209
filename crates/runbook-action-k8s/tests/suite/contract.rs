//! What every kind of action keeps to.

use runbook_action::schema::Shape;
use runbook_action::{Kind, Param, Via};
use runbook_action_k8s::Language;
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
    map.insert(key.to_owned(), secret("token", "hunter2/hunter2"));
    Use {
        params: Param::Map(map),
        ..Use::default()
    }
}

#[test]
fn k8s_keeps_to_the_contract() {
    let mut fine: Vec<Use> = effect::table().iter().map(|row| used(&row.0)).collect();
    fine.push(with_secret(&json!({"exec": "pod/a", "argv": ["cat"]}), "stdin"));
    let mut wrong: Vec<Use> = refused::table().iter().map(|row| used(&row.0)).collect();
    wrong.push(with_secret(&json!({}), "get"));
    wrong.push(with_secret(&json!({}), "drain"));
    wrong.push(with_secret(&json!({"get": "pods"}), "selector"));
    declares(&Language, &fine, &wrong);
}

#[test]
fn a_pod_is_reached_through_a_cluster() {
    let connections = Language.spec().connections;
    let kinds: Vec<(&str, Via)> = connections.iter().map(|spec| (spec.kind, spec.via)).collect();
    assert_eq!(
        kinds,
        [
            ("k8s", Via::Named(&["ssh"])),
            ("pod", Via::Required(&["k8s"])),
            ("deployment", Via::Required(&["k8s"])),
        ]
    );
    for spec in connections {
        assert_eq!(spec.shape.field("via"), None);
        assert!(spec.shape.field(spec.kind).is_some_and(|field| field.required));
    }
    let cluster = connections[0].shape.field("k8s").unwrap();
    assert!(matches!(
        cluster.shape,
        Shape::OneOf([Shape::Template, Shape::Object(_)])
    ));
}
