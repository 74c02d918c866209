//! A service on Kubernetes fails or is slow, as Prometheus tells it.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::harness::cluster::Site;
use crate::harness::{Run, until};

const ERRORS: &str = "incident/k8s-error-rate.yaml";
const SLOW: &str = "incident/k8s-latency.yaml";
const MONTHLY: &str = "routine/monthly.yaml";

/// A share of failed requests that is soon reached by many good ones.
const ENOUGH: &str = "high=0.3";
const SHARE: &str =
    "(sum(rate(mcp_errors_total[5m])) or vector(0)) / (sum(rate(mcp_requests_total[5m])) > 0)";
const POLL: Duration = Duration::from_millis(300);
const WITHOUT_INDEX: &str = "DROP INDEX idx_assignments_assignee";
const INDEXES: &str = "SELECT count(*) FROM pg_indexes WHERE tablename = 'assignments'";
const P99: &str = "histogram_quantile(0.99, sum by (le) (rate(mcp_request_duration_bucket[5m])))";

fn until_it_is(site: &Site, query: &str, is_so: impl Fn(f64) -> bool) {
    until("Prometheus tells of it", || {
        site.metric(query).filter(|value| is_so(*value))
    });
}

#[test]
fn a_service_whose_requests_fail_gets_what_its_cause_calls_for() {
    let site = Site::start();
    site.measure();
    {
        let _clients = site.clients("notify", 2);
        until_it_is(&site, SHARE, |share| share < 0.3);
        site.exec(ERRORS, &[ENOUGH], "not_needed");
    }

    // What is behind the breaker is ill, and then well again, which the breaker does not see.
    let external = site.kubectl(&["get", "pods", "-l", "app=external-api", "-o", "name"]);
    let _gone = site.in_pod(external.trim(), &["mv", "/www/health", "/www/ill"]);
    {
        let _clients = site.clients("notify", 2);
        until_it_is(&site, SHARE, |share| share > 0.3);
        let (ended, run) = site.exec(ERRORS, &[ENOUGH], "failed");
        ended
            .expect(4)
            .says(&["is ill. The breaker external-api is open"]);
        assert!(run.steps("step_failed").contains(&"outside_ill".to_owned()));
    }
    let _back = site.in_pod(external.trim(), &["mv", "/www/ill", "/www/health"]);
    {
        let _clients = site.clients("notify", 3);
        let (_, run) = site.exec(ERRORS, &[ENOUGH], "resolved");
        assert!(run.steps("step_done").contains(&"breaker_open".to_owned()));
    }

    // The program is in a state from which only a restart helps.
    site.order(&json!({"confused": true}));
    {
        let _clients = site.clients("list_releases", 3);
        until_it_is(&site, SHARE, |share| share > 0.3);
        let before = site.pod_names();
        let (_, run) = site.exec(ERRORS, &[ENOUGH], "resolved");
        assert!(run.steps("step_done").contains(&"restart".to_owned()));
        assert!(site.pod_names().iter().all(|pod| !before.contains(pod)));
    }
    site.exec(MONTHLY, &[], "resolved");
}

#[test]
fn a_slow_service_gets_the_indexes_that_it_lacks() {
    let site = Site::start();
    site.measure();
    let _clients = site.clients("list_assignments", 2);
    until_it_is(&site, P99, |seconds| seconds < 0.5);
    site.exec(SLOW, &["slow=0.5"], "not_needed");
    // What PostgreSQL keeps of the quick calls would hide in the average that the same ones are slow now.
    site.sql(WITHOUT_INDEX);
    site.sql("SELECT pg_stat_statements_reset()");
    until_it_is(&site, P99, |seconds| seconds > 0.5);
    let run = repaired(&site, &["slow=0.5"], || site.sql(INDEXES) == "3");
    assert!(run.steps("step_done").contains(&"database".to_owned()));
}

/// Where one of them cannot be made, the one that was made goes too. Nothing was quick before on this site: in a window of
/// five minutes, few slow requests among many quick ones would not show.
#[test]
fn indexes_that_cannot_all_be_made_are_none() {
    let site = Site::start();
    site.sql(WITHOUT_INDEX);
    site.measure();
    let _clients = site.clients("list_assignments", 2);
    until_it_is(&site, P99, |seconds| seconds > 0.5);
    let columns = r#"columns=["assignee","nobody"]"#;
    let (ended, _) = site.exec(SLOW, &["slow=0.5", columns], "rolled_back");
    ended.expect(5).says(&["nobody"]);
    assert_eq!(site.sql(INDEXES), "2");
}

#[test]
fn a_service_that_asks_too_much_again_keeps_it_for_longer() {
    let site = Site::start();
    site.measure();
    site.configure(&[("RELEASES_SECONDS", "0.7")]);
    let _clients = site.clients("list_releases", 1);
    until_it_is(&site, P99, |seconds| seconds > 0.5);
    let given = [
        "slow=0.5",
        "slow_query=10000",
        r#"cache_statistics=["curl","-sf","http://localhost:8000/cache"]"#,
    ];
    let run = repaired(&site, &given, || has(&site, "CACHE_TTL_SECONDS", "3600"));
    assert!(run.steps("step_done").contains(&"misses".to_owned()));
}

#[test]
fn a_service_whose_requests_wait_for_each_other_gets_a_larger_pool() {
    let site = Site::start();
    site.measure();
    site.configure(&[("DATABASE_POOL_SIZE", "1"), ("CACHE_TTL_SECONDS", "60")]);
    let _clients = site.clients("list_people", 4);
    until_it_is(&site, P99, |seconds| seconds > 1.0);
    let given = ["slow=1.0", "slow_query=10000"];
    let run = repaired(&site, &given, || has(&site, "DATABASE_POOL_SIZE", "20"));
    assert!(run.steps("step_done").contains(&"pool".to_owned()));
    assert!(has(&site, "DATABASE_MAX_OVERFLOW", "40"));
}

/// The run that repairs the service. As soon as it is changed, more clients come.
fn repaired(site: &Site, given: &[&str], is_changed: impl Fn() -> bool + Sync) -> Run {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut others = None;
            while !is_over.load(Ordering::Relaxed) {
                if others.is_none() && is_changed() {
                    others = Some(site.clients("list_releases", 3));
                }
                std::thread::sleep(POLL); // paced: the run has its own time
            }
        });
        let ended = std::panic::catch_unwind(AssertUnwindSafe(|| site.exec(SLOW, given, "resolved")));
        is_over.store(true, Ordering::Relaxed);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).1
    })
}

/// Whether the container of the service has a variable with this value.
fn has(site: &Site, name: &str, value: &str) -> bool {
    let wanted = json!({"name": name, "value": value});
    let variables = site.container()["env"].clone();
    variables.as_array().unwrap().contains(&wanted)
}
