//! Pods and templates of pods: the values that the server sets.

use serde_json::{Value, json};

use crate::object::Fields as _;
use crate::store::Store;

/// The defaults of a template of pods.
pub(super) fn template(object: &mut Value, pointer: &str) {
    if object.at(pointer).is_object() {
        defaults(object, &format!("{pointer}/spec"));
    }
}

/// The defaults of what a pod is to be.
pub(super) fn defaults(object: &mut Value, spec: &str) {
    if !object.at(spec).is_object() {
        return;
    }
    let at = |key: &str| format!("{spec}/{key}");
    object.default_to(&at("restartPolicy"), json!("Always"));
    object.default_to(&at("terminationGracePeriodSeconds"), json!(30));
    object.default_to(&at("dnsPolicy"), json!("ClusterFirst"));
    object.default_to(&at("securityContext"), json!({}));
    object.default_to(&at("schedulerName"), json!("default-scheduler"));
    if let Some(account) = object.pointer(&at("serviceAccountName")).cloned() {
        object.default_to(&at("serviceAccount"), account);
    }
    for list in ["containers", "initContainers"] {
        for index in 0..object.items(&at(list)).len() {
            if let Some(container) = object.pointer_mut(&format!("{spec}/{list}/{index}")) {
                of_container(container);
            }
        }
    }
    for index in 0..object.items(&at("volumes")).len() {
        if let Some(volume) = object.pointer_mut(&format!("{spec}/volumes/{index}")) {
            of_volume(volume);
        }
    }
}

fn of_container(container: &mut Value) {
    container.default_to("/terminationMessagePath", json!("/dev/termination-log"));
    container.default_to("/terminationMessagePolicy", json!("File"));
    container.default_to("/resources", json!({}));
    let policy = pull_policy(container.text("/image"));
    container.default_to("/imagePullPolicy", json!(policy));
    for index in 0..container.items("/ports").len() {
        container.default_to(&format!("/ports/{index}/protocol"), json!("TCP"));
    }
    for index in 0..container.items("/env").len() {
        let source = format!("/env/{index}/valueFrom/fieldRef");
        if container.at(&source).is_object() {
            container.default_to(&format!("{source}/apiVersion"), json!("v1"));
        }
    }
    for probe in ["/livenessProbe", "/readinessProbe", "/startupProbe"] {
        if !container.at(probe).is_object() {
            continue;
        }
        for (key, value) in [
            ("timeoutSeconds", 1),
            ("periodSeconds", 10),
            ("successThreshold", 1),
            ("failureThreshold", 3),
        ] {
            container.default_to(&format!("{probe}/{key}"), json!(value));
        }
        let get = format!("{probe}/httpGet");
        if container.at(&get).is_object() {
            container.default_to(&format!("{get}/scheme"), json!("HTTP"));
            container.default_to(&format!("{get}/path"), json!("/"));
        }
    }
    let limits = container.map("/resources/limits").cloned().unwrap_or_default();
    for (key, value) in limits {
        // What is limited and not requested is requested.
        container.default_to(
            &format!("/resources/requests/{}", crate::object::escape(&key)),
            value,
        );
    }
}

/// An image without a tag, or with the tag `latest`, is always pulled.
fn pull_policy(image: &str) -> &'static str {
    if image.contains('@') {
        return "IfNotPresent";
    }
    let last = image.rsplit('/').next().unwrap_or_default();
    match last.split_once(':') {
        None | Some((_, "latest")) => "Always",
        Some(_) => "IfNotPresent",
    }
}

fn of_volume(volume: &mut Value) {
    for source in ["/configMap", "/secret", "/downwardAPI", "/projected"] {
        if volume.at(source).is_object() {
            volume.default_to(&format!("{source}/defaultMode"), json!(420));
        }
    }
    let sources = ["name"];
    let kinds = volume.as_object().map_or(0, serde_json::Map::len);
    if kinds == sources.len() {
        volume.put("/emptyDir", json!({}));
    }
    if volume.at("/hostPath").is_object() {
        volume.default_to("/hostPath/type", json!(""));
    }
}

/// What only the making of a pod sets.
pub(super) fn first(_store: &Store, object: &mut Value) {
    object.default_to("/spec/serviceAccountName", json!("default"));
    let account = object.at("/spec/serviceAccountName").clone();
    object.put("/spec/serviceAccount", account);
    object.default_to("/spec/preemptionPolicy", json!("PreemptLowerPriority"));
    object.default_to("/spec/priority", json!(0));
    let mut tolerations = object.items("/spec/tolerations").to_vec();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        if !tolerations
            .iter()
            .any(|toleration| toleration.text("/key") == key)
        {
            tolerations.push(
                json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}),
            );
        }
    }
    object.put("/spec/tolerations", Value::Array(tolerations));
    let class = quality(object);
    object.put("/status", json!({"phase": "Pending", "qosClass": class}));
}

/// The class of service of a pod, which follows from what its containers request and are limited to.
fn quality(object: &Value) -> &'static str {
    let (mut any, mut all) = (false, true);
    for container in object
        .items("/spec/containers")
        .iter()
        .chain(object.items("/spec/initContainers"))
    {
        for name in ["cpu", "memory"] {
            let request = container.at(&format!("/resources/requests/{name}"));
            let limit = container.at(&format!("/resources/limits/{name}"));
            any |= !request.is_null() || !limit.is_null();
            all &= !limit.is_null() && (request.is_null() || request == limit);
        }
    }
    match (any, all) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
