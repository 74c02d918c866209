//! Practice systems that can be broken on purpose, embedded in process.
//!
//! A [`Lab`] is one running practice system: an HTTP service with a database behind it, and with the
//! [`Fault`]s that it was started with. It is started with [`start`] and ends with [`Lab::stop`], or by being
//! dropped. What it offers is real: the pool is a bounded `sqlx` pool, its connections are really held, and a
//! request that finds none free really waits. So the repair that a runbook makes is a real one too.
//!
//! There is one system, `codebase-mcp`; [`systems`] is the catalogue.
//!
//! This crate knows nothing of runbooks: it is the other side of the wire.

mod clock;
mod codebase_mcp;
mod directory;
mod error;
mod fault;
mod lab;
mod settings;

pub use error::Error;
pub use fault::{Fault, UnknownFault};
pub use lab::{Lab, start};
pub use settings::{Database, Settings};

/// An entry of the catalogue of practice systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct System {
    /// The name that a user types.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub summary: &'static str,
    /// What can be broken in it.
    pub faults: &'static [Fault],
}

/// Every practice system there is.
#[must_use]
pub const fn systems() -> &'static [System] {
    &[System {
        name: codebase_mcp::NAME,
        summary: "A code search service with a bounded connection pool, on SQLite or PostgreSQL.",
        faults: Fault::ALL,
    }]
}
