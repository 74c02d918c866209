//! The runbooks of a run, each with the values of its names: its inputs, variables, secrets and connections.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use indexmap::IndexMap;
use runbook_action::{Connection, ErrorKind, Failure, Param, Secret, Segment, Text};
use runbook_plan::expression::{Scope, Val};
use runbook_plan::{Body, Given, Origin, Plan, Room, RunbookCall};
use serde_json::Value;

use crate::live::secrets_of;
use crate::masks::Masks;
use crate::prepare::{LabAddress, PrepareError};
use crate::unit::Run;
use crate::view::{View, read};

/// How many calls of sub-runbooks are looked at for what they own.
const MAX_LOOKS: usize = 1000;

/// A runbook with the values of its names.
pub(crate) struct CourseRun {
    pub(crate) plan: Arc<Plan>,
    pub(crate) scope: Scope,
    pub(crate) connections: IndexMap<String, Connection>,
}

/// What the values of a runbook's names come from.
pub(crate) struct Sources<'a> {
    pub(crate) run: &'a str,
    pub(crate) inputs: &'a IndexMap<String, Value>,
    pub(crate) secrets: &'a [Secret],
    pub(crate) lab: Option<&'a LabAddress>,
}

impl CourseRun {
    /// Gives every name its value.
    pub(crate) fn new(plan: Arc<Plan>, sources: &Sources<'_>) -> Result<Self, PrepareError> {
        let mut scope = Scope::new(roots(&plan, sources));
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
        let (mut connections, mut shown) = (IndexMap::new(), IndexMap::new());
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
        Ok(Self {
            scope: scope.with_root("connections", Val::map(shown)),
            plan,
            connections,
        })
    }

    /// What it owns while it runs. A secret in it shows as its mask.
    pub(crate) fn locks(&self) -> Result<Vec<String>, Failure> {
        let mut locks = Vec::new();
        for template in self.plan.lock() {
            let lock = template.render(&self.scope).map_err(|error| {
                Failure::new(
                    ErrorKind::Other,
                    format!("`{}`: {}", error.expression, error.error),
                )
                .about("lock")
            })?;
            locks.push(match lock {
                Param::Text(text) => text.to_string(),
                other
                @ (Param::Null | Param::Bool(_) | Param::Number(_) | Param::List(_) | Param::Map(_)) => {
                    other.masked().to_string()
                }
            });
        }
        Ok(locks)
    }
}

/// The inputs of a plan that are secret, by value.
pub(crate) fn secret_inputs(plan: &Plan, inputs: &IndexMap<String, Value>) -> Vec<Secret> {
    let secret = plan.inputs().iter().filter(|input| input.secret);
    secret
        .filter_map(|input| Some((input.name.as_str(), inputs.get(&input.name)?)))
        .flat_map(|(name, value)| secrets_of(name, value))
        .collect()
}

fn roots(plan: &Plan, sources: &Sources<'_>) -> IndexMap<String, Val> {
    let as_secret = |secret: &Secret| Val::Secret(Text::from_segments(vec![Segment::Secret(secret.clone())]));
    let secrets = sources
        .secrets
        .iter()
        .map(|secret| (secret.name().to_owned(), as_secret(secret)));
    let inputs = sources.inputs.iter().map(|(name, value)| {
        let is_secret = plan
            .inputs()
            .iter()
            .any(|input| input.secret && input.name == *name);
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let value = if is_secret && (value.is_string() || value.is_number()) {
            as_secret(&Secret::new(name, text))
        } else {
            Val::from(value)
        };
        (name.clone(), value)
    });
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
            Val::map(IndexMap::from([("id".to_owned(), Val::text(sources.run))])),
        ),
    ]);
    if let Some(lab) = sources.lab {
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

/// A sub-runbook that can begin.
pub(crate) struct Opened {
    pub(crate) course: Arc<CourseRun>,
    /// Its inputs, those that were not given too.
    pub(crate) inputs: IndexMap<String, Val>,
}

/// The runbooks of a run, by the step whose work they are.
pub(crate) struct Courses {
    open: RwLock<HashMap<Option<String>, Arc<CourseRun>>>,
    secrets: BTreeMap<String, Vec<Secret>>,
    lab: Option<LabAddress>,
}

impl Courses {
    pub(crate) fn new(
        top: Arc<CourseRun>,
        secrets: BTreeMap<String, Vec<Secret>>,
        lab: Option<LabAddress>,
    ) -> Self {
        Self {
            open: RwLock::new(HashMap::from([(None, top)])),
            secrets,
            lab,
        }
    }

    /// The runbook of the run, or of a step.
    pub(crate) fn get(&self, owner: Option<&str>) -> Option<Arc<CourseRun>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&owner.map(str::to_owned)).cloned()
    }

    /// Notes the runbook of a step.
    pub(crate) fn keep(&self, owner: &str, course: Arc<CourseRun>) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.insert(Some(owner.to_owned()), course);
    }

    /// The runbook that a step calls, with these inputs.
    pub(crate) fn open(
        &self,
        call: &RunbookCall,
        run: &str,
        given: IndexMap<String, Value>,
        masks: &Masks,
    ) -> Result<Opened, Failure> {
        let refused = |reason: String| Failure::new(ErrorKind::Other, reason);
        let plan = call
            .plan
            .clone()
            .ok_or_else(|| refused(format!("runbook `{}` was not loaded", call.name)))?;
        let given: Vec<Given> = given
            .into_iter()
            .map(|(name, value)| Given {
                name,
                value,
                origin: Origin::Argument,
            })
            .collect();
        let inputs = plan.resolve_inputs(&given).map_err(|errors| {
            let errors: Vec<String> = errors
                .iter()
                .map(|error| format!("`{}`: {}", error.name, error.message))
                .collect();
            refused(errors.join("; "))
        })?;
        masks
            .learn(secret_inputs(&plan, &inputs))
            .map_err(|error| refused(error.to_string()))?;
        let secrets = self.secrets.get(&call.name).map_or(&[] as &[_], Vec::as_slice);
        let sources = Sources {
            run,
            inputs: &inputs,
            secrets,
            lab: self.lab.as_ref(),
        };
        let course = CourseRun::new(plan, &sources).map_err(|error| refused(error.to_string()))?;
        let inputs = inputs
            .iter()
            .map(|(name, value)| (name.clone(), Val::from(value)));
        Ok(Opened {
            inputs: inputs.collect(),
            course: Arc::new(course),
        })
    }

    /// Where the practice system is, if there is one.
    pub(crate) const fn lab(&self) -> Option<&LabAddress> {
        self.lab.as_ref()
    }

    /// What a run owns: its own locks, and those of its sub-runbooks as far as they are known before anything has
    /// run, sorted. The others are taken when their sub-runbook begins.
    pub(crate) fn locks(
        &self,
        top: &Arc<CourseRun>,
        run: &str,
        masks: &Masks,
    ) -> Result<Vec<String>, Failure> {
        let mut locks = top.locks()?;
        let mut open = vec![Arc::clone(top)];
        let mut looks = MAX_LOOKS;
        while let Some(course) = open.pop() {
            for step in course.plan.all_steps() {
                let Body::Runbook(call) = &step.body else { continue };
                if looks == 0 {
                    break;
                }
                looks -= 1;
                let inputs: Option<IndexMap<String, Value>> = call
                    .inputs
                    .iter()
                    .map(|(name, template)| {
                        Some((name.clone(), template.render(&course.scope).ok()?.reveal()))
                    })
                    .collect();
                let opened = inputs.and_then(|inputs| self.open(call, run, inputs, masks).ok());
                if let Some(opened) = opened {
                    locks.extend(opened.course.locks().unwrap_or_default());
                    open.push(opened.course);
                }
            }
        }
        locks.sort();
        locks.dedup();
        Ok(locks)
    }

    /// What expressions of a runbook see when all of it has ended.
    pub(crate) fn scope(course: &CourseRun, run: &Run, at: usize) -> Scope {
        let (frame, within) = read(&run.state, |state| {
            let known = state.courses().get(at);
            let owner = known
                .and_then(|course| course.owner)
                .and_then(|at| state.steps().get(at));
            (
                known.map_or(0, |course| course.steps),
                owner.map(|owner| owner.id.clone()),
            )
        });
        Self::scope_at(course, run, frame, within)
    }

    /// What expressions see from a frame, without the items of the loops around it.
    pub(crate) fn scope_at(course: &CourseRun, run: &Run, frame: usize, within: Option<String>) -> Scope {
        let view = View {
            state: Arc::clone(&run.state),
            plan: Arc::clone(&course.plan),
            live: Arc::clone(&run.live),
            frame,
            within,
        };
        course.scope.with_known(Arc::new(view))
    }
}
