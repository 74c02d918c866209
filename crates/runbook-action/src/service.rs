//! The action `service`, as all of its back ends have it: its verbs, its parameters and its result.
//!
//! The language has one `service`, and the kind of its connection says who does it: systemd, an engine of containers, a
//! cluster. Each back end is an action of its own in a crate of its own, and none of them can do all. What one cannot
//! do it says in a [`Foreign`], and [`chosen`] reads the rest by the table that all share.
//!
//! ```
//! use runbook_action::service::{self, Foreign};
//! use runbook_action::{Args, Param, Text};
//!
//! static FOREIGN: Foreign = Foreign {
//!     verbs: &["set_image"],
//!     why: "is for containers, and this is a service of a host",
//!     help: "change its configuration with `file`, and restart it",
//! };
//! let params = Param::Map([("stop".to_owned(), Param::Text(Text::literal("web")))].into_iter().collect());
//! let chosen = service::chosen(&Args::new(&params), &FOREIGN)?;
//! assert_eq!((chosen.verb.key, chosen.value.text()?.reveal().as_str()), ("stop", "web"));
//! # Ok::<(), runbook_action::Failure>(())
//! ```

use runbook_schema::{Field, Object, Shape};

use crate::{Args, Chosen, ConnectionNeed, ConnectionSpec, Failure, Need, Spec, Undoing, Verb};

/// How many lines of a log are read unless the author says.
pub const LINES: i64 = 100;

/// All verbs of the language.
pub static VERBS: &[Verb] = &[
    Verb::reads("status", &[]),
    Verb::reads("logs", &["lines", "since"]),
    Verb::changes("start", &[], Undoing::Automatic),
    Verb::changes("stop", &[], Undoing::Automatic),
    Verb::changes("restart", &[], Undoing::Needless),
    Verb::changes("scale", &["replicas"], Undoing::Automatic).needing(&[Need::Key("replicas")]),
    Verb::changes("set_env", &["env"], Undoing::Automatic).needing(&[Need::Key("env")]),
    Verb::changes("set_image", &["image"], Undoing::Automatic).needing(&[Need::Key("image")]),
    Verb::changes("set_limits", &["memory", "cpus"], Undoing::Automatic)
        .needing(&[Need::Any(&["memory", "cpus"])]),
];

/// All parameters of the language.
pub static PARAMS: Object = Object {
    name: "service",
    open: false,
    fields: &[
        Field::optional("status", Shape::Template, "The service to look at."),
        Field::optional("logs", Shape::Template, "The service whose log to read."),
        Field::optional("start", Shape::Template, "The service to start."),
        Field::optional("stop", Shape::Template, "The service to stop."),
        Field::optional("restart", Shape::Template, "The service to restart."),
        Field::optional("scale", Shape::Template, "The service to run `replicas` times."),
        Field::optional(
            "set_env",
            Shape::Template,
            "The service whose environment variables to set.",
        ),
        Field::optional(
            "set_image",
            Shape::Template,
            "The service that is to run another image.",
        ),
        Field::optional("set_limits", Shape::Template, "The service whose limits to set."),
        Field::optional(
            "replicas",
            Shape::Dynamic(&Shape::COUNT),
            "How many instances, with `scale`.",
        ),
        Field::optional(
            "env",
            Shape::Map(&Shape::Template),
            "The variables, with `set_env`.",
        ),
        Field::optional("image", Shape::Template, "The image, with `set_image`."),
        Field::optional(
            "memory",
            Shape::Template,
            "The most memory, with `set_limits`: `512Mi`.",
        ),
        Field::optional(
            "cpus",
            Shape::Template,
            "The most processors, with `set_limits`: `1.5`.",
        ),
        Field::optional(
            "lines",
            Shape::Dynamic(&Shape::POSITIVE),
            "How many lines, with `logs` (100).",
        ),
        Field::optional(
            "since",
            Shape::Dynamic(&Shape::Duration),
            "How far back, with `logs`: `15m`.",
        ),
    ],
};

/// What it answers. What only systemd tells, others name in [`Output::absent`](crate::Output::absent).
pub static RESULT: &[Field] = &[
    Field::required("running", Shape::Boolean, "Whether it runs."),
    Field::required(
        "state",
        Shape::Template,
        "Its state, in the words of what runs it.",
    ),
    Field::required("replicas", Shape::COUNT, "How many instances there are to be."),
    Field::required("ready", Shape::COUNT, "How many instances are ready."),
    Field::required("lines", Shape::List(&Shape::Template), "The lines of its log."),
    Field::required("changed", Shape::Boolean, "Whether something was changed."),
    Field::optional(
        "pid",
        Shape::Any,
        "The number of its first process, where systemd runs it; null if it does not run.",
    ),
    Field::optional(
        "memory",
        Shape::Any,
        "How many bytes it has, where systemd counts them, else null.",
    ),
    Field::optional(
        "limits",
        Shape::Any,
        "Its limits in systemd: `memory` in bytes and `cpus`, null where there is none.",
    ),
];

/// The description of a back end for connections of these kinds, with the kinds that come with it.
#[must_use]
pub const fn spec(
    doc: &'static str,
    of: &'static [&'static str],
    connections: &'static [&'static ConnectionSpec],
) -> Spec {
    Spec {
        kind: "service",
        doc,
        params: Shape::Object(&PARAMS),
        result: RESULT,
        connection: ConnectionNeed::Required(of),
        connections,
        takes_env: false,
    }
}

/// What a back end leaves out of [`Output`](crate::Output) with its reason, where it is not systemd.
#[must_use]
pub fn only_of_systemd() -> Vec<(String, String)> {
    let why = |name: &str| (name.to_owned(), "only systemd tells it".to_owned());
    ["pid", "memory", "limits"].map(why).to_vec()
}

/// Verbs of the language that a back end does not have.
#[derive(Debug, Clone, Copy)]
pub struct Foreign {
    /// Their keys.
    pub verbs: &'static [&'static str],
    /// Why, said of the key: “is for containers, and this is a service of a host”.
    pub why: &'static str,
    /// The way out.
    pub help: &'static str,
}

/// The verb that is asked for, when all beside it belongs to it, nothing is missing, and the back end has it.
pub fn chosen<'a>(args: &Args<'a>, foreign: &Foreign) -> Result<Chosen<'a>, Failure> {
    match foreign.verbs.iter().find_map(|verb| args.get(verb)) {
        Some(verb) => Err(verb.wrong(foreign.why).help(foreign.help)),
        None => Verb::chosen(VERBS, args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So no verb is without its parameter, and no parameter without its verb.
    #[test]
    fn the_verbs_have_the_parameters_between_them() {
        let known: Vec<&str> = PARAMS.fields.iter().map(|field| field.key).collect();
        for key in VERBS
            .iter()
            .flat_map(|verb| std::iter::once(&verb.key).chain(verb.takes))
        {
            assert!(known.contains(key), "`{key}` is not declared");
        }
        for key in known {
            let is_used = |verb: &Verb| verb.key == key || verb.takes.contains(&key);
            assert!(VERBS.iter().any(is_used), "nobody takes `{key}`");
        }
    }
}
