//! A container as data.

use std::collections::HashMap;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, HostConfig, PortMap};
use runbook_action::Failure;
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use crate::engine::Engine;

/// The label by which compose names the service.
pub(crate) const SERVICE: &str = "com.docker.compose.service";

/// How many billionths make a processor.
const NANO: f64 = 1e9;

/// How often one looks whether Podman has cleared up after a container, and how many times.
const CLEARS: Duration = Duration::from_millis(50);
const TIMES: usize = 100;

/// Asks again for as long as Podman clears up after a container whose program has ended. It calls the state between the
/// two `stopped`, which the interface of engines does not have, and does not know the exit code yet.
pub(crate) async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 0..TIMES {
        match Box::pin(ask()).await {
            Err(Error::JsonDataError { message, .. }) if message.contains("`stopped`") => sleep(CLEARS).await,
            answer => return answer,
        }
    }
    Box::pin(ask()).await
}

/// All of a container that the engine tells, or the client's own error.
pub(crate) async fn ask(engine: &Engine, name: &str) -> Result<ContainerInspectResponse, Error> {
    patiently(|| engine.docker.inspect_container(name, None)).await
}

/// All of a container that the engine tells.
pub(crate) async fn inspect(engine: &Engine, name: &str) -> Result<ContainerInspectResponse, Failure> {
    let asked = ask(engine, name).await;
    asked.map_err(|error| engine.failure(&error))
}

/// A container as results have it.
pub(crate) async fn container(engine: &Engine, name: &str) -> Result<Value, Failure> {
    Ok(described(&inspect(engine, name).await?))
}

/// The name without the stroke that the engine puts before it.
pub(crate) fn name_of(container: &ContainerInspectResponse) -> String {
    let name = container.name.as_deref().unwrap_or_default();
    name.trim_start_matches('/').to_owned()
}

/// Its state in a word.
pub(crate) fn status(container: &ContainerInspectResponse) -> String {
    let state = container.state.as_ref();
    state
        .and_then(|state| state.status)
        .map_or_else(String::new, |status| status.to_string())
}

/// Its health in a word.
pub(crate) fn health(container: &ContainerInspectResponse) -> String {
    let state = container.state.as_ref();
    let health = state.and_then(|state| state.health.as_ref()?.status);
    let word = health.map_or_else(String::new, |status| status.to_string());
    if word.is_empty() { "none".to_owned() } else { word }
}

/// Whether a program runs in it.
pub(crate) fn is_running(container: &ContainerInspectResponse) -> bool {
    let state = container.state.as_ref();
    state.and_then(|state| state.running) == Some(true)
}

pub(crate) fn described(container: &ContainerInspectResponse) -> Value {
    let state = container.state.as_ref();
    let config = container.config.as_ref();
    let labels = config
        .and_then(|config| config.labels.clone())
        .unwrap_or_default();
    let ports = container
        .network_settings
        .as_ref()
        .and_then(|settings| settings.ports.as_ref());
    let exit_code = state
        .filter(|state| state.running != Some(true) && status(container) != "created")
        .and_then(|state| state.exit_code);
    json!({
        "id": container.id,
        "name": name_of(container),
        "image": config.and_then(|config| config.image.clone()),
        "service": labels.get(SERVICE).cloned().unwrap_or_default(),
        "state": {
            "status": status(container),
            "health": health(container),
            "exit_code": exit_code,
            "oom_killed": state.and_then(|state| state.oom_killed).unwrap_or(false),
            "restarts": container.restart_count.unwrap_or(0),
            "started_at": state.and_then(|state| state.started_at.clone()),
        },
        "labels": sorted(labels),
        "ports": ports.map(published).unwrap_or_default(),
        "limits": limits(container.host_config.as_ref()),
    })
}

/// What it may use at most; no limit is 0.
pub(crate) fn limits(host: Option<&HostConfig>) -> Value {
    let quota = host.and_then(|host| {
        let (quota, period) = (host.cpu_quota?, host.cpu_period.filter(|period| *period > 0)?);
        (quota > 0).then(|| as_number(quota) / as_number(period))
    });
    let nano = host.and_then(|host| host.nano_cpus).unwrap_or(0);
    let cpus = if nano > 0 {
        as_number(nano) / NANO
    } else {
        quota.unwrap_or(0.0)
    };
    json!({
        "memory": host.and_then(|host| host.memory).unwrap_or(0),
        "cpus": cpus,
        "pids": host.and_then(|host| host.pids_limit).unwrap_or(0).max(0),
    })
}

#[expect(clippy::cast_precision_loss, reason = "no machine has so many processors")]
pub(crate) const fn as_number(count: i64) -> f64 {
    count as f64
}

fn published(ports: &PortMap) -> Map<String, Value> {
    let mut ports: Vec<_> = ports.iter().collect();
    ports.sort_by(|one, other| one.0.cmp(other.0));
    let entry = |(port, bindings): (&String, &Option<Vec<bollard::models::PortBinding>>)| {
        let binding = bindings.as_ref()?.first()?;
        let host = binding.host_ip.as_deref().unwrap_or_default();
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let at = format!("{host}:{}", binding.host_port.as_deref().unwrap_or_default());
        Some((port.clone(), Value::from(at)))
    };
    ports.into_iter().filter_map(entry).collect()
}

fn sorted(labels: HashMap<String, String>) -> Map<String, Value> {
    let mut labels: Vec<(String, String)> = labels.into_iter().collect();
    labels.sort();
    labels
        .into_iter()
        .map(|(key, value)| (key, Value::from(value)))
        .collect()
}
