//! One call of an action, with its deadline and its output.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::{
    Call, ErrorKind, Failure, Handle, Inverse, Output, Param, Preview, Segment, Settled, Text,
};
use runbook_event::{Intent, OutputRef};
use runbook_plan::expression::Scope;
use runbook_plan::{Action, RenderError, Room, Template};

use super::{Context, Halt};
use crate::bounds;
use crate::brake::{Brake, Urgency};
use crate::host::{CallHost, GRACE, Sink};
use crate::transports::Way;

/// How long an action may take to end once nobody waits for it to end well.
const LAST: Duration = Duration::from_secs(1);

/// An action whose parameters have their values.
pub(crate) struct Rendered {
    params: Param,
    env: IndexMap<String, Text>,
    pub(crate) intent: Intent,
}

/// For whom an action is called.
pub(crate) struct Caller<'a> {
    /// The step, or the check's id for a check of the run.
    pub(crate) step: &'a str,
    /// What of it: `1` for the first attempt, `undo`.
    pub(crate) part: String,
    /// Whether it is a question.
    pub(crate) asking: bool,
    /// Whether its output is kept.
    pub(crate) keeps_output: bool,
    /// How long it may take.
    pub(crate) timeout: Duration,
    /// Who may stop it.
    pub(crate) stop: &'a Brake,
}

/// What a call gave.
pub(crate) struct Called {
    pub(crate) result: Result<Output, Failure>,
    pub(super) output: Vec<OutputRef>,
    pub(super) elapsed: Duration,
}

impl Called {
    pub(super) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Gives an action's parameters their values.
pub(crate) fn render(context: &Context, action: &Action, scope: &Scope) -> Result<Rendered, Failure> {
    let room = Room::new();
    let fill = |template: &Template| {
        template
            .render_within(scope, &room)
            .map_err(|error| unrendered(&error))
    };
    let params = fill(&action.params)?;
    let mut env = IndexMap::new();
    for (name, template) in &action.env {
        let value = fill(template)?;
        env.insert(name.clone(), as_text(name, value)?);
    }
    let summary = summary(context, action, &params);
    let intent = Intent {
        kind: action.kind.to_owned(),
        effect: action.effect,
        summary,
        target: action.connection.clone(),
        params: params.masked(),
        env: env
            .iter()
            .map(|(name, text)| (name.clone(), text.to_string()))
            .collect(),
    };
    Ok(Rendered { params, env, intent })
}

/// The action, as far as this version can run it. What a service is depends on its connection.
fn known<'a>(context: &'a Context, action: &Action) -> Option<&'a Arc<dyn runbook_action::Action>> {
    let plan = &context.course.plan;
    let connection = plan
        .connections()
        .iter()
        .find(|known| Some(&known.name) == action.connection.as_ref());
    context
        .run
        .catalogue
        .action(action.kind, connection.map(|connection| connection.kind))
}

/// An action as far as it can be written out now: what is not known yet, as what comes from `before` when leave is
/// asked, is shown as its expression.
pub(crate) fn foresee(context: &Context, action: &Action) -> Intent {
    let params = action.params.foresee(&context.scope);
    let summary = summary(context, action, &params);
    intent(action, summary, &params, |template| {
        template.foresee(&context.scope)
    })
}

/// An action as far as it is known before anything is.
pub(crate) fn sketch(action: &Action) -> Intent {
    let params = action.params.sketch();
    intent(action, action.summary.clone(), &params, Template::sketch)
}

fn intent(action: &Action, summary: String, params: &Param, value_of: impl Fn(&Template) -> Param) -> Intent {
    let env = action.env.iter().map(|(name, template)| {
        let value = value_of(template).masked();
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), text)
    });
    Intent {
        kind: action.kind.to_owned(),
        effect: action.effect,
        summary,
        target: action.connection.clone(),
        params: params.masked(),
        env: env.collect(),
    }
}

/// What an action would do with these parameters, in a line.
fn summary(context: &Context, action: &Action, params: &Param) -> String {
    let Some(known) = known(context, action) else {
        return action.summary.clone();
    };
    // An undo is not to fail for want of a fine summary.
    match caught(|| known.recognise(params)) {
        Ok(Ok(known)) => known.summary,
        Ok(Err(_)) | Err(_) => action.summary.clone(),
    }
}

fn unrendered(error: &RenderError) -> Failure {
    let failure = Failure::new(
        ErrorKind::Other,
        format!("`{}`: {}", error.expression, error.error),
    );
    if error.path.is_empty() {
        failure
    } else {
        failure.about(error.path.clone())
    }
}

fn as_text(name: &str, value: Param) -> Result<Text, Failure> {
    match value {
        Param::Text(text) => Ok(text),
        Param::Number(number) => Ok(Text::from_segments(vec![Segment::Value(number.to_string())])),
        Param::Bool(value) => Ok(Text::from_segments(vec![Segment::Value(value.to_string())])),
        Param::List(_) | Param::Map(_) => Ok(Text::from_segments(vec![Segment::Value(
            value.reveal().to_string(),
        )])),
        Param::Null => Err(Failure::new(ErrorKind::Other, "the value is null").about(format!("env.{name}"))),
    }
}

/// Calls an action. A deadline or a stop asks it to end; one that does not is given up.
pub(crate) async fn call(
    context: &Context,
    action: &Action,
    rendered: &Rendered,
    caller: &Caller<'_>,
) -> Result<Called, Halt> {
    perform(context, action, rendered, caller, Deed::Run).await
}

/// What is asked of an action.
#[derive(Clone, Copy)]
pub(super) enum Deed<'a> {
    /// To do it.
    Run,
    /// To put back what was there.
    Undo(&'a Inverse),
    /// To keep what is there.
    Prepare,
    /// To find out what it would change.
    Preview,
    /// To end or await what a crash left running.
    Settle(&'a [Handle]),
}

/// What an action gave.
enum Gave {
    Output(Output),
    Inverse(Option<Inverse>),
    Preview(Option<Preview>),
    Settled(Settled),
}

async fn ask(known: &dyn runbook_action::Action, call: Call<'_>, deed: Deed<'_>) -> Result<Gave, Failure> {
    match deed {
        Deed::Run => known.run(call).await.map(Gave::Output),
        Deed::Undo(inverse) => known.undo(call, inverse).await.map(Gave::Output),
        Deed::Prepare => known.prepare(call).await.map(Gave::Inverse),
        Deed::Preview => known.preview(call).await.map(Gave::Preview),
        Deed::Settle(handles) => known.settle(call, handles).await.map(Gave::Settled),
    }
}

/// Does what is asked of an action, with its deadline and its output.
pub(super) async fn perform(
    context: &Context,
    action: &Action,
    rendered: &Rendered,
    caller: &Caller<'_>,
    deed: Deed<'_>,
) -> Result<Called, Halt> {
    let begun = context.clock().monotonic();
    let sink = if caller.keeps_output {
        let writer = context.output(caller.step, caller.part.clone()).await?;
        Some(Sink {
            step: caller.step.to_owned(),
            writer,
            to: context.run.shown.clone(),
        })
    } else {
        None
    };
    let host = CallHost::new(context, begun + caller.timeout, caller, sink);
    let result = with_action(context, action, rendered, &host, deed)
        .await
        .map(|gave| match gave {
            Gave::Output(output) => output,
            Gave::Inverse(_) | Gave::Preview(_) | Gave::Settled(_) => Output::default(),
        });
    let elapsed = context.clock().monotonic().saturating_sub(begun);
    let result = result.map_err(|failure| tell_timeout(without_null(failure), &host, caller.timeout));
    let (result, output) = match host.finish().await {
        Ok(output) => (result, output),
        Err(failure) => (result.and(Err(failure)), Vec::new()),
    };
    Ok(Called {
        result,
        output,
        elapsed,
    })
}

/// What an action keeps to put back what is there now.
pub(crate) async fn prepare_inverse(
    context: &Context,
    action: &Action,
    rendered: &Rendered,
    caller: &Caller<'_>,
) -> Result<Option<Inverse>, Failure> {
    let host = CallHost::new(
        context,
        context.clock().monotonic() + caller.timeout,
        caller,
        None,
    );
    let prepared = with_action(context, action, rendered, &host, Deed::Prepare)
        .await
        .map(|gave| match gave {
            Gave::Inverse(inverse) => inverse,
            Gave::Output(_) | Gave::Preview(_) | Gave::Settled(_) => None,
        });
    prepared.map_err(|failure| tell_timeout(without_null(failure), &host, caller.timeout))
}

/// What an action would change, if it can tell.
pub(crate) async fn preview(
    context: &Context,
    action: &Action,
    rendered: &Rendered,
    caller: &Caller<'_>,
) -> Result<Option<Preview>, Failure> {
    let deadline = context.clock().monotonic() + caller.timeout;
    let host = CallHost::new(context, deadline, caller, None);
    let previewed = with_action(context, action, rendered, &host, Deed::Preview)
        .await
        .map(|gave| match gave {
            Gave::Preview(preview) => preview,
            Gave::Output(_) | Gave::Inverse(_) | Gave::Settled(_) => None,
        });
    previewed.map_err(|failure| tell_timeout(without_null(failure), &host, caller.timeout))
}

/// Looks for what a crash left running of an attempt, and ends or awaits it.
pub(super) async fn settle(
    context: &Context,
    action: &Action,
    rendered: &Rendered,
    caller: &Caller<'_>,
    handles: &[Handle],
) -> Result<Settled, Failure> {
    let host = CallHost::new(
        context,
        context.clock().monotonic() + caller.timeout,
        caller,
        None,
    );
    let settled = with_action(context, action, rendered, &host, Deed::Settle(handles))
        .await
        .map(|gave| match gave {
            Gave::Settled(settled) => settled,
            Gave::Output(_) | Gave::Inverse(_) | Gave::Preview(_) => Settled::Nothing,
        });
    settled.map_err(|failure| tell_timeout(without_null(failure), &host, caller.timeout))
}

/// Finds the action and what it needs, and guards against one that panics or does not end.
async fn with_action(
    context: &Context,
    action: &Action,
    rendered: &Rendered,
    host: &CallHost,
    deed: Deed<'_>,
) -> Result<Gave, Failure> {
    let Some(known) = known(context, action) else {
        return Err(Failure::new(
            ErrorKind::Other,
            format!("there is no action `{}`", action.kind),
        ));
    };
    let connections = &context.course.connections;
    let connection =
        match &action.connection {
            Some(name) => Some(connections.get(name).ok_or_else(|| {
                Failure::new(ErrorKind::Other, format!("connection `{name}` has no value"))
            })?),
            None => None,
        };
    let mut env = rendered.env.clone();
    for (name, value) in [
        ("RUNBOOK_RUN", context.run.id.as_str()),
        ("RUNBOOK_STEP", host.step.as_str()),
        ("RUNBOOK_ATTEMPT", &host.part),
    ] {
        env.insert(name.to_owned(), Text::literal(value));
    }
    let work = async {
        let way = match &action.connection {
            Some(name) => {
                let catalogue = &context.run.catalogue;
                let open = context.run.transports.way(catalogue, &context.course, name);
                unless_cancelled(host, open).await?
            }
            None => Way::default(),
        };
        let call = Call {
            params: &rendered.params,
            connection,
            via: way.via,
            transport: way.place.as_deref(),
            env: &env,
            asking: host.asking,
            host,
        };
        ask(&**known, call, deed).await
    };
    tokio::select! {
        biased;
        result = unless_it_panics(work) => result,
        () = given_up(host) => Err(Failure::new(ErrorKind::Cancelled, "it did not end when it was asked to, and was given up").maybe_applied()),
    }
}

/// A place that is being opened is given up when the call is to end.
async fn unless_cancelled<T>(
    host: &CallHost,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        result = work => result,
        () = runbook_action::Host::cancelled(host) => {
            Err(Failure::new(ErrorKind::Cancelled, "was stopped before it began"))
        }
    }
}

thread_local! {
    /// Whether a panic on this thread is caught, and told as a failure.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic on this thread would be caught now and told as the failure of a step: for whoever tells of panics.
#[must_use]
pub fn catches_panics() -> bool {
    CAUGHT.get()
}

/// Polls, and catches what panics.
fn caught<T>(poll: impl FnOnce() -> T) -> std::thread::Result<T> {
    let before = CAUGHT.replace(true);
    let polled = catch_unwind(AssertUnwindSafe(poll));
    CAUGHT.set(before);
    polled
}

/// A panic is a failure of the action and of nothing else: its step fails, what it may have done is undone.
async fn unless_it_panics<T, F>(work: F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    tokio::pin!(work);
    poll_fn(|task| {
        let polled = caught(|| work.as_mut().poll(task));
        polled.unwrap_or_else(|_| {
            let failure = Failure::new(ErrorKind::Other, "the action panicked").maybe_applied();
            Poll::Ready(Err(
                failure.help("report it: this is a fault of the action, not of the runbook")
            ))
        })
    })
    .await
}

/// Returns when an action that was asked to end has had more than enough time: twice its grace, or a second
/// from when there is no grace any more.
async fn given_up(host: &CallHost) {
    runbook_action::Host::cancelled(host).await;
    let hurried = async {
        host.brake.reached(Urgency::Now).await;
        host.clock.wait_until(host.clock.monotonic() + LAST).await;
    };
    tokio::select! {
        biased;
        () = hurried => {}
        () = host.clock.wait_until(host.clock.monotonic() + GRACE * 2) => {}
    }
}

/// An answer of null is told as none: a journal cannot tell them apart.
fn without_null(failure: Failure) -> Failure {
    let result = failure
        .result
        .filter(|result| !result.is_null() && bounds::check(result).is_ok());
    Failure { result, ..failure }
}

/// A cancellation by the deadline is a timeout.
fn tell_timeout(failure: Failure, host: &CallHost, timeout: Duration) -> Failure {
    if failure.kind != ErrorKind::Cancelled
        || host.brake.is_raised()
        || host.clock.monotonic() < host.deadline
    {
        return failure;
    }
    let message = format!("took longer than its timeout of {}", seconds(timeout));
    Failure {
        kind: ErrorKind::Timeout,
        message,
        ..failure
    }
    .help("raise its `timeout`, or find out what it waits for")
}

/// A length of time for people.
pub(crate) fn seconds(length: Duration) -> String {
    let millis = length.as_millis();
    if millis.is_multiple_of(1000) {
        format!("{} s", millis / 1000)
    } else {
        format!("{millis} ms")
    }
}
