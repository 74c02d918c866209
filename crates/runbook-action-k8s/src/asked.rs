//! What a verb was given, read.

use std::sync::Arc;
use std::time::Duration;

use runbook_action::schema::duration::parse_duration;
use runbook_action::{Args, Chosen, ErrorKind, Failure, Param};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::kinds::Resource;
use crate::object::Target;

/// What a verb is about: one object, or those of a kind that are chosen.
#[derive(Debug, Clone)]
pub(crate) enum About {
    One(Target),
    Some(Several),
}

/// Objects of a kind.
#[derive(Debug, Clone)]
pub(crate) struct Several {
    pub(crate) kind: Arc<Resource>,
    /// The namespace; none for all of them, and for kinds that are in none.
    pub(crate) namespace: Option<String>,
    /// What chooses among them, as the address of a request says it.
    pub(crate) query: Vec<(&'static str, String)>,
}

/// What the verb's value names.
pub(crate) async fn about(cluster: &Cluster, chosen: &Chosen<'_>) -> Result<About, Failure> {
    let text = chosen.value.text()?.reveal();
    let named = |failure: Failure| {
        if failure.kind == ErrorKind::NotFound {
            failure.about(chosen.value.path())
        } else {
            failure
        }
    };
    let (kind, name) = match text.split_once('/') {
        Some((kind, name)) => (kind, Some(name)),
        None => (text.as_str(), None),
    };
    let kind = cluster
        .kind_named(&kind.to_ascii_lowercase())
        .await
        .map_err(named)?;
    let namespace = namespace(cluster, chosen)?;
    if let Some(name) = name {
        return Ok(About::One(Target::new(kind, &namespace, name)));
    }
    let everywhere = chosen.is_on("all_namespaces") || !kind.namespaced;
    Ok(About::Some(Several {
        kind,
        namespace: (!everywhere).then_some(namespace),
        query: query(chosen)?,
    }))
}

/// The one object that the verb is about.
pub(crate) async fn target(cluster: &Cluster, chosen: &Chosen<'_>) -> Result<Target, Failure> {
    match about(cluster, chosen).await? {
        About::One(target) => Ok(target),
        About::Some(_) => Err(chosen.value.wrong("names a kind, and one object is needed")),
    }
}

/// The node that the verb is about: `node/a`, or `a` alone.
pub(crate) async fn node(cluster: &Cluster, chosen: &Chosen<'_>) -> Result<Target, Failure> {
    let text = chosen.value.text()?.reveal();
    let name = ["node/", "nodes/"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(&text);
    Ok(Target::new(cluster.kind_named("nodes").await?, "", name))
}

/// The namespace that is meant.
pub(crate) fn namespace(cluster: &Cluster, chosen: &Chosen<'_>) -> Result<String, Failure> {
    let Some(args) = chosen.get("namespace") else {
        return Ok(cluster.namespace().to_owned());
    };
    namespace_name(&args)
}

/// The name of a namespace.
pub(crate) fn namespace_name(args: &Args<'_>) -> Result<String, Failure> {
    let name = args.text()?.reveal();
    is_plain(&name)
        .then_some(name)
        .ok_or_else(|| args.wrong("is no name of a namespace"))
}

/// Whether it can be a part of an address.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
        && !name.starts_with('.')
}

/// What chooses objects, as the address of a request says it.
pub(crate) fn query(chosen: &Chosen<'_>) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut query = Vec::new();
    if let Some(selector) = chosen.get("selector") {
        query.push(("labelSelector", selector_text(&selector)?));
    }
    if let Some(selector) = chosen.get("field_selector") {
        query.push(("fieldSelector", selector_text(&selector)?));
    }
    Ok(query)
}

/// A selector as text.
pub(crate) fn selector_text(args: &Args<'_>) -> Result<String, Failure> {
    if !matches!(args.param(), Param::Map(_)) {
        return Ok(args.literal()?.to_owned());
    }
    let pairs: Result<Vec<String>, Failure> = args
        .entries()?
        .into_iter()
        .map(|(key, value)| Ok(format!("{key}={}", value.text()?.reveal())))
        .collect();
    Ok(pairs?.join(","))
}

/// A text.
pub(crate) fn text(chosen: &Chosen<'_>, key: &str) -> Result<Option<String>, Failure> {
    chosen.get(key).map(|args| Ok(args.text()?.reveal())).transpose()
}

/// A whole number, which may have come out of a template as a text.
pub(crate) fn integer(chosen: &Chosen<'_>, key: &str) -> Result<Option<i64>, Failure> {
    let Some(args) = chosen.get(key) else {
        return Ok(None);
    };
    let number = args
        .text()?
        .reveal()
        .parse::<i64>()
        .ok()
        .filter(|number| *number >= 0);
    number
        .map(Some)
        .ok_or_else(|| args.wrong("expected a whole number of at least 0"))
}

/// A port.
pub(crate) fn port(chosen: &Chosen<'_>, key: &str) -> Result<Option<u16>, Failure> {
    match integer(chosen, key)? {
        None => Ok(None),
        Some(port) => {
            let port = u16::try_from(port).ok().filter(|port| *port > 0);
            let wrong = || Failure::new(ErrorKind::Other, "is no port").about(key);
            port.map(Some).ok_or_else(wrong)
        }
    }
}

/// A length of time.
pub(crate) fn duration(chosen: &Chosen<'_>, key: &str) -> Result<Option<Duration>, Failure> {
    let Some(args) = chosen.get(key) else {
        return Ok(None);
    };
    let text = args.text()?.reveal();
    let length = parse_duration(&text);
    length
        .map(Some)
        .ok_or_else(|| args.wrong("is no length of time").help("write `30s`, `5m`"))
}

/// The items of a list of texts.
pub(crate) fn texts(args: &Args<'_>) -> Result<Vec<String>, Failure> {
    args.items()?
        .iter()
        .map(|item| Ok(item.text()?.reveal()))
        .collect()
}

/// A mapping to texts, as an object.
pub(crate) fn map(args: &Args<'_>) -> Result<Vec<(String, Value)>, Failure> {
    let entries = args.entries()?;
    entries
        .into_iter()
        .map(|(key, value)| Ok((key.to_owned(), value.text()?.reveal().into())))
        .collect()
}
