//! Which names an expression may use where it stands.

use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

use indexmap::IndexMap;
use runbook_action::schema::Field;
use runbook_document::{Body, Code, Document, Environment, Rollback, Step, codes, nearest};

use crate::bits::Bits;
use crate::expression::Reference;

/// The names that are the same everywhere in a runbook.
#[derive(Debug, Clone, Default)]
pub(super) struct Global {
    pub(super) inputs: Vec<String>,
    pub(super) vars: Vec<String>,
    pub(super) secrets: Vec<String>,
    pub(super) connections: Vec<String>,
    /// All steps, those within others too, in the author's order, with what they name.
    pub(super) steps: IndexMap<String, Vec<String>>,
    pub(super) lab: bool,
    /// The connections that lie in the practice system.
    pub(super) in_lab: Vec<String>,
    /// The steps of undos.
    undos: BTreeSet<String>,
    /// The secrets that each connection uses.
    pub(super) connection_secrets: IndexMap<String, Vec<String>>,
}

impl Global {
    pub(super) fn new(document: &Document, environment: Option<&Environment>) -> Self {
        // Those that do not say where they come from are known too: that is reported where they stand.
        let declared = document.secret_names.iter();
        let mut secrets: Vec<String> = declared.map(|name| name.value.clone()).collect();
        if let Some(environment) = environment {
            secrets.extend(environment.secrets.iter().map(|secret| secret.name.value.clone()));
        }
        Self {
            inputs: document
                .inputs
                .iter()
                .map(|input| input.name.value.clone())
                .collect(),
            vars: Vec::new(),
            secrets,
            connections: Vec::new(),
            steps: document
                .all_steps()
                .map(|step| (step.id.value.clone(), names_of(step)))
                .collect(),
            lab: environment.is_some_and(|environment| environment.lab.is_some()),
            in_lab: Vec::new(),
            undos: document
                .all_steps()
                .flat_map(of_undo)
                .map(|step| step.id.value.clone())
                .collect(),
            connection_secrets: IndexMap::new(),
        }
    }

    /// The positions of a step and of those within it, without those of its undo: they run when all else has ended.
    pub(super) fn ranges(&self, step: &Step) -> Vec<Range<usize>> {
        let start = self.steps.get_index_of(&step.id.value).unwrap_or(0);
        let own = std::iter::once(start..start + 1);
        let within = step.within().iter().flat_map(|inner| self.ranges(inner));
        own.chain(within).collect()
    }
}

/// The steps of a step's undo.
fn of_undo(step: &Step) -> impl Iterator<Item = &Step> {
    let steps = match &step.rollback {
        Some(Rollback::Steps(steps)) => steps.as_slice(),
        Some(Rollback::NotNeeded | Rollback::Auto(_) | Rollback::Action(_)) | None => &[],
    };
    steps.iter().flat_map(Step::flat)
}

/// What `steps.ID.…` can be: what `before` and `capture` name, the names of a `let`, and `outcome`.
pub(super) fn names_of(step: &Step) -> Vec<String> {
    let before = step.before.iter().flat_map(|before| &before.capture);
    let captured = before
        .chain(&step.capture)
        .map(|capture| capture.name.value.clone());
    let named = match &step.body {
        Some(Body::Action(action)) if action.kind.value == "let" => action.params.entries(),
        Some(_) | None => &[],
    };
    captured
        .chain(named.iter().map(|entry| entry.key.value.clone()))
        .chain(std::iter::once("outcome".to_owned()))
        .collect()
}

/// What an action's result has.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Results {
    /// There is none here.
    #[default]
    None,
    /// These.
    Fields(&'static [Field]),
    /// What only a plugin knows.
    Anything,
}

impl Results {
    const fn fields(self) -> &'static [Field] {
        match self {
            Self::Fields(fields) => fields,
            Self::None | Self::Anything => &[],
        }
    }
}

/// The names that depend on the place.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own about the place"
)]
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// The steps that have surely ended, as positions in [`Global::steps`].
    pub(super) ended: Rc<Bits>,
    /// The step that this belongs to, and those around it.
    pub(super) within: Rc<Vec<String>>,
    /// The steps that this belongs to, with what of them is known here: one, and for the steps of an undo also the
    /// one that they undo.
    pub(super) own: Rc<Vec<(String, Vec<String>)>>,
    /// What of the own step cannot be used here, and why.
    pub(super) own_capture: Option<Rc<(String, Vec<String>)>>,
    /// The checks of `detect`, with what they capture.
    pub(super) checks: Rc<IndexMap<String, Vec<String>>>,
    /// What the action's result has.
    pub(super) result: Results,
    /// The items of the loops around this, and what else has a name of its own here.
    pub(super) locals: Rc<Vec<String>>,
    /// Whether this is a check with a `value`.
    pub(super) value: bool,
    /// Whether `ok` and `error` are known.
    pub(super) judged: bool,
    /// Whether nothing is known but the names of this place.
    pub(super) apart: bool,
    /// The steps of other branches, of which none runs if this one does.
    pub(super) others: Rc<Bits>,
    /// Whether this is part of an undo.
    pub(super) undoing: bool,
}

impl Names {
    pub(super) fn with_result(&self, result: Results) -> Self {
        Self {
            result,
            ..self.clone()
        }
    }

    /// With a further name.
    pub(super) fn with_local(&self, name: &str) -> Self {
        let mut locals = (*self.locals).clone();
        locals.push(name.to_owned());
        Self {
            locals: Rc::new(locals),
            ..self.clone()
        }
    }

    /// With further steps that have ended.
    pub(super) fn with_ended(&self, ranges: impl IntoIterator<Item = Range<usize>>) -> Self {
        let mut ended = (*self.ended).clone();
        for range in ranges {
            ended.insert_range(range);
        }
        Self {
            ended: Rc::new(ended),
            ..self.clone()
        }
    }
}

/// Why a reference does not hold.
pub(super) struct Wrong {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

fn unknown(message: String, word: &str, known: &[&str]) -> Wrong {
    let help = nearest(word, known.iter().copied())
        .map(|meant| format!("did you mean `{meant}`?"))
        .or_else(|| (!known.is_empty()).then(|| format!("known here: `{}`", known.join("`, `"))));
    Wrong {
        code: codes::UNKNOWN_NAME,
        message,
        help,
    }
}

fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// Whether a reference holds at its place.
pub(super) fn check(reference: &Reference, names: &Names, global: &Global) -> Result<(), Wrong> {
    let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
    let Some((root, rest)) = path.split_first() else {
        return Ok(());
    };
    let is_result = names.result.fields().iter().any(|field| field.key == *root);
    let is_local = names.locals.iter().any(|local| local == root);
    let is_judged = names.judged && matches!(*root, "ok" | "error");
    if is_result || is_local || is_judged || (names.value && *root == "value") {
        return Ok(());
    }
    match *root {
        _ if names.apart => Err(unknown(
            format!("there is no `{root}` here"),
            root,
            &strs(&names.locals),
        )),
        "inputs" => member("input", rest, &global.inputs),
        "vars" => member("variable", rest, &global.vars),
        "secrets" => member("secret", rest, &global.secrets),
        "connections" => member("connection", rest, &global.connections),
        "run" => member("value of the run", rest, &["id".to_owned()])
            .and_then(|()| no_more("run.id", rest.get(1..))),
        "lab" if global.lab => member(
            "address of the lab",
            rest,
            &["url".to_owned(), "database".to_owned()],
        ),
        "environment" => no_more("environment", Some(rest)),
        "steps" => step(rest, names, global),
        "checks" => match rest {
            [check, name, ..] => {
                if let Some(captures) = names.checks.get(*check) {
                    member("captured value of this check", &[name], captures)
                } else {
                    let known: Vec<&str> = names.checks.keys().map(String::as_str).collect();
                    Err(unknown(
                        format!("there is no check `{check}` that captures something"),
                        check,
                        &known,
                    ))
                }
            }
            _ => Err(unknown(
                "`checks` needs a check and a name: `checks.ID.NAME`".to_owned(),
                "",
                &[],
            )),
        },
        _ if matches!(names.result, Results::Anything) => Ok(()),
        _ => {
            let mut known: Vec<&str> = names.result.fields().iter().map(|field| field.key).collect();
            known.extend(names.locals.iter().map(String::as_str));
            known.extend([
                "inputs",
                "vars",
                "secrets",
                "connections",
                "steps",
                "checks",
                "run",
                "environment",
            ]);
            Err(unknown(format!("there is no `{root}` here"), root, &known))
        }
    }
}

/// Text has no parts.
fn no_more(what: &str, rest: Option<&[&str]>) -> Result<(), Wrong> {
    match rest.and_then(|rest| rest.first()) {
        Some(name) => Err(unknown(format!("`{what}` is text, and has no `{name}`"), "", &[])),
        None => Ok(()),
    }
}

fn member(what: &str, rest: &[&str], known: &[String]) -> Result<(), Wrong> {
    match rest.first() {
        Some(name) if known.iter().any(|known| known == name) => Ok(()),
        Some(name) => Err(unknown(
            format!("there is no {what} `{name}`"),
            name,
            &strs(known),
        )),
        None => Err(unknown(format!("say which {what}"), "", &strs(known))),
    }
}

fn step(rest: &[&str], names: &Names, global: &Global) -> Result<(), Wrong> {
    let [id, name, ..] = rest else {
        return Err(unknown(
            "`steps` needs a step and a name: `steps.ID.NAME`".to_owned(),
            "",
            &[],
        ));
    };
    if let Some((own, hidden)) = names.own_capture.as_deref()
        && own == id
        && hidden.iter().any(|hidden| hidden == name)
    {
        return Err(Wrong {
            code: codes::OWN_CAPTURE_IN_ROLLBACK,
            message: format!(
                "`steps.{id}.{name}` is captured after the action, and the action may not have got that far"
            ),
            help: Some("read it in `before`: that is asked first, and kept".to_owned()),
        });
    }
    let own = names
        .own
        .iter()
        .find(|(own, _)| own == id)
        .map(|(_, known)| known);
    let visible = match (own, global.steps.get_full(*id)) {
        (Some(known), _) => Some(known),
        (None, Some((at, _, known))) if names.ended.contains(at) => Some(known),
        (None, Some(_)) => None,
        (None, None) => {
            let known: Vec<&str> = global.steps.keys().map(String::as_str).collect();
            return Err(unknown(format!("there is no step `{id}`"), id, &known));
        }
    };
    match visible {
        Some(known) if known.iter().any(|known| known == name) => Ok(()),
        Some(known) => Err(unknown(
            format!("step `{id}` captures nothing called `{name}`"),
            name,
            &strs(known),
        )),
        None if global
            .steps
            .get_index_of(*id)
            .is_some_and(|at| names.others.contains(at)) =>
        {
            Err(Wrong {
                code: codes::NOT_BEFORE,
                message: format!("step `{id}` stands in another branch, so it has not run here"),
                help: Some("read it in a step above, which all branches can use".to_owned()),
            })
        }
        None if !names.undoing && global.undos.contains(*id) => Err(Wrong {
            code: codes::NOT_BEFORE,
            message: format!("step `{id}` is part of an undo, which has not run here"),
            help: Some("what an undo reads is known within that undo only".to_owned()),
        }),
        None if names.within.iter().any(|around| around == id) => Err(Wrong {
            code: codes::NOT_BEFORE,
            message: format!("step `{id}` has not run yet here: this belongs to it"),
            help: Some("what a step captures is there in its `verify` and in later steps".to_owned()),
        }),
        None => Err(Wrong {
            code: codes::NOT_BEFORE,
            message: format!("step `{id}` has not surely run by then"),
            help: Some(format!("move this below `{id}`, or add `{id}` to its `needs`")),
        }),
    }
}
