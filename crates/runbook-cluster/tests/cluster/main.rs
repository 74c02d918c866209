//! The cluster against kubectl, which knows nothing of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod access;
mod kubectl;
mod kubelet;
mod kubelet_client;
mod kubelet_ends;
mod kubelet_failures;
mod kubelet_rollouts;
mod kubelet_streams;
mod nodes;
mod pods;
mod reading;
mod rollouts;
mod services;
mod writing;
