//! What a crash left running of an attempt: found, ended, or waited for.
//!
//! The group that the attempt started is ended if its leader still lives: nobody attends to it any more. What else
//! carries the variables of that attempt is waited for and not ended, since it may be the daemon that the step was
//! there to start. Those variables also find a program that was started so shortly before the crash that its
//! group was not written down.

use runbook_action::{Call, ErrorKind, Failure, Handle, Host, Settled};
use rustix::process::getpgrp;
use tokio::time::{Instant, sleep_until, timeout};

use crate::group::{Group, KILLED};
use crate::process::{Process, leader, started_with};

/// The variables that tell one attempt from all others.
const ATTEMPT: [&str; 3] = ["RUNBOOK_RUN", "RUNBOOK_STEP", "RUNBOOK_ATTEMPT"];

/// Sees to it that nothing of the attempt runs any more.
pub(crate) async fn settle(call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
    if !cfg!(target_os = "linux") {
        return Err(Failure::new(
            ErrorKind::Other,
            "on this system it cannot be known whether something of it still runs",
        )
        .help("look for it by hand, and say what has become of the step")
        .maybe_applied());
    }
    let deadline = call.host.remaining().map(|left| Instant::now() + left);
    let mut settled = Settled::Nothing;
    let others = attempt(call);
    for leader in handles.iter().filter_map(leader) {
        end(leader, call, deadline).await?;
        settled = Settled::Ended;
    }
    let Some(variables) = others else {
        return Ok(settled);
    };
    loop {
        let running = found(variables.clone()).await?;
        let Some(first) = running.first().copied() else {
            return Ok(settled);
        };
        tokio::select! {
            biased;
            () = all_ended(&running) => {}
            () = out_of_time(call.host, deadline) => {
                return Err(still_runs(call, first, running.len() - 1, deadline));
            }
        }
        if settled == Settled::Nothing {
            settled = Settled::Finished;
        }
    }
}

/// The variables of the attempt as a process shows them. Unless all are given, no process can be told to be its.
fn attempt(call: Call<'_>) -> Option<Vec<Vec<u8>>> {
    let variable = |name: &&str| Some(format!("{name}={}", call.env.get(*name)?.reveal()).into_bytes());
    ATTEMPT.iter().map(variable).collect()
}

async fn found(variables: Vec<Vec<u8>>) -> Result<Vec<Process>, Failure> {
    tokio::task::spawn_blocking(move || started_with(&variables))
        .await
        .map_err(|error| {
            Failure::new(
                ErrorKind::Other,
                format!("the processes could not be looked through: {error}"),
            )
            .maybe_applied()
        })
}

async fn all_ended(processes: &[Process]) {
    for process in processes {
        process.ended().await;
    }
}

/// Ends the group that this process leads.
async fn end(leader: Process, call: Call<'_>, deadline: Option<Instant>) -> Result<(), Failure> {
    if getpgrp() == leader.pid {
        return Err(Failure::new(
            ErrorKind::Conflict,
            format!(
                "`{}` (process {}) is still running, and has started this program",
                call.mask(&leader.name()),
                leader.pid
            ),
        )
        .help("resume the run from another terminal")
        .maybe_applied());
    }
    let mut group = Group::led_by_pid(leader.pid);
    group.terminate();
    let ended = async {
        group.gone_or_out_of_grace(call.host, Instant::now()).await;
    };
    tokio::select! {
        () = ended => {}
        () = passed(deadline) => {}
    }
    group.kill();
    let gone = timeout(KILLED, leader.ended()).await.is_ok();
    group.release();
    if gone {
        Ok(())
    } else {
        Err(still_runs(call, leader, 0, deadline))
    }
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn out_of_time(host: &dyn Host, deadline: Option<Instant>) {
    tokio::select! {
        () = host.cancelled() => {}
        () = passed(deadline) => {}
    }
}

fn still_runs(call: Call<'_>, process: Process, others: usize, deadline: Option<Instant>) -> Failure {
    // The host cancels at the deadline too, and either may be the first to notice.
    let late = deadline.is_some_and(|deadline| deadline <= Instant::now())
        || call.host.remaining().is_some_and(|left| left.is_zero());
    let kind = if late {
        ErrorKind::Timeout
    } else {
        ErrorKind::Cancelled
    };
    let and = match others {
        0 => String::new(),
        1 => " and 1 other".to_owned(),
        others => format!(" and {others} others"),
    };
    let verb = if others == 0 { "is" } else { "are" };
    Failure::new(
        kind,
        format!(
            "`{}` (process {}){and} of the interrupted attempt {verb} still running",
            call.mask(&process.name()),
            process.pid
        ),
    )
    .help("wait until it has ended, or end it, and resume the run again")
    .maybe_applied()
}
