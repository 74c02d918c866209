//! Uses that make no sense, with the parameter that the failure names.

use runbook_action::Kind;
use runbook_action_docker::Docker;
use runbook_testkit::contract::written;
use serde_json::{Value, json};

/// A wrong use, the parameter that is named (nothing for the whole), and what is said of it.
pub(crate) type Row = (Value, Option<&'static str>, &'static str);

/// Wrong uses of `docker`.
pub(crate) fn docker() -> Vec<Row> {
    vec![
        (json!({}), None, "does not say what to do"),
        (json!("ps"), None, "does not say what to do"),
        (
            json!({"start": "a", "stop": "a"}),
            Some("stop"),
            "stands beside `start`",
        ),
        (
            json!({"start": "a", "tail": 5}),
            Some("tail"),
            "does not belong to `start`",
        ),
        (
            json!({"rm": "a", "signal": "HUP"}),
            Some("signal"),
            "does not belong to `rm`",
        ),
        (json!({"exec": "a"}), Some("exec"), "needs `argv`"),
        (json!({"exec": "a", "argv": []}), Some("argv"), "names no program"),
        (
            json!({"exec": ["a", "b"], "argv": ["x"]}),
            Some("exec"),
            "expected text",
        ),
        (json!({"update": "a"}), Some("update"), "needs one of `memory`"),
        (
            json!({"cp": "a", "path": "/x"}),
            Some("cp"),
            "needs one of `to`, `from`",
        ),
        (
            json!({"cp": "a", "path": "/x", "to": "b", "from": "c"}),
            Some("from"),
            "stands beside `to`",
        ),
        (json!({"cp": "a", "to": "b"}), Some("cp"), "needs `path`"),
        (
            json!({"ps": "web"}),
            Some("ps"),
            "expected one of `running`, `all`",
        ),
        (json!({"prune": "everything"}), Some("prune"), "expected one of"),
        (
            json!({"prune": ["images", "everything"]}),
            Some("prune[1]"),
            "expected one of",
        ),
        (json!({"prune": []}), Some("prune"), "names nothing"),
        (json!({"stop": ""}), Some("stop"), "names nothing"),
        (json!({"stop": []}), Some("stop"), "names nothing"),
        (json!({"stop": ["a", "b c"]}), Some("stop[1]"), "no name has"),
        (json!({"rm": "../x"}), Some("rm"), "no name has"),
        (json!({"rm": "-f"}), Some("rm"), "begins with"),
        (json!({"run": "-it busybox"}), Some("run"), "no image has"),
        (json!({"run": "--privileged"}), Some("run"), "names no image"),
        (json!({"run": "a", "argv": []}), Some("argv"), "names no program"),
        (json!({"pull": ""}), Some("pull"), "names no image"),
        (
            json!({"kill": "a", "signal": "9"}),
            Some("signal"),
            "not the name of a signal",
        ),
        (
            json!({"kill": "a", "signal": "-9"}),
            Some("signal"),
            "not the name of a signal",
        ),
    ]
}

/// Wrong uses of `compose`.
pub(crate) fn compose() -> Vec<Row> {
    vec![
        (json!({}), None, "does not say what to do"),
        (json!(["up"]), None, "does not say what to do"),
        (
            json!({"up": "a", "pull": "a"}),
            Some("pull"),
            "stands beside `up`",
        ),
        (
            json!({"up": "a", "volumes": true}),
            Some("volumes"),
            "does not belong to `up`",
        ),
        (
            json!({"stop": "a", "force_recreate": true}),
            Some("force_recreate"),
            "does not belong",
        ),
        (json!({"scale": {}}), Some("scale"), "names no service"),
        (json!({"scale": "web=3"}), Some("scale"), "expected a mapping"),
        (
            json!({"scale": {"web": "three"}}),
            Some("scale.web"),
            "expected a whole number",
        ),
        (json!({"scale": {"web": -1}}), Some("scale.web"), "at least 0"),
        (json!({"exec": "web"}), Some("exec"), "needs `argv`"),
        (json!({"down": "a b"}), Some("down"), "no name has"),
    ]
}

fn is_refused(kind: &dyn Kind, rows: Vec<Row>) {
    for (params, param, said) in rows {
        let Err(failure) = kind.recognise(&written(&params)) else {
            panic!("{params} was recognised")
        };
        assert_eq!(failure.param.as_deref(), param, "{params}: {failure}");
        assert!(failure.message.contains(said), "{params}: {failure}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_where_it_stands() {
    is_refused(&Docker::default(), docker());
    is_refused(&crate::compose(), compose());
}
