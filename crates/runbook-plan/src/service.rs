//! What the engine itself knows as an action without a plugin: a service, whatever runs it, and a plugin that is
//! outside the program.

use runbook_action::schema::{Object, Shape};
use runbook_action::service::VERBS;
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

impl Kind for Service {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let args = Args::new(params);
        let found: Vec<_> = VERBS.iter().filter(|verb| args.get(verb.key).is_some()).collect();
        let verb = match found.as_slice() {
            [only] => *only,
            [] => {
                let failure = Failure::new(ErrorKind::Other, "says nothing to do");
                return Err(failure.help(format!("name one of `{}`", verbs().join("`, `"))));
            }
            [_, second, ..] => {
                let failure = Failure::new(ErrorKind::Other, "this is a second verb");
                return Err(failure.about(second.key).help("make two steps of it"));
            }
        };
        let others = language::SERVICE.fields.iter().map(|field| field.key);
        for key in others.filter(|key| !verbs().contains(key) && !verb.takes.contains(key)) {
            if args.get(key).is_some() {
                let failure = Failure::new(ErrorKind::Other, format!("`{}` takes none", verb.key));
                return Err(failure
                    .about(key)
                    .help("leave it out, or use the verb that it belongs to"));
            }
        }
        let own = verb.takes;
        if !verb.needs.is_empty() && own.iter().all(|key| args.get(key).is_none()) {
            let failure = Failure::new(
                ErrorKind::Other,
                format!("this needs `{}` beside it", own.join("` or `")),
            );
            return Err(failure.about(verb.key));
        }
        let name = args.require(verb.key)?.text()?;
        Ok(Recognised {
            effect: verb.effect,
            certain: verb.certain,
            summary: format!("{} service {name}", verb.key.replace('_', " ")),
            undoing: verb.undoing,
        })
    }
}

fn verbs() -> Vec<&'static str> {
    VERBS.iter().map(|verb| verb.key).collect()
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

#[cfg(test)]
mod tests {
    use runbook_action::schema::Field;
    use runbook_action::service::{PARAMS, RESULT};

    use super::*;

    /// The language and the back ends are in crates that do not know each other.
    #[test]
    fn the_language_and_the_back_ends_have_the_same_keys() {
        let keys = |fields: &[Field]| -> Vec<(&str, bool)> {
            fields.iter().map(|field| (field.key, field.required)).collect()
        };
        assert_eq!(keys(language::SERVICE.fields), keys(PARAMS.fields));
        assert_eq!(keys(language::SERVICE_RESULT), keys(RESULT));
    }
}
