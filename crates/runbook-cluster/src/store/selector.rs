//! Label and field selectors, as queries and objects say them.

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::object::Fields as _;

/// What labels must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
    Greater(String, i64),
    Less(String, i64),
}

impl LabelSelector {
    /// Reads `app=web,tier in (a, b),!old`.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let mut requirements = Vec::new();
        for part in split(text) {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            let requirement = Requirement::parse(part).ok_or_else(|| {
                Failure::bad_request(format!(
                    "unable to parse requirement: found '{part}', expected: a label selector"
                ))
            })?;
            requirements.push(requirement);
        }
        Ok(Self(requirements))
    }

    /// Reads `{matchLabels, matchExpressions}`. An absent selector chooses nothing, an empty one everything.
    pub(crate) fn of_object(selector: &Value) -> Option<Self> {
        let selector = selector.as_object()?;
        let mut requirements = Vec::new();
        if let Some(labels) = selector.get("matchLabels").and_then(Value::as_object) {
            requirements.extend(equalities(labels));
        }
        for expression in selector
            .get("matchExpressions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let key = expression.text("/key").to_owned();
            let values = expression.items("/values").iter().filter_map(Value::as_str);
            let values = values.map(str::to_owned).collect();
            requirements.push(match expression.text("/operator") {
                "In" => Requirement::In(key, values),
                "NotIn" => Requirement::NotIn(key, values),
                "DoesNotExist" => Requirement::Absent(key),
                _ => Requirement::Exists(key),
            });
        }
        Some(Self(requirements))
    }

    /// The labels themselves, as services name their pods. No labels choose nothing.
    pub(crate) fn of_labels(labels: &Value) -> Option<Self> {
        let labels = labels.as_object().filter(|labels| !labels.is_empty())?;
        Some(Self(equalities(labels).collect()))
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.matches_labels(object.map("/metadata/labels"))
    }

    pub(crate) fn matches_labels(&self, labels: Option<&Map<String, Value>>) -> bool {
        self.0.iter().all(|requirement| requirement.holds(labels))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a query says it.
    pub(crate) fn text(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(Requirement::text).collect();
        parts.join(",")
    }
}

fn equalities(labels: &Map<String, Value>) -> impl Iterator<Item = Requirement> {
    labels
        .iter()
        .map(|(key, value)| Requirement::In(key.clone(), vec![value.as_str().unwrap_or_default().to_owned()]))
}

impl Requirement {
    fn parse(part: &str) -> Option<Self> {
        if let Some(key) = part.strip_prefix('!') {
            return name(key).map(Self::Absent);
        }
        if let Some((head, list)) = part.split_once('(') {
            let values = list
                .strip_suffix(')')?
                .split(',')
                .map(|value| value.trim().to_owned());
            let (key, operator) = head.trim().rsplit_once(' ')?;
            let key = name(key)?;
            return match operator {
                "in" => Some(Self::In(key, values.collect())),
                "notin" => Some(Self::NotIn(key, values.collect())),
                _ => None,
            };
        }
        if let Some((key, value)) = part.split_once("!=") {
            return Some(Self::NotIn(name(key)?, vec![label_value(value)?]));
        }
        if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            return Some(Self::In(name(key)?, vec![label_value(value)?]));
        }
        if let Some((key, value)) = part.split_once('>') {
            return Some(Self::Greater(name(key)?, value.trim().parse().ok()?));
        }
        if let Some((key, value)) = part.split_once('<') {
            return Some(Self::Less(name(key)?, value.trim().parse().ok()?));
        }
        name(part).map(Self::Exists)
    }

    fn holds(&self, labels: Option<&Map<String, Value>>) -> bool {
        let value = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        let number = |key: &str| value(key).and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::In(key, values) => {
                value(key).is_some_and(|value| values.iter().any(|known| known == value))
            }
            Self::NotIn(key, values) => {
                !value(key).is_some_and(|value| values.iter().any(|known| known == value))
            }
            Self::Exists(key) => value(key).is_some(),
            Self::Absent(key) => value(key).is_none(),
            Self::Greater(key, bound) => number(key).is_some_and(|number| number > *bound),
            Self::Less(key, bound) => number(key).is_some_and(|number| number < *bound),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::In(key, values) => match values.as_slice() {
                [value] => format!("{key}={value}"),
                values => format!("{key} in ({})", values.join(",")),
            },
            Self::NotIn(key, values) => match values.as_slice() {
                [value] => format!("{key}!={value}"),
                values => format!("{key} notin ({})", values.join(",")),
            },
            Self::Exists(key) => key.clone(),
            Self::Absent(key) => format!("!{key}"),
            Self::Greater(key, bound) => format!("{key}>{bound}"),
            Self::Less(key, bound) => format!("{key}<{bound}"),
        }
    }
}

/// Splits at commas that are not between parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (index, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
    (!text.is_empty() && text.chars().all(plain)).then(|| text.to_owned())
}

fn label_value(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    (text.len() <= 63 && text.chars().all(plain)).then(|| text.to_owned())
}

/// What fields must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector(Vec<(String, bool, String)>);

impl FieldSelector {
    /// Reads `status.phase!=Running,metadata.name=web` for a kind of things; only some fields can be asked for.
    pub(crate) fn parse(text: &str, id: &str) -> Result<Self, Failure> {
        let mut terms = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (field, equal, value) = if let Some((field, value)) = part.split_once("!=") {
                (field, false, value)
            } else if let Some((field, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (field, true, value)
            } else {
                return Err(Failure::bad_request(format!(
                    "invalid selector: '{text}'; can't understand '{part}'"
                )));
            };
            if !known(field, id) {
                return Err(Failure::bad_request(format!(
                    "field label not supported: {field}"
                )));
            }
            terms.push((field.to_owned(), equal, value.to_owned()));
        }
        Ok(Self(terms))
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|(field, equal, wanted)| {
            let value = object.at(&format!("/{}", field.replace('.', "/")));
            let value = match (value.as_str(), field.as_str()) {
                (Some(text), _) => text.to_owned(),
                (None, "spec.unschedulable") if value.is_null() => "false".to_owned(),
                (None, "status.successful") if value.is_null() => "0".to_owned(),
                (None, _) if value.is_null() => String::new(),
                (None, _) => value.to_string(),
            };
            (value == *wanted) == *equal
        })
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether the objects of a kind can be chosen by this field.
fn known(field: &str, id: &str) -> bool {
    if matches!(field, "metadata.name" | "metadata.namespace") {
        return true;
    }
    let fields: &[&str] = match id {
        "pods" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "events" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "nodes" => &["spec.unschedulable"],
        "namespaces" => &["status.phase"],
        "secrets" => &["type"],
        "services" => &["spec.clusterIP", "spec.type"],
        "replicasets.apps" => &["status.replicas"],
        "jobs.batch" => &["status.successful"],
        _ => &[],
    };
    fields.contains(&field)
}
