//! A service on Kubernetes does not respond, or its memory grows.

use serde_json::json;

use crate::harness::cluster::Site;

const DOWN: &str = "incident/k8s-not-responding.yaml";
const DAILY: &str = "routine/k8s-daily.yaml";

#[test]
fn the_morning_check_tells_what_is_ill() {
    let site = Site::start();
    let (ended, run) = site.exec(DAILY, &[], "resolved");
    eprintln!("{}", ended.all());
    assert_eq!(run.captured("morning"), json!({"worst": "ok"}));
    site.exec(DOWN, &[], "not_needed");
}
