//! One container as long as it lives: a program there, and why it was lost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use runbook_action::{
    Call, Command, End, Endpoint, ErrorKind, Failure, Forward, Handle, Process, Settled, Transport,
    async_trait,
};
use runbook_remote::{BOOT, Carrier, Sent, as_user, identity, not_as_user, settle};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::attached::{Attached, Told};
use crate::execution::{self, ended};
use crate::object;
use crate::pods;

/// What a handle of this module is.
pub(super) const HANDLE: &str = "pod_process_group";

/// So long a cluster may take to notice that a container has ended, and how often it is asked meanwhile.
const NOTICES: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(200);

/// Sends the signal `$1` to the group `$2`.
const SIGNAL: &str = r#"kill -s "$1" -- "-$2""#;

/// A container as long as it lives.
#[derive(Clone)]
pub(super) struct Inside {
    pub(super) place: execution::Place,
    /// The identity of its pod.
    pub(super) uid: String,
    /// What tells this life of the container from the next.
    pub(super) life: String,
}

impl Inside {
    /// Whether a handle tells of something in here. What is of an earlier life ended with it.
    fn holds(&self, handle: &Handle) -> bool {
        let text = |key: &str| handle.data.get(key).and_then(Value::as_str).unwrap_or_default();
        text("uid") == self.uid && text("container") == self.place.container && text("life") == self.life
    }

    /// Ends what was recorded in here, and waits for what else the attempt has started.
    pub(super) async fn settle_of(&self, call: Call<'_>, handles: &[&Handle]) -> Result<Settled, Failure> {
        let ours: Vec<&Handle> = handles
            .iter()
            .copied()
            .filter(|handle| self.holds(handle))
            .collect();
        match settle(self, call, &ours).await {
            // Without a shell nothing was started in here.
            Err(failure) if failure.kind == ErrorKind::MissingProgram => Ok(Settled::Nothing),
            settled => settled,
        }
    }

    /// Why the shell ended before it said how the program did.
    async fn lost(&self) -> Failure {
        let since = Instant::now();
        let pod = &self.place.pod;
        loop {
            // A server that gives no answer now is what there is to say.
            match pod.look(&self.place.cluster).await {
                Err(trouble) => return trouble.failure(),
                Ok(None) => return self.gone(),
                Ok(Some(now)) if object::text(&now, "/metadata/uid") != self.uid => return self.gone(),
                Ok(Some(now)) => {
                    if let Some(failure) = self.ended(&now) {
                        return failure;
                    }
                }
            }
            if since.elapsed() > NOTICES {
                return Failure::new(
                    ErrorKind::Unreachable,
                    format!("the connection to {} was lost", self.place()),
                )
                .help("what ran there is ended as soon as its shell hears nothing more");
            }
            sleep(POLL).await;
        }
    }

    fn gone(&self) -> Failure {
        let message = format!("pod `{}` is gone: it was deleted meanwhile", self.place.pod.name);
        Failure::new(ErrorKind::Unreachable, message)
            .help("a `deployment` or a `selector` as target finds the pod that takes its place")
    }

    /// The failure if the container has ended, or is about to.
    fn ended(&self, pod: &Value) -> Option<Failure> {
        let (name, container) = (&self.place.pod.name, &self.place.container);
        let status = pods::status(pod, container);
        let is_same = status.is_some_and(|status| object::text(status, "/containerID") == self.life);
        let state = status.and_then(|status| {
            let ends = ["/state/terminated", "/lastState/terminated"];
            let of_this = |end: &&Value| object::text(end, "/containerID") == self.life;
            ends.iter().filter_map(|end| status.pointer(end)).find(of_this)
        });
        let runs = status.is_some_and(|status| status.pointer("/state/running").is_some());
        if is_same && runs {
            let leaves = pod.pointer("/metadata/deletionTimestamp").is_some();
            return leaves.then(|| self.gone());
        }
        let why = state.map_or_else(String::new, |state| {
            let code = object::number(state, "/exitCode").unwrap_or_default();
            format!(": {}, exit code {code}", object::text(state, "/reason"))
        });
        let message = format!("container `{container}` of pod `{name}` ended meanwhile{why}");
        Some(Failure::new(ErrorKind::Unreachable, message).help(format!(
            "`k8s: {{logs: pod/{name}, container: {container}, previous: true}}` shows what it printed last"
        )))
    }

    /// The failure of a container in which no shell can be started.
    fn without(&self, program: &str) -> Failure {
        let message = format!("there is no `{program}` in {}", self.place());
        let failure = Failure::new(ErrorKind::MissingProgram, message);
        if program == "sudo" {
            return failure
                .about("user")
                .help("leave `user` out, or run it in another container");
        }
        failure.help(format!(
            "a shell starts what runs there; `k8s: {{exec: pod/{}, argv: […]}}` does without one",
            self.place.pod.name
        ))
    }
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inside")
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for Inside {
    fn place(&self) -> String {
        format!(
            "container `{}` of pod `{}`",
            self.place.container, self.place.pod.name
        )
    }

    async fn spawn(&self, command: &Command) -> Result<Box<dyn Process>, Failure> {
        if command.tty {
            let failure = Failure::new(ErrorKind::Other, "this version has no terminal in a pod");
            return Err(failure.about("tty").help("leave `tty` out"));
        }
        let argv: Vec<String> = match &command.user {
            Some(user) => std::iter::once("sudo")
                .chain(as_user(user, BOOT))
                .map(str::to_owned)
                .collect(),
            None => ["sh", "-c", BOOT].map(str::to_owned).to_vec(),
        };
        let attached = Attached::new(self.place.attach(&argv, true).await?);
        let carrier = Session {
            inside: self.clone(),
            user: command.user.clone(),
            told: attached.told(),
        };
        let told = Command {
            user: None,
            ..command.clone()
        };
        let sent = Sent::start(Box::new(attached), &told, Arc::new(carrier)).await;
        Ok(Box::new(sent.map_err(|failure| self.named(command, failure))?))
    }

    async fn forward(&self, _to: &Endpoint) -> Result<Box<dyn Forward>, Failure> {
        Err(Failure::new(ErrorKind::Other, "nothing is reached through this"))
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        self.settle_of(call, &handles.iter().collect::<Vec<_>>()).await
    }
}

impl Inside {
    /// The failure of a program that is not there, with its name.
    fn named(&self, command: &Command, failure: Failure) -> Failure {
        let is_it = failure.kind == ErrorKind::MissingProgram && failure.param.as_deref() == Some("argv");
        if !is_it {
            return failure;
        }
        let name = command.argv.first().map_or("", String::as_str);
        Failure {
            message: format!("the program `{name}` is not in {}", self.place()),
            ..failure
        }
    }
}

/// A shell in a container.
#[derive(Debug)]
struct Session {
    inside: Inside,
    user: Option<String>,
    /// What the cluster says of the shell's end.
    told: Told,
}

#[async_trait]
impl Carrier for Session {
    async fn lost(&self, said: &str, has_started: bool) -> Failure {
        let status = self.told.get().cloned().flatten();
        if status.is_some()
            && let Err(refused) = ended(status)
        {
            return match (refused.kind, &self.user) {
                (ErrorKind::MissingProgram, Some(_)) => self.inside.without("sudo"),
                (ErrorKind::MissingProgram, None) => self.inside.without("sh"),
                _ => Failure {
                    param: None,
                    ..refused
                },
            };
        }
        match &self.user {
            Some(user) if !has_started && said.contains("sudo: ") => not_as_user(user, said),
            Some(_) | None => self.inside.lost().await,
        }
    }

    async fn signal(&self, group: u32, signal: &str) -> bool {
        let group = group.to_string();
        let command = Command {
            user: self.user.clone(),
            ..Command::new(["sh", "-c", SIGNAL, "sh", signal, &group])
        };
        let ended = self.inside.output(&command, 0).await;
        ended.is_ok_and(|ended| ended.end == End::Code(0))
    }

    fn handle(&self, group: u32, started: &str, boot: &str) -> Option<Handle> {
        let mut data = identity(group, started, boot)?;
        let place = &self.inside.place;
        if let Value::Object(fields) = &mut data {
            let more = json!({
                "namespace": place.pod.namespace, "pod": place.pod.name, "uid": self.inside.uid,
                "container": place.container, "life": self.inside.life,
            });
            fields.extend(more.as_object().cloned().unwrap_or_default());
        }
        Some(Handle {
            what: HANDLE.to_owned(),
            data,
        })
    }

    fn place(&self) -> String {
        self.inside.place()
    }
}
