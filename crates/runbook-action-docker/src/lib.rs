//! The actions `docker` and `compose`: one verb on containers, or on the services of a project.
//!
//! What may be asked is a table of verbs ([`verb`]) and one of parameters ([`docker`], [`compose`], with what both have
//! in [`part`]); [`recognise`] reads a use of them and tells what it would do.
//!
//! Nothing here talks to an engine. Running the verbs is a later part of this crate.

mod compose;
mod connection;
mod docker;
mod part;
mod recognise;
mod verb;

use runbook_action::{Failure, Kind, Param, Recognised, Spec};

/// The action `docker`: one verb on containers, images or volumes of an engine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Docker;

impl Kind for Docker {
    fn spec(&self) -> &'static Spec {
        &docker::SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        recognise::docker(params)
    }
}

/// The action `compose`: one verb on the services of a project.
#[derive(Debug, Clone, Copy, Default)]
pub struct Compose;

impl Kind for Compose {
    fn spec(&self) -> &'static Spec {
        &compose::SPEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        recognise::compose(params)
    }
}
