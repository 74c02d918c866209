//! The action `sql`: statements and their rows, on PostgreSQL, `MySQL`, MariaDB and SQLite.
//!
//! A [`Statement`](statement::Statement) is what is to be run, read from the parameters: the author's text with
//! its `:name` binds numbered ([`token`] knows where those are and where not), and their values. [`effect`] tells
//! from the text what it would do. [`transact`] decides which [`part`]s of it belong together, [`postgres`], [`mysql`]
//! and [`sqlite`] run each on a connection from a [`Reserve`](reserve::Reserve), and give [`rows`] whose values keep
//! every digit. [`preview`] finds out what they would change. [`failure`] turns errors into the kinds that a runbook can ask for.
//!
//! A value is bound, never pasted. Where a statement takes no parameters it may be one literal or one name, which
//! [`Query`](query::Query) holds it to. The text becomes SQL at one place, [`Statement::sql`](statement::Statement::sql).

mod action;
mod address;
mod bind;
mod effect;
mod failure;
mod file;
mod function;
mod garbled;
mod job;
mod mysql;
mod notice;
mod part;
mod postgres;
mod preview;
mod query;
mod relay;
mod reserve;
mod rows;
mod spec;
mod sqlite;
mod statement;
mod tls;
mod token;
mod transact;

pub use action::Sql;
