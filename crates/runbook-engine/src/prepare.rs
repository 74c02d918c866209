//! From a plan and what the caller gives to a run that can begin.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use runbook_action::{Connection, Param, Secret, Segment, Text};
use runbook_event::{RunStarted, RunbookRef, Who};
use runbook_plan::expression::{Scope, Val};
use runbook_plan::{Catalogue, Plan, Room};
use serde_json::Value;
use thiserror::Error;

use crate::lacks::{Lacking, lacks};
use crate::mask::{MaskError, Masker};
use crate::outline::outline;

/// The version of the journal's format.
const FORMAT: u32 = 1;

/// What a caller gives besides the plan.
#[derive(Debug, Clone)]
pub struct Start {
    /// The run's name.
    pub run: String,
    /// The values of the inputs.
    pub inputs: IndexMap<String, Value>,
    /// The secrets.
    pub secrets: Vec<Secret>,
    /// Where the practice system is, if one was started.
    pub lab: Option<LabAddress>,
    /// Who starts it, and where.
    pub who: Who,
    /// The file, relative to the project's root.
    pub path: String,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// The program's version.
    pub engine: String,
}

/// Where a practice system is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabAddress {
    /// Its service.
    pub url: String,
    /// Its database.
    pub database: String,
}

/// A run cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PrepareError {
    /// A variable has no value.
    #[error("variable `{name}`: {reason}")]
    Variable {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// A connection has no value.
    #[error("connection `{name}`: {reason}")]
    Connection {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// It asks for what this version cannot run.
    #[error("this version cannot run {}", listed(.0))]
    Lacks(Vec<Lacking>),
    /// A secret cannot be protected.
    #[error(transparent)]
    Secret(#[from] MaskError),
}

fn listed(lacking: &[Lacking]) -> String {
    let mut words: Vec<&str> = lacking.iter().map(|lacking| lacking.what.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    words.join(", ")
}

/// A run that can begin.
pub struct Prepared {
    pub(crate) plan: Arc<Plan>,
    pub(crate) catalogue: Catalogue,
    pub(crate) scope: Scope,
    pub(crate) connections: IndexMap<String, Connection>,
    pub(crate) masker: Arc<Masker>,
    pub(crate) started: RunStarted,
}

impl Prepared {
    /// Gives every name its value.
    pub fn new(plan: Plan, catalogue: Catalogue, start: Start) -> Result<Self, PrepareError> {
        let lacking = lacks(&plan, &catalogue);
        if !lacking.is_empty() {
            return Err(PrepareError::Lacks(lacking));
        }
        let masker = Masker::new(&start.secrets)?;
        let mut scope = Scope::new(roots(&plan, &start));
        let mut vars = IndexMap::new();
        let room = Room::new();
        for (name, expression) in plan.vars() {
            let wrong = |reason: String| PrepareError::Variable {
                name: name.clone(),
                reason,
            };
            let value = expression
                .eval(&scope)
                .map_err(|error| wrong(error.to_string()))?;
            if !room.takes(&value) {
                return Err(wrong("all variables together are larger than 8 MiB".to_owned()));
            }
            vars.insert(name.clone(), value);
            scope = scope.with_root("vars", Val::map(vars.clone()));
        }
        let mut connections = IndexMap::new();
        let mut shown = IndexMap::new();
        for connection in plan.connections() {
            let params = connection
                .params
                .render(&scope)
                .map_err(|error| PrepareError::Connection {
                    name: connection.name.clone(),
                    reason: format!("`{}`: {}", error.expression, error.error),
                })?;
            shown.insert(connection.name.clone(), to_val(&params));
            connections.insert(
                connection.name.clone(),
                Connection {
                    name: connection.name.clone(),
                    params,
                },
            );
        }
        let scope = scope.with_root("connections", Val::map(shown));
        let started = started(&plan, start, &connections);
        Ok(Self {
            plan: Arc::new(plan),
            catalogue,
            scope,
            connections,
            masker: Arc::new(masker),
            started,
        })
    }

    /// Masks the secrets of this run, for what is printed beside it.
    #[must_use]
    pub fn masker(&self) -> &Masker {
        &self.masker
    }

    /// The run's first event, as it will be journaled.
    #[must_use]
    pub fn started(&self) -> &RunStarted {
        &self.started
    }
}

fn roots(plan: &Plan, start: &Start) -> IndexMap<String, Val> {
    let secrets = start.secrets.iter().map(|secret| {
        let text = Text::from_segments(vec![Segment::Secret(secret.clone())]);
        (secret.name().to_owned(), Val::Secret(text))
    });
    let inputs = start
        .inputs
        .iter()
        .map(|(name, value)| (name.clone(), Val::from(value)));
    let mut roots = IndexMap::from([
        ("inputs".to_owned(), Val::map(inputs.collect())),
        ("vars".to_owned(), Val::map(IndexMap::new())),
        ("secrets".to_owned(), Val::map(secrets.collect())),
        (
            "environment".to_owned(),
            plan.environment().map_or(Val::Null, Val::text),
        ),
        (
            "run".to_owned(),
            Val::map(IndexMap::from([("id".to_owned(), Val::text(start.run.as_str()))])),
        ),
    ]);
    if let Some(lab) = &start.lab {
        let addresses = [("url", &lab.url), ("database", &lab.database)];
        let addresses = addresses.map(|(name, address)| (name.to_owned(), Val::text(address.as_str())));
        roots.insert("lab".to_owned(), Val::map(IndexMap::from(addresses)));
    }
    roots
}

/// A rendered parameter as expressions see it; a text with a secret in it stays one.
fn to_val(param: &Param) -> Val {
    match param {
        Param::Text(text) if text.is_secret() => Val::Secret(text.clone()),
        Param::Map(map) => Val::map(
            map.iter()
                .map(|(key, value)| (key.clone(), to_val(value)))
                .collect(),
        ),
        Param::List(items) => Val::list(items.iter().map(to_val).collect()),
        Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) => Val::from(&param.masked()),
    }
}

fn started(plan: &Plan, start: Start, connections: &IndexMap<String, Connection>) -> RunStarted {
    let about = plan.about();
    RunStarted {
        run: start.run,
        format: FORMAT,
        engine: start.engine,
        runbook: RunbookRef {
            name: about.name.clone(),
            version: about.version.clone(),
            title: about.title.clone(),
            summary: about.summary.clone(),
            severity: about.severity.clone(),
            owner: about.owner.clone(),
            labels: about.labels.clone(),
            path: start.path,
            sha256: start.sha256,
        },
        plan: plan.digest().to_owned(),
        environment: plan.environment().map(str::to_owned),
        practice: start.lab.as_ref().and_then(|_| plan.lab().map(str::to_owned)),
        inputs: start.inputs,
        connections: connections
            .iter()
            .map(|(name, connection)| (name.clone(), address(connection)))
            .collect(),
        who: start.who,
        outline: outline(plan),
    }
}

/// Where a connection leads, for people: its address without what stands before an `@`, secrets masked.
fn address(connection: &Connection) -> String {
    let Param::Map(params) = &connection.params else {
        return String::new();
    };
    let address = params.values().next().map(Param::masked).unwrap_or_default();
    let address = address.as_str().unwrap_or_default().to_owned();
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => address,
    }
}

/// The time of an event: microseconds are kept.
pub(crate) fn to_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
