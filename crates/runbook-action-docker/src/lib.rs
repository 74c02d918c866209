//! The actions `docker` and `compose`: one verb on containers, or on the services of a project.
//!
//! What may be asked is a table of verbs ([`verb`]) and one of parameters ([`docker`], [`compose`], with what both have
//! in [`part`]); [`recognise`] reads a use of them and tells what it would do.
//!
//! [`access`] finds out where an engine is, and an [`Engine`](engine::Engine) speaks with it, in the version that both
//! know. What each verb of `docker` does is in [`verbs`]. A program in a container is an
//! [`Execution`](execution::Execution), one that has a container of its own is [`Launched`](launched::Launched); both
//! are attended to by [`attend`]. [`trouble`] turns errors into the kinds that a runbook can ask for.
//!
//! This crate does not read the process's environment: the command line takes one snapshot of it, the [`Environment`].

mod access;
mod action;
mod answer;
mod asked;
mod attend;
mod compose;
mod composing;
mod connection;
mod credentials;
mod docker;
mod engine;
mod execution;
mod inverse;
mod launch;
mod launched;
mod look;
mod part;
mod place;
mod preview;
mod printed;
mod project;
mod recognise;
mod settings;
mod settle;
mod trouble;
mod verb;
mod verbs;
mod volumes;
mod way;

pub use action::Docker;
pub use composing::{Compose, Services};
pub use place::Containers;
pub use settings::{Environment, Places};
