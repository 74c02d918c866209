//! The action `sql`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use runbook_action::{
    Action, Args, Call, Connection, Effect, ErrorKind, Failure, Handle, Inverse, Kind, Output, Param,
    Preview, Recognised, Settled, Spec, Undoing, async_trait,
};

use crate::address::{Address, Database};
use crate::failure::Place;
use crate::job::Job;
use crate::statement::{Statement, Values};
use crate::tls::Tls;
use crate::{file, mysql, postgres, preview, spec, sqlite};

/// The action `sql`: a statement and its rows.
#[derive(Debug, Default)]
pub struct Sql {
    root: PathBuf,
    servers: Mutex<HashMap<Key, Server>>,
}

/// A connection is kept by its name, its URL and how it is encrypted.
type Key = (String, String, Option<Tls>);

#[derive(Debug, Clone)]
enum Server {
    Postgres(Arc<postgres::Server>),
    Mysql(Arc<mysql::Server>),
    Sqlite(Arc<sqlite::File>),
}

impl Server {
    /// Where it is, for messages.
    fn place<'a>(&self, call: Call<'a>) -> Place<'a> {
        let shown = match self {
            Self::Postgres(server) => server.shown(),
            Self::Mysql(server) => server.shown(),
            Self::Sqlite(file) => file.shown(),
        };
        Place {
            shown: call.mask(&shown),
            call,
        }
    }
}

impl Sql {
    /// Relative names of SQLite files start at `root`, the project's root.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            servers: Mutex::default(),
        }
    }

    /// What it takes to run statements.
    async fn ready<'a>(
        &self,
        call: Call<'a>,
        statement: &'a Statement<'a>,
        values: Values,
    ) -> Result<(Server, Job<'a>), Failure> {
        let connection = call.connection.ok_or_else(unconnected)?;
        let address = Address::read(connection, &self.root).await?;
        if address.kind == Database::Sqlite && call.transport.is_some() {
            let failure = Failure::new(
                ErrorKind::Other,
                "a file of SQLite is not reached through a connection",
            );
            return Err(failure
                .about(format!("connections.{}.sql", connection.name))
                .help("leave out `via`, or run `sqlite3` there with `exec`"));
        }
        let server = self.server(connection, &address)?;
        let job = Job {
            statement,
            values,
            limit: address
                .statement_timeout
                .into_iter()
                .chain(call.host.remaining())
                .min(),
            read_only: address.read_only,
            call,
            place: server.place(call),
        };
        Ok((server, job))
    }

    /// The server behind this connection, which is known from the last statement or made now.
    fn server(&self, connection: &Connection, address: &Address) -> Result<Server, Failure> {
        let key = (connection.name.clone(), address.url.clone(), address.tls.clone());
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = servers.get(&key) {
            return Ok(server.clone());
        }
        let server = match address.kind {
            Database::Postgres => {
                let server = postgres::Server::at(&address.url, address.tls.as_ref());
                server.map(|server| Server::Postgres(Arc::new(server)))
            }
            Database::Mysql => {
                let server = mysql::Server::at(&address.url, address.tls.as_ref());
                server.map(|server| Server::Mysql(Arc::new(server)))
            }
            Database::Sqlite => {
                sqlite::File::at(&address.url, &self.root).map(|file| Server::Sqlite(Arc::new(file)))
            }
        };
        // The error of the parser may repeat the URL, and with it the password.
        let server = server.ok_or_else(|| {
            Failure::new(ErrorKind::Other, "is not the URL of a database")
                .about(format!("connections.{}.sql", connection.name))
        })?;
        servers.insert(key, server.clone());
        Ok(server)
    }
}

impl Kind for Sql {
    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        if let Some(file) = file::named(&Args::new(params))? {
            return Ok(Recognised {
                // What is not read here is taken for the worst, as what does not parse.
                effect: Effect::Destructive,
                certain: false,
                summary: format!("the statements in {file}"),
                undoing: Undoing::ByAuthor,
            });
        }
        let statement = Statement::read(params)?;
        Ok(Recognised {
            effect: statement.analysis.effect,
            certain: statement.analysis.certain,
            summary: statement.summary(),
            undoing: statement.undoing(),
        })
    }
}

#[async_trait]
impl Action for Sql {
    fn carriers(&self) -> &'static [&'static str] {
        spec::THROUGH
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let statement = match file::named(&Args::new(call.params))? {
            Some(path) => Statement::of_file(call.params, &file::read(&self.root, path).await?)?,
            None => Statement::read(call.params)?,
        };
        let values = statement.values()?;
        let (server, job) = self.ready(call, &statement, values).await?;
        match server {
            Server::Postgres(server) => server.run(&job).await,
            Server::Mysql(server) => server.run(&job).await,
            Server::Sqlite(file) => file.run(&job).await,
        }
    }

    /// What only reads is asked and not previewed. The statements are tried in a transaction that is taken back, or only
    /// prepared: [`preview`](crate::preview) says when.
    async fn preview(&self, call: Call<'_>) -> Result<Option<Preview>, Failure> {
        let statement = match file::named(&Args::new(call.params))? {
            Some(path) => Statement::of_file(call.params, &file::read(&self.root, path).await?)?,
            None => Statement::read(call.params)?,
        };
        if statement.analysis.only_reads() {
            return Ok(None);
        }
        let values = statement.values()?;
        let (server, mut job) = self.ready(call, &statement, values).await?;
        job.limit = job.limit.into_iter().chain([preview::LIMIT]).min();
        let preview = match server {
            Server::Postgres(server) => server.preview(&job).await,
            Server::Mysql(server) => server.preview(&job).await,
            Server::Sqlite(file) => file.preview(&job).await,
        };
        // Whatever went wrong, nothing was to stay.
        preview.map_err(|failure| Failure {
            may_have_applied: false,
            ..failure
        })
    }

    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        if file::named(&Args::new(call.params))?.is_some() {
            return Ok(None);
        }
        let statement = Statement::read(call.params)?;
        let Some(setting) = statement.setting() else {
            return Ok(None);
        };
        let (server, job) = self.ready(call, &statement, Values::new()).await?;
        match server {
            Server::Postgres(server) => server.keep(&job, &setting).await.map(Some),
            Server::Mysql(_) | Server::Sqlite(_) => Ok(None),
        }
    }

    async fn undo(&self, call: Call<'_>, inverse: &Inverse) -> Result<Output, Failure> {
        let by_hand = || {
            Failure::new(ErrorKind::Other, "this statement cannot be undone by itself")
                .help("undo it by hand")
        };
        let statement = Statement::read(call.params)?;
        let setting = statement.setting().ok_or_else(by_hand)?;
        let (server, job) = self.ready(call, &statement, Values::new()).await?;
        match server {
            Server::Postgres(server) => server.put_back(&job, &setting, inverse).await,
            Server::Mysql(_) | Server::Sqlite(_) => Err(by_hand()),
        }
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        let is_known = |handle: &Handle| {
            postgres::backend::Backend::recorded(handle).is_some()
                || mysql::session::Marker::recorded(handle).is_some()
        };
        if !handles.iter().any(is_known) {
            return Ok(Settled::Nothing);
        }
        let connection = call.connection.ok_or_else(unconnected)?;
        let address = Address::read(connection, &self.root).await?;
        let server = self.server(connection, &address)?;
        let place = server.place(call);
        match server {
            Server::Postgres(server) => server.settle(handles, call, &place).await,
            Server::Mysql(server) => server.settle(handles, call, &place).await,
            // It runs in this program, and ended with it.
            Server::Sqlite(_) => Ok(Settled::Nothing),
        }
    }
}

fn unconnected() -> Failure {
    Failure::new(ErrorKind::Other, "needs a connection to a database")
}
