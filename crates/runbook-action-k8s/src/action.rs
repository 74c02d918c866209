//! The action `k8s`.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use runbook_action::{
    Action, Args, Call, Chosen, Connection, Effect, ErrorKind, Failure, Handle, Inverse, Kind, Output, Param,
    Preview, Recognised, Settled, Spec, Transport, Verb, async_trait,
};

use crate::attend::{Note, unless_cancelled};
use crate::cluster::Cluster;
use crate::execution::{self, Place};
use crate::settings::Environment;
use crate::verb::VERBS;
use crate::verbs::Asked;
use crate::verbs::forward::Forwards;
use crate::{inverse, preview, recognise, spec};

/// The action `k8s`: one verb on objects of a Kubernetes cluster.
///
/// A cluster is opened once, with its credentials and the kinds that it knows, and serves all steps that name the same
/// connection; one that is reached by way of another machine is opened by each step, since the way is the step's.
#[derive(Clone)]
pub struct K8s {
    around: Environment,
    here: Arc<dyn Transport>,
    open: Arc<Mutex<Vec<(Connection, Cluster)>>>,
    forwards: Arc<Forwards>,
}

impl K8s {
    /// Opens nothing yet. `here` is this machine, where the programs run that give credentials.
    #[must_use]
    pub fn new(around: Environment, here: Arc<dyn Transport>) -> Self {
        Self {
            around,
            here,
            open: Arc::default(),
            forwards: Arc::default(),
        }
    }

    /// The cluster of a call.
    async fn cluster(&self, call: Call<'_>) -> Result<Cluster, Failure> {
        let connection = call
            .connection
            .ok_or_else(|| Failure::new(ErrorKind::Other, "needs a connection of kind `k8s`"))?;
        let known = || {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let same = |(known, _): &&(Connection, Cluster)| {
                known.name == connection.name && known.params == connection.params
            };
            open.iter().find(same).map(|(_, cluster)| cluster.clone())
        };
        if call.transport.is_none()
            && let Some(cluster) = known()
        {
            return Ok(cluster);
        }
        let cluster = Cluster::open(connection, call.transport, &self.here, &self.around).await?;
        if call.transport.is_none() {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.push((connection.clone(), cluster.clone()));
        }
        Ok(cluster)
    }

    /// The cluster of a call, which is looked for unless the call is to end.
    pub(crate) async fn opened(&self, call: Call<'_>) -> Result<Cluster, Failure> {
        unless_cancelled(call, false, &Note::default(), Box::pin(self.cluster(call))).await
    }

    pub(crate) fn asked<'a>(
        &'a self,
        call: Call<'a>,
        cluster: &'a Cluster,
        chosen: &'a Chosen<'a>,
        note: &'a Note,
    ) -> Asked<'a> {
        Asked {
            cluster,
            chosen,
            call,
            around: &self.around,
            forwards: &self.forwards,
            note,
        }
    }
}

/// The verb, after a look at all that it is given: values that were not known before are known now.
fn chosen(params: &Param) -> Result<Chosen<'_>, Failure> {
    recognise::recognise(params)?;
    Verb::chosen(VERBS, &Args::new(params))
}

impl Kind for K8s {
    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        recognise::recognise(params)
    }
}

#[async_trait]
impl Action for K8s {
    fn carriers(&self) -> &'static [&'static str] {
        &["ssh"]
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let chosen = chosen(call.params)?;
        let (cluster, note) = (self.opened(call).await?, Note::default());
        let work = Box::pin(self.asked(call, &cluster, &chosen, &note).run());
        if chosen.verb.key == "exec" {
            // It ends what it has started before it returns.
            return work.await.map_err(|failure| call.mask_failure(failure));
        }
        unless_cancelled(call, chosen.verb.effect != Effect::Read, &note, work).await
    }

    async fn preview(&self, call: Call<'_>) -> Result<Option<Preview>, Failure> {
        let chosen = chosen(call.params)?;
        let (cluster, note) = (self.opened(call).await?, Note::default());
        let work = Box::pin(preview::preview(self.asked(call, &cluster, &chosen, &note)));
        unless_cancelled(call, false, &note, work).await
    }

    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        let chosen = chosen(call.params)?;
        let (cluster, note) = (self.opened(call).await?, Note::default());
        let work = Box::pin(inverse::prepare(self.asked(call, &cluster, &chosen, &note)));
        unless_cancelled(call, false, &note, work).await
    }

    async fn undo(&self, call: Call<'_>, kept: &Inverse) -> Result<Output, Failure> {
        let chosen = chosen(call.params)?;
        let (cluster, note) = (self.opened(call).await?, Note::default());
        let work = Box::pin(inverse::undo(self.asked(call, &cluster, &chosen, &note), kept));
        unless_cancelled(call, true, &note, work).await
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        let ours: Vec<&Handle> = handles
            .iter()
            .filter(|handle| handle.what == execution::HANDLE)
            .collect();
        if ours.is_empty() {
            return Ok(Settled::Nothing);
        }
        let (cluster, note) = (self.opened(call).await?, Note::default());
        let work = Box::pin(async {
            let mut settled = Settled::Nothing;
            for handle in ours {
                if Place::settle(&cluster, handle).await? {
                    settled = Settled::Ended;
                }
            }
            Ok(settled)
        });
        unless_cancelled(call, true, &note, work).await
    }
}

impl fmt::Debug for K8s {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("K8s").finish_non_exhaustive()
    }
}
