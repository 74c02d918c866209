//! What kubectl shows of refusals is what it shows of those of a real server.

use runbook_cluster::Cluster;
use serde_json::{Value, json};

use crate::kubectl::Kubectl;
use crate::rollouts::workload;

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

#[test]
fn refusals_are_told_in_the_words_of_a_real_server() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    kubectl.fed("create -f -", &map("a").to_string());
    let mut stale = kubectl.json("get configmap a");
    kubectl.ok("label configmap a x=y");
    stale["data"] = json!({"key": "value"});
    let mut lost = map("b");
    lost["metadata"]["namespace"] = json!("nowhere");
    let mut bare = workload("Deployment", "web", 1);
    bare["spec"].as_object_mut().unwrap().remove("selector");
    let mut less = workload("Deployment", "web", 1);
    less["spec"]["replicas"] = json!(-1);
    for (order, input, told) in [
        (
            "create -f -",
            map("a"),
            "Error from server (AlreadyExists): error when creating \"STDIN\": configmaps \"a\" already exists",
        ),
        (
            "create -f -",
            lost,
            "Error from server (NotFound): error when creating \"STDIN\": namespaces \"nowhere\" not found",
        ),
        (
            "replace -f -",
            stale,
            "Error from server (Conflict): error when replacing \"STDIN\": Operation cannot be fulfilled on configmaps \"a\": \
             the object has been modified; please apply your changes to the latest version and try again",
        ),
        (
            "replace -f -",
            map("c"),
            "Error from server (NotFound): error when replacing \"STDIN\": configmaps \"c\" not found",
        ),
        (
            "create -f -",
            map("A_b"),
            "The ConfigMap \"A_b\" is invalid: metadata.name: Invalid value: \"A_b\": a lowercase RFC 1123 subdomain must \
             consist of lower case alphanumeric characters, '-' or '.'",
        ),
        ("create -f -", bare, "spec.selector: Required value"),
        (
            "create -f -",
            less,
            "The Deployment \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ),
    ] {
        let said = kubectl.refused(order, &input.to_string());
        assert!(said.trim().contains(told), "{order}: {said}");
    }
}

#[test]
fn what_is_not_there_or_must_stay_is_told() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    for (order, told) in [
        (
            "get configmap none",
            "Error from server (NotFound): configmaps \"none\" not found",
        ),
        (
            "get deployment none",
            "Error from server (NotFound): deployments.apps \"none\" not found",
        ),
        (
            "get unicorns",
            "error: the server doesn't have a resource type \"unicorns\"",
        ),
        (
            "delete namespace default",
            "Error from server (Forbidden): namespaces \"default\" is forbidden: this namespace may not be deleted",
        ),
    ] {
        assert_eq!(kubectl.refused(order, "").trim(), told);
    }
}

#[test]
fn what_kubectl_makes_by_itself_is_made() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    for order in [
        "create namespace lab",
        "create configmap a --from-literal=key=value",
        "create secret generic s --from-literal=password=x",
        "create deployment web --image=web:1 --replicas=2 --port=80",
        "create cronjob nightly --image=web:1 --schedule=@daily",
        "create job once --from=cronjob/nightly",
        "create serviceaccount robot",
        "create role reader --verb=get --resource=pods",
        "create rolebinding robot --role=reader --serviceaccount=default:robot",
        "create quota small --hard=pods=4",
        "create poddisruptionbudget web --selector=app=web --min-available=1",
        "expose deployment web --port=80 --name=web",
        "run alone --image=web:1",
    ] {
        kubectl.makes(order);
    }
    kubectl.ok("annotate deployment web note=1");
    let why = kubectl.refused("create configmap protobuf", "");
    assert!(
        why.contains("the body of the request was in an unknown format"),
        "{why}"
    );
    assert_eq!(kubectl.json("get deployment web")["spec"]["replicas"], 2);
    assert_eq!(
        kubectl.json("get job once")["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"],
        "manual"
    );
    kubectl.ok("get pod alone --as=system:serviceaccount:default:robot");
}
