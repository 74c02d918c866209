//! `exec`: a program in a container.

use runbook_action::{Args, Command, Failure, Output, Param};

use super::{Asked, logs};
use crate::execution::{Execution, Place};
use crate::object;
use crate::{answer, asked, attend, pods};

/// The container that the verb is about, with the identity of its pod.
pub(crate) async fn place(asked: Asked<'_>) -> Result<(Place, String), Failure> {
    let target = asked.target().await?;
    let (pod, described) = logs::ready_pod(asked, target).await?;
    let container = logs::container(asked, &described)?;
    pods::running(&described, &container).map_err(|failure| failure.about(asked.chosen.value.path()))?;
    let place = Place {
        cluster: asked.cluster.clone(),
        pod,
        container,
    };
    Ok((place, object::text(&described, "/metadata/uid")))
}

pub(crate) async fn execute(asked: Asked<'_>) -> Result<Output, Failure> {
    let begun = async {
        let (place, uid) = place(asked).await?;
        let argv = asked
            .chosen
            .get("argv")
            .map(|argv| words(&argv))
            .transpose()?
            .unwrap_or_default();
        let mut command = Command::new(argv);
        command.stdin = asked::text(asked.chosen, "stdin")?.map(String::into_bytes);
        Execution::start(place, uid, &command).await
    };
    let mut execution = attend::unless_cancelled(asked.call, false, asked.note, Box::pin(begun)).await?;
    let fine: Vec<i64> = match asked.chosen.get("ok_exit_codes") {
        Some(codes) => codes
            .items()?
            .iter()
            .map(Args::integer)
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    attend::run(&mut execution, &fine, asked.call, answer::empty()).await
}

/// A program with its arguments. An item that is a list becomes several of them, as it does for `exec`.
fn words(argv: &Args<'_>) -> Result<Vec<String>, Failure> {
    let mut words = Vec::new();
    for item in argv.items()? {
        if matches!(item.param(), Param::List(_)) {
            words.extend(asked::texts(&item)?);
        } else {
            words.push(item.text()?.reveal());
        }
    }
    Ok(words)
}
