//! The action `k8s`: one verb on objects of a Kubernetes cluster.
//!
//! What may be asked is a table of verbs ([`verb`]) and one of parameters ([`spec`]); [`recognise`] reads a use of
//! them and tells what it would do. [`reference`] reads what a verb is about, `deployment/web` or `pods` with a
//! selector: the kind is always the author's word, since it decides, and a value can only be a whole name.
//!
//! Nothing here talks to a cluster. Running the verbs is a later part of this crate.

mod connection;
mod recognise;
mod reference;
mod spec;
mod verb;

use runbook_action::{Failure, Kind, Param, Recognised, Spec};

/// The action `k8s`: one verb on objects of a Kubernetes cluster.
#[derive(Debug, Clone, Copy, Default)]
pub struct K8s;

impl Kind for K8s {
    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        recognise::recognise(params)
    }
}
