//! What the engine itself knows as an action without a plugin: a service, whatever runs it, and a plugin that is
//! outside the program.

use runbook_action::schema::{Object, Shape};
use runbook_action::{
    Args, ConnectionNeed, Effect, ErrorKind, Failure, Kind, Param, Recognised, Spec, Undoing,
};
use runbook_document::language;

/// The kind of its action.
pub(crate) const SERVICE: &str = "service";

/// A use of a service. What it becomes depends on the kind of its target.
pub(crate) struct Service;

static SPEC: Spec = Spec {
    kind: SERVICE,
    doc: "Looks at or changes a service, whatever runs it.",
    params: Shape::Object(&language::SERVICE),
    result: language::SERVICE_RESULT,
    connection: ConnectionNeed::Required(&["systemd", "docker", "compose", "k8s", "local"]),
    connections: &[],
    takes_env: false,
};

/// The verbs, with what they do, what undoing them takes, and the parameters that belong to them.
const VERBS: &[(&str, Effect, Undoing, &[&str])] = &[
    ("status", Effect::Read, Undoing::Needless, &[]),
    ("logs", Effect::Read, Undoing::Needless, &["lines", "since"]),
    ("start", Effect::Change, Undoing::Automatic, &[]),
    ("stop", Effect::Change, Undoing::Automatic, &[]),
    ("restart", Effect::Change, Undoing::Needless, &[]),
    ("scale", Effect::Change, Undoing::Automatic, &["replicas"]),
    ("set_env", Effect::Change, Undoing::Automatic, &["env"]),
    ("set_image", Effect::Change, Undoing::Automatic, &["image"]),
    (
        "set_limits",
        Effect::Change,
        Undoing::Automatic,
        &["memory", "cpus"],
    ),
];

impl Kind for Service {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let args = Args::new(params);
        let found: Vec<_> = VERBS
            .iter()
            .filter(|(verb, ..)| args.get(verb).is_some())
            .collect();
        let (verb, effect, undoing, own) = match found.as_slice() {
            [only] => **only,
            [] => {
                let failure = Failure::new(ErrorKind::Other, "says nothing to do");
                return Err(failure.help(format!("name one of `{}`", verbs().join("`, `"))));
            }
            [_, (second, ..), ..] => {
                let failure = Failure::new(ErrorKind::Other, "this is a second verb");
                return Err(failure.about(*second).help("make two steps of it"));
            }
        };
        let others = language::SERVICE.fields.iter().map(|field| field.key);
        for key in others.filter(|key| !verbs().contains(key) && !own.contains(key)) {
            if args.get(key).is_some() {
                let failure = Failure::new(ErrorKind::Other, format!("`{verb}` takes none"));
                return Err(failure
                    .about(key)
                    .help("leave it out, or use the verb that it belongs to"));
            }
        }
        let missing =
            !own.is_empty() && effect > Effect::Read && own.iter().all(|key| args.get(key).is_none());
        if missing {
            let failure = Failure::new(
                ErrorKind::Other,
                format!("this needs `{}` beside it", own.join("` or `")),
            );
            return Err(failure.about(verb));
        }
        let name = args.require(verb)?.text()?;
        Ok(Recognised {
            effect,
            certain: true,
            summary: format!("{} service {name}", verb.replace('_', " ")),
            undoing,
        })
    }
}

fn verbs() -> Vec<&'static str> {
    VERBS.iter().map(|(verb, ..)| *verb).collect()
}

/// A use of an action outside the program.
pub(crate) struct Plugin;

static PLUGIN: Spec = Spec {
    kind: "uses",
    doc: "An action outside the program, by its name.",
    params: Shape::Object(&PLUGIN_USE),
    result: &[],
    connection: ConnectionNeed::Named(&[
        "http",
        "sql",
        "prometheus",
        "ssh",
        "docker",
        "compose",
        "k8s",
        "container",
        "pod",
        "deployment",
        "systemd",
        "local",
    ]),
    connections: &[],
    takes_env: true,
};

static PLUGIN_USE: Object = Object {
    name: "use of a plugin",
    open: true,
    fields: &[],
};

impl Kind for Plugin {
    fn spec(&self) -> &'static Spec {
        &PLUGIN
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let name = Args::new(params).require("uses")?.text()?;
        Ok(Recognised {
            effect: Effect::Change,
            certain: false,
            summary: name.to_string(),
            undoing: Undoing::ByAuthor,
        })
    }
}
