//! `run`: a container that is made of an image, as the parameters say.

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{ContainerCreateBody, HostConfig, PortBinding, RestartPolicy, RestartPolicyNameEnum};
use runbook_action::{Args, Call, Chosen, Failure};

use crate::asked;

/// The labels by which a container that an attempt has made is found again, with the variables that they hold.
pub(crate) const LABELS: [(&str, &str); 3] = [
    ("runbook.run", "RUNBOOK_RUN"),
    ("runbook.step", "RUNBOOK_STEP"),
    ("runbook.attempt", "RUNBOOK_ATTEMPT"),
];

/// What is to be made.
pub(crate) struct Launch {
    pub(crate) image: String,
    pub(crate) name: Option<String>,
    pub(crate) stdin: Option<Vec<u8>>,
    pub(crate) detach: bool,
    pub(crate) keep: bool,
    pub(crate) pull: Pull,
    pub(crate) body: ContainerCreateBody,
}

/// When the image is pulled before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pull {
    Always,
    Missing,
    Never,
}

impl Launch {
    pub(crate) fn read(chosen: &Chosen<'_>, call: Call<'_>, root: &Path) -> Result<Self, Failure> {
        let stdin = asked::text(chosen, "stdin")?.map(String::into_bytes);
        let detach = chosen.is_on("detach");
        if detach && let Some(unused) = ["stdin", "ok_exit_codes"].iter().find_map(|key| chosen.get(key)) {
            return Err(unused.wrong("is for a container that the step waits for, and this one is detached"));
        }
        let env: Vec<String> = asked::map(chosen, "env")?
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let (exposed, bindings) = ports(chosen)?;
        let body = ContainerCreateBody {
            image: Some(chosen.value.text()?.reveal()),
            cmd: asked::argv(chosen, "argv")?,
            entrypoint: asked::argv(chosen, "entrypoint")?,
            user: asked::text(chosen, "user")?,
            working_dir: asked::text(chosen, "workdir")?,
            env: (!env.is_empty()).then_some(env),
            labels: Some(labels(chosen, call)?),
            attach_stdin: Some(stdin.is_some()),
            open_stdin: Some(stdin.is_some()),
            stdin_once: Some(stdin.is_some()),
            attach_stdout: Some(!detach),
            attach_stderr: Some(!detach),
            exposed_ports: (!exposed.is_empty()).then_some(exposed),
            host_config: Some(HostConfig {
                port_bindings: (!bindings.is_empty()).then_some(bindings),
                binds: mounts(chosen, root)?,
                network_mode: asked::text(chosen, "network")?,
                memory: asked::memory(chosen)?,
                nano_cpus: asked::cpus(chosen)?,
                pids_limit: asked::pids(chosen)?,
                restart_policy: restart_policy(chosen)?,
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let pull = match chosen
            .get("pull_policy")
            .map(|policy| policy.literal())
            .transpose()?
        {
            Some("always") => Pull::Always,
            Some("never") => Pull::Never,
            Some(_) | None => Pull::Missing,
        };
        Ok(Self {
            image: chosen.value.text()?.reveal(),
            name: asked::text(chosen, "name")?,
            stdin,
            detach,
            keep: chosen.is_on("keep"),
            pull,
            body,
        })
    }
}

/// The author's, and those by which a resumed run finds what a crash has left.
fn labels(chosen: &Chosen<'_>, call: Call<'_>) -> Result<HashMap<String, String>, Failure> {
    let mut labels: HashMap<String, String> = asked::map(chosen, "labels")?.into_iter().collect();
    labels.extend(attempt(call));
    Ok(labels)
}

/// The labels of a call's attempt; none unless all its variables are given.
pub(crate) fn attempt(call: Call<'_>) -> Vec<(String, String)> {
    let label =
        |(label, variable): &(&str, &str)| Some(((*label).to_owned(), call.env.get(*variable)?.reveal()));
    LABELS
        .iter()
        .map(label)
        .collect::<Option<Vec<_>>>()
        .unwrap_or_default()
}

/// The policy by which the engine restarts a container.
pub(crate) fn restart_policy(chosen: &Chosen<'_>) -> Result<Option<RestartPolicy>, Failure> {
    let Some(policy) = chosen.get("restart_policy") else {
        return Ok(None);
    };
    let name = match policy.literal()? {
        "no" => RestartPolicyNameEnum::NO,
        "always" => RestartPolicyNameEnum::ALWAYS,
        "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
        "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
        _ => return Err(policy.wrong("expected `no`, `always`, `on-failure` or `unless-stopped`")),
    };
    Ok(Some(RestartPolicy {
        name: Some(name),
        maximum_retry_count: None,
    }))
}

type Bindings = HashMap<String, Option<Vec<PortBinding>>>;

/// `127.0.0.1:8080:80`, `8080:80`, `80`, each with `/udp` if it is no TCP.
fn ports(chosen: &Chosen<'_>) -> Result<(Vec<String>, Bindings), Failure> {
    let (mut exposed, mut bindings) = (Vec::new(), Bindings::new());
    let Some(list) = chosen.get("ports") else {
        return Ok((exposed, bindings));
    };
    for item in list.items()? {
        let (inside, binding) = port(&item)?;
        exposed.push(inside.clone());
        bindings
            .entry(inside)
            .or_default()
            .get_or_insert_default()
            .push(binding);
    }
    Ok((exposed, bindings))
}

fn port(item: &Args<'_>) -> Result<(String, PortBinding), Failure> {
    let text = item.text()?.reveal();
    let wrong = || {
        item.wrong("is not a port to publish")
            .help("write `127.0.0.1:8080:80`, `8080:80` or `80`")
    };
    let (ports, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let (outside, inside) = ports.rsplit_once(':').unwrap_or(("", ports));
    if !is_port(inside) || !["tcp", "udp", "sctp"].contains(&protocol) {
        return Err(wrong());
    }
    let (host, published) = outside.rsplit_once(':').unwrap_or(("", outside));
    if !published.is_empty() && !is_port(published) {
        return Err(wrong());
    }
    let host = host.trim_matches(['[', ']']);
    let binding = PortBinding {
        host_ip: (!host.is_empty()).then(|| host.to_owned()),
        host_port: Some(published.to_owned()),
    };
    Ok((format!("{inside}/{protocol}"), binding))
}

/// `data:/var/lib/data`, `./conf:/etc/app:ro`. A path that is not absolute starts at the project's root.
fn mounts(chosen: &Chosen<'_>, root: &Path) -> Result<Option<Vec<String>>, Failure> {
    let mut binds = Vec::new();
    for (mount, path) in asked::list(chosen, "mounts")? {
        let Some((from, to)) = mount
            .split_once(':')
            .filter(|(from, to)| !from.is_empty() && to.starts_with('/'))
        else {
            let failure = Failure::new(runbook_action::ErrorKind::Other, "is not a mount").about(path);
            return Err(failure.help("write `volume:/path/in/container` or `./directory:/path:ro`"));
        };
        // What has a stroke or begins with a dot is a path; else it is the name of a volume.
        if from.starts_with('.') || (from.contains('/') && !from.starts_with('/')) {
            let from = root.join(from.strip_prefix("./").unwrap_or(from));
            binds.push(format!("{}:{to}", from.display()));
        } else {
            binds.push(format!("{from}:{to}"));
        }
    }
    Ok((!binds.is_empty()).then_some(binds))
}
