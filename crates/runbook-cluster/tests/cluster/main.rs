//! The cluster against kubectl, which knows nothing of it.

mod access;
mod kubectl;
mod nodes;
mod reading;
mod rollouts;
mod writing;
