//! The action `sql`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runbook_action::{
    Action, Args, Call, Connection, Effect, ErrorKind, Failure, Handle, Kind, Lack, Output, Param,
    Recognised, Settled, Spec, Undoing, async_trait,
};

use crate::address::{Address, Database};
use crate::bind::Bound;
use crate::failure::Place;
use crate::postgres::backend::Backend;
use crate::statement::Statement;
use crate::{postgres, spec, sqlite};

/// The action `sql`: a statement and its rows.
#[derive(Debug, Default)]
pub struct Sql {
    root: PathBuf,
    servers: Mutex<HashMap<Key, Server>>,
}

/// A connection is kept by its name and URL.
type Key = (String, String);

#[derive(Debug, Clone)]
enum Server {
    Postgres(Arc<postgres::Server>),
    Sqlite(Arc<sqlite::File>),
}

/// One statement, ready to be run.
pub(crate) struct Job<'a> {
    pub(crate) statement: &'a Statement<'a>,
    pub(crate) values: Vec<(&'a str, Bound)>,
    /// How long it may take.
    pub(crate) limit: Option<Duration>,
    pub(crate) read_only: bool,
    pub(crate) call: Call<'a>,
    pub(crate) place: Place<'a>,
}

impl Job<'_> {
    /// Whether it is part of a transaction that is ended here.
    pub(crate) fn needs_transaction(&self) -> bool {
        self.read_only || self.statement.max_rows.is_some()
    }

    /// Refuses to have changed more rows than it may.
    pub(crate) fn is_within(&self, affected: u64) -> Result<(), Failure> {
        match self.statement.max_rows {
            Some(max) if affected > max => Err(Failure::new(
                ErrorKind::Other,
                format!(
                    "would have changed {affected} rows where at most {max} were expected; it was rolled back"
                ),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// That it was stopped.
    pub(crate) fn cancelled(&self) -> Failure {
        let failure = Failure::new(ErrorKind::Cancelled, "the statement was stopped before it ended");
        if self.statement.analysis.only_reads() {
            failure
        } else {
            failure.maybe_applied()
        }
    }

    /// A failure of its execution.
    pub(crate) fn failed(&self, error: &sqlx::Error) -> Failure {
        self.place.failed(error, self.statement.analysis.only_reads())
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

    /// The server behind this connection, which is known from the last statement or made now.
    fn server(&self, connection: &Connection, address: &Address) -> Result<Server, Failure> {
        let key = (connection.name.clone(), address.url.clone());
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = servers.get(&key) {
            return Ok(server.clone());
        }
        let server = match address.kind {
            Database::Postgres => {
                postgres::Server::at(&address.url).map(|server| Server::Postgres(Arc::new(server)))
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
        if let Some(file) = file(&Args::new(params))? {
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

/// The file that holds the statements, where they are not written here.
fn file<'a>(args: &Args<'a>) -> Result<Option<&'a str>, Failure> {
    let Some(file) = args.get("file") else {
        return Ok(None);
    };
    if args.get("query").is_some() {
        return Err(file.wrong("stands beside `query`, and one of them is enough"));
    }
    if let Some(max) = args.get("max_rows") {
        return Err(max.wrong("only the rows of one statement can be counted, and a file may hold more"));
    }
    if let Some(bind) = args.get("bind") {
        bind.entries()?;
    }
    let path = file.literal()?;
    if path.trim().is_empty() {
        return Err(file.wrong("names no file"));
    }
    Ok(Some(path))
}

#[async_trait]
impl Action for Sql {
    fn lacks(&self, params: &Param, connection: Option<(&str, &Param)>) -> Vec<Lack> {
        spec::lacks(params, connection.map(|(_, params)| params))
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        Lack::refuse(spec::lacks(call.params, None))?;
        let statement = Statement::read(call.params)?;
        let values = statement.values()?;
        let connection = call.connection.ok_or_else(unconnected)?;
        let address = Address::read(connection)?;
        Lack::refuse(spec::lacks(call.params, Some(&connection.params)))?;
        let server = self.server(connection, &address)?;
        let shown = match &server {
            Server::Postgres(server) => server.shown(),
            Server::Sqlite(file) => file.shown(),
        };
        let job = Job {
            statement: &statement,
            values,
            limit: address
                .statement_timeout
                .into_iter()
                .chain(call.host.remaining())
                .min(),
            read_only: address.read_only,
            call,
            place: Place {
                shown: call.mask(&shown),
                call,
            },
        };
        match server {
            Server::Postgres(server) => server.run(&job).await,
            Server::Sqlite(file) => file.run(&job).await,
        }
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        let backends: Vec<Backend> = handles.iter().filter_map(Backend::recorded).collect();
        if backends.is_empty() {
            return Ok(Settled::Nothing);
        }
        let connection = call.connection.ok_or_else(unconnected)?;
        let address = Address::read(connection)?;
        match self.server(connection, &address)? {
            Server::Postgres(server) => {
                let place = Place {
                    shown: call.mask(&server.shown()),
                    call,
                };
                server.settle(&backends, call, &place).await
            }
            // It runs in this program, and ended with it.
            Server::Sqlite(_) => Ok(Settled::Nothing),
        }
    }
}

fn unconnected() -> Failure {
    Failure::new(ErrorKind::Other, "needs a connection to a database")
}
