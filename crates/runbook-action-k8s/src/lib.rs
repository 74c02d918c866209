//! The action `k8s`: one verb on objects of a Kubernetes cluster.
//!
//! What may be asked is a table of verbs ([`verb`]) and one of parameters ([`spec`]); [`recognise`] reads a use of
//! them and tells what it would do. [`reference`] reads what a verb is about, `deployment/web` or `pods` with a
//! selector: the kind is always the author's word, since it decides, and a value can only be a whole name.
//!
//! [`access`] finds out how a cluster is reached and a [`Cluster`](cluster::Cluster) asks it, with credentials that are
//! renewed when they have expired. Objects stay JSON, and [`kinds`] are what the cluster says that it knows. What each verb
//! does is in [`verbs`]; what changes says first what it would write ([`change`]), and the same is then tried
//! ([`preview`]), done, or put back ([`inverse`]). What is waited for is watched ([`watch`]). [`trouble`] turns answers into
//! the kinds of failures that a runbook can ask for. Which role all of that needs is worked out by [`rights`].
//!
//! A pod is also a place where the actions of others run programs ([`place`], with [`pods`] to find it), and a deployment
//! a [`service`].
//!
//! This crate does not read the process's environment: the command line takes one snapshot of it, the [`Environment`].
//! Without its feature `cluster` it only knows the language of the action.

mod connection;
mod recognise;
mod reference;
pub mod rights;
mod spec;
mod verb;

#[cfg(feature = "cluster")]
mod access;
#[cfg(feature = "cluster")]
mod action;
#[cfg(feature = "cluster")]
mod answer;
#[cfg(feature = "cluster")]
mod asked;
#[cfg(feature = "cluster")]
mod attached;
#[cfg(feature = "cluster")]
mod attend;
#[cfg(feature = "cluster")]
mod change;
#[cfg(feature = "cluster")]
mod clock;
#[cfg(feature = "cluster")]
mod cluster;
#[cfg(feature = "cluster")]
mod credential;
#[cfg(feature = "cluster")]
mod difference;
#[cfg(feature = "cluster")]
mod execution;
#[cfg(feature = "cluster")]
mod inverse;
#[cfg(feature = "cluster")]
mod kinds;
#[cfg(feature = "cluster")]
mod manifest;
#[cfg(feature = "cluster")]
mod object;
#[cfg(feature = "cluster")]
mod place;
#[cfg(feature = "cluster")]
mod pods;
#[cfg(feature = "cluster")]
mod preview;
#[cfg(feature = "cluster")]
mod printed;
#[cfg(feature = "cluster")]
mod service;
#[cfg(feature = "cluster")]
mod settings;
#[cfg(feature = "cluster")]
mod trouble;
#[cfg(feature = "cluster")]
mod verbs;
#[cfg(feature = "cluster")]
mod watch;

#[cfg(feature = "cluster")]
pub use action::K8s;
#[cfg(feature = "cluster")]
pub use place::Pods;
#[cfg(feature = "cluster")]
pub use service::Services;
#[cfg(feature = "cluster")]
pub use settings::Environment;

use runbook_action::{Failure, Kind, Param, Recognised, Spec};

/// The language of the action `k8s`, for whoever only reads runbooks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Language;

impl Kind for Language {
    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        recognise::recognise(params)
    }
}
