//! The suite of the program: every test starts the built binary in a project of its own and looks at what it
//! leaves behind: its exit code, its two outputs, the run's directory.
//!
//! One file a topic. What they share is [`harness`]; whole runbooks are folders under `tests/cases/`.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test ends where what it counts on is not so"
)]

mod author;
mod base;
mod book;
mod bounds;
mod broken;
mod check;
mod codesage;
mod commands;
mod composing;
mod containers;
mod describe;
mod editors;
mod elsewhere;
mod examples;
mod filled;
mod fmt;
mod formats;
mod hangup;
mod harness;
mod hostile;
mod hub;
mod in_ci;
mod incident;
mod journal;
mod keeping;
mod killed;
mod kubectl;
mod left_out;
mod list;
mod locks;
mod notes;
mod orphans;
mod pages;
mod people;
mod plan;
mod planned;
mod plugins;
mod pods;
mod ports;
mod postgres;
mod production;
mod projects;
mod prometheus;
mod rbac;
mod readme;
mod refused;
mod resume;
mod review;
mod robust;
mod runbooks;
mod running;
mod schemas;
mod secret_sources;
mod secrets;
mod signals;
mod site;
mod stand_in;
mod stats;
mod through;
mod timeline;
mod undone_later;
mod vouching;
mod watch;
