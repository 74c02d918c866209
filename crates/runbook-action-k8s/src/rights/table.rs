//! The table of rights: which verb of the action asks what of a cluster.
//!
//! A test runs each verb with exactly these, and once more without each of them.

use super::Aim;

/// About what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    /// The object that is named, or those of the kind.
    It,
    /// The pod that is named, or the pods of what is named.
    Pods,
    /// The revisions that are kept of a rollout.
    Revisions,
    /// What is measured of pods and nodes.
    Measured,
    /// What the cluster notes about objects.
    Events,
}

/// In which uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// One object is named.
    Named,
    /// All of a kind are meant, or some.
    Several,
    /// Something is named that has pods, and no pod.
    Owner,
    /// The kind tells its newest revision only by the list of all.
    Listed,
}

/// What some verbs ask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) verbs: &'static [&'static str],
    pub(super) on: On,
    /// The part of the object: `exec`.
    pub(super) part: &'static str,
    pub(super) asks: &'static [&'static str],
    pub(super) when: When,
    pub(super) aim: Aim,
}

const fn row(
    verbs: &'static [&'static str],
    on: On,
    part: &'static str,
    asks: &'static [&'static str],
    when: When,
) -> Row {
    Row {
        verbs,
        on,
        part,
        asks,
        when,
        aim: Aim::Do,
    }
}

const fn aiming(aim: Aim, row: Row) -> Row {
    Row { aim, ..row }
}

const CHANGES: &[&str] = &["set_image", "set_env", "set_resources", "patch", "undo"];
/// Since 1.35 a server asks for both where a program or a port is reached over a WebSocket; before that for the first.
const STREAM: &[&str] = &["get", "create"];

use Aim::{Resume, Tell, Undo};
use On::{Events, It, Measured, Pods, Revisions};
use When::{Always, Listed, Named, Owner, Several};

pub(super) const ROWS: &[Row] = &[
    row(&["get"], It, "", &["get"], Named),
    row(&["get", "list"], It, "", &["list"], Several),
    row(&["wait"], It, "", &["list", "watch"], Always),
    row(&["events"], Events, "", &["list"], Always),
    row(&["logs"], It, "", &["get"], Named),
    row(&["logs"], It, "", &["list"], Several),
    // Of each, its labels.
    row(&["logs"], It, "", &["get"], Owner),
    row(&["logs"], Pods, "", &["list"], Owner),
    row(&["logs"], Pods, "log", &["get"], Always),
    row(&["top"], Measured, "", &["get"], Named),
    row(&["top"], Measured, "", &["list"], Several),
    row(&["rollout_status"], It, "", &["get", "list", "watch"], Always),
    row(&["rollout_status"], Pods, "", &["list", "watch"], Always),
    row(&["rollout_status"], Revisions, "", &["list"], Listed),
    // The last lines of a container that keeps dying.
    aiming(Tell, row(&["rollout_status"], Pods, "log", &["get"], Always)),
    row(&["rollout_history"], It, "", &["get"], Always),
    row(&["rollout_history", "undo"], Revisions, "", &["list"], Always),
    row(&["exec", "cp", "port_forward"], It, "", &["get"], Always),
    row(&["exec", "cp", "port_forward"], Pods, "", &["list"], Owner),
    row(&["exec", "cp"], Pods, "exec", STREAM, Always),
    // Whether the pod is still the one in which a program was started.
    aiming(Resume, row(&["exec"], Pods, "", &["get"], Owner)),
    row(&["port_forward"], Pods, "portforward", STREAM, Always),
    row(&["scale"], It, "", &["get"], Always),
    row(&["scale"], It, "scale", &["get", "patch"], Always),
    row(&["restart"], It, "", &["get"], Named),
    row(&["restart"], It, "", &["list"], Several),
    row(&["restart"], It, "", &["patch"], Always),
    row(CHANGES, It, "", &["get", "patch"], Always),
    row(&["apply"], It, "", &["get", "patch", "create"], Always),
    // What was not there before goes again, and it is waited until it is gone.
    aiming(
        Undo,
        row(&["apply"], It, "", &["delete", "list", "watch"], Always),
    ),
    row(
        &["cordon", "uncordon", "drain"],
        It,
        "",
        &["get", "patch"],
        Always,
    ),
    row(&["drain"], Pods, "", &["list", "watch"], Always),
    row(&["drain"], Pods, "eviction", &["create"], Always),
    row(&["delete"], It, "", &["get"], Named),
    row(&["delete"], It, "", &["delete", "list", "watch"], Always),
    aiming(Undo, row(&["delete"], It, "", &["get", "create"], Always)),
];
