//! The action `promql`: a question to Prometheus.

use std::path::PathBuf;

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{
    Action, Args, Call, ConnectionNeed, Effect, ErrorKind, Failure, Kind, Output, Param, Recognised, Spec,
    Undoing, async_trait,
};
use tokio::time::timeout;

use crate::client::Clients;
use crate::connection::Server;
use crate::exchange::Route;
use crate::prometheus::{Asked, Question};
use crate::query::{self, Place};
use crate::shown::excerpt;
use crate::spec::{PROMETHEUS, THROUGH};

/// The action `promql`: a question to Prometheus.
///
/// The text is code, so no value becomes part of it. Where a label is compared, `$name` stands for a value that is
/// given under `bind`; it becomes one quoted string there, whatever is in it.
#[derive(Debug)]
pub struct Promql {
    clients: Clients,
    root: PathBuf,
}

impl Promql {
    /// Opens nothing yet. The names of files start at `root`, the project's root.
    #[must_use]
    pub const fn new(root: PathBuf) -> Self {
        Self {
            clients: Clients::new(),
            root,
        }
    }
}

static SPEC: Spec = Spec {
    kind: "promql",
    doc: "Asks Prometheus, at one moment or over a range of time.",
    params: Shape::OneOf(&[Shape::Literal, Shape::Object(&PARAMS)]),
    result: &[
        Field::optional(
            "value",
            Shape::Any,
            "The one sample, or the latest one of a range, as a number. It is not there if there are several, none, or none any more.",
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
            "Its sample, or the latest one of a range, as a number; null if it has ended by then.",
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
        let text = text_of(&args)?;
        names_match(&args, &text, &query::places(&text)?)?;
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

#[async_trait]
impl Action for Promql {
    fn carriers(&self) -> &'static [&'static str] {
        THROUGH
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let args = Args::new(call.params);
        let text = text_of(&args)?;
        let places = query::places(&text)?;
        names_match(&args, &text, &places)?;
        let server = Server::read(call.connection, "prometheus", &self.root).await?;
        let bind = args.get("bind");
        let value = |name: &str| {
            let value = bind.as_ref().and_then(|bind| bind.get(name)?.text().ok());
            value.unwrap_or_default().reveal()
        };
        let question = Question {
            query: query::filled(text.literal()?, &places, value),
            asked: Asked::read(&args)?,
            path: text.path().to_owned(),
        };
        let limit = call
            .host
            .remaining()
            .map_or(server.timeout, |left| left.min(server.timeout));
        let route = Route {
            clients: &self.clients,
            server: &server,
            place: call.transport,
        };
        let answer = tokio::select! {
            biased;
            answer = timeout(limit, question.ask(route, call.host)) => answer,
            () = call.host.cancelled() => {
                return Err(Failure::new(ErrorKind::Cancelled, "the query was stopped before it was answered"));
            }
        };
        answer
            .map_err(|_elapsed| {
                Failure::new(
                    ErrorKind::Timeout,
                    format!("the query was not answered within {limit:?}"),
                )
            })?
            .map_err(|failure| call.mask_failure(failure))
    }
}

/// The text of the query, wherever it stands.
fn text_of<'a>(args: &Args<'a>) -> Result<Args<'a>, Failure> {
    match args.param() {
        Param::Map(_) => args.require("query"),
        Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) | Param::List(_) => Ok(args.clone()),
    }
}

/// Every place in the text has a value, and every value a place.
fn names_match(args: &Args<'_>, text: &Args<'_>, places: &[Place<'_>]) -> Result<(), Failure> {
    let given = match args.get("bind") {
        Some(bind) => bind.entries()?,
        None => Vec::new(),
    };
    for Place { name, .. } in places {
        if !given.iter().any(|(key, _)| key == name) {
            return Err(text
                .wrong(format!("`${name}` has no value"))
                .help(format!("add `{name}` under `bind`")));
        }
    }
    for (key, value) in given {
        if !places.iter().any(|place| place.name == key) {
            return Err(value
                .wrong(format!("`${key}` is not in the query"))
                .help(format!("write `label=${key}`, without quotes")));
        }
        value.text()?;
    }
    Ok(())
}
