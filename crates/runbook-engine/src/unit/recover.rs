//! What a crash interrupted: whether it has happened is found out, or a person must say.

use runbook_action::{ErrorKind, Failure, Settled};
use runbook_event::{CheckRole, CheckSite, Event, Notice, StepState, Verdict};
use runbook_plan::{Action, Check};

use super::call::{Caller, render, settle};
use super::step::Task;
use super::{Broken, Context, Halt, gate};
use crate::brake::Brake;
use crate::view::read;

/// What was found out.
pub(super) enum Recovered {
    /// It has happened.
    Happened,
    /// It is run again: that is harmless, or it has not happened.
    Again,
}

/// Finds out about a step's action.
pub(super) async fn recover(task: &Task<'_>) -> Result<Recovered, Broken> {
    let (context, step) = (task.context, task.step);
    if !context.may_begin(task.at) {
        let message = "a crash interrupted it, and the run is stopping";
        return Err(Failure::new(ErrorKind::Cancelled, message).maybe_applied().into());
    }
    let mut left = None;
    if let Some(action) = step.action() {
        let part = task.seen.attempts.to_string();
        left = look_for(context, task.seen, action, part, task.stop()).await?;
    }
    if let (None, true) = (&left, step.repeatable) {
        return Ok(Recovered::Again);
    }
    if left.is_none() && step.verify_decides && !proves_nothing(context, task.id(), &step.verify) {
        return decide(task).await;
    }
    let known = match left {
        Some(left) => left,
        None => reading(context, task.id(), &step.verify, task.early_stop()).await?,
    };
    doubt(context, task.id(), false, known).await?;
    Err(Broken::Left)
}

/// Ends or awaits what the crash left running. What cannot be ended is told.
pub(super) async fn look_for(
    context: &Context,
    seen: &StepState,
    action: &Action,
    part: String,
    stop: &Brake,
) -> Result<Option<String>, Halt> {
    let Ok(rendered) = render(context, action, &context.scope) else {
        return Ok(Some("what it was cannot be written out any more".to_owned()));
    };
    let caller = Caller {
        step: &seen.id,
        part,
        asking: false,
        keeps_output: false,
        timeout: action.timeout,
        stop,
    };
    let found = match settle(context, action, &rendered, &caller, &seen.handles).await {
        Ok(Settled::Nothing) => return Ok(None),
        Ok(Settled::Ended) => "it was still running, and was ended".to_owned(),
        Ok(Settled::Finished) => "what it had started was still running, and has finished".to_owned(),
        Err(failure) => return Ok(Some(failure.to_string())),
    };
    let notice = Notice::Settled {
        step: seen.id.clone(),
        found,
    };
    context.record(Event::Noted { notice }, false).await?;
    Ok(None)
}

/// Whether the gate had passed before the action was meant to begin, or was not read then: a pass now would say
/// nothing.
fn proves_nothing(context: &Context, id: &str, verify: &[Check]) -> bool {
    read(&context.run.state, |state| {
        verify.is_empty()
            || verify.iter().all(|check| {
                let site = CheckSite {
                    within: None,
                    role: CheckRole::Decide,
                    step: Some(id.to_owned()),
                    check: check.id.clone(),
                };
                let known = state.checks().get(&site).and_then(|check| check.verdict);
                known.is_none_or(|verdict| verdict == Verdict::Pass)
            })
    })
}

/// The step's gate tells for certain.
async fn decide(task: &Task<'_>) -> Result<Recovered, Broken> {
    let (context, mut known) = (task.context, Vec::new());
    for check in &task.step.verify {
        let site = CheckSite {
            within: None,
            role: CheckRole::Gate,
            step: Some(task.id().to_owned()),
            check: check.id.clone(),
        };
        let decided = gate::ask(context, site, check, task.early_stop()).await?;
        match decided.verdict {
            Verdict::Pass => known.push(decided.last.map(|reading| reading.detail).unwrap_or_default()),
            Verdict::Fail if !decided.cancelled => return Ok(Recovered::Again),
            Verdict::Fail | Verdict::Error => {
                doubt(context, task.id(), false, decided.why(check)).await?;
                return Err(Broken::Left);
            }
        }
    }
    let adopted = Event::Adopted {
        step: task.id().to_owned(),
        detail: known.join(", "),
    };
    context.record(adopted, true).await?;
    Ok(Recovered::Happened)
}

/// What a step's gate reads now, for the person who must say.
async fn reading(context: &Context, id: &str, verify: &[Check], stop: &Brake) -> Result<String, Halt> {
    let mut told = Vec::new();
    for check in verify {
        let site = CheckSite {
            within: None,
            role: CheckRole::Gate,
            step: Some(id.to_owned()),
            check: check.id.clone(),
        };
        let single = Check {
            within: None,
            consecutive: 1,
            ..check.clone()
        };
        let decided = gate::ask(context, site, &single, stop).await?;
        told.push(decided.why(check));
    }
    Ok(if told.is_empty() {
        "nothing tells whether it has happened".to_owned()
    } else {
        told.join("; ")
    })
}

/// Nobody can tell: a person must say.
pub(super) async fn doubt(context: &Context, id: &str, undoing: bool, detail: String) -> Result<(), Halt> {
    let doubted = Event::Doubted {
        step: id.to_owned(),
        undoing,
        detail,
    };
    context.record(doubted, true).await
}

/// The checks that tell whether an undo has happened. None if nothing tells.
pub(super) async fn undone(
    context: &Context,
    id: &str,
    verify: &[Check],
    stop: &Brake,
) -> Result<Option<bool>, Halt> {
    for check in verify {
        let site = CheckSite {
            within: None,
            role: CheckRole::Undone,
            step: Some(id.to_owned()),
            check: check.id.clone(),
        };
        let decided = gate::ask(context, site, check, stop).await?;
        match decided.verdict {
            Verdict::Pass => {}
            Verdict::Fail if !decided.cancelled => return Ok(Some(false)),
            Verdict::Fail | Verdict::Error => return Ok(None),
        }
    }
    Ok((!verify.is_empty()).then_some(true))
}
