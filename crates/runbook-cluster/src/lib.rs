//! A Kubernetes cluster in process.
//!
//! ```
//! let cluster = runbook_cluster::Cluster::start().expect("a port is free");
//! let kubeconfig = cluster.kubeconfig("admin");
//! assert!(kubeconfig.contains("https://127.0.0.1:"));
//! ```
//!
//! A [`Cluster`] speaks the real protocol on a port of 127.0.0.1: discovery, watching, the types of patches, dry runs,
//! subresources. What it keeps is in memory, and ends with it. It is at least as strict as the real thing: what works
//! here is to work there.

mod api;
mod clock;
mod cluster;
mod controllers;
mod failure;
mod kinds;
pub mod kubelet;
mod object;
mod patch;
mod rules;
mod schema;
mod server;
mod shared;
mod store;
mod streams;
mod usage;

pub use api::{Changes, Fault, Faulty, Objects};
pub use cluster::{Cluster, Error, Settings};
pub use failure::{Cause, Failure};
pub use kinds::{Custom, Kind, Scale};
pub use object::{Fields, escape};
pub use rules::{Admission, Verdict, Webhook};
pub use streams::{Asked, Body, Stream, Streams};
