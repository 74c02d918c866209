//! A container that a step has made and waits for, as a program.

use std::fmt;
use std::pin::Pin;

use bollard::container::LogOutput;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, KillContainerOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures_util::{Stream as Pieces, StreamExt as _};
use runbook_action::{Chunk, End, Failure, Handle, Process, Stream, async_trait};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{sleep, timeout};

use crate::attend::{POLL, end_of};
use crate::engine::Engine;
use crate::look;

/// What a handle of this module is.
pub(crate) const HANDLE: &str = "container";

/// A container that a step waits for.
pub(crate) struct Launched {
    engine: Engine,
    id: String,
    /// Whether it stays when it has ended.
    keep: bool,
    output: Pin<Box<dyn Pieces<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    input: Option<tokio::task::JoinHandle<()>>,
    shown: Option<LogOutput>,
    is_done: bool,
}

/// How a container is found again after a crash.
pub(crate) fn handle(id: &str, keep: bool) -> Handle {
    Handle {
        what: HANDLE.to_owned(),
        data: json!({ "id": id, "keep": keep }),
    }
}

impl Launched {
    /// Listens to a container that was made, and starts it.
    pub(crate) async fn start(
        engine: &Engine,
        id: &str,
        keep: bool,
        stdin: Option<Vec<u8>>,
    ) -> Result<Self, Failure> {
        let options = AttachContainerOptionsBuilder::new()
            .stream(true)
            .stdin(stdin.is_some())
            .stdout(true)
            .stderr(true)
            .build();
        let attached = engine.docker.attach_container(id, Some(options)).await;
        let mut attached = attached.map_err(|error| engine.failure(&error))?;
        let started = engine.docker.start_container(id, None).await;
        started.map_err(|error| engine.failure(&error))?;
        let input = stdin.map(|bytes| {
            tokio::spawn(async move {
                if attached.input.write_all(&bytes).await.is_ok() {
                    drop(attached.input.shutdown().await);
                }
            })
        });
        Ok(Self {
            engine: engine.clone(),
            id: id.to_owned(),
            keep,
            output: attached.output,
            input,
            shown: None,
            is_done: false,
        })
    }
}

/// Removes a container, whatever it does.
pub(crate) async fn remove(engine: &Engine, id: &str) -> Result<(), Failure> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match engine.docker.remove_container(id, Some(options)).await {
        Ok(()) => Ok(()),
        Err(error) if crate::trouble::is_missing(&error) => Ok(()),
        Err(error) => Err(engine.failure(&error)),
    }
}

#[async_trait]
impl Process for Launched {
    fn handle(&self) -> Option<Handle> {
        // It was recorded when it was made, before it ran.
        None
    }

    async fn next(&mut self) -> Result<Option<Chunk<'_>>, Failure> {
        loop {
            match self.output.next().await {
                Some(Ok(piece)) if piece.as_ref().is_empty() => {}
                Some(Ok(piece)) => {
                    let piece = self.shown.insert(piece);
                    let stream = match piece {
                        LogOutput::StdErr { .. } => Stream::Stderr,
                        LogOutput::StdOut { .. } | LogOutput::StdIn { .. } | LogOutput::Console { .. } => {
                            Stream::Stdout
                        }
                    };
                    return Ok(Some(Chunk {
                        stream,
                        bytes: self.shown.as_ref().map(AsRef::as_ref).unwrap_or_default(),
                    }));
                }
                Some(Err(error)) => return Err(self.engine.failure(&error)),
                None => return Ok(None),
            }
        }
    }

    async fn wait(&mut self) -> Result<End, Failure> {
        loop {
            let looked = look::inspect(&self.engine, &self.id).await?;
            let state = looked.state.clone().unwrap_or_default();
            let is_up = look::is_running(&looked) || state.restarting == Some(true);
            if !is_up {
                let end = end_of(state.exit_code.unwrap_or(-1));
                self.is_done = true;
                if !self.keep {
                    remove(&self.engine, &self.id).await?;
                }
                return Ok(end);
            }
            sleep(POLL).await;
        }
    }

    async fn terminate(&mut self) {
        let options = KillContainerOptionsBuilder::new().signal("TERM").build();
        let _sent = self
            .engine
            .docker
            .kill_container(&self.id, Some(options))
            .await
            .is_ok();
    }

    async fn kill(&mut self) {
        if let Some(input) = self.input.take() {
            input.abort();
        }
        self.is_done = true;
        if self.keep {
            let options = KillContainerOptionsBuilder::new().signal("KILL").build();
            let _sent = self
                .engine
                .docker
                .kill_container(&self.id, Some(options))
                .await
                .is_ok();
        } else {
            let _removed = remove(&self.engine, &self.id).await.is_ok();
        }
    }

    async fn gone(&mut self) {
        let (engine, id) = (self.engine.clone(), self.id.clone());
        while look::inspect(&engine, &id)
            .await
            .is_ok_and(|container| look::is_running(&container))
        {
            sleep(POLL).await;
        }
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        if let Some(input) = self.input.take() {
            input.abort();
        }
        if self.is_done {
            return;
        }
        let (engine, id, keep) = (self.engine.clone(), self.id.clone(), self.keep);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(async move {
                let ended = async {
                    if keep {
                        let options = KillContainerOptionsBuilder::new().signal("KILL").build();
                        let _sent = engine.docker.kill_container(&id, Some(options)).await.is_ok();
                    } else {
                        let _removed = remove(&engine, &id).await.is_ok();
                    }
                };
                let _in_time = timeout(std::time::Duration::from_mins(1), ended).await.is_ok();
            }));
        }
    }
}

impl fmt::Debug for Launched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launched")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
