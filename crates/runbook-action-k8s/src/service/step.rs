//! What a verb of `service` is as one of `k8s`.

use indexmap::IndexMap;
use runbook_action::service::LINES;
use runbook_action::{Args, Chosen, ErrorKind, Failure, Param, Text};
use serde_json::Value;

use crate::change::conflict;
use crate::object::{self, Target};

/// Where a service that is stopped keeps how many replicas it had.
const STOPPED: &str = "runbook/replicas-before-stop";

/// A use of `k8s`.
pub(super) struct Step {
    pub(super) params: Param,
}

/// The parameters of `k8s`, in the order in which they are given.
struct Given(IndexMap<String, Param>);

impl Given {
    fn new(verb: &str, target: &Target) -> Self {
        let at = format!("{}/{}", target.kind.full(), target.name);
        Self(IndexMap::from([(verb.to_owned(), text(at))]))
    }

    fn with(mut self, key: &str, value: Option<Param>) -> Self {
        self.0.extend(value.map(|value| (key.to_owned(), value)));
        self
    }
}

fn text(text: impl Into<String>) -> Param {
    Param::Text(Text::literal(text))
}

fn number(number: i64) -> Param {
    Param::Number(number.into())
}

fn map<const N: usize>(fields: [(&str, Param); N]) -> Param {
    Param::Map(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The wait for what a change has begun.
pub(super) fn rollout(target: &Target) -> Param {
    Param::Map(Given::new("rollout_status", target).0)
}

/// Whether what is given beside the verb makes sense, as far as it is known.
pub(super) fn is_sound(chosen: &Chosen<'_>) -> Result<(), Failure> {
    if let Some(memory) = chosen.get("memory")
        && !memory.text()?.is_unknown()
    {
        amount(&memory)?;
    }
    if let Some(cpus) = chosen.get("cpus")
        && !cpus.text()?.is_unknown()
    {
        processors(&cpus)?;
    }
    if let Some(env) = chosen.get("env")
        && env.entries()?.is_empty()
    {
        return Err(env.wrong("says nothing"));
    }
    Ok(())
}

impl Step {
    /// What the verb is for this service, as it is now.
    pub(super) fn of(chosen: &Chosen<'_>, target: &Target, now: &Value) -> Result<Self, Failure> {
        let copied = |key: &str| chosen.get(key).map(|args| args.param().clone());
        let container = || container(target, now).map(|name| name.map(text));
        let given = match chosen.verb.key {
            "logs" => Given::new("logs", target)
                .with("tail", Some(copied("lines").unwrap_or_else(|| number(LINES))))
                .with("since", copied("since"))
                .with("container", container()?),
            "scale" => Given::new("scale", target).with("replicas", copied("replicas")),
            "set_env" => Given::new("set_env", target)
                .with("env", copied("env"))
                .with("container", container()?),
            "set_image" => Given::new("set_image", target)
                .with("image", copied("image"))
                .with("container", container()?),
            "set_limits" => Given::new("set_resources", target)
                .with("limits", Some(limits(chosen)?))
                .with("container", container()?),
            "start" => begun(target, now)?,
            "stop" => ended(target, now)?,
            _ => Given::new("restart", target),
        };
        Ok(Self {
            params: Param::Map(given.0),
        })
    }
}

/// As many replicas as there were when it was stopped, else one; as they are, if there are some.
fn begun(target: &Target, now: &Value) -> Result<Given, Failure> {
    let replicas = replicas(target, now)?;
    let given = Given::new("patch", target);
    if replicas > 0 {
        return Ok(given.with("merge", Some(merge(replicas, None))));
    }
    let before = object::annotation(now, STOPPED).and_then(|count| count.parse().ok());
    let count = before.filter(|count| *count > 0).unwrap_or(1);
    Ok(given.with("merge", Some(merge(count, Some(Param::Null)))))
}

/// None, and a note of how many there were.
fn ended(target: &Target, now: &Value) -> Result<Given, Failure> {
    let replicas = replicas(target, now)?;
    let note = (replicas > 0).then(|| text(replicas.to_string()));
    Ok(Given::new("patch", target).with("merge", Some(merge(0, note))))
}

fn merge(replicas: i64, note: Option<Param>) -> Param {
    let spec = ("spec", map([("replicas", number(replicas))]));
    match note {
        None => map([spec]),
        Some(note) => map([
            ("metadata", map([("annotations", map([(STOPPED, note)]))])),
            spec,
        ]),
    }
}

fn replicas(target: &Target, now: &Value) -> Result<i64, Failure> {
    if target.kind.is("apps", "DaemonSet") {
        let message = format!("{} runs once on each node, and is neither started nor stopped", target.shown());
        return Err(Failure::new(ErrorKind::Other, message).help("`k8s: {delete: …}` takes it away"));
    }
    Ok(object::number(now, "/spec/replicas").unwrap_or(1))
}

/// The container that the service is about: the only one, the one that is marked, or the one of its name.
fn container(target: &Target, now: &Value) -> Result<Option<String>, Failure> {
    let names: Vec<String> = object::list(now, "/spec/template/spec/containers")
        .iter()
        .map(|one| object::text(one, "/name"))
        .collect();
    let marked = now
        .pointer("/spec/template/metadata/annotations")
        .and_then(|marks| marks.get("kubectl.kubernetes.io/default-container")?.as_str());
    let is_it = |name: &&String| Some(name.as_str()) == marked || (marked.is_none() && **name == target.name);
    match names.as_slice() {
        [one] => Ok(Some(one.clone())),
        several => match several.iter().find(is_it) {
            Some(name) => Ok(Some(name.clone())),
            None => {
                let failure = conflict(format!(
                    "{} has several containers, and none of its name",
                    target.shown()
                ));
                Err(failure.help("`k8s` has the same verbs, with `container` beside them"))
            }
        },
    }
}

fn limits(chosen: &Chosen<'_>) -> Result<Param, Failure> {
    let mut limits = IndexMap::new();
    if let Some(memory) = chosen.get("memory") {
        limits.insert("memory".to_owned(), text(amount(&memory)?));
    }
    if let Some(cpus) = chosen.get("cpus") {
        limits.insert("cpu".to_owned(), text(processors(&cpus)?));
    }
    Ok(Param::Map(limits))
}

/// An amount of memory as clusters write it. They take `512m` for half a byte, others for 512 MiB.
fn amount(args: &Args<'_>) -> Result<String, Failure> {
    let given = args.text()?.reveal();
    let end = given
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(given.len());
    let (number, unit) = given.split_at(end);
    let unit = match unit {
        "" | "B" | "b" => "",
        "k" | "K" => "k",
        "M" => "M",
        "G" => "G",
        "Ki" => "Ki",
        "Mi" | "m" => "Mi",
        "Gi" | "g" => "Gi",
        "Ti" => "Ti",
        _ => "?",
    };
    let is_number = number.parse::<f64>().is_ok_and(|number| number > 0.0);
    if unit == "?" || !is_number {
        return Err(args.wrong("is not an amount of memory").help("write `512Mi` or `1Gi`"));
    }
    Ok(format!("{number}{unit}"))
}

/// A number of processors: `1.5`, `500m`.
fn processors(args: &Args<'_>) -> Result<String, Failure> {
    let given = args.text()?.reveal();
    let number = given.strip_suffix('m').unwrap_or(&given);
    let is_plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    if is_plain && number.parse::<f64>().is_ok_and(|number| number > 0.0) {
        return Ok(given);
    }
    Err(args.wrong("is not a number of processors").help("write `1.5` or `500m`"))
}
