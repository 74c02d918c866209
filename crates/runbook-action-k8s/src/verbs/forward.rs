//! `port_forward`: a port of this machine that leads to one of a pod, until the run ends.

use std::sync::{Mutex, PoisonError};

use http::Method;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use runbook_action::{ErrorKind, Failure, Output};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::{Asked, logs};
use crate::cluster::{Ask, Cluster};
use crate::object::{self, Target};
use crate::{answer, asked, change};

/// The ports that are open, until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Forwards {
    open: Mutex<Vec<JoinHandle<()>>>,
}

impl Forwards {
    fn keep(&self, task: JoinHandle<()>) {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(task);
    }
}

impl Drop for Forwards {
    fn drop(&mut self) {
        for task in self.open.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            task.abort();
        }
    }
}

pub(crate) async fn open(asked: Asked<'_>) -> Result<Output, Failure> {
    let target = asked.target().await?;
    let port = asked::port(asked.chosen, "port")?.unwrap_or_default();
    let (pod, described) = logs::ready_pod(asked, target.clone()).await?;
    let phase = object::text(&described, "/status/phase");
    if phase != "Running" {
        let failure = change::conflict(format!("pod `{}` is not running but {phase}", pod.name));
        return Err(failure.about("port_forward"));
    }
    let port = if target.kind.is("", "Service") {
        let service = target
            .read(asked.cluster)
            .await
            .map_err(|trouble| asked.failed(trouble))?;
        behind(&service, &described, port)?
    } else {
        port
    };
    may_forward(asked, &pod).await?;
    let local = asked::port(asked.chosen, "local_port")?.unwrap_or(0);
    let listener = TcpListener::bind(("127.0.0.1", local)).await.map_err(|error| {
        Failure::new(
            ErrorKind::Conflict,
            format!("the port {local} of this machine cannot be had: {error}"),
        )
        .about("local_port")
    })?;
    let address = listener
        .local_addr()
        .map(|address| address.to_string())
        .unwrap_or_default();
    let cluster = asked.cluster.clone();
    asked
        .forwards
        .keep(tokio::spawn(serve(listener, cluster, pod.clone(), port)));
    let output = answer::with(answer::objects(vec![described]), "address", address);
    Ok(output)
}

/// Whether connections will be let through. Each is asked for when it comes, and then there is nobody to tell why it was
/// refused.
async fn may_forward(asked: Asked<'_>, pod: &Target) -> Result<(), Failure> {
    for verb in ["get", "create"] {
        let right = pod.ask(verb, Some("portforward")).right;
        let body = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": {
                "verb": verb, "group": "", "resource": "pods", "subresource": "portforward",
                "namespace": pod.namespace, "name": pod.name,
            } },
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let ask = Ask::get(path.to_owned()).sends(Method::POST, "application/json", body);
        // A cluster that does not answer such questions says it when a connection comes.
        if let Ok(answer) = asked.cluster.ask(&ask).await
            && answer.pointer("/status/allowed") == Some(&Value::Bool(false))
        {
            return Err(right.missing("this user").about(asked.chosen.value.path()));
        }
    }
    Ok(())
}

/// The port of a pod to which a port of the service leads.
fn behind(service: &Value, pod: &Value, port: u16) -> Result<u16, Failure> {
    let ports = object::list(service, "/spec/ports");
    let found = ports
        .iter()
        .find(|one| object::number(one, "/port") == Some(i64::from(port)));
    let missing = || {
        Failure::new(
            ErrorKind::NotFound,
            format!("service `{}` has no port {port}", object::name(service)),
        )
        .about("port")
    };
    let target = found.ok_or_else(missing)?.get("targetPort");
    let number = match target {
        Some(Value::String(name)) => object::list(pod, "/spec/containers")
            .iter()
            .flat_map(|container| object::list(container, "/ports"))
            .find(|one| object::text(one, "/name") == *name)
            .and_then(|one| object::number(one, "/containerPort")),
        Some(number) => number.as_i64(),
        None => Some(i64::from(port)),
    };
    number
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(missing)
}

/// A way into a pod, for one connection.
pub(crate) async fn connect(
    cluster: &Cluster,
    pod: &Target,
    port: u16,
) -> Result<kube::api::Portforwarder, Failure> {
    let client = cluster.client().await?;
    let api: Api<Pod> = Api::namespaced(client, pod.namespace.as_deref().unwrap_or_default());
    let mut right = pod.ask("create", Some("portforward")).right;
    right.verb = "create";
    let opened = api.portforward(&pod.name, &[port]).await;
    opened.map_err(|error| cluster.lost_of(&error, &right).failure())
}

async fn serve(listener: TcpListener, cluster: Cluster, pod: Target, port: u16) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(carry(socket, cluster.clone(), pod.clone(), port));
    }
}

/// Carries one connection. Why it came to nothing shows as a connection that is closed.
async fn carry(mut socket: TcpStream, cluster: Cluster, pod: Target, port: u16) {
    let Ok(mut forwarder) = connect(&cluster, &pod, port).await else {
        return;
    };
    if let Some(mut stream) = forwarder.take_stream(port) {
        let _carried = tokio::io::copy_bidirectional(&mut socket, &mut stream)
            .await
            .is_ok();
    }
    forwarder.abort();
}
