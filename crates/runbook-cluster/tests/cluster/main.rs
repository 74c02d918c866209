//! The cluster against kubectl, which knows nothing of it.

mod kubectl;
mod nodes;
mod reading;
mod rollouts;
