//! The action `sql`: a statement and its rows, on PostgreSQL and SQLite.
//!
//! A [`Statement`](statement::Statement) is what is to be run, read from the parameters: the author's text with
//! its `:name` binds numbered ([`token`] knows where those are and where not), and their values. [`effect`] tells
//! from the text what it would do. [`postgres`] and [`sqlite`] run it on a connection from a
//! [`Reserve`](reserve::Reserve), and give [`rows`] whose values keep every digit. [`failure`] turns errors into the
//! kinds that a runbook can ask for.
//!
//! A value is bound, never pasted. Where a statement takes no parameters it may be one literal or one name, which
//! [`Query`](query::Query) holds it to. The text becomes SQL at one place, [`Statement::sql`](statement::Statement::sql).

mod action;
mod address;
mod bind;
mod effect;
mod failure;
mod function;
mod postgres;
mod query;
mod reserve;
mod rows;
mod spec;
mod sqlite;
mod statement;
mod token;

pub use action::Sql;
