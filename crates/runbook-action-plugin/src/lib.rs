//! The action `uses`: a program of somebody else that does what an action does.
//!
//! A plugin is a program `runbook-action-NAME`. What it accepts and what it would do stands in its
//! [`Descriptor`], which it is asked for once, when a person pins it: then descriptor and digest go into the project's
//! [`Lock`]. So checking and planning start no program, and a program that is not the one that was pinned is not run.
//!
//! [`talk`] starts the program and speaks with it in lines of JSON, whose forms are in [`message`]. [`Uses`] is the
//! action over it: it finds the program ([`place`]), compares the digest, and passes on what is said.

mod action;
mod descriptor;
mod lock;
mod message;
mod params;
mod place;
mod program;
mod talk;

pub use action::{Uses, describe};
pub use descriptor::Descriptor;
pub use lock::{Lock, Pin, WrongLock};
pub use place::{Place, Places, digest};

/// The version of the protocol that this version of the program speaks.
pub const PROTOCOL: u64 = 1;

/// What the name of a plugin's program begins with.
pub const PREFIX: &str = "runbook-action-";
