//! What every action keeps to, whatever it does. Each plugin's tests call [`check`] with uses of their action, and
//! [`declares`] with uses of a kind that is only declared.
//!
//! - A cancelled action returns within its grace, and says that it was cancelled.
//! - A secret is in no failure, no summary: it goes to the other side and nowhere else.
//! - A failure names a parameter that exists.
//! - To recognise is to look at the parameters and at nothing else.
//! - To preview changes nothing, and ends when it is cancelled.
//! - To get ready for an undo changes nothing, and ends when it is cancelled. An undo of what was not done succeeds and
//!   changes nothing.
//! - Of an attempt that started nothing, there is nothing to settle.
//! - What is recorded of an attempt holds no secret.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::schema::{Field, Shape};
use runbook_action::{
    Action, Call, Connection, ErrorKind, Failure, Handle, Inverse, Kind, Param, Preview, Recognised, Secret,
    Segment, Settled, Spec, Text, Transport,
};
use serde_json::Value;

use crate::host::FakeHost;

/// How long anything may take before a test gives up. Generous: it bounds a hang and measures nothing.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Parameters from JSON, as if the author had written all of it out.
#[must_use]
pub fn written(json: &Value) -> Param {
    match json {
        Value::Null => Param::Null,
        Value::Bool(value) => Param::Bool(*value),
        Value::Number(number) => Param::Number(number.clone()),
        Value::String(text) => Param::Text(Text::literal(text)),
        Value::Array(items) => Param::List(items.iter().map(written).collect()),
        Value::Object(map) => Param::Map(
            map.iter()
                .map(|(key, item)| (key.clone(), written(item)))
                .collect(),
        ),
    }
}

/// A text that an expression gave.
#[must_use]
pub fn value(text: &str) -> Param {
    Param::Text(Text::from_segments(vec![Segment::Value(text.to_owned())]))
}

/// A text that is a secret.
#[must_use]
pub fn secret(name: &str, text: &str) -> Param {
    Param::Text(Text::from_segments(vec![Segment::Secret(Secret::new(
        name,
        text.to_owned(),
    ))]))
}

/// One use of an action.
#[derive(Debug, Clone, Default)]
pub struct Use {
    /// Its parameters.
    pub params: Param,
    /// Its connection.
    pub connection: Option<Connection>,
    /// The place that the connection leads to.
    pub transport: Option<Arc<dyn Transport>>,
    /// The environment of programs that it starts.
    pub env: IndexMap<String, Text>,
}

impl Use {
    /// Runs it, not as a question.
    pub async fn run(&self, action: &dyn Action, host: &FakeHost) -> Result<runbook_action::Output, Failure> {
        action.run(self.call(host, false)).await
    }

    /// Runs it as a question.
    pub async fn ask(&self, action: &dyn Action, host: &FakeHost) -> Result<runbook_action::Output, Failure> {
        action.run(self.call(host, true)).await
    }

    /// Asks what it would change.
    pub async fn preview(&self, action: &dyn Action, host: &FakeHost) -> Result<Option<Preview>, Failure> {
        action.preview(self.call(host, false)).await
    }

    /// Lets it keep what is there.
    pub async fn prepare(&self, action: &dyn Action, host: &FakeHost) -> Result<Option<Inverse>, Failure> {
        action.prepare(self.call(host, false)).await
    }

    /// Lets it put back what it kept.
    pub async fn undo(
        &self,
        action: &dyn Action,
        host: &FakeHost,
        inverse: &Inverse,
    ) -> Result<runbook_action::Output, Failure> {
        action.undo(self.call(host, false), inverse).await
    }

    /// Settles what a crash left of it.
    pub async fn settle(
        &self,
        action: &dyn Action,
        host: &FakeHost,
        handles: &[Handle],
    ) -> Result<Settled, Failure> {
        action.settle(self.call(host, false), handles).await
    }

    fn call<'a>(&'a self, host: &'a FakeHost, asking: bool) -> Call<'a> {
        Call {
            params: &self.params,
            connection: self.connection.as_ref(),
            via: None,
            transport: self.transport.as_deref(),
            env: &self.env,
            asking,
            host,
        }
    }

    fn secrets(&self) -> Vec<Secret> {
        let mut found = Vec::new();
        secrets_of(&self.params, &mut found);
        if let Some(connection) = &self.connection {
            secrets_of(&connection.params, &mut found);
        }
        for text in self.env.values() {
            secrets_of(&Param::Text(text.clone()), &mut found);
        }
        found
    }
}

/// An action and what to try with it.
pub struct Subject<'a> {
    /// The action.
    pub action: &'a dyn Action,
    /// A use that goes on until it is stopped.
    pub endless: Use,
    /// Tells whether the endless use has begun to do its work.
    pub begun: &'a (dyn Fn(&FakeHost) -> bool + Sync),
    /// Uses that fail, some of them with secrets.
    pub failing: Vec<Use>,
    /// What is seen of the world, to compare it from before and after recognising.
    pub world: &'a (dyn Fn() -> String + Sync),
}

/// Checks everything in this module's list.
///
/// # Panics
///
/// When the action does not keep to it.
pub async fn check(subject: &Subject<'_>) {
    describes_itself(subject.action.spec());
    let before = (subject.world)();
    for case in subject.failing.iter().chain([&subject.endless]) {
        let _judged = recognises(subject.action, case);
    }
    assert_eq!((subject.world)(), before, "recognise changed something");
    for case in subject.failing.iter().chain([&subject.endless]) {
        previews(subject, case).await;
        puts_back_nothing(subject, case).await;
        settles_nothing(subject, case).await;
    }
    for case in &subject.failing {
        fails_properly(subject.action, case).await;
    }
    is_cancelled(subject).await;
}

async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, work).await;
    outcome.unwrap_or_else(|_late| panic!("{what} hangs"))
}

/// Asks what it would change, and again when nobody waits for the answer any more.
async fn previews(subject: &Subject<'_>, case: &Use) {
    let before = (subject.world)();
    for cancelled in [false, true] {
        let host = FakeHost::new();
        if cancelled {
            host.cancel();
        }
        match in_time("preview", case.preview(subject.action, &host)).await {
            Ok(None) => {}
            Ok(Some(preview)) => {
                hides_secrets(case, &preview.summary);
                let told = [&preview.summary];
                let lines = preview.lines.iter().map(|line| &line.text);
                for line in told.into_iter().chain(lines) {
                    assert!(!line.contains('\n'), "it is told in several lines: {line}");
                }
                assert!(!preview.summary.trim().is_empty(), "it says nothing: {preview:?}");
            }
            Err(failure) => is_proper(subject.action.spec(), case, &failure),
        }
        assert_eq!((subject.world)(), before, "preview changed something");
        holds_no_secret(case, &host.handles());
    }
}

/// Gets ready for an undo and undoes at once, when there is nothing to undo.
async fn puts_back_nothing(subject: &Subject<'_>, case: &Use) {
    let spec = subject.action.spec();
    let before = (subject.world)();
    let host = FakeHost::new();
    match in_time("prepare", case.prepare(subject.action, &host)).await {
        Ok(None) => {}
        Ok(Some(inverse)) => {
            hides_secrets(case, &inverse.summary);
            assert!(
                !inverse.summary.trim().is_empty() && !inverse.summary.contains('\n'),
                "what is put back is not told in one line: {}",
                inverse.summary
            );
            assert_eq!((subject.world)(), before, "prepare changed something");
            let undone = in_time("undo", case.undo(subject.action, &host, &inverse)).await;
            assert!(undone.is_ok(), "there was nothing to undo: {undone:?}");
        }
        Err(failure) => is_proper(spec, case, &failure),
    }
    assert_eq!((subject.world)(), before, "it changed something");
    let host = FakeHost::new();
    host.cancel();
    // It may have got ready before it noticed.
    if let Err(failure) = in_time("a cancelled prepare", case.prepare(subject.action, &host)).await {
        is_proper(spec, case, &failure);
    }
    assert_eq!((subject.world)(), before, "a cancelled prepare changed something");
    holds_no_secret(case, &host.handles());
}

async fn settles_nothing(subject: &Subject<'_>, case: &Use) {
    let before = (subject.world)();
    let host = FakeHost::new();
    let settled = in_time("settle", case.settle(subject.action, &host, &[])).await;
    assert_eq!(settled, Ok(Settled::Nothing), "{:?}", case.params);
    assert_eq!((subject.world)(), before, "settle changed something");
}

fn holds_no_secret(case: &Use, handles: &[Handle]) {
    for handle in handles {
        hides_secrets(case, &format!("{} {}", handle.what, handle.data));
    }
}

fn describes_itself(spec: &Spec) {
    assert!(
        spec.doc.ends_with('.'),
        "`{}` is not described in a sentence",
        spec.kind
    );
    assert!(!spec.result.is_empty(), "`{}` has no result", spec.kind);
    fields_are_described(spec.result);
    shape_is_described(&spec.params);
    for connection in spec.connections {
        assert!(
            connection.doc.ends_with('.'),
            "the connection `{}` is not described in a sentence",
            connection.kind
        );
        fields_are_described(connection.shape.fields);
        assert!(
            connection.shape.field(connection.kind).is_some(),
            "the connection `{}` does not list the key that names its kind",
            connection.kind
        );
    }
}

fn shape_is_described(shape: &Shape) {
    match shape {
        Shape::Object(object) => fields_are_described(object.fields),
        Shape::OneOf(shapes) => shapes.iter().for_each(shape_is_described),
        Shape::Dynamic(inner) | Shape::List(inner) | Shape::Map(inner) | Shape::Named(inner) => {
            shape_is_described(inner);
        }
        Shape::Template
        | Shape::Literal
        | Shape::Quoted(_)
        | Shape::Expression
        | Shape::Slug
        | Shape::Version
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Duration
        | Shape::Choice(_)
        | Shape::Any => {}
    }
}

fn fields_are_described(fields: &[Field]) {
    let mut keys = BTreeSet::new();
    for field in fields {
        assert!(keys.insert(field.key), "`{}` is listed twice", field.key);
        assert!(
            field.doc.ends_with('.'),
            "`{}` is not described in a sentence",
            field.key
        );
        shape_is_described(&field.shape);
    }
}

/// Checks what can be known of a kind of action without running it: that it describes itself, that it recognises
/// each of `fine`, and that it refuses each of `wrong` with a failure that names a parameter or the whole.
///
/// # Panics
///
/// When the kind does not keep to it.
pub fn declares(kind: &dyn Kind, fine: &[Use], wrong: &[Use]) {
    describes_itself(kind.spec());
    for case in fine {
        let recognised = recognises(kind, case)
            .unwrap_or_else(|failure| panic!("{:?} was refused: {failure}", case.params));
        let summary = recognised.summary;
        assert!(
            !summary.trim().is_empty() && !summary.contains('\n'),
            "{:?} is not told in one line: {summary}",
            case.params
        );
        assert!(
            fits(&case.params, &kind.spec().params),
            "{:?} is recognised, and does not fit the description",
            case.params
        );
    }
    for case in wrong {
        if let Ok(recognised) = recognises(kind, case) {
            panic!("{:?} was to be refused: {recognised:?}", case.params);
        }
    }
}

/// Whether parameters are of a shape, as far as their keys go.
fn fits(param: &Param, shape: &Shape) -> bool {
    match (param, shape) {
        (_, Shape::OneOf(shapes)) => shapes.iter().any(|shape| fits(param, shape)),
        (_, Shape::Dynamic(inner)) => matches!(param, Param::Text(_)) || fits(param, inner),
        (Param::Map(map), Shape::Object(object)) => {
            map.iter()
                .all(|(key, value)| object.field(key).is_some_and(|field| fits(value, &field.shape)))
                && object
                    .fields
                    .iter()
                    .all(|field| !field.required || map.contains_key(field.key))
        }
        (Param::Map(map), Shape::Map(inner) | Shape::Named(inner)) => {
            map.values().all(|value| fits(value, inner))
        }
        (Param::List(items), Shape::List(inner)) => items.iter().all(|item| fits(item, inner)),
        (_, Shape::Any) => true,
        (Param::List(_) | Param::Map(_), _)
        | (_, Shape::List(_) | Shape::Map(_) | Shape::Named(_) | Shape::Object(_)) => false,
        (Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_), _) => true,
    }
}

/// It is asked on a thread without a runtime, where nothing asynchronous can even be started.
fn recognises(kind: &dyn Kind, case: &Use) -> Result<Recognised, Failure> {
    let recognise = || kind.recognise(&case.params);
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(recognise).join();
        let second = scope.spawn(recognise).join();
        (
            first.expect("recognise panicked"),
            second.expect("recognise panicked"),
        )
    });
    assert_eq!(
        first, second,
        "recognise gave two answers for the same parameters"
    );
    match &first {
        Ok(recognised) => hides_secrets(case, &recognised.summary),
        Err(failure) => is_proper(kind.spec(), case, failure),
    }
    first
}

async fn fails_properly(action: &dyn Action, case: &Use) {
    for asking in [false, true] {
        let host = FakeHost::new();
        let outcome = tokio::time::timeout(PATIENCE, action.run(case.call(&host, asking))).await;
        match outcome.expect("it hangs") {
            Ok(_) => assert!(asking, "this was to fail: {:?}", case.params),
            Err(failure) => is_proper(action.spec(), case, &failure),
        }
        holds_no_secret(case, &host.handles());
    }
}

async fn is_cancelled(subject: &Subject<'_>) {
    let host = FakeHost::new();
    let run = subject.endless.run(subject.action, &host);
    let cancel = async {
        while !(subject.begun)(&host) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        host.cancel();
    };
    let both = async { tokio::join!(run, cancel) };
    let (outcome, ()) = tokio::time::timeout(PATIENCE, both)
        .await
        .expect("it does not stop");
    let failure = outcome.expect_err("it was cancelled and says that all went well");
    assert_eq!(failure.kind, ErrorKind::Cancelled, "{failure:?}");
    is_proper(subject.action.spec(), &subject.endless, &failure);
    holds_no_secret(&subject.endless, &host.handles());
}

fn is_proper(spec: &Spec, case: &Use, failure: &Failure) {
    hides_secrets(case, &format!("{failure:?}"));
    assert!(!failure.message.is_empty(), "{failure:?}");
    assert!(!failure.message.ends_with('.'), "{failure:?}");
    if let Some(path) = &failure.param {
        assert!(
            names_a_parameter(spec, path),
            "there is no parameter `{path}`: {failure:?}"
        );
    }
}

fn hides_secrets(case: &Use, shown: &str) {
    for secret in case.secrets() {
        assert!(!shown.contains(secret.reveal()), "{secret} is shown in: {shown}");
    }
}

/// Whether `path` leads to something that the action accepts: `json.size`, `argv[0]`, `connections.db.sql`.
#[must_use]
pub fn names_a_parameter(spec: &Spec, path: &str) -> bool {
    let steps: Vec<&str> = path
        .split(['.', '['])
        .map(|step| step.trim_end_matches(']'))
        .skip_while(|step| step.is_empty())
        .collect();
    match steps.as_slice() {
        ["connections", _, rest @ ..] => spec
            .connections
            .iter()
            .any(|connection| leads(&Shape::Object(&connection.shape), rest)),
        steps => leads(&spec.params, steps),
    }
}

fn leads(shape: &Shape, steps: &[&str]) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return true;
    };
    match shape {
        Shape::Any => true,
        Shape::Dynamic(inner) => leads(inner, steps),
        Shape::Map(inner) | Shape::Named(inner) => leads(inner, rest),
        Shape::List(inner) => step.parse::<usize>().is_ok() && leads(inner, rest),
        Shape::Object(object) => object.field(step).is_some_and(|field| leads(&field.shape, rest)),
        Shape::OneOf(shapes) => shapes.iter().any(|shape| leads(shape, steps)),
        Shape::Template
        | Shape::Literal
        | Shape::Quoted(_)
        | Shape::Expression
        | Shape::Slug
        | Shape::Version
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Duration
        | Shape::Choice(_) => false,
    }
}

fn secrets_of(param: &Param, found: &mut Vec<Secret>) {
    match param {
        Param::Null | Param::Bool(_) | Param::Number(_) => {}
        Param::Text(text) => found.extend(text.segments().iter().filter_map(|segment| match segment {
            Segment::Secret(secret) => Some(secret.clone()),
            Segment::Literal(_) | Segment::Value(_) | Segment::Unknown(_) => None,
        })),
        Param::List(items) => items.iter().for_each(|item| secrets_of(item, found)),
        Param::Map(map) => map.values().for_each(|item| secrets_of(item, found)),
    }
}
