//! What makes the cluster become what its objects say.
//!
//! Every controller looks at all objects whenever any has changed, and does what is missing. So none of them keeps
//! anything, and none can be in the dark about what another did.

mod budgets;
mod daemons;
mod deployments;
mod endpoints;
mod garbage;
mod jobs;
mod namespaces;
mod owned;
mod quotas;
mod replicas;
mod revisions;
mod rolling;
mod scheduler;
mod stateful;

use std::time::Duration;

use crate::api::Objects;

/// How often what only time changes is looked at: deadlines, and how long a pod has been ready.
const TICK: Duration = Duration::from_millis(500);

/// Does what is missing.
type Reconcile = fn(&Objects);

/// All controllers, with the names under which they write.
const ALL: &[(&str, Reconcile)] = &[
    ("namespace-controller", namespaces::reconcile),
    ("garbage-collector", garbage::reconcile),
    ("deployment-controller", deployments::reconcile),
    ("replicaset-controller", replicas::reconcile),
    ("statefulset-controller", stateful::reconcile),
    ("daemonset-controller", daemons::reconcile),
    ("job-controller", jobs::reconcile),
    ("default-scheduler", scheduler::reconcile),
    ("endpoint-controller", endpoints::reconcile),
    ("disruption-controller", budgets::reconcile),
    ("resourcequota-controller", quotas::reconcile),
];

/// Runs all controllers until the cluster ends.
pub(crate) async fn run(objects: Objects) {
    let mut woken = objects.woken();
    loop {
        woken.mark_unchanged();
        for (name, reconcile) in ALL {
            reconcile(&objects.named(name));
        }
        tokio::select! {
            changed = woken.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(TICK) => {}
        }
    }
}
