//! The lives of one container, one after the other.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tokio::time::Instant;

use super::environment::{Source, expand};
use super::link::Weight;
use super::member::{Ended, Member};
use super::pod::{Pod, Stop};
use super::probe;
use super::sandbox::{Container, Image, Launch, Mount, Program, Refused};
use crate::object::Fields as _;

/// Before a container that failed twice is started again, in seconds of a real node: at first, and at last.
const FIRST: f64 = 10.0;
const LAST: f64 = 300.0;
/// Who has run as long as this begins anew with the first wait.
const STEADY: f64 = 600.0;
/// How much of a message about an end is kept.
const MESSAGE: usize = 4096;

impl Pod {
    /// Runs a container again and again, as its policy wants it.
    pub(super) async fn supervise(self: Arc<Self>, member: Arc<Member>, mut stop: Stop) {
        let policy = member.spec.restart(self.restart());
        let mut wait = None;
        loop {
            let Some(image) = self.pull(&member, &mut stop).await else {
                break;
            };
            let Some(launch) = self.configure(&member, &image, &mut stop).await else {
                break;
            };
            let Some(network) = self.network() else { break };
            let begun = Instant::now();
            let started = Container::start(&self.node.machine, &self.node.images, &network, launch).await;
            let code = match started {
                Ok(container) => self.attend(&member, &container, &mut stop).await,
                Err(refused) => self.refuse(&member, refused),
            };
            if stop.is_asked() || !policy.wants(code) {
                break;
            }
            if begun.elapsed() > self.node.back_off(STEADY) {
                wait = None;
            }
            if let Some(seconds) = wait {
                self.back_off(&member, seconds);
                if stop.sleep(self.node.back_off(seconds)).await {
                    break;
                }
                member.life().waiting = None;
            }
            wait = Some(wait.map_or(FIRST, |seconds: f64| (seconds * 2.0).min(LAST)));
        }
        {
            let mut life = member.life();
            life.is_over = true;
            life.is_ready = false;
            if life
                .waiting
                .as_ref()
                .is_some_and(|(reason, _)| *reason == "CrashLoopBackOff")
            {
                life.waiting = None;
                let last = life.last.clone();
                life.ended = last;
            }
        }
        self.publish();
    }

    fn back_off(&self, member: &Member, seconds: f64) {
        let object = self.object();
        let (name, namespace, uid) = (object.name(), object.namespace(), object.uid());
        let container = &member.spec.name;
        {
            let mut life = member.life();
            life.last = life.ended.take().or_else(|| life.last.take());
        }
        let time = if seconds < 60.0 {
            format!("{seconds}s")
        } else {
            format!("{}m{}s", (seconds / 60.0).floor(), seconds % 60.0)
        };
        let message =
            format!("back-off {time} restarting failed container={container} pod={name}_{namespace}({uid})");
        let told =
            format!("Back-off restarting failed container {container} in pod {name}_{namespace}({uid})");
        self.event_of(member, Weight::Warning, "BackOff", told);
        self.wait_for(member, "CrashLoopBackOff", message);
    }

    /// What is to be started, as soon as all that it refers to is there; `None` if the pod must end.
    async fn configure(self: &Arc<Self>, member: &Member, image: &Image, stop: &mut Stop) -> Option<Launch> {
        let mut changes = self.node.link.changes();
        loop {
            match self.launch(member, image) {
                Ok(launch) => return Some(launch),
                Err(why) => {
                    self.event_of(member, Weight::Warning, "Failed", format!("Error: {why}"));
                    self.wait_for(member, "CreateContainerConfigError", why);
                }
            }
            changes.mark_unchanged();
            tokio::select! {
                _ = stop.asked() => return None,
                _ = changes.changed() => {}
            }
        }
    }

    fn launch(self: &Arc<Self>, member: &Member, image: &Image) -> Result<Launch, String> {
        let object = self.object();
        let value = &member.spec.value;
        let source = Source {
            link: &self.node.link,
            pod: &object,
            container: value,
            address: &self.address,
        };
        let variables = source.variables(&image.variables)?;
        let texts = |pointer: &str| -> Vec<String> {
            let items = value.items(pointer).iter().filter_map(Value::as_str);
            items.map(|text| expand(text, &variables)).collect()
        };
        let (command, rest) = (texts("/command"), texts("/args"));
        let arguments = if command.is_empty() {
            let rest = if rest.is_empty() {
                image.command.clone()
            } else {
                rest
            };
            [image.entrypoint.clone(), rest].concat()
        } else {
            [command, rest].concat()
        };
        if arguments.is_empty() {
            return Err("no command specified".to_owned());
        }
        let mut mounts = self.volumes().mounts(&self.node, value)?;
        mounts.push(self.message_file(value)?);
        let security = |field: &str| {
            let own = value.number(&format!("/securityContext/{field}"));
            let number = own.or_else(|| object.number(&format!("/spec/securityContext/{field}")));
            number.and_then(|number| u32::try_from(number).ok())
        };
        let user = security("runAsUser");
        if user.is_none_or(|user| user == 0) && value.is_true("/securityContext/runAsNonRoot") {
            return Err("container has runAsNonRoot and image will run as root".to_owned());
        }
        let directory = match value.text("/workingDir") {
            "" => image.directory.clone().unwrap_or_default(),
            directory => directory.to_owned(),
        };
        Ok(Launch {
            image: image.clone(),
            program: Program {
                arguments,
                has_terminal: value.is_true("/tty"),
                has_input: value.is_true("/stdin"),
            },
            variables,
            directory,
            mounts,
            files: self.files(&object),
            user,
            group: security("runAsGroup"),
        })
    }

    /// The file in which a container may say why it ends.
    fn message_file(&self, container: &Value) -> Result<Mount, String> {
        let directory = self
            .node
            .machine
            .directory("volumes")
            .map_err(|error| error.to_string())?;
        let source = directory.join("message");
        std::fs::write(self.node.machine.outside(&source), "").map_err(|error| error.to_string())?;
        let target = match container.text("/terminationMessagePath") {
            "" => "/dev/termination-log",
            path => path,
        };
        Ok(Mount {
            source,
            target: target.to_owned(),
            is_read_only: false,
        })
    }

    fn files(&self, object: &Value) -> Vec<(String, String)> {
        let name = object.name();
        let mut hosts = format!(
            "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{}\t{name}\n",
            self.address
        );
        for alias in object.items("/spec/hostAliases") {
            let names = alias.items("/hostnames").iter().filter_map(Value::as_str);
            let names = names.collect::<Vec<_>>().join("\t");
            hosts.extend([alias.text("/ip"), "\t", &names, "\n"]);
        }
        let namespace = object.namespace();
        let resolver = format!(
            "search {namespace}.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
        );
        vec![
            ("/etc/hosts".to_owned(), hosts),
            ("/etc/hostname".to_owned(), format!("{name}\n")),
            ("/etc/resolv.conf".to_owned(), resolver),
        ]
    }

    /// A container that could not be started has ended with 128.
    fn refuse(self: &Arc<Self>, member: &Member, refused: Refused) -> i32 {
        let why = match refused {
            Refused::Program(why) => format!(
                "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create \
                 failed: unable to start container process: error during container init: {why}: unknown"
            ),
            Refused::Machine(error) => format!("failed to create containerd task: {error}"),
        };
        self.event_of(
            member,
            Weight::Normal,
            "Created",
            format!("Created container: {}", member.spec.name),
        );
        self.event_of(member, Weight::Warning, "Failed", format!("Error: {why}"));
        let now = crate::clock::now();
        {
            let mut life = member.life();
            self.begin(member, &mut life);
            life.current = None;
            life.ended = Some(Ended {
                code: 128,
                reason: "StartError",
                message: why,
                started: jiff::Timestamp::UNIX_EPOCH,
                finished: now,
                id: life.id.clone(),
            });
        }
        self.publish();
        128
    }

    /// What was is now what was before.
    fn begin(self: &Arc<Self>, member: &Member, life: &mut super::member::Life) {
        if !life.id.is_empty() {
            life.restarts += 1;
        }
        life.id = self.container_id(member, life.restarts);
        life.last = life.ended.take().or_else(|| life.last.take());
        life.waiting = None;
        life.measured = None;
        if let Some(gone) = life.current.take() {
            let older = life.previous.replace(gone);
            if let Some(older) = older {
                tokio::spawn(async move { older.remove().await });
            }
        }
    }

    /// Looks after a container while it runs, and answers how it ended.
    async fn attend(
        self: &Arc<Self>,
        member: &Arc<Member>,
        container: &Arc<Container>,
        stop: &mut Stop,
    ) -> i32 {
        let spec = &member.spec;
        {
            let mut life = member.life();
            self.begin(member, &mut life);
            life.current = Some(Arc::clone(container));
            life.is_started = spec.value.at("/startupProbe").is_null();
            life.is_ready = life.is_started && spec.value.at("/readinessProbe").is_null();
        }
        self.event_of(
            member,
            Weight::Normal,
            "Created",
            format!("Created container: {}", spec.name),
        );
        self.event_of(
            member,
            Weight::Normal,
            "Started",
            format!("Started container {}", spec.name),
        );
        self.publish();
        let probes = probe::start(self, member, container);
        let hook = spec.value.at("/lifecycle/postStart");
        if !hook.is_null() {
            self.hook(container, hook).await;
        }
        let exit = loop {
            tokio::select! {
                exit = container.ended() => break exit,
                () = member.unhealthy.notified() => {
                    // Until a container has started, no other probe than that of its start is asked.
                    let probe = if member.life().is_started { "liveness" } else { "startup" };
                    let message = format!("Container {} failed {probe} probe, will be restarted", spec.name);
                    self.event_of(member, Weight::Normal, "Killing", message);
                    self.end(member, container, stop, self.grace()).await;
                }
                grace = stop.asked() => {
                    let message = format!("Stopping container {}", spec.name);
                    self.event_of(member, Weight::Normal, "Killing", message);
                    self.end(member, container, stop, grace).await;
                }
            }
        };
        drop(probes);
        let reason = match exit.code {
            _ if container.is_out_of_memory() => "OOMKilled",
            0 => "Completed",
            _ => "Error",
        };
        {
            let mut life = member.life();
            life.is_ready = false;
            life.is_started = false;
            life.ended = Some(Ended {
                code: exit.code,
                reason,
                message: message(member, container, exit.code),
                started: container.started,
                finished: exit.finished,
                id: life.id.clone(),
            });
        }
        self.publish();
        exit.code
    }

    /// Asks a container to end, and ends it when its time is over.
    async fn end(&self, member: &Member, container: &Container, stop: &mut Stop, grace: Duration) {
        let mut until = Instant::now() + grace;
        let hook = member.spec.value.at("/lifecycle/preStop");
        if !hook.is_null() && !grace.is_zero() {
            let _late = tokio::time::timeout_at(until, self.hook(container, hook)).await;
        }
        container.signal(Signal::TERM);
        loop {
            tokio::select! {
                _ = container.ended() => return,
                () = tokio::time::sleep_until(until) => break,
                grace = stop.asked_again() => until = until.min(Instant::now() + grace),
            }
        }
        container.signal(Signal::KILL);
        container.ended().await;
    }

    async fn hook(&self, container: &Container, hook: &Value) {
        let seconds = hook
            .number("/sleep/seconds")
            .and_then(|seconds| u32::try_from(seconds).ok());
        if let Some(seconds) = seconds {
            tokio::time::sleep(Duration::from_secs_f64(f64::from(seconds) * self.node.pace.grace)).await;
        }
        let command = hook.items("/exec/command").iter().filter_map(Value::as_str);
        let program = Program {
            arguments: command.map(str::to_owned).collect(),
            ..Program::default()
        };
        if !program.arguments.is_empty() {
            let _outcome = probe::run(container, &program).await;
        }
    }
}

/// What it has left in the file for its last words.
fn message(member: &Member, container: &Container, code: i32) -> String {
    let said = container.last_words();
    if said.is_empty()
        && code != 0
        && member.spec.value.text("/terminationMessagePolicy") == "FallbackToLogsOnError"
    {
        return container.log.tail(MESSAGE / 2);
    }
    said.get(..MESSAGE).unwrap_or(&said).to_owned()
}
