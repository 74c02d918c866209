//! Samples, from Prometheus' answers.
//!
//! A number that is none (NaN, an infinity) makes the whole answer a failure: nothing may be decided by it, and an
//! expression could overlook it. One that is not there, or not any more, is not made up.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use runbook_action::{ErrorKind, Failure, Host, Output, Stream};
use serde_json::{Map, Value, json};

/// How much of the series expressions may see, as JSON.
const SEEN: usize = 1024 * 1024;

/// What was answered.
pub(crate) enum Samples {
    /// A number without labels.
    One(f64),
    /// Series, each with its labels and its samples with their times.
    Series(Vec<Series>),
}

/// A series.
pub(crate) struct Series {
    labels: Map<String, Value>,
    samples: Vec<(f64, f64)>,
}

/// Reads the `data` of an answer.
pub(crate) fn read(data: &Value) -> Result<Samples, Failure> {
    let result = &data["result"];
    match data["resultType"].as_str() {
        Some("scalar") => Ok(Samples::One(sample(result, "the result")?.1)),
        Some("vector" | "matrix") => {
            let items = result.as_array().ok_or_else(improper)?;
            Ok(Samples::Series(
                items.iter().map(series).collect::<Result<_, _>>()?,
            ))
        }
        Some("string") => Err(Failure::new(
            ErrorKind::Other,
            "the query gives a text and no number",
        )),
        _ => Err(improper()),
    }
}

/// What an answer about one moment gives.
pub(crate) async fn instant(data: &Value, host: &dyn Host) -> Result<Output, Failure> {
    let all = match read(data)? {
        Samples::One(value) => {
            let series = Series {
                labels: Map::new(),
                samples: vec![(0.0, value)],
            };
            return output(vec![(series, Some(value))], false, host).await;
        }
        Samples::Series(all) => all,
    };
    if let Some(series) = all.iter().find(|series| series.samples.len() > 1) {
        let message = format!("the query gives a range of samples for {}", series.name());
        return Err(Failure::new(ErrorKind::Other, message)
            .help("leave the `[…]` out, put a function such as `rate` around it, or ask with `range`"));
    }
    let all = all.into_iter().map(|series| {
        let value = series.samples.first().map(|(_, value)| *value);
        (series, value)
    });
    output(all.collect(), false, host).await
}

/// What an answer about a range gives. A series whose last sample is from before `recent` has ended.
pub(crate) async fn range(data: &Value, recent: f64, host: &dyn Host) -> Result<Output, Failure> {
    let Samples::Series(all) = read(data)? else {
        return Err(improper());
    };
    let all = all.into_iter().map(|series| {
        let last = series.samples.last().filter(|(at, _)| *at >= recent);
        let value = last.map(|(_, value)| *value);
        (series, value)
    });
    output(all.collect(), true, host).await
}

async fn output(
    all: Vec<(Series, Option<f64>)>,
    has_samples: bool,
    host: &dyn Host,
) -> Result<Output, Failure> {
    let mut result = Map::new();
    let mut absent = Vec::new();
    let why = match all.as_slice() {
        [(_, Some(value))] => {
            result.insert("value".to_owned(), json!(value));
            None
        }
        [(series, None)] => Some(format!("{} has ended", series.name())),
        [] => Some("the query gave 0 samples".to_owned()),
        several => Some(format!("the query gave {} series", several.len())),
    };
    if let Some(why) = why {
        let remark = format!("{why}, so there is no `value`\n");
        host.write(Stream::Stderr, remark.as_bytes()).await?;
        absent.push(("value".to_owned(), why));
    }
    let series: Vec<Value> = all
        .into_iter()
        .map(|(series, value)| series.told(value, has_samples))
        .collect();
    let series = Value::Array(series);
    let is_cut = series.to_string().len() > SEEN;
    let cut = if is_cut {
        vec!["series".to_owned()]
    } else {
        Vec::new()
    };
    result.insert("series".to_owned(), if is_cut { Value::Null } else { series });
    Ok(Output {
        value: Value::Object(result),
        cut,
        absent,
        ..Output::default()
    })
}

impl Series {
    fn told(self, value: Option<f64>, has_samples: bool) -> Value {
        let samples: Vec<Value> = self
            .samples
            .iter()
            .filter(|_| has_samples)
            .map(|(at, value)| json!({"at": moment(*at), "value": value}))
            .collect();
        json!({"labels": self.labels, "value": value, "samples": samples})
    }

    /// As people know it: `up{job="web"}`.
    fn name(&self) -> String {
        name(&self.labels)
    }
}

fn name(labels: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metric = labels.get("__name__").map(text).unwrap_or_default();
    let others: Vec<String> = labels
        .iter()
        .filter(|(label, _)| *label != "__name__")
        .map(|(label, value)| format!("{label}={:?}", text(value)))
        .collect();
    format!("`{metric}{{{}}}`", others.join(", "))
}

fn series(item: &Value) -> Result<Series, Failure> {
    let labels = item["metric"].as_object().cloned().ok_or_else(improper)?;
    let name = name(&labels);
    let samples = match (&item["value"], &item["values"]) {
        (Value::Array(_), _) => vec![sample(&item["value"], &name)?],
        (_, Value::Array(all)) => all.iter().map(|it| sample(it, &name)).collect::<Result<_, _>>()?,
        _ if item.get("histogram").is_some() || item.get("histograms").is_some() => {
            return Err(
                Failure::new(ErrorKind::Other, format!("{name} is a histogram and no number"))
                    .help("take a number out of it, as with `histogram_quantile`"),
            );
        }
        _ => return Err(improper()),
    };
    Ok(Series { labels, samples })
}

/// `[1700000000.123, "0.5"]`
fn sample(pair: &Value, name: &str) -> Result<(f64, f64), Failure> {
    let at = pair[0].as_f64().ok_or_else(improper)?;
    let text = pair[1].as_str().ok_or_else(improper)?;
    let value: f64 = text.parse().map_err(|_wrong| improper())?;
    if !value.is_finite() {
        return Err(Failure::new(
            ErrorKind::Other,
            format!("a sample of {name} is {text}, which is no number to decide by"),
        )
        .help("let the query leave out what has no value, as a division by zero has none"));
    }
    Ok((at, value))
}

fn improper() -> Failure {
    Failure::new(
        ErrorKind::Protocol,
        "the answer is not of the form that Prometheus' has",
    )
}

/// In RFC 3339, in milliseconds, as Prometheus keeps them.
fn moment(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "beyond the range of a moment it is refused by what follows"
    )]
    let moment = Timestamp::from_millisecond((seconds * 1000.0).round() as i64).unwrap_or_default();
    DateTimePrinter::new()
        .precision(Some(3))
        .timestamp_to_string(&moment)
}
