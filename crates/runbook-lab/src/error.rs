//! Why a practice system did not start.

use std::io;
use std::net::SocketAddr;

/// Why a practice system did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory of the SQLite database could not be made.
    #[error("cannot make a temporary directory")]
    Directory(#[source] io::Error),
    /// The URL of the database cannot be read.
    #[error("cannot read the URL of the database")]
    Url(#[source] sqlx::Error),
    /// The database did not do what the system needs before it can serve.
    #[error("the database failed to {task}")]
    Database {
        /// What it was asked for.
        task: &'static str,
        /// What it answered.
        #[source]
        source: sqlx::Error,
    },
    /// The pool cannot have that size.
    #[error("a pool of {0} connections is outside 1 to 500")]
    PoolSize(u32),
    /// More connections were to be held than the pool has.
    #[error("{wanted} connections do not fit into a pool of {pool_size}")]
    PoolTooSmall {
        /// Leaked and busy ones together.
        wanted: u32,
        /// The limit of the pool.
        pool_size: u32,
    },
    /// More connections were to be held than the database server has left.
    #[error("{wanted} connections do not fit into the {free} that the database server has left")]
    ServerTooFull {
        /// Leaked and busy ones together.
        wanted: u32,
        /// What the server has left for this user.
        free: u32,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn database(task: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { task, source }
    }
}
