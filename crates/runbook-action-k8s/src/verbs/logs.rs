//! `logs`: what containers printed.

use futures_util::{AsyncBufReadExt as _, AsyncReadExt as _};
use runbook_action::{ErrorKind, Failure, Output, Stream};
use serde_json::Value;

use super::Asked;
use crate::answer;
use crate::asked::{self, About};
use crate::cluster::{Ask, Cluster};
use crate::object::{self, Target};
use crate::pods;
use crate::printed::Printed;
use crate::trouble::Trouble;

/// How much is read at a time.
const PIECE: usize = 16 * 1024;

/// A container whose log is read.
struct Source {
    pod: Target,
    container: String,
}

/// How often the pods are looked up, where all of them were replaced since.
const TRIES: usize = 5;

pub(crate) async fn read(asked: Asked<'_>) -> Result<Output, Failure> {
    let mut printed = Printed::default();
    let mut tries = 0;
    let pods = loop {
        tries += 1;
        let (mut pods, is_named) = chosen(asked).await?;
        let sources = sources(asked, &pods)?;
        let several = sources.len() > 1;
        for source in &sources {
            let mark = several.then(|| format!("[{}/{}] ", source.pod.name, source.container));
            match stream(asked, source, mark.as_deref(), &mut printed).await? {
                Ok(()) => {}
                // It was replaced since it was found.
                Err(trouble) if trouble.is_missing() && !is_named => {
                    pods.retain(|pod| object::name(pod) != source.pod.name);
                }
                Err(trouble) => return Err(asked.failed(trouble)),
            }
        }
        if !pods.is_empty() || sources.is_empty() || tries == TRIES {
            break pods;
        }
    };
    let (logs, is_cut) = printed.logs();
    let names: Value = pods.iter().map(object::name).collect();
    let mut output = answer::with(answer::with(answer::empty(), "names", names), "logs", logs);
    if is_cut {
        output.cut.push("logs".to_owned());
    }
    Ok(output)
}

/// The pods that are meant, and whether it is one by its name: otherwise by labels, or those of an object that has pods.
async fn chosen(asked: Asked<'_>) -> Result<(Vec<Value>, bool), Failure> {
    let about = asked::about(asked.cluster, asked.chosen).await?;
    if let About::One(target) = &about
        && target.kind.is("", "Pod")
    {
        let pod = target.read(asked.cluster).await;
        return Ok((vec![pod.map_err(|trouble| asked.failed(trouble))?], true));
    }
    Ok((several(asked, about).await?, false))
}

async fn several(asked: Asked<'_>, about: About) -> Result<Vec<Value>, Failure> {
    match about {
        About::One(target) => pods_of(asked, &target).await,
        About::Some(several) if several.kind.is("", "Pod") => several
            .read(asked.cluster, None)
            .await
            .map_err(|trouble| asked.failed(trouble)),
        About::Some(several) => {
            let mut all = Vec::new();
            let objects = several
                .read(asked.cluster, None)
                .await
                .map_err(|trouble| asked.failed(trouble))?;
            for object in objects {
                all.extend(pods_of(asked, &Target::of(&several.kind, &object)).await?);
            }
            Ok(all)
        }
    }
}

/// The pods of something that has pods.
pub(crate) async fn pods_of(asked: Asked<'_>, target: &Target) -> Result<Vec<Value>, Failure> {
    let found = pods::of(asked.cluster, target).await;
    found.map_err(|trouble| asked.failed(trouble))?.ok_or_else(|| {
        let message = format!("a `{}` has no pods", target.kind.singular);
        Failure::new(ErrorKind::Other, message).about(asked.chosen.value.path())
    })
}

/// The pod in which a program is run for `deployment/web`: one that is ready.
pub(crate) async fn ready_pod(asked: Asked<'_>, target: Target) -> Result<(Target, Value), Failure> {
    if target.kind.is("", "Pod") {
        let pod = target
            .read(asked.cluster)
            .await
            .map_err(|trouble| asked.failed(trouble))?;
        return Ok((target, pod));
    }
    let found = pods_of(asked, &target).await?;
    let pod = pods::ready(found, &target.shown(), None);
    let pod = pod.map_err(|failure| failure.about(asked.chosen.value.path()))?;
    Ok((Target::of(&pods::kind(), &pod), pod))
}

/// The container that is meant, of those that a pod has.
pub(crate) fn container(asked: Asked<'_>, pod: &Value) -> Result<String, Failure> {
    pods::container(pod, asked::text(asked.chosen, "container")?.as_deref())
}

fn sources(asked: Asked<'_>, pods: &[Value]) -> Result<Vec<Source>, Failure> {
    let kind = pods::kind();
    let mut sources = Vec::new();
    for pod in pods {
        let target = Target::of(&kind, pod);
        let names = if asked.chosen.is_on("all_containers") {
            pods::containers(pod)
        } else {
            vec![container(asked, pod)?]
        };
        for container in names {
            let pod = target.clone();
            sources.push(Source { pod, container });
        }
    }
    Ok(sources)
}

/// Passes on what one of them printed. The inner error is that it cannot be read at all.
async fn stream(
    asked: Asked<'_>,
    source: &Source,
    mark: Option<&str>,
    printed: &mut Printed,
) -> Result<Result<(), Trouble>, Failure> {
    let mut ask = source
        .pod
        .ask("get", Some("log"))
        .with("container", source.container.clone());
    if let Some(lines) = asked::integer(asked.chosen, "tail")? {
        ask = ask.with("tailLines", lines.to_string());
    }
    if let Some(since) = asked::duration(asked.chosen, "since")? {
        ask = ask.with("sinceSeconds", since.as_secs().max(1).to_string());
    }
    for key in ["previous", "timestamps"] {
        if asked.chosen.is_on(key) {
            ask = ask.with(key, "true");
        }
    }
    let mut lines = match asked.cluster.read_stream(&ask).await {
        Ok(lines) => lines,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let lost = |_error: std::io::Error| Failure::new(ErrorKind::Unreachable, "the log broke off");
    let mut piece = Vec::new();
    loop {
        piece.clear();
        if let Some(mark) = mark {
            lines.read_until(b'\n', &mut piece).await.map_err(lost)?;
            if !piece.is_empty() {
                piece.splice(0..0, mark.bytes());
            }
        } else {
            piece.resize(PIECE, 0);
            let read = lines.read(&mut piece).await.map_err(lost)?;
            piece.truncate(read);
        }
        if piece.is_empty() {
            return Ok(Ok(()));
        }
        printed.push(Stream::Stdout, &piece);
        asked.call.host.write(Stream::Stdout, &piece).await?;
    }
}

impl Cluster {
    /// Something that is answered piece by piece.
    async fn read_stream(
        &self,
        ask: &Ask,
    ) -> Result<impl futures_util::AsyncBufRead + Unpin + use<>, Trouble> {
        let request = Self::streamed(ask).map_err(Trouble::from_failure)?;
        let client = self.client().await.map_err(Trouble::from_failure)?;
        let stream = client.request_stream(request).await;
        Ok(Box::pin(
            stream.map_err(|error| self.lost_of(&error, &ask.right))?,
        ))
    }

    /// The last lines of a container; nothing where they cannot be had.
    pub(crate) async fn log(&self, pod: &Target, container: &str, previous: bool, lines: usize) -> String {
        let mut ask = pod
            .ask("get", Some("log"))
            .with("container", container)
            .with("tailLines", lines.to_string());
        if previous {
            ask = ask.with("previous", "true");
        }
        let mut text = Vec::new();
        if let Ok(stream) = self.read_stream(&ask).await {
            // What broke off is shown as far as it came.
            let _read = stream.take(64 * 1024).read_to_end(&mut text).await.is_ok();
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}
