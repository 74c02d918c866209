//! The commands, one file each.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod exec;
pub(crate) mod lab;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod show;
pub(crate) mod verify;
