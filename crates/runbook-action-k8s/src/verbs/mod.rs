//! What each verb does with a cluster.

pub(crate) mod apply;
pub(crate) mod cause;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod drain;
pub(crate) mod events;
pub(crate) mod forward;
pub(crate) mod logs;
pub(crate) mod node;
pub(crate) mod patch;
pub(crate) mod program;
pub(crate) mod read;
pub(crate) mod revision;
pub(crate) mod rollout;
pub(crate) mod scale;
pub(crate) mod template;
pub(crate) mod top;
pub(crate) mod wait;

use runbook_action::{Call, Chosen, ErrorKind, Failure, Output};
use serde_json::Value;

use crate::answer;
use crate::asked::{self, About};
use crate::attend::Note;
use crate::change::{self, Written};
use crate::cluster::Cluster;
use crate::object::{self, Target};
use crate::settings::Environment;
use crate::trouble::Trouble;
use crate::verbs::forward::Forwards;

/// A verb with all that it takes.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) chosen: &'a Chosen<'a>,
    pub(crate) call: Call<'a>,
    pub(crate) around: &'a Environment,
    pub(crate) forwards: &'a Forwards,
    pub(crate) note: &'a Note,
}

impl Asked<'_> {
    /// Does it.
    pub(crate) async fn run(self) -> Result<Output, Failure> {
        match self.chosen.verb.key {
            "get" | "list" => read::get(self).await,
            "events" => events::read(self).await,
            "logs" => logs::read(self).await,
            "top" => top::read(self).await,
            "rollout_history" => revision::history(self).await,
            "rollout_status" => rollout::wait(self).await,
            "wait" => wait::wait(self).await,
            "port_forward" => forward::open(self).await,
            "exec" => program::execute(self).await,
            "cp" => copy::copy(self).await,
            "delete" => delete::delete(self).await,
            "drain" => drain::drain(self).await,
            _ => self.change().await,
        }
    }

    async fn change(self) -> Result<Output, Failure> {
        let written = change::carry_out(self, false).await?;
        let changed = written.iter().any(Written::has_changed);
        let objects = match written.as_slice() {
            // Nothing was to be done: what is there is what was asked for.
            [] => self.as_it_is().await?.into_iter().collect(),
            // What a part answers is not the object.
            [one] if one.write.part.is_some() => {
                let whole = one.write.target.read(self.cluster).await;
                vec![whole.map_err(|trouble| self.failed(trouble).maybe_applied())?]
            }
            written => written.iter().map(|one| one.after.clone()).collect(),
        };
        let is_one = self.chosen.verb.key != "restart" || self.chosen.value.text()?.reveal().contains('/');
        Ok(answer::with(answer::about(objects, is_one), "changed", changed))
    }

    /// The one object that the verb is about, if there is one.
    async fn as_it_is(self) -> Result<Option<Value>, Failure> {
        let target = match self.chosen.verb.key {
            "apply" => return Ok(None),
            "cordon" | "uncordon" => asked::node(self.cluster, self.chosen).await?,
            _ => match asked::about(self.cluster, self.chosen).await? {
                About::One(target) => target,
                About::Some(_) => return Ok(None),
            },
        };
        let object = target
            .read(self.cluster)
            .await
            .map_err(|trouble| self.failed(trouble))?;
        Ok(Some(object::typed(object, &target.kind)))
    }

    /// The one object that the verb is about.
    pub(crate) async fn target(self) -> Result<Target, Failure> {
        asked::target(self.cluster, self.chosen).await
    }

    /// The one object that the verb is about, as it is.
    pub(crate) async fn object(self) -> Result<(Target, Value), Failure> {
        let target = self.target().await?;
        let object = target
            .read(self.cluster)
            .await
            .map_err(|trouble| self.failed(trouble))?;
        let object = object::typed(object, &target.kind);
        Ok((target, object))
    }

    /// What came of a question about what the verb names.
    pub(crate) fn failed(self, trouble: Trouble) -> Failure {
        let failure = trouble.failure();
        let about_it = matches!(failure.kind, ErrorKind::NotFound | ErrorKind::Conflict);
        if about_it && failure.param.is_none() {
            failure.about(self.chosen.value.path())
        } else {
            failure
        }
    }

    /// A word in the timeline.
    pub(crate) async fn tell(self, line: &str) -> Result<(), Failure> {
        crate::watch::tell(self.call, line).await
    }
}
