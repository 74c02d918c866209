//! A container of a pod as a place where programs run.
//!
//! Which pod that is, by name, by labels or of a deployment, is looked up for each program; as long as the one that was
//! taken is ready, it stays that one. The cluster starts a shell there, which is told through its input what to run
//! (the crate `runbook-remote`): so no value is part of a request, which a cluster writes into its logs.

mod inside;
mod ports;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use runbook_action::{
    Args, Call, Command, Endpoint, ErrorKind, Failure, Forward, Handle, Opening, Param, Process, Settled,
    Transport, TransportKind, async_trait,
};
use serde_json::Value;

use self::inside::Inside;
use crate::cluster::Cluster;
use crate::object::{self, Target};
use crate::settings::Environment;
use crate::trouble::Trouble;
use crate::{asked, execution, pods, reference};

/// Makes places of connections of kind `pod` and `deployment`.
#[derive(Clone)]
pub struct Pods {
    around: Environment,
    here: Arc<dyn Transport>,
}

impl Pods {
    /// Opens nothing yet. `here` is this machine, where the programs run that give credentials.
    #[must_use]
    pub const fn new(around: Environment, here: Arc<dyn Transport>) -> Self {
        Self { around, here }
    }
}

impl fmt::Debug for Pods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pods").finish_non_exhaustive()
    }
}

#[async_trait]
impl TransportKind for Pods {
    fn serves(&self) -> &'static [&'static str] {
        &["pod", "deployment"]
    }

    async fn open(&self, opening: Opening<'_>) -> Result<Arc<dyn Transport>, Failure> {
        let args = opening.connection.args();
        let which = Which::read(&args)?;
        let container = args.get("container").map(|name| name.text()).transpose()?;
        let via = opening.via.ok_or_else(|| args.wrong("goes through no cluster"))?;
        let cluster = Cluster::open(via, opening.through.as_deref(), &self.here, &self.around).await?;
        let namespace = match args.get("namespace") {
            Some(namespace) => asked::namespace_name(&namespace)?,
            None => cluster.namespace().to_owned(),
        };
        Ok(Arc::new(Place {
            cluster,
            namespace,
            which,
            container: container.map(|name| name.reveal()),
            taken: Arc::default(),
        }))
    }
}

/// Which pod is meant.
#[derive(Clone)]
enum Which {
    Named(String),
    Selected(String),
    Deployment(String),
}

impl Which {
    fn read(args: &Args<'_>) -> Result<Self, Failure> {
        if let Some(deployment) = args.get("deployment") {
            return Ok(Self::Deployment(name(&deployment)?));
        }
        let pod = args.require("pod")?;
        if !matches!(pod.param(), Param::Map(_)) {
            return Ok(Self::Named(name(&pod)?));
        }
        let selector = pod.require("selector")?;
        reference::is_selector(&selector)?;
        Ok(Self::Selected(asked::selector_text(&selector)?))
    }

    fn shown(&self) -> String {
        match self {
            Self::Named(name) => format!("pod `{name}`"),
            Self::Selected(selector) => format!("a pod with `{selector}`"),
            Self::Deployment(name) => format!("deployment `{name}`"),
        }
    }
}

/// A name that is a part of an address and of nothing else.
fn name(args: &Args<'_>) -> Result<String, Failure> {
    let text = args.text()?;
    reference::is_name(args, &text)?;
    Ok(text.reveal())
}

/// A container of a pod that is found when it is needed.
#[derive(Clone)]
struct Place {
    cluster: Cluster,
    namespace: String,
    which: Which,
    container: Option<String>,
    /// The identity of the pod that was taken last.
    taken: Arc<Mutex<Option<String>>>,
}

impl Place {
    /// The pods among which one is chosen.
    async fn candidates(&self) -> Result<Vec<Value>, Failure> {
        let found = match &self.which {
            Which::Named(name) => {
                let target = Target::new(pods::kind(), &self.namespace, name.as_str());
                target.read(&self.cluster).await.map(|pod| vec![pod])
            }
            Which::Selected(selector) => {
                pods::selected(&self.cluster, Some(&self.namespace), selector.clone()).await
            }
            Which::Deployment(name) => {
                let kind = self.cluster.kind_named("deployments.apps").await?;
                let target = Target::new(kind, &self.namespace, name.as_str());
                pods::of(&self.cluster, &target)
                    .await
                    .map(Option::unwrap_or_default)
            }
        };
        found.map_err(|trouble| self.missing(trouble))
    }

    fn missing(&self, trouble: Trouble) -> Failure {
        let is_missing = trouble.is_missing();
        let failure = trouble.failure();
        match &self.which {
            Which::Named(_) if is_missing => failure
                .help("a pod that takes its place has another name: name a `deployment` or a `selector`"),
            Which::Named(_) | Which::Selected(_) | Which::Deployment(_) => failure,
        }
    }

    /// The pod that is meant now.
    async fn pod(&self) -> Result<Value, Failure> {
        let mut found = self.candidates().await?;
        let pod = match &self.which {
            Which::Named(_) => found.swap_remove(0),
            Which::Selected(_) | Which::Deployment(_) => {
                let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone();
                pods::ready(found, &self.which.shown(), taken.as_deref())?
            }
        };
        let uid = object::text(&pod, "/metadata/uid");
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(uid);
        Ok(pod)
    }

    /// The same, which runs.
    async fn running(&self) -> Result<Value, Failure> {
        let pod = self.pod().await?;
        let phase = object::text(&pod, "/status/phase");
        if phase == "Running" {
            return Ok(pod);
        }
        let message = format!("pod `{}` is not running but {phase}", object::name(&pod));
        Err(crate::change::conflict(message))
    }

    /// The container in which a program is run now.
    async fn inside(&self) -> Result<Inside, Failure> {
        self.inside_of(&self.pod().await?)
    }

    fn inside_of(&self, pod: &Value) -> Result<Inside, Failure> {
        // What is wrong is the connection's, and not a parameter of the action's.
        let of_connection = |failure: Failure| Failure {
            param: None,
            ..failure
        };
        let container = pods::container(pod, self.container.as_deref()).map_err(of_connection)?;
        let life = pods::running(pod, &container)?;
        Ok(Inside {
            place: execution::Place {
                cluster: self.cluster.clone(),
                pod: Target::of(&pods::kind(), pod),
                container,
            },
            uid: object::text(pod, "/metadata/uid"),
            life,
        })
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pod")
            .field("which", &self.which.shown())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for Place {
    fn place(&self) -> String {
        self.which.shown()
    }

    async fn spawn(&self, command: &Command) -> Result<Box<dyn Process>, Failure> {
        self.inside().await?.spawn(command).await
    }

    async fn forward(&self, to: &Endpoint) -> Result<Box<dyn Forward>, Failure> {
        Ok(Box::new(ports::open(self.clone(), to).await?))
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        let ours: Vec<&Handle> = handles
            .iter()
            .filter(|handle| handle.what == inside::HANDLE)
            .collect();
        let mut settled = Settled::Nothing;
        let found = match self.candidates().await {
            Ok(found) => found,
            // With a pod, and with what pods belong to, all of their programs end.
            Err(failure) if failure.kind == ErrorKind::NotFound => return Ok(settled),
            Err(failure) => return Err(failure),
        };
        for pod in &found {
            // Where the container does not run, nothing does.
            let Ok(inside) = self.inside_of(pod) else { continue };
            match inside.settle_of(call, &ours).await? {
                Settled::Nothing => {}
                other @ (Settled::Ended | Settled::Finished) => settled = other,
            }
        }
        Ok(settled)
    }
}
