//! A container as a place where programs run, and from where ports are reached.

use std::fmt;
use std::sync::Arc;

use runbook_action::{
    Call, Command, Connection, Endpoint, ErrorKind, Failure, Forward, Handle, Opening, Process, Settled,
    Transport, TransportKind, async_trait,
};

use crate::access::Address;
use crate::engine::Engine;
use crate::execution::{self, Execution, Marked};
use crate::project::Project;
use crate::settings::Environment;
use crate::{look, settle, way};

/// Makes places of connections of kind `container`.
#[derive(Debug, Clone, Default)]
pub struct Containers {
    around: Environment,
}

impl Containers {
    /// Opens nothing yet.
    #[must_use]
    pub const fn new(around: Environment) -> Self {
        Self { around }
    }
}

#[async_trait]
impl TransportKind for Containers {
    fn serves(&self) -> &'static [&'static str] {
        &["container"]
    }

    async fn open(&self, opening: Opening<'_>) -> Result<Arc<dyn Transport>, Failure> {
        let args = opening.connection.args();
        let name = args.require("container")?.text()?.reveal();
        let index = match args.get("index") {
            Some(index) => index
                .text()?
                .reveal()
                .parse()
                .map_err(|_| index.wrong("expected a whole number of at least 1"))?,
            None => 1,
        };
        let user = args.get("user").map(|user| user.text()).transpose()?;
        let via = opening.via.ok_or_else(|| args.wrong("goes through no engine"))?;
        let project = match via.params.get("compose") {
            Some(_) => Some(Project::read(via, &self.around)?),
            None => None,
        };
        let of = if project.is_some() {
            opening.behind
        } else {
            Some(via)
        };
        let engine = engine(of, opening.through.as_deref(), &self.around).await?;
        // What its containers reach is reached from its machine.
        let through = opening.through.or_else(|| engine.machine.clone());
        Ok(Arc::new(Place {
            inner: Arc::new(Inner {
                engine,
                name,
                index,
                user: user.map(|user| user.reveal()),
                project,
                through,
            }),
        }))
    }
}

/// The engine of a connection, or the one that people mean when they name none.
pub(crate) async fn engine(
    connection: Option<&Connection>,
    through: Option<&dyn Transport>,
    around: &Environment,
) -> Result<Engine, Failure> {
    match connection.filter(|connection| connection.params.get("docker").is_some()) {
        Some(connection) => Engine::of_connection(connection, through, around).await,
        // On another machine this one's environment says nothing.
        None if through.is_some() => {
            Engine::at(&Address::usual(&Environment::default())?, through, around).await
        }
        None => Engine::at(&Address::usual(around)?, None, around).await,
    }
}

/// A container, or one of a service.
pub(crate) struct Inner {
    pub(crate) engine: Engine,
    name: String,
    index: u32,
    user: Option<String>,
    project: Option<Project>,
    pub(crate) through: Option<Arc<dyn Transport>>,
}

impl Inner {
    /// The container as it is now: that of a service may have been made anew.
    pub(crate) async fn container(&self) -> Result<String, Failure> {
        match &self.project {
            None => Ok(self.name.clone()),
            Some(project) => Ok(project.member(&self.engine, &self.name, self.index).await?.id),
        }
    }

    pub(crate) fn shown(&self) -> String {
        match &self.project {
            None => format!("container `{}`", self.name),
            Some(_) => format!("service `{}`", self.name),
        }
    }
}

struct Place {
    inner: Arc<Inner>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Container")
            .field("name", &self.inner.name)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for Place {
    fn place(&self) -> String {
        self.inner.shown()
    }

    async fn spawn(&self, command: &Command) -> Result<Box<dyn Process>, Failure> {
        let container = self.inner.container().await?;
        let mut command = command.clone();
        if command.user.is_none() {
            command.user.clone_from(&self.inner.user);
        }
        let started = Execution::start(&self.inner.engine, &container, &command).await?;
        Ok(Box::new(started))
    }

    async fn forward(&self, to: &Endpoint) -> Result<Box<dyn Forward>, Failure> {
        let Endpoint::Tcp { host, port } = to else {
            let failure = Failure::new(
                ErrorKind::Other,
                "a socket in a container cannot be reached from here",
            );
            return Err(failure.help("use a port of it"));
        };
        // It must be there now; where it is, is looked up again for each connection.
        let container = self.inner.container().await?;
        let looked = look::inspect(&self.inner.engine, &container).await?;
        if !look::is_running(&looked) {
            let message = format!("{} is {}", self.inner.shown(), look::status(&looked));
            return Err(Failure::new(ErrorKind::Conflict, message).help("start it before"));
        }
        Ok(Box::new(
            way::open(Arc::clone(&self.inner), host.clone(), *port).await?,
        ))
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        let engine = &self.inner.engine;
        let mut settled = Settled::Nothing;
        for handle in handles {
            if handle.what == execution::HANDLE && settle::end_program(engine, handle).await? {
                settled = Settled::Ended;
            }
        }
        // What was started so shortly before the crash that nobody wrote it down.
        let beginning = execution::beginning(|name| Some(call.env.get(name)?.reveal()));
        if let (Some(mark), Ok(container)) = (beginning, self.inner.container().await) {
            let marked = Marked {
                container,
                mark,
                user: self.inner.user.clone(),
            };
            if marked.signal(engine, "TERM").await.is_some_and(|count| count > 0) {
                let _gone = marked.kill(engine).await;
                settled = Settled::Ended;
            }
        }
        Ok(settled)
    }
}
