//! The action `service`, where a cluster looks after services.
//!
//! A service is a deployment, a stateful set or a daemon set. What changes one becomes a verb of `k8s`
//! ([`Step`](step::Step)), so that it is tried, done and put back as that is; what is different is that a service is
//! waited for, until it is as it was asked to be.

mod step;

use std::fmt;

use runbook_action::service::{self, Foreign};
use runbook_action::{
    Action, Args, Call, Chosen, Effect, ErrorKind, Failure, Inverse, Kind, Output, Param, Preview,
    Recognised, Spec, Verb, async_trait,
};
use serde_json::{Value, json};

use self::step::Step;
use crate::action::K8s;
use crate::attend::{Note, unless_cancelled};
use crate::change::conflict;
use crate::cluster::Cluster;
use crate::object::{self, Target};
use crate::reference::{self, Reference};
use crate::verb::VERBS;
use crate::verbs::Asked;
use crate::watch::Watch;
use crate::{answer, inverse, pods, preview};

/// The kinds that look after pods for as long as nobody says otherwise, in the order in which a name is looked for.
const KINDS: [&str; 3] = ["deployments.apps", "statefulsets.apps", "daemonsets.apps"];

/// How an author may call them.
const CALLED: &[&str] = &[
    "deployment",
    "deployments",
    "deploy",
    "statefulset",
    "statefulsets",
    "sts",
    "daemonset",
    "daemonsets",
    "ds",
];

/// A cluster has all of the language.
static FOREIGN: Foreign = Foreign {
    verbs: &[],
    why: "",
    help: "",
};

static SPEC: Spec = service::spec(
    "Looks at or changes a service that runs in a cluster.",
    &["k8s"],
    &[],
);

/// The action `service` for connections of kind `k8s`.
#[derive(Clone)]
pub struct Services {
    clusters: K8s,
}

impl Services {
    /// Reaches clusters as `k8s` does, and shares its connections.
    #[must_use]
    pub const fn new(clusters: K8s) -> Self {
        Self { clusters }
    }

    /// The service of a call, which is looked for.
    async fn find<'a>(&'a self, call: Call<'a>, chosen: &'a Chosen<'a>) -> Result<Of<'a>, Failure> {
        let cluster = self.clusters.opened(call).await?;
        let found = unless_cancelled(call, false, &Note::default(), find(&cluster, chosen)).await;
        let (target, object) = found.map_err(|failure| about(failure, chosen))?;
        Ok(Of {
            services: self,
            call,
            chosen,
            cluster,
            target,
            object,
            note: Note::default(),
        })
    }
}

/// A service as it is, and what is asked of it.
struct Of<'a> {
    services: &'a Services,
    call: Call<'a>,
    chosen: &'a Chosen<'a>,
    cluster: Cluster,
    target: Target,
    object: Value,
    note: Note,
}

fn chosen(params: &Param) -> Result<Chosen<'_>, Failure> {
    let chosen = service::chosen(&Args::new(params), &FOREIGN)?;
    let text = chosen.value.text()?;
    if text.to_string().contains('/') {
        let reference = Reference::read(&chosen.value)?;
        if !reference.is_of("apps", CALLED) {
            let failure = chosen
                .value
                .wrong(format!("a `{}` is no service", reference.kind));
            return Err(failure.help("name a deployment, a statefulset or a daemonset"));
        }
    } else {
        reference::is_name(&chosen.value, &text)?;
    }
    step::is_sound(&chosen)?;
    Ok(chosen)
}

/// What has this name.
async fn find(cluster: &Cluster, chosen: &Chosen<'_>) -> Result<(Target, Value), Failure> {
    let text = chosen.value.text()?.reveal();
    let named = text.split_once('/');
    let kinds = match named {
        Some((kind, _)) => vec![kind.to_ascii_lowercase()],
        None => KINDS.map(str::to_owned).to_vec(),
    };
    let name = named.map_or(text.as_str(), |(_, name)| name);
    for kind in kinds {
        let target = Target::new(cluster.kind_named(&kind).await?, cluster.namespace(), name);
        match target.look(cluster).await {
            Ok(Some(object)) => return Ok((target.clone(), object::typed(object, &target.kind))),
            Ok(None) => {}
            Err(trouble) if trouble.code == 403 && named.is_none() => {
                let failure = trouble.failure();
                let help = format!("write `deployment/{name}` or `statefulset/{name}` to look for no other");
                return Err(failure.help(help));
            }
            Err(trouble) => return Err(trouble.failure()),
        }
    }
    let message = match named {
        Some((kind, name)) => format!("there is no {kind} `{name}`"),
        None => format!("there is no deployment, stateful set or daemon set `{name}`"),
    };
    Err(Failure::new(ErrorKind::NotFound, message).about(chosen.value.path()))
}

/// A failure of a verb of `k8s` in the words of this action.
fn about(failure: Failure, chosen: &Chosen<'_>) -> Failure {
    let Some(param) = failure.param.clone() else {
        return failure;
    };
    let known = |param: &str| {
        let first = param.split(['.', '[']).next().unwrap_or_default();
        service::PARAMS.fields.iter().any(|field| field.key == first)
    };
    let own = match param.as_str() {
        "limits.memory" => "memory",
        "limits.cpu" => "cpus",
        "tail" => "lines",
        own if known(own) => own,
        _ => chosen.value.path(),
    };
    failure.about(own)
}

impl Kind for Services {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let chosen = chosen(params)?;
        let name = chosen.value.text()?;
        Ok(chosen.recognised(&format!("service {name}")))
    }
}

#[async_trait]
impl Action for Services {
    fn carriers(&self) -> &'static [&'static str] {
        &["ssh"]
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let chosen = chosen(call.params)?;
        let of = self.find(call, &chosen).await?;
        let changes = chosen.verb.effect != Effect::Read;
        let done = unless_cancelled(call, changes, &of.note, Box::pin(of.run())).await;
        done.map_err(|failure| about(failure, &chosen))
    }

    async fn preview(&self, call: Call<'_>) -> Result<Option<Preview>, Failure> {
        let chosen = chosen(call.params)?;
        if chosen.verb.effect == Effect::Read {
            return Ok(None);
        }
        let of = self.find(call, &chosen).await?;
        let seen = unless_cancelled(call, false, &of.note, Box::pin(of.preview())).await;
        seen.map_err(|failure| about(failure, &chosen))
    }

    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        let chosen = chosen(call.params)?;
        if chosen.verb.effect == Effect::Read || chosen.verb.key == "restart" {
            return Ok(None);
        }
        let of = self.find(call, &chosen).await?;
        let kept = unless_cancelled(call, false, &of.note, Box::pin(of.prepare())).await;
        kept.map_err(|failure| about(failure, &chosen))
    }

    async fn undo(&self, call: Call<'_>, kept: &Inverse) -> Result<Output, Failure> {
        let chosen = chosen(call.params)?;
        let of = self.find(call, &chosen).await?;
        let undone = unless_cancelled(call, true, &of.note, Box::pin(of.undo(kept))).await;
        undone.map_err(|failure| about(failure, &chosen))
    }
}

impl Of<'_> {
    /// The same with a verb of `k8s`.
    fn asked<'b>(&'b self, chosen: &'b Chosen<'b>) -> Asked<'b> {
        self.services
            .clusters
            .asked(self.call, &self.cluster, chosen, &self.note)
    }

    fn step(&self) -> Result<Step, Failure> {
        Step::of(self.chosen, &self.target, &self.object)
    }

    async fn run(&self) -> Result<Output, Failure> {
        match self.chosen.verb.key {
            "status" => self.answer(&[], false).await,
            "logs" => self.logs().await,
            _ => self.change().await,
        }
    }

    async fn logs(&self) -> Result<Output, Failure> {
        let step = self.step()?;
        let chosen = Verb::chosen(VERBS, &Args::new(&step.params))?;
        let read = self.asked(&chosen).run().await?;
        let lines = read.value.pointer("/logs/lines").cloned().unwrap_or_default();
        let lines: Vec<String> = serde_json::from_value(lines).unwrap_or_default();
        let mut output = self.answer(&lines, false).await?;
        if !read.cut.is_empty() {
            output.cut.push("lines".to_owned());
        }
        Ok(output)
    }

    async fn change(&self) -> Result<Output, Failure> {
        let is_paused = self.object.pointer("/spec/paused") == Some(&Value::Bool(true));
        let replaces = !["start", "stop", "scale"].contains(&self.chosen.verb.key);
        if is_paused && replaces {
            let message = format!(
                "{} is paused, so its pods would not be replaced",
                self.target.shown()
            );
            return Err(conflict(message).help("`kubectl rollout resume` lets it go on"));
        }
        let step = self.step()?;
        let chosen = Verb::chosen(VERBS, &Args::new(&step.params))?;
        let done = self.asked(&chosen).run().await?;
        let changed = done.value.get("changed") == Some(&Value::Bool(true));
        self.settled().await.map_err(Failure::maybe_applied)?;
        let answered = self.answer(&[], changed).await;
        answered.map_err(Failure::maybe_applied)
    }

    async fn preview(&self) -> Result<Option<Preview>, Failure> {
        let step = self.step()?;
        let chosen = Verb::chosen(VERBS, &Args::new(&step.params))?;
        preview::preview(self.asked(&chosen)).await
    }

    async fn prepare(&self) -> Result<Option<Inverse>, Failure> {
        let step = self.step()?;
        let chosen = Verb::chosen(VERBS, &Args::new(&step.params))?;
        inverse::prepare(self.asked(&chosen)).await
    }

    async fn undo(&self, kept: &Inverse) -> Result<Output, Failure> {
        let step = self.step()?;
        let chosen = Verb::chosen(VERBS, &Args::new(&step.params))?;
        let done = inverse::undo(self.asked(&chosen), kept).await?;
        let changed = done.value.get("changed") == Some(&Value::Bool(true));
        if changed {
            self.settled().await.map_err(Failure::maybe_applied)?;
        }
        let answered = self.answer(&[], changed).await;
        answered.map_err(|failure| if changed { failure.maybe_applied() } else { failure })
    }

    /// Waits until what runs is what was asked for, or cannot be.
    async fn settled(&self) -> Result<(), Failure> {
        let now = self.now().await?;
        // Those replace their pods only when somebody deletes them.
        if object::text(&now, "/spec/updateStrategy/type") != "OnDelete" {
            let params = step::rollout(&self.target);
            let chosen = Verb::chosen(VERBS, &Args::new(&params))?;
            self.asked(&chosen).run().await?;
        }
        if object::number(&now, "/spec/replicas") == Some(0) {
            self.has_ended(&now).await?;
        }
        Ok(())
    }

    /// Waits until none of its pods is left.
    async fn has_ended(&self, now: &Value) -> Result<(), Failure> {
        let query = [("labelSelector", object::selector(now).unwrap_or_default())];
        let namespace = self.target.namespace.as_deref();
        let mut watch = Watch::open(&self.cluster, self.call, &pods::kind(), namespace, &query).await?;
        while !watch.objects.is_empty() {
            let words = format!("{} of its pods are still to end", watch.objects.len());
            self.note.set(&words);
            watch.changed().await?;
        }
        Ok(())
    }

    async fn now(&self) -> Result<Value, Failure> {
        let now = self.target.read(&self.cluster).await;
        Ok(object::typed(
            now.map_err(crate::trouble::Trouble::failure)?,
            &self.target.kind,
        ))
    }

    async fn answer(&self, lines: &[String], changed: bool) -> Result<Output, Failure> {
        let replicas = answer::replicas(&self.now().await?);
        let number = |key: &str| object::number(&replicas, &format!("/{key}")).unwrap_or(0);
        let (desired, ready, updated) = (number("desired"), number("ready"), number("updated"));
        let state = match (desired, ready) {
            (0, _) => "stopped",
            (_, 0) => "unavailable",
            (desired, ready) if ready < desired => "degraded",
            (desired, _) if updated < desired => "progressing",
            _ => "available",
        };
        let value = json!({
            "running": ready > 0, "state": state, "replicas": desired, "ready": ready, "lines": lines,
            "changed": changed,
        });
        Ok(Output {
            absent: service::only_of_systemd(),
            ..Output::from(value)
        })
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").finish_non_exhaustive()
    }
}
