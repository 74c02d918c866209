//! One running practice system: its start, its end, and who owns what.
//!
//! One task, the supervisor, owns the service with all its connections and the tasks that work for it. [`Lab`]
//! holds the handle of that task and the directory. So aborting one task ends everything, and connections are
//! dropped inside the runtime that they need.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time;

use crate::codebase_mcp::{self, Prepared};
use crate::directory::Directory;
use crate::{Database, Error, Settings};

/// A stop that takes longer is cut short.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A running practice system. Dropping it ends its tasks and removes its directory.
pub struct Lab {
    url: String,
    database_url: String,
    stop: Option<oneshot::Sender<()>>,
    supervisor: JoinHandle<()>,
    /// Fields are dropped in order: the directory goes last.
    _directory: Option<Directory>,
}

/// Starts the practice system `codebase-mcp`. When this returns it answers, and its faults are in effect.
pub async fn start(settings: Settings) -> Result<Lab, Error> {
    let (directory, database_url) = match &settings.database {
        Database::Sqlite => {
            let directory = Directory::new()?;
            let file = directory.path().join("codebase-mcp.db");
            (Some(directory), format!("sqlite://{}", file.display()))
        }
        Database::Postgres(url) => (None, url.clone()),
    };
    let address = settings
        .listen
        .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let listen = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let url = format!("http://{}", listener.local_addr().map_err(listen)?);
    let prepared = codebase_mcp::prepare(&settings, &database_url).await?;
    let (stop, stopped) = oneshot::channel();
    let supervisor = tokio::spawn(supervise(prepared, listener, stopped));
    Ok(Lab {
        url,
        database_url,
        stop: Some(stop),
        supervisor,
        _directory: directory,
    })
}

impl Lab {
    /// Where the service answers: `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database behind the service: `sqlite:///PATH`, or the URL that was given.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Ends the service, closes its connections and removes its directory.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // A supervisor that is gone already has nothing left to stop.
            let _gone = stop.send(());
        }
        // What did not end in time is aborted by the drop that follows.
        let _late = time::timeout(STOP_TIMEOUT, &mut self.supervisor).await;
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

impl fmt::Debug for Lab {
    /// The database's URL may carry a password and is not shown.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Lab")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

async fn supervise(prepared: Prepared, listener: TcpListener, stopped: oneshot::Receiver<()>) {
    let Prepared { service, work } = prepared;
    // Requests in flight see this sender go, and end.
    let (alive, ending) = watch::channel(());
    let mut tasks = JoinSet::new();
    tasks.spawn(codebase_mcp::serve(Arc::clone(&service), listener, ending));
    for job in work {
        tasks.spawn(job);
    }
    // Both a message and a sender that is gone mean the end.
    let _message = stopped.await;
    drop(alive);
    tasks.shutdown().await;
    service.close().await;
}
