//! The cluster against kubectl, which knows nothing of it.

mod kubectl;
mod kubelet;
mod kubelet_client;
mod kubelet_ends;
mod kubelet_failures;
mod kubelet_streams;
mod nodes;
mod pods;
mod reading;
mod rollouts;
