//! The kind `promql`: a question to Prometheus.

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{Args, ConnectionNeed, Effect, Failure, Kind, Param, Recognised, Spec, Undoing};

use crate::query;
use crate::shown::excerpt;
use crate::spec::PROMETHEUS;

/// The kind `promql`: a question to Prometheus.
///
/// The text is code, so no value becomes part of it. Where a label is compared, `$name` stands for a value that is
/// given under `bind`; it becomes one quoted string there, whatever is in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Promql;

static SPEC: Spec = Spec {
    kind: "promql",
    doc: "Asks Prometheus, at one moment or over a range of time.",
    params: Shape::OneOf(&[Shape::Literal, Shape::Object(&PARAMS)]),
    result: &[
        Field::required(
            "value",
            Shape::Any,
            "The one sample, as a number; several, none or one that is not a number is an error.",
        ),
        Field::required(
            "series",
            Shape::List(&Shape::Object(&SERIES)),
            "All series, each with its labels and samples.",
        ),
    ],
    connection: ConnectionNeed::Required(&["prometheus"]),
    connections: &[&PROMETHEUS],
    takes_env: false,
};

static PARAMS: Object = Object {
    name: "promql",
    fields: &[
        Field::required(
            "query",
            Shape::Literal,
            "The query, with `$name` where a label is compared with a value.",
        ),
        Field::optional(
            "bind",
            Shape::Map(&Shape::Template),
            "The values, by name; each stands for itself, and not for a pattern.",
        ),
        Field::optional(
            "range",
            Shape::Dynamic(&Shape::Duration),
            "How far back to look, where a range of time is asked for.",
        ),
        Field::optional(
            "step",
            Shape::Dynamic(&Shape::Duration),
            "The time between two samples of a range; a hundredth of it unless given.",
        ),
        Field::optional(
            "time",
            Shape::Template,
            "The moment that is asked about, or the end of the range, as in RFC 3339; now unless given.",
        ),
    ],
    open: false,
};

static SERIES: Object = Object {
    name: "series",
    fields: &[
        Field::required(
            "labels",
            Shape::Map(&Shape::Template),
            "Its labels, `__name__` among them.",
        ),
        Field::required(
            "value",
            Shape::Any,
            "Its sample, or the latest one of a range, as a number.",
        ),
        Field::required(
            "samples",
            Shape::List(&Shape::Object(&SAMPLE)),
            "Its samples in a range, the oldest first.",
        ),
    ],
    open: false,
};

static SAMPLE: Object = Object {
    name: "sample",
    fields: &[
        Field::required("at", Shape::Template, "When it was taken."),
        Field::required("value", Shape::Any, "Its value, as a number."),
    ],
    open: false,
};

impl Kind for Promql {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let args = Args::new(params);
        let text = match params {
            Param::Map(_) => args.require("query")?,
            Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) | Param::List(_) => args.clone(),
        };
        let names = query::names(&text)?;
        names_match(&args, &text, &names)?;
        if let Some(step) = args.get("step")
            && args.get("range").is_none()
        {
            return Err(step
                .wrong("is for a range of time")
                .help("add `range`, or leave `step` out"));
        }
        let shown = excerpt(text.literal()?);
        let summary = match args.get("range") {
            Some(range) => format!("{shown} over {}", range.text()?),
            None => shown,
        };
        Ok(Recognised {
            effect: Effect::Read,
            certain: true,
            summary,
            undoing: Undoing::Needless,
        })
    }
}

/// Every place in the text has a value, and every value a place.
fn names_match(args: &Args<'_>, text: &Args<'_>, names: &[&str]) -> Result<(), Failure> {
    let given = match args.get("bind") {
        Some(bind) => bind.entries()?,
        None => Vec::new(),
    };
    for name in names {
        if !given.iter().any(|(key, _)| key == name) {
            return Err(text
                .wrong(format!("`${name}` has no value"))
                .help(format!("add `{name}` under `bind`")));
        }
    }
    for (key, value) in given {
        if !names.contains(&key) {
            return Err(value
                .wrong(format!("`${key}` is not in the query"))
                .help(format!("write `label=${key}`, without quotes")));
        }
        value.text()?;
    }
    Ok(())
}
