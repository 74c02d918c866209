//! Uses that make no sense, with the parameter that the failure names.

use serde_json::{Value, json};

use crate::recognise;

/// Wrong uses: the parameter that is named, or nothing for the whole, and what is said of it.
pub(crate) fn table() -> Vec<(Value, Option<&'static str>, &'static str)> {
    let mut table = verbs();
    table.extend(objects());
    table.extend(choosing());
    table.extend(details());
    table
}

fn verbs() -> Vec<(Value, Option<&'static str>, &'static str)> {
    vec![
        (json!({}), None, "does not say what to do"),
        (json!("pods"), None, "does not say what to do"),
        (json!({"namespace": "mcp"}), None, "does not say what to do"),
        (
            json!({"get": "pods", "delete": "pods"}),
            Some("delete"),
            "stands beside `get`",
        ),
        (
            json!({"get": "pods", "replicas": 3}),
            Some("replicas"),
            "does not belong to `get`",
        ),
        (
            json!({"scale": "deployment/web", "replicas": 3, "tail": 5}),
            Some("tail"),
            "does not belong to `scale`",
        ),
        (
            json!({"drain": "n", "namespace": "x"}),
            Some("namespace"),
            "does not belong",
        ),
        (
            json!({"scale": "deployment/web"}),
            Some("scale"),
            "needs `replicas`",
        ),
        (
            json!({"set_image": "deployment/web", "container": "app"}),
            Some("set_image"),
            "needs `image`",
        ),
        (
            json!({"set_env": "deployment/web"}),
            Some("set_env"),
            "needs one of `env`, `unset`",
        ),
        (json!({"exec": "pod/web-0"}), Some("exec"), "needs `argv`"),
        (
            json!({"patch": "deployment/web"}),
            Some("patch"),
            "needs one of `merge`",
        ),
        (
            json!({"patch": "deployment/web", "merge": {"a": 1}, "json": []}),
            Some("json"),
            "stands beside `merge`",
        ),
        (
            json!({"cp": "pod/a", "path": "/x"}),
            Some("cp"),
            "needs one of `to`, `from`",
        ),
        (
            json!({"cp": "pod/a", "path": "/x", "to": "y", "from": "z"}),
            Some("from"),
            "stands beside `to`",
        ),
        (
            json!({"port_forward": "service/web"}),
            Some("port_forward"),
            "needs `port`",
        ),
        (json!({"wait": "pod/a"}), Some("wait"), "needs `for`"),
    ]
}

fn objects() -> Vec<(Value, Option<&'static str>, &'static str)> {
    vec![
        (
            json!({"scale": "deployment", "replicas": 1}),
            Some("scale"),
            "one object is needed",
        ),
        (json!({"get": ""}), Some("get"), "does not begin with a kind"),
        (
            json!({"get": "pods,services"}),
            Some("get"),
            "does not begin with a kind",
        ),
        (
            json!({"get": "../secrets"}),
            Some("get"),
            "does not begin with a kind",
        ),
        (json!({"get": "pod/"}), Some("get"), "names nothing"),
        (json!({"get": "pod/a/b"}), Some("get"), "no name has"),
        (json!({"get": "pod/.."}), Some("get"), "is made of dots"),
        (json!({"get": "pod/a b"}), Some("get"), "no name has"),
        (json!({"get": ["pod/a"]}), Some("get"), "expected text"),
    ]
}

fn choosing() -> Vec<(Value, Option<&'static str>, &'static str)> {
    vec![
        (json!({"list": "pod/a"}), Some("list"), "names one object"),
        (
            json!({"get": "pod/a", "selector": "app=web"}),
            Some("selector"),
            "one object is named",
        ),
        (json!({"delete": "pods"}), Some("delete"), "not which objects"),
        (
            json!({"delete": "pods", "all": false}),
            Some("delete"),
            "not which objects",
        ),
        (
            json!({"delete": "pods", "selector": ""}),
            Some("selector"),
            "and so everything",
        ),
        (
            json!({"delete": "pods", "selector": {}}),
            Some("selector"),
            "and so everything",
        ),
        (
            json!({"delete": "pod/a", "all": true}),
            Some("all"),
            "one object is named",
        ),
        (
            json!({"delete": {"file": ""}}),
            Some("delete.file"),
            "names no file",
        ),
        (json!({"delete": {}}), Some("delete"), "`file` is missing"),
        (
            json!({"restart": "deployments"}),
            Some("restart"),
            "not which objects",
        ),
        (
            json!({"restart": "configmap/a"}),
            Some("restart"),
            "has no rollouts",
        ),
        (json!({"undo": "pod/a"}), Some("undo"), "has no rollouts"),
        (
            json!({"rollout_status": "deployments"}),
            Some("rollout_status"),
            "one object is needed",
        ),
        (json!({"logs": "pods"}), Some("logs"), "not which objects"),
        (
            json!({"top": "deployments"}),
            Some("top"),
            "only `pods` and `nodes`",
        ),
        (json!({"cordon": ""}), Some("cordon"), "names no node"),
        (json!({"drain": "pod/a"}), Some("drain"), "no name has"),
        (
            json!({"get": "pods", "selector": {"app": "a,b in (c)"}}),
            Some("selector.app"),
            "no label has",
        ),
    ]
}

fn details() -> Vec<(Value, Option<&'static str>, &'static str)> {
    vec![
        (
            json!({"wait": "pod/a", "for": "ready"}),
            Some("for"),
            "nothing that can be waited for",
        ),
        (
            json!({"wait": "pod/a", "for": {}}),
            Some("for"),
            "needs a `condition` or a `field`",
        ),
        (
            json!({"wait": "pod/a", "for": {"condition": "Ready", "field": "x"}}),
            Some("for.field"),
            "stands beside `condition`",
        ),
        (
            json!({"wait": "pod/a", "for": {"condition": "Ready", "equals": 1}}),
            Some("for.equals"),
            "is for a `field`",
        ),
        (
            json!({"wait": "pod/a", "for": {"field": "x", "equals": 1, "status": "True"}}),
            Some("for.status"),
            "is for a `condition`",
        ),
        (
            json!({"wait": "pod/a", "for": {"field": "x"}}),
            Some("for"),
            "`equals` is missing",
        ),
        (
            json!({"exec": "pod/a", "argv": []}),
            Some("argv"),
            "names no program",
        ),
        (
            json!({"exec": "pod/a", "argv": "ls"}),
            Some("argv"),
            "expected a list",
        ),
        (
            json!({"set_env": "deployment/a", "env": {}}),
            Some("env"),
            "says nothing",
        ),
        (
            json!({"patch": "deployment/a", "json": []}),
            Some("json"),
            "says nothing",
        ),
        (json!({"apply": []}), Some("apply"), "holds no manifest"),
        (json!({"apply": ""}), Some("apply"), "names no file"),
        (
            json!({"apply": {"kind": "ConfigMap"}}),
            Some("apply"),
            "`apiVersion` is missing",
        ),
        (
            json!({"apply": [{"kind": "ConfigMap", "apiVersion": "v1"}]}),
            Some("apply[0]"),
            "`metadata` is missing",
        ),
        (
            json!({"apply": {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {}}}),
            Some("apply.metadata"),
            "`name` is missing",
        ),
    ]
}

#[test]
fn what_makes_no_sense_is_refused_where_it_stands() {
    for (params, param, said) in table() {
        let Err(failure) = recognise(&params) else {
            panic!("{params} was recognised")
        };
        assert_eq!(failure.param.as_deref(), param, "{params}: {failure}");
        assert!(failure.message.contains(said), "{params}: {failure}");
    }
}

#[test]
fn help_names_what_belongs_to_the_verb() {
    let failure = recognise(&json!({"cordon": "n", "replicas": 3})).unwrap_err();
    assert_eq!(
        failure.help.as_deref(),
        Some("`cordon` takes nothing beside it; `replicas` is for `scale`")
    );
    let failure = recognise(&json!({"delete": "pods"})).unwrap_err();
    assert_eq!(
        failure.help.as_deref(),
        Some("write `pods/NAME`, add a `selector`, or say `all: true`")
    );
}
