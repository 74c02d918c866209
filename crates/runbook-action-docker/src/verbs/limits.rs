//! `update`: the limits and the restart policy of containers that go on meanwhile.

use bollard::models::{ContainerInspectResponse, ContainerUpdateBody, RestartPolicy, RestartPolicyNameEnum};
use runbook_action::{Chosen, Failure, Output};
use serde_json::{Map, Value, json};

use super::{Asked, about};
use crate::engine::Engine;
use crate::launch::restart_policy;
use crate::{answer, asked, look};

/// What is set; what is not there stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) memory: Option<i64>,
    pub(crate) nano_cpus: Option<i64>,
    pub(crate) pids: Option<i64>,
    pub(crate) restart: Option<String>,
}

impl Limits {
    pub(crate) fn read(chosen: &Chosen<'_>) -> Result<Self, Failure> {
        let policy = restart_policy(chosen)?;
        Ok(Self {
            memory: asked::memory(chosen)?,
            nano_cpus: asked::cpus(chosen)?,
            pids: asked::pids(chosen)?,
            restart: policy.and_then(|policy| Some(policy.name?.to_string())),
        })
    }

    /// What a container has now.
    pub(crate) fn of(container: &ContainerInspectResponse) -> Self {
        let host = container.host_config.clone().unwrap_or_default();
        let policy = host.restart_policy.and_then(|policy| policy.name);
        let policy = policy
            .map(|name| name.to_string())
            .filter(|name| !name.is_empty());
        Self {
            memory: Some(host.memory.unwrap_or(0).max(0)),
            nano_cpus: Some(host.nano_cpus.unwrap_or(0)),
            pids: Some(host.pids_limit.unwrap_or(0).max(0)),
            restart: Some(policy.unwrap_or_else(|| "no".to_owned())),
        }
    }

    /// As data, with those fields only that `like` sets.
    pub(crate) fn data(&self, like: &Self) -> Value {
        let mut data = Map::new();
        let mut insert = |name: &str, is_set: bool, value: Value| {
            if is_set {
                data.insert(name.to_owned(), value);
            }
        };
        insert("memory", like.memory.is_some(), json!(self.memory));
        insert("nano_cpus", like.nano_cpus.is_some(), json!(self.nano_cpus));
        insert("pids", like.pids.is_some(), json!(self.pids));
        insert("restart_policy", like.restart.is_some(), json!(self.restart));
        Value::Object(data)
    }

    /// Reads what [`data`](Self::data) wrote.
    pub(crate) fn from_data(data: &Value) -> Self {
        let number = |name: &str| data.get(name).and_then(Value::as_i64);
        let restart = data.get("restart_policy").and_then(Value::as_str);
        Self {
            memory: number("memory"),
            nano_cpus: number("nano_cpus"),
            pids: number("pids"),
            restart: restart.map(str::to_owned),
        }
    }
}

/// Sets limits. No limit is 0 here. In the interface 0 means that it stays as it is, and a limit of memory or processors
/// that there is once cannot be taken away: then it is as great as the machine, which limits nothing.
pub(crate) async fn set(engine: &Engine, name: &str, limits: &Limits) -> Result<(), Failure> {
    let machine = if limits.memory == Some(0) || limits.nano_cpus == Some(0) {
        machine(engine).await?
    } else {
        Machine::default()
    };
    let or = |limit: Option<i64>, all: i64| limit.map(|limit| if limit == 0 { all } else { limit });
    let memory = or(limits.memory, machine.memory);
    let policy = limits
        .restart
        .as_ref()
        .and_then(|name| name.parse::<RestartPolicyNameEnum>().ok());
    let body = ContainerUpdateBody {
        memory,
        // With swap as engines set it when they are told of memory only: as much again.
        memory_swap: memory.map(|memory| memory.saturating_mul(2)),
        nano_cpus: or(limits.nano_cpus, machine.nano_cpus),
        pids_limit: or(limits.pids, -1),
        restart_policy: policy.map(|name| RestartPolicy {
            name: Some(name),
            maximum_retry_count: None,
        }),
        ..ContainerUpdateBody::default()
    };
    let updated = engine.docker.update_container(name, body).await;
    updated.map_err(|error| engine.failure(&error))
}

/// What there is to limit.
#[derive(Debug, Clone, Copy, Default)]
struct Machine {
    memory: i64,
    nano_cpus: i64,
}

async fn machine(engine: &Engine) -> Result<Machine, Failure> {
    let info = engine
        .docker
        .info()
        .await
        .map_err(|error| engine.failure(&error))?;
    Ok(Machine {
        memory: info.mem_total.unwrap_or(0),
        nano_cpus: info.ncpu.unwrap_or(0).saturating_mul(1_000_000_000),
    })
}

/// What a container has, with a limit of all that the machine has taken for none.
pub(crate) async fn current(
    engine: &Engine,
    name: &str,
) -> Result<(ContainerInspectResponse, Limits), Failure> {
    let container = look::inspect(engine, name).await?;
    let mut limits = Limits::of(&container);
    let machine = machine(engine).await?;
    // The kernel counts memory in pages, and so may the engine.
    let page = 4096;
    if machine.memory > 0 && limits.memory >= Some(machine.memory - page) {
        limits.memory = Some(0);
    }
    if machine.nano_cpus > 0 && limits.nano_cpus >= Some(machine.nano_cpus) {
        limits.nano_cpus = Some(0);
    }
    Ok((container, limits))
}

pub(crate) async fn update(asked: Asked<'_>) -> Result<Output, Failure> {
    let limits = Limits::read(asked.chosen)?;
    let mut containers = Vec::new();
    let mut changed = false;
    for (name, path) in asked::names(&asked.chosen.value)? {
        let named = |failure: Failure| {
            let failure = about(failure, &path);
            if changed { failure.maybe_applied() } else { failure }
        };
        let (_, before) = current(asked.engine, &name).await.map_err(named)?;
        if before.data(&limits) != limits.data(&limits) {
            let set = set(asked.engine, &name, &limits).await;
            set.map_err(|failure| named(failure.maybe_applied()))?;
            changed = true;
        }
        let after = look::container(asked.engine, &name).await;
        containers.push(after.map_err(|failure| about(failure, &path))?);
    }
    Ok(answer::with(answer::containers(containers), "changed", changed))
}
