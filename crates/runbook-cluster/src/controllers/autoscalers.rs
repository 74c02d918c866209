//! Autoscalers: as many replicas as what pods use asks for. They see the usage that a test has set, and nothing else.

use std::sync::Arc;

use serde_json::{Value, json};

use super::owned::is_active;
use crate::api::Objects;
use crate::clock;
use crate::object::Fields as _;
use crate::rules::{self, is_ready, quantity};
use crate::store::LabelSelector;

const ID: &str = "horizontalpodautoscalers.autoscaling";
/// By how much a ratio may differ from 1 without any consequence.
const TOLERANCE: f64 = 0.1;
/// What sums of fractions may lack.
const ROUNDING: f64 = 1e-6;
/// For how many seconds the number is not made smaller again, unless the autoscaler says otherwise.
const STEADY: i64 = 300;

/// What one metric says.
struct Measured {
    ratio: f64,
    shown: Value,
    what: String,
}

/// Scales what every autoscaler is for.
pub(super) fn reconcile(objects: &Objects) {
    for scaler in objects
        .list(ID, None)
        .iter()
        .filter(|scaler| !scaler.is_deleting())
    {
        let id = match scaler.text("/spec/scaleTargetRef/kind") {
            "Deployment" => "deployments.apps",
            "StatefulSet" => "statefulsets.apps",
            "ReplicaSet" => "replicasets.apps",
            _ => continue,
        };
        let name = scaler.text("/spec/scaleTargetRef/name");
        match objects.get(id, scaler.namespace(), name) {
            Some(target) => one(objects, scaler, id, &target),
            None => tell(objects, scaler, |scaler| {
                let kind = scaler.text("/spec/scaleTargetRef/kind").to_lowercase();
                let why = format!(
                    "the HPA controller was unable to get the target's current scale: {kind}s.apps {:?} not found",
                    scaler.text("/spec/scaleTargetRef/name")
                );
                rules::condition(scaler, "AbleToScale", "False", "FailedGetScale", &why);
            }),
        }
    }
}

fn one(objects: &Objects, scaler: &Arc<Value>, id: &str, target: &Arc<Value>) {
    let current = target.number("/spec/replicas").unwrap_or(1);
    let Some(selector) = LabelSelector::of_object(target.at("/spec/selector")) else {
        return;
    };
    let mut pods: Vec<Arc<Value>> = objects.list("pods", Some(target.namespace()));
    pods.retain(|pod| selector.matches(pod) && is_active(pod) && is_ready(pod));
    let metrics = scaler.items("/spec/metrics").iter();
    let measured: Vec<Measured> = metrics
        .filter_map(|metric| measure(objects, metric, &pods))
        .collect();
    if current == 0 || measured.is_empty() {
        let (reason, why) = if current == 0 {
            (
                "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero",
            )
        } else {
            (
                "FailedGetResourceMetric",
                "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics \
                 for resource cpu: no metrics returned from resource metrics API",
            )
        };
        tell(objects, scaler, |scaler| {
            scaler.put("/status/currentReplicas", json!(current));
            rules::condition(scaler, "ScalingActive", "False", reason, why);
        });
        return;
    }
    let counted = f64::from(u32::try_from(pods.len()).unwrap_or(u32::MAX));
    let asked = measured
        .iter()
        .map(|one| asked(one.ratio, counted, current))
        .max();
    let wanted = within(objects, scaler, current, asked.unwrap_or(current));
    if wanted != current {
        let _scaled = objects.change(id, target, |target| target.put("/spec/replicas", json!(wanted)));
        let what = measured.iter().find(|one| wanted > current && one.ratio > 1.0);
        let reason = what.map_or("All metrics below target".to_owned(), |one| {
            format!("{} above target", one.what)
        });
        let message = format!("New size: {wanted}; reason: {reason}");
        objects.note(scaler, "Normal", "SuccessfulRescale", &message);
    }
    let now = clock::stamp(objects.now());
    let shown: Vec<Value> = measured.into_iter().map(|one| one.shown).collect();
    let generation = scaler.at("/metadata/generation").clone();
    tell(objects, scaler, |scaler| {
        scaler.put("/status/currentReplicas", json!(current));
        scaler.put("/status/desiredReplicas", json!(wanted));
        scaler.put("/status/currentMetrics", Value::Array(shown.clone()));
        if !generation.is_null() {
            scaler.put("/status/observedGeneration", generation.clone());
        }
        if wanted != current {
            scaler.put("/status/lastScaleTime", json!(now));
        }
        let able = "recommended size matches current size";
        rules::condition(scaler, "AbleToScale", "True", "ReadyForNewScale", able);
        let why = "the HPA was able to successfully calculate a replica count from cpu resource utilization \
                   (percentage of request)";
        rules::condition(scaler, "ScalingActive", "True", "ValidMetricFound", why);
    });
}

fn tell(objects: &Objects, scaler: &Value, change: impl Fn(&mut Value)) {
    let _told = objects.change_status(ID, scaler, change);
}

/// How many replicas one metric asks for.
fn asked(ratio: f64, pods: f64, current: i64) -> i64 {
    if (ratio - 1.0).abs() <= TOLERANCE {
        return current;
    }
    let wanted = (ratio * pods).ceil().clamp(0.0, 10_000.0);
    (0..=10_000)
        .find(|number| f64::from(*number) >= wanted)
        .map_or(current, i64::from)
}

/// The number within the bounds of the autoscaler; smaller than now only if it has not been changed for a while.
fn within(objects: &Objects, scaler: &Value, current: i64, asked: i64) -> i64 {
    let least = scaler.number("/spec/minReplicas").unwrap_or(1);
    let most = scaler.number("/spec/maxReplicas").unwrap_or(1).max(least);
    let wanted = asked.clamp(least, most);
    if wanted >= current || current > most {
        return wanted;
    }
    let steady = scaler.number("/spec/behavior/scaleDown/stabilizationWindowSeconds");
    let since = match scaler.text("/status/lastScaleTime") {
        "" => scaler.text("/metadata/creationTimestamp"),
        time => time,
    };
    let since = since
        .parse::<jiff::Timestamp>()
        .map_or(0, jiff::Timestamp::as_second);
    if objects.now().as_second() - since >= steady.unwrap_or(STEADY) {
        wanted
    } else {
        current
    }
}

/// What one metric of a resource says; none if there is nothing to say it from.
fn measure(objects: &Objects, metric: &Value, pods: &[Arc<Value>]) -> Option<Measured> {
    let name = metric.text("/resource/name");
    let usages: Vec<f64> = pods
        .iter()
        .filter_map(|pod| objects.usage(pod))
        .map(|usage| usage.of(name))
        .collect();
    let count = f64::from(u32::try_from(usages.len()).ok().filter(|count| *count > 0)?);
    let used = usages.iter().sum::<f64>();
    let average = if name == "cpu" {
        format!("{}m", (used / count * 1000.0).round())
    } else {
        (used / count).round().to_string()
    };
    let shown = |current: Value| json!({"type": "Resource", "resource": {"name": name, "current": current}});
    if let Some(target) = metric.number("/resource/target/averageUtilization") {
        let requests = pods.iter().flat_map(|pod| pod.items("/spec/containers"));
        let requests =
            requests.filter_map(|container| quantity(container.text(&format!("/resources/requests/{name}"))));
        let requested: f64 = requests.sum::<f64>() + 0.0;
        let percent = (requested > 0.0).then(|| (used / requested * 100.0 + ROUNDING).floor())?;
        let target = f64::from(u32::try_from(target).ok()?);
        let rounded: i64 = format!("{percent:.0}").parse().ok()?;
        return Some(Measured {
            ratio: percent / target,
            shown: shown(json!({"averageUtilization": rounded, "averageValue": average})),
            what: format!("{name} resource utilization (percentage of request)"),
        });
    }
    let target = quantity(metric.text("/resource/target/averageValue")).filter(|target| *target > 0.0)?;
    Some(Measured {
        ratio: used / count / target,
        shown: shown(json!({"averageValue": average})),
        what: format!("{name} resource"),
    })
}
