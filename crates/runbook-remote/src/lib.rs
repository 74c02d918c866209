//! Programs that a shell elsewhere starts: on another machine, as another user, in a pod.
//!
//! What differs between those places is how bytes get to a shell there, which is [`Pipes`], and what is to be said and
//! done beside that, which is a [`Carrier`]. All else is here: what that shell is told through its standard input, so that
//! no value is part of a command line ([`told`]), what it answers ([`Sent`]), and how what a crash left is found
//! ([`settle`]).

mod end;
mod sent;
mod settle;
mod sudo;
mod told;
mod words;

pub use end::signal_of;
pub use sent::{Carrier, Pipes, Sent, typed};
pub use settle::{identity, settle};
pub use sudo::{as_user, not_as_user};
pub use told::{BOOT, boot_in_terminal};
pub use words::{is_name, quoted};
