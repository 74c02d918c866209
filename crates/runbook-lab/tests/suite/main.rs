//! The practice systems against the real thing: HTTP over a socket, SQLite in a file, PostgreSQL in a cluster of
//! the test's own.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails where it is")]

mod catalogue;
mod client;
mod http;
mod postgres;
mod sqlite;
