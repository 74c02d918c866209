//! What a use of the action would do.

use runbook_action::{Args, Chosen, Failure, Param, Recognised, Undoing, Verb};

use crate::reference::{self, Reference};
use crate::verb::{self, About, VERBS};

/// Kinds whose rollouts have a history, as `kubectl rollout` takes them.
const ROLLED: &[&str] = &[
    "deployment",
    "deployments",
    "deploy",
    "statefulset",
    "statefulsets",
    "sts",
    "daemonset",
    "daemonsets",
    "ds",
];
const PODS: &[&str] = &["pod", "pods", "po"];
const NODES: &[&str] = &["node", "nodes", "no"];

/// Kinds that hold no data and of which an object, made again from what it was, is as good as the one before: by
/// their groups.
const MADE_AGAIN: &[(&str, &[&str])] = &[
    ("", PODS),
    ("", &["service", "services", "svc"]),
    ("", &["configmap", "configmaps", "cm"]),
    ("", &["secret", "secrets"]),
    ("", &["serviceaccount", "serviceaccounts", "sa"]),
    ("", &["limitrange", "limitranges", "limits"]),
    ("", &["resourcequota", "resourcequotas", "quota"]),
    ("", &["replicationcontroller", "replicationcontrollers", "rc"]),
    ("apps", ROLLED),
    ("apps", &["replicaset", "replicasets", "rs"]),
    ("batch", &["cronjob", "cronjobs", "cj"]),
    (
        "autoscaling",
        &["horizontalpodautoscaler", "horizontalpodautoscalers", "hpa"],
    ),
    ("policy", &["poddisruptionbudget", "poddisruptionbudgets", "pdb"]),
    ("networking.k8s.io", &["ingress", "ingresses", "ing"]),
    (
        "networking.k8s.io",
        &["networkpolicy", "networkpolicies", "netpol"],
    ),
    ("rbac.authorization.k8s.io", &["role", "roles"]),
    ("rbac.authorization.k8s.io", &["rolebinding", "rolebindings"]),
    ("rbac.authorization.k8s.io", &["clusterrole", "clusterroles"]),
    (
        "rbac.authorization.k8s.io",
        &["clusterrolebinding", "clusterrolebindings"],
    ),
];

pub(crate) fn recognise(params: &Param) -> Result<Recognised, Failure> {
    let args = Args::new(params);
    let chosen = Verb::chosen(VERBS, &args)?;
    for key in ["selector", "field_selector", "pod_selector"] {
        if let Some(selector) = args.get(key) {
            reference::is_selector(&selector)?;
        }
    }
    let (about, undoing) = subject(&chosen)?;
    details(&chosen)?;
    let mut recognised = Recognised {
        undoing,
        ..chosen.recognised(&about)
    };
    // Whether it matters what was in a file of one's own, only the author knows.
    if chosen.verb.key == "cp" && chosen.get("to").is_some() {
        recognised.certain = false;
    }
    Ok(recognised)
}

/// What the verb is about, for people, and what it takes to undo it.
fn subject(chosen: &Chosen<'_>) -> Result<(String, Undoing), Failure> {
    let value = &chosen.value;
    let table = chosen.verb.undoing;
    let about = verb::about(chosen.verb);
    match (about, value.param()) {
        (About::Manifests, _) => Ok((manifests(value)?, table)),
        (About::OneSomeOrFile, Param::Map(_)) => {
            let file = value.require("file")?;
            Ok((path_of(&file)?.to_owned(), table))
        }
        (About::Node, _) => {
            reference::is_node(value)?;
            Ok((value.text()?.to_string(), table))
        }
        (About::Anything, Param::Text(text)) if text.as_literal() == Some("all") => {
            Ok(("all".to_owned(), table))
        }
        _ => {
            let reference = Reference::read(value)?;
            fits(chosen, about, &reference)?;
            let made_again = about == About::OneSomeOrFile
                && MADE_AGAIN
                    .iter()
                    .any(|(group, names)| reference.is_of(group, names));
            let undoing = if made_again { Undoing::Automatic } else { table };
            Ok((value.text()?.to_string(), undoing))
        }
    }
}

/// Whether the verb can be about this.
fn fits(chosen: &Chosen<'_>, about: About, reference: &Reference) -> Result<(), Failure> {
    let value = &chosen.value;
    match about {
        About::One => is_one(value, reference),
        About::Rollout => {
            is_rolled(value, reference)?;
            is_one(value, reference)
        }
        About::RolloutOrSome => {
            is_rolled(value, reference)?;
            is_one_or_some(chosen, reference)
        }
        About::OneOrSome | About::OneSomeOrFile => is_one_or_some(chosen, reference),
        About::OneOrKind | About::Anything => selects_only_among_several(chosen, reference),
        About::Kind => {
            if reference.is_named {
                return Err(value
                    .wrong("names one object, and `list` reads all of a kind")
                    .help("use `get` for one object"));
            }
            Ok(())
        }
        About::PodsOrNodes => {
            if !reference.is_of("", PODS) && !reference.is_of("", NODES) {
                return Err(value.wrong("only `pods` and `nodes` are measured"));
            }
            selects_only_among_several(chosen, reference)
        }
        // They are not read as references.
        About::Node | About::Manifests => Ok(()),
    }
}

fn is_one(value: &Args<'_>, reference: &Reference) -> Result<(), Failure> {
    if reference.is_named {
        return Ok(());
    }
    Err(value
        .wrong("names a kind, and one object is needed")
        .help(format!("write `{}/NAME`", reference.kind)))
}

fn is_rolled(value: &Args<'_>, reference: &Reference) -> Result<(), Failure> {
    if reference.is_of("apps", ROLLED) {
        return Ok(());
    }
    Err(value
        .wrong(format!("a `{}` has no rollouts", reference.kind))
        .help("name a deployment, a statefulset or a daemonset"))
}

/// All objects of a kind are never meant by leaving something out.
fn is_one_or_some(chosen: &Chosen<'_>, reference: &Reference) -> Result<(), Failure> {
    selects_only_among_several(chosen, reference)?;
    let chooses = ["selector", "field_selector"]
        .iter()
        .any(|key| chosen.get(key).is_some());
    if reference.is_named || chooses || chosen.is_on("all") {
        return Ok(());
    }
    let all = if chosen.verb.takes.contains(&"all") {
        ", or say `all: true`"
    } else {
        ""
    };
    Err(chosen
        .value
        .wrong("names a kind, and not which objects of it")
        .help(format!("write `{}/NAME`, add a `selector`{all}", reference.kind)))
}

fn selects_only_among_several(chosen: &Chosen<'_>, reference: &Reference) -> Result<(), Failure> {
    if !reference.is_named {
        return Ok(());
    }
    let choosing = ["selector", "field_selector", "all", "all_namespaces"];
    match choosing.iter().find_map(|key| chosen.get(key)) {
        Some(choosing) => Err(choosing.wrong("chooses among several, and one object is named")),
        None => Ok(()),
    }
}

/// What only one verb has.
fn details(chosen: &Chosen<'_>) -> Result<(), Failure> {
    if let Some(state) = chosen.get("for") {
        is_state(&state)?;
    }
    if let Some(argv) = chosen.get("argv")
        && argv.items()?.is_empty()
    {
        return Err(argv.wrong("names no program"));
    }
    for key in ["merge", "strategic", "env", "requests", "limits"] {
        if let Some(map) = chosen.get(key)
            && map.entries()?.is_empty()
        {
            return Err(map.wrong("says nothing"));
        }
    }
    for key in ["json", "unset"] {
        if let Some(list) = chosen.get(key)
            && list.items()?.is_empty()
        {
            return Err(list.wrong("says nothing"));
        }
    }
    Ok(())
}

/// `created`, `deleted`, a condition or the value of a field.
fn is_state(state: &Args<'_>) -> Result<(), Failure> {
    if !matches!(state.param(), Param::Map(_)) {
        return match state.literal()? {
            "created" | "deleted" => Ok(()),
            _ => Err(state
                .wrong("is nothing that can be waited for")
                .help("write `created`, `deleted`, `{condition: Ready}` or `{field: status.phase, equals: Running}`")),
        };
    }
    let condition = state.get("condition");
    let field = state.get("field");
    match (condition, field) {
        (Some(_), Some(field)) => Err(field.wrong("stands beside `condition`, and one of them is enough")),
        (None, None) => Err(state.wrong("needs a `condition` or a `field`")),
        (Some(condition), None) => {
            condition.literal()?;
            match state.get("equals") {
                Some(equals) => Err(equals
                    .wrong("is for a `field`")
                    .help("a condition has a `status`")),
                None => Ok(()),
            }
        }
        (None, Some(field)) => {
            field.literal()?;
            if let Some(status) = state.get("status") {
                return Err(status
                    .wrong("is for a `condition`")
                    .help("a field `equals` a value"));
            }
            state.require("equals").map(drop)
        }
    }
}

/// A file of manifests, a manifest, or a list of them; what kind of object each makes is the author's word.
fn manifests(value: &Args<'_>) -> Result<String, Failure> {
    match value.param() {
        Param::Map(_) => manifest(value),
        Param::List(_) => {
            let items = value.items()?;
            if items.is_empty() {
                return Err(value.wrong("holds no manifest"));
            }
            let shown: Result<Vec<String>, Failure> = items.iter().map(manifest).collect();
            Ok(shown?.join(", "))
        }
        Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) => path_of(value).map(str::to_owned),
    }
}

fn manifest(args: &Args<'_>) -> Result<String, Failure> {
    let kind = decisive(args, "kind")?;
    decisive(args, "apiVersion")?;
    let name = args.require("metadata")?.require("name")?;
    reference::is_name(&name, &name.text()?)?;
    Ok(format!("{}/{}", kind.to_lowercase(), name.text()?))
}

/// A key of a manifest that the author must have written out.
fn decisive<'a>(args: &Args<'a>, key: &str) -> Result<&'a str, Failure> {
    let text = args.require(key)?.literal()?;
    if text.is_empty() {
        return Err(args.require(key)?.wrong("is empty"));
    }
    Ok(text)
}

fn path_of<'a>(args: &Args<'a>) -> Result<&'a str, Failure> {
    let path = args.literal()?;
    if path.trim().is_empty() {
        return Err(args.wrong("names no file"));
    }
    Ok(path)
}
