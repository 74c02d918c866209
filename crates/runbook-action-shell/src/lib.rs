//! The actions `shell`, `exec`, `file` and `service` (of hosts), and two places where they run: this machine, and
//! another one by `ssh`.
//!
//! A [`Launch`](launch::Launch) is what is to be started, read from the parameters; [`run`](run::run) has a place start
//! it and attends to it: its outputs, its end, and the engine's wish that it stop. What it printed becomes the
//! result in [`output`]. [`local`] starts programs here, in process groups of their own; [`ssh`] has a shell elsewhere
//! start them, which is told by its standard input what to run (the crate `runbook-remote`, to which [`carried`] brings it), as does `sudo` for another user.
//! [`settle`](settle::settle) looks for what a crash of this program left running.
//!
//! No value becomes code. The text of `shell` is literal, and values reach it as environment variables; each
//! argument of `exec` is one argument, whatever is in it. This crate does not read the process's environment:
//! the command line takes one snapshot of it, the [`Environment`].

mod carried;
mod child;
mod environment;
mod exec;
mod file;
mod group;
mod launch;
mod local;
mod output;
mod permission;
mod process;
mod program;
mod run;
mod service;
mod settle;
mod shell;
mod spec;
mod ssh;
mod start;
mod sudo;

pub use environment::Environment;
pub use exec::Exec;
pub use file::File;
pub use local::Local;
pub use service::{LocalServices, Systemd};
pub use shell::Shell;
pub use ssh::Ssh;
