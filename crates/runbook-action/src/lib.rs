//! The contract between the engine and its actions: all that a plugin author imports.
//!
//! An [`Action`] is one way to touch the world: run a program, ask a URL, send a statement. It says what it
//! accepts ([`Spec`]), what a given set of parameters would do ([`Kind::recognise`], pure), and does it
//! ([`Action::run`]). It is handed a [`Call`] with rendered parameters, and speaks back through the [`Host`]:
//! output goes there as it arrives, and cancellation comes from there.
//!
//! Before anything is decided it may tell what it would change ([`Action::preview`], a [`Preview`]).
//!
//! It may also keep what it is about to change ([`Action::prepare`], an [`Inverse`]) and put it back
//! ([`Action::undo`]); and what it starts outside of this program it tells as a [`Handle`], so that a run that is
//! resumed after a crash can see to it that nothing of it goes on ([`Action::settle`]).
//!
//! Where programs run is a [`Transport`]: this machine, another one, a container. An action is handed the one that its
//! connection leads to, and does not know which it is.
//!
//! Parameters arrive as [`Param`]s whose texts are kept in [`Segment`]s, so that an action can tell what the
//! author wrote from what a value brought, and a secret stays one until the last moment.
//!
//! One action has several back ends, each in a crate of its own: [`service`] holds what they share.
//!
//! This crate knows no runtime, no file system, no clock and no engine.

mod action;
mod failure;
mod handle;
mod inverse;
mod mask;
mod param;
mod preview;
mod secret;
pub mod service;
mod transport;
mod verb;

pub use action::{
    Action, Call, Connection, ConnectionNeed, ConnectionSpec, Effect, Host, Kind, Lack, Output, Recognised,
    Spec, Stream, Undoing, Via,
};
pub use async_trait::async_trait;
pub use failure::{ErrorKind, Failure};
pub use handle::{Handle, Settled};
pub use inverse::Inverse;
pub use param::{Args, Param, Segment, Text};
pub use preview::{Mark, Preview, PreviewLine, Sounding};
pub use runbook_schema as schema;
pub use secret::Secret;
pub use transport::{
    Chunk, Command, End, Ended, Endpoint, Forward, Inherit, Opening, PLACES, Process, Transport,
    TransportKind,
};
pub use verb::{Chosen, Need, Verb};
