//! The stack of the hub: down, failing, out of memory, looked after, scaled, backed up and restored.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::harness::until;
use crate::hub::{Hub, Registry, ask};

const DOWN: &str = "incident/hub-down.yaml";
const GRAPH: &str = "incident/neo4j-down.yaml";
const ERRORS: &str = "incident/hub-error-rate.yaml";
const MEMORY: &str = "incident/hub-memory.yaml";
const ROLLING: &str = "maintenance/hub-rolling-restart.yaml";
const RESTORE: &str = "recovery/hub-restore.yaml";

/// How long a client waits after an answer, and after a failure.
const AFTER_AN_ANSWER: Duration = Duration::from_millis(4);
const AFTER_A_FAILURE: Duration = Duration::from_millis(100);

/// A share of failed requests that is soon reached by many good ones.
const ENOUGH: &str = "high=0.15";

fn is_running(hub: &Hub, service: &str) -> bool {
    hub.inspect(service)["State"]["Status"] == "running"
}

fn until_it_has_ended(hub: &Hub, service: &str) {
    until("it has ended", || (!is_running(hub, service)).then_some(()));
}

/// Where that does not help, its container holds what keeps it from starting, so only another one helps.
#[test]
fn a_hub_that_crashed_is_restarted_or_made_anew() {
    let hub = Hub::start();
    hub.exec(DOWN, &[], "not_needed");
    let _killed = hub.docker(&["kill", &hub.container("mcp-hub", 1)]);
    let run = hub.exec(DOWN, &[], "resolved");
    assert_eq!(run.captured("scope"), json!({"down": "mcp-hub"}));
    assert_eq!(hub.tool(), "200");

    let name = hub.container("mcp-hub", 1);
    let before = hub.docker(&["inspect", "-f", "{{.Id}}", &name]);
    let _made = hub.docker(&["exec", &name, "touch", "/tmp/state"]);
    let _killed = hub.docker(&["kill", &name]);
    hub.exec(DOWN, &[], "resolved");
    assert_ne!(
        hub.docker(&["inspect", "-f", "{{.Id}}", &name]),
        before,
        "it is another one"
    );
    assert_eq!(hub.tool(), "200");
}

#[test]
fn a_hub_that_was_killed_for_want_of_memory_gets_more() {
    let hub = Hub::start();
    let _answer = hub.ask("/debug/hold", Some(r#"{"megabytes": 100}"#));
    until_it_has_ended(&hub, "mcp-hub");
    let run = hub.exec(DOWN, &["memory=256M"], "resolved");
    assert_eq!(run.captured("containers")["killed"], true);
    let limit = hub.docker(&[
        "inspect",
        "-f",
        "{{.HostConfig.Memory}}",
        &hub.container("mcp-hub", 1),
    ]);
    assert_eq!(limit, (256 << 20).to_string());
    let file = fs::read_to_string(hub.project.path("stack/docker-compose.yml")).unwrap();
    assert!(file.contains("memory: \"256M\" # what a hub may have"), "{file}");
    assert_eq!(hub.ask("/debug/hold", Some(r#"{"megabytes": 100}"#)).0, "200");
}

#[test]
fn a_hub_that_has_nearly_all_its_memory_is_restarted_with_more() {
    let hub = Hub::start();
    hub.exec(MEMORY, &[], "not_needed");
    assert_eq!(hub.ask("/debug/hold", Some(r#"{"megabytes": 49}"#)).0, "200");
    let limits = "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}";
    let file = hub.project.path("stack/docker-compose.yml");
    let (limit, text) = (hub.field("mcp-hub", limits), fs::read(&file).unwrap());
    let run = hub.exec(MEMORY, &["memory=256M", "watch=1s"], "resolved");
    assert_eq!(
        hub.field("mcp-hub", "{{.HostConfig.Memory}}"),
        (256 << 20).to_string()
    );

    hub.undo(&run);
    assert_eq!(hub.field("mcp-hub", limits), limit);
    assert_eq!(fs::read(&file).unwrap(), text, "byte for byte");
    assert_eq!(hub.tool(), "200");
}

#[test]
fn a_graph_that_is_down_is_started_and_one_that_lets_nobody_in_gets_its_password_again() {
    let hub = Hub::start();
    hub.exec(GRAPH, &[], "not_needed");
    let _killed = hub.docker(&["kill", &hub.container("neo4j", 1)]);
    hub.exec(GRAPH, &[], "resolved");
    assert_eq!(hub.tool(), "200");

    fs::write(hub.project.path("stack/data/neo4j/data/auth"), "another password").unwrap();
    assert_eq!(hub.tool(), "502");
    let run = hub.exec(GRAPH, &[], "resolved");
    run.nowhere(crate::hub::PASSWORD);
    assert_eq!(hub.tool(), "200");
}

/// It answers, and what it answers is an error; or it does not even start.
#[test]
fn a_graph_that_does_not_come_back_is_given_up_after_a_look_at_its_data() {
    let hub = Hub::start();
    fs::write(hub.graph(), "[{").unwrap();
    let asked_thirty_times = |found: &str| {
        let (ended, run) = hub.project.exec(GRAPH, &["pause=50ms"], "rolled_back");
        ended.says(&["asked thirty times", found, "`hub-restore`"]);
        let tries = run.steps("step_started");
        assert_eq!(tries.iter().filter(|step| step.starts_with("again")).count(), 30);
        run
    };
    let run = asked_thirty_times("has found damage");
    assert_eq!(run.captured("check"), json!({"found": "damage"}));

    fs::write(hub.graph().with_file_name("store_lock"), "").unwrap();
    asked_thirty_times("could not be made");
    assert!(!is_running(&hub, "neo4j"), "it ends as soon as it has started");
}

/// Half of the calls of the newer image fail. Once they do not any more, the share of failures falls with each call.
#[test]
fn a_bad_image_that_lets_requests_fail_is_taken_back() {
    let hub = Hub::start();
    let env = hub.project.path("stack/.env");
    let text = fs::read_to_string(&env).unwrap();
    let newer = text.replace("HUB_IMAGE=lab:1", "HUB_IMAGE=lab:2");
    fs::write(&env, &newer).unwrap();
    hub.compose(&["up", "-d"]);
    hub.until_healthy();
    let metrics = hub.metrics();
    let url = format!("prometheus_url={}", metrics.url("http", "127.0.0.1"));
    let run = with_a_client(&hub, |_| {
        until_requests_fail(&url);
        let (ended, _) = hub.project.exec(ERRORS, &[&url], "failed");
        ended.says(&[
            "no image to go back to was given",
            "tell of errors, of neo4j-memory",
        ]);
        is_refused(&hub, &[&url, "image=lab:1", "critical=1"]);
        assert_eq!(hub.field("mcp-hub", "{{.Config.Image}}"), "lab:2");

        let run = hub.exec(ERRORS, &[&url, ENOUGH, "image=lab:1"], "resolved");
        assert!(
            run.steps("step_skipped").contains(&"asked".to_owned()),
            "it is critical"
        );
        assert!(run.steps("step_done").contains(&"run_image".to_owned()));
        run
    });
    assert_eq!(hub.field("mcp-hub", "{{.Config.Image}}"), "lab:1");
    assert_eq!(fs::read_to_string(&env).unwrap(), text);

    hub.undo(&run.0);
    assert_eq!(hub.field("mcp-hub", "{{.Config.Image}}"), "lab:2");
    assert_eq!(fs::read_to_string(&env).unwrap(), newer);
}

/// Somebody says no where the runbook asks.
fn is_refused(hub: &Hub, inputs: &[&str]) {
    let inputs = inputs.iter().flat_map(|input| ["-i", input]);
    let args: Vec<&str> = ["exec", ERRORS].into_iter().chain(inputs).collect();
    let mut running = hub.project.start_on_terminal(&args);
    running.wait_for("yes or no?");
    running.type_in("no\n");
    running.end().expect(7).says(&["Run lab:1 again"]);
}

#[test]
fn what_the_hub_depends_on_is_restarted_where_requests_fail_for_want_of_it() {
    let hub = Hub::start();
    let metrics = hub.metrics();
    let url = format!("prometheus_url={}", metrics.url("http", "127.0.0.1"));
    with_a_client(&hub, |_| {
        let _killed = hub.docker(&["kill", &hub.container("neo4j", 1)]);
        until_requests_fail(&url);
        let run = hub.exec(ERRORS, &[&url, ENOUGH], "resolved");
        assert_eq!(
            run.captured("health"),
            json!({"neo4j": "unhealthy", "ollama": "healthy"})
        );
    });
    assert_eq!(hub.tool(), "200");

    let _sick = hub.docker(&["exec", &hub.container("ollama", 1), "touch", "/tmp/sick"]);
    with_clients(&hub, 2, "ollama", |_| {
        until_requests_fail(&url);
        let run = hub.exec(ERRORS, &[&url, ENOUGH], "resolved");
        assert_eq!(
            run.captured("health"),
            json!({"neo4j": "healthy", "ollama": "unhealthy"})
        );
    });
    assert_eq!(hub.tool_of("ollama"), "200");
}

/// A hub without room does one thing at a time. With more of them each has no more to do than that.
#[test]
fn more_hubs_run_where_requests_fail_for_want_of_room() {
    let hub = Hub::start();
    let metrics = hub.metrics();
    let url = format!("prometheus_url={}", metrics.url("http", "127.0.0.1"));
    assert_eq!(hub.ask("/debug/hold", Some(r#"{"megabytes": 42}"#)).0, "200");
    with_clients(&hub, 2, "neo4j-memory", |_| {
        until_requests_fail(&url);
        let run = hub.exec(ERRORS, &[&url, ENOUGH, "busy=70"], "resolved");
        assert_eq!(run.captured("hubs")["count"], 1);
        assert!(run.steps("step_done").contains(&"more".to_owned()));
    });
    assert_eq!(hub.hubs(), 3);
}

/// Waits until a fifth of the requests that Prometheus knows of have failed. Is given what the runbook is given.
fn until_requests_fail(url: &str) {
    let query = "sum(rate(mcp_requests_total{status=~\"5..\"}[5m])) / sum(rate(mcp_requests_total[5m]))";
    let url = url.trim_start_matches("prometheus_url=");
    let query = format!("{url}/api/v1/query?query={}", encoded(query));
    until("Prometheus has seen failures", || {
        let answer = ask(&query, None).1;
        let share = answer["data"]["result"][0]["value"][1].as_str()?.parse::<f64>();
        (share.unwrap_or_default() > 0.2).then_some(())
    });
}

/// A client calls a tool all the while. There is one hub, so it gets company first, of which the balancer knows.
#[test]
fn hubs_are_restarted_one_by_one_and_no_request_fails() {
    let hub = Hub::start();
    let conf = hub.project.path("stack/balancer/upstream.conf");
    let before = fs::read_to_string(&conf).unwrap();
    let run = hub.exec("scaling/hub.yaml", &["replicas=2"], "resolved");
    hub.exec("scaling/hub.yaml", &["replicas=2"], "not_needed");
    assert_eq!(hub.hubs(), 2);
    hub.undo(&run);
    assert_eq!(
        (hub.hubs(), fs::read_to_string(&conf).unwrap()),
        (1, before.clone())
    );

    let (run, asked, failed) = with_a_client(&hub, |_| hub.exec(ROLLING, &[], "resolved"));
    println!("{asked} requests, {failed} failed");
    assert!(asked > 50, "a client has asked all the while: {asked}");
    assert_eq!(failed, 0, "of {asked} requests");
    assert_eq!(run.captured("count"), json!({"running": 1}));
    assert_eq!(run.captured("hubs")["names"].as_array().map(Vec::len), Some(3));

    let ((), asked, failed) = with_a_client(&hub, |_| hub.undo(&run));
    println!("{asked} requests, {failed} failed");
    assert_eq!(failed, 0, "of {asked} requests");
    assert_eq!((hub.hubs(), fs::read_to_string(&conf).unwrap()), (1, before));
}

/// Does something while a client calls tools through the balancer, and answers how many calls there were and how many failed.
fn with_a_client<T>(hub: &Hub, doing: impl FnOnce(&Hub) -> T) -> (T, u32, u32) {
    with_clients(hub, 1, "neo4j-memory", doing)
}

/// The same with several of them, who call tools of a server.
fn with_clients<T>(hub: &Hub, clients: u32, server: &str, doing: impl FnOnce(&Hub) -> T) -> (T, u32, u32) {
    let (is_over, asked, failed) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    let done = thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    asked.fetch_add(1, Ordering::Relaxed);
                    let is_fine = hub.tool_of(server) == "200";
                    failed.fetch_add(u32::from(!is_fine), Ordering::Relaxed);
                    let pause = if is_fine { AFTER_AN_ANSWER } else { AFTER_A_FAILURE };
                    thread::sleep(pause); // paced: a client is not a flood, and waits before it tries again
                }
            });
        }
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| doing(hub)));
        is_over.store(true, Ordering::Relaxed);
        done
    });
    let done = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    (done, asked.into_inner(), failed.into_inner())
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[test]
fn an_announced_restart_leaves_the_balancer_as_it_was() {
    let hub = Hub::start();
    let conf = hub.project.path("stack/balancer/upstream.conf");
    let before = fs::read(&conf).unwrap();
    let itself = format!("hub_url=http://{}", hub.hub_address());
    let started = || hub.field("mcp-hub", "{{.State.StartedAt}}");
    let at_first = started();
    let run = hub.exec(
        "maintenance/hub-restart.yaml",
        &[&itself, "notice=1s"],
        "resolved",
    );
    assert_eq!(fs::read(&conf).unwrap(), before);
    let once = started();
    assert_ne!(once, at_first);

    hub.undo(&run);
    assert_eq!(started(), once, "what runs is not stopped to be started again");
    assert_eq!(fs::read(&conf).unwrap(), before);
}

#[test]
fn a_graph_that_is_lost_is_restored_from_the_latest_backup() {
    let hub = Hub::start();
    let run = hub.exec("recovery/hub-backup.yaml", &[], "resolved");
    assert_eq!(run.captured("cron"), json!({"scheduled": false}));
    for (scope, damage) in [("everything", "not json"), ("neo4j", "[]")] {
        fs::write(hub.graph(), damage).unwrap();
        let scope = format!("scope={scope}");
        hub.exec(RESTORE, &[&scope, "expected=8"], "resolved");
        let graph: serde_json::Value = serde_json::from_slice(&fs::read(hub.graph()).unwrap()).unwrap();
        assert_eq!(graph.as_array().unwrap().len(), 8);
        assert_eq!(hub.tool(), "200");
    }
    let folders = fs::read_dir(hub.project.path("stack/data/neo4j")).unwrap();
    let aside = folders.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("data.")
    });
    assert_eq!(aside.count(), 2, "the damaged data is kept");
    hub.exec(RESTORE, &["expected=8"], "not_needed");
}

#[test]
fn a_graph_is_rid_of_old_log_entries_after_a_backup() {
    let hub = Hub::start();
    let run = hub.exec("maintenance/neo4j.yaml", &[], "resolved");
    assert!(
        run.captured("backup")["archive"]
            .as_str()
            .unwrap()
            .ends_with(".tar.gz")
    );
    let graph: serde_json::Value = serde_json::from_slice(&fs::read(hub.graph()).unwrap()).unwrap();
    assert_eq!(
        graph,
        json!([{"label": "Task"}, {"label": "Task"}, {"label": "Task"}, {"label": "Task"}, {"label": "Task"}])
    );
    hub.exec("maintenance/neo4j.yaml", &[], "not_needed");
}

#[test]
fn logs_are_compressed_after_a_week_and_removed_after_a_month() {
    let hub = Hub::start();
    let log = |name: &str, days: u64| {
        let path = hub.project.path("stack/logs").join(name);
        fs::write(&path, name).unwrap();
        let now = fs::metadata(&path).unwrap().modified().unwrap();
        let then = now - Duration::from_hours(24 * days + 1);
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(then)
            .unwrap();
    };
    log("new.log", 1);
    hub.exec("maintenance/log-cleanup.yaml", &[], "not_needed");
    log("old one.log", 9);
    log("older.log.gz", 40);
    log("kept.log.gz", 20);
    hub.exec("maintenance/log-cleanup.yaml", &[], "resolved");
    let mut left: Vec<String> = fs::read_dir(hub.project.path("stack/logs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(left, [".keep", "kept.log.gz", "new.log", "old one.log.gz"]);
}

#[test]
fn the_morning_and_the_week_are_looked_after() {
    let hub = Hub::start();
    hub.exec("recovery/hub-backup.yaml", &[], "resolved");
    let run = hub.exec(
        "routine/hub-daily.yaml",
        &["high=100", "critical=100"],
        "resolved",
    );
    assert_ne!(run.captured("morning")["worst"], "fail");
    let metrics = hub.metrics();
    let url = format!("prometheus_url={}", metrics.url("http", "127.0.0.1"));
    with_a_client(&hub, |_| {
        until("Prometheus knows a rate and a percentile", || {
            let query = encoded(
                "histogram_quantile(0.95, sum(rate(mcp_request_duration_seconds_bucket[5m])) by (le)) > 0",
            );
            let query = format!("{}/api/v1/query?query={query}", metrics.url("http", "127.0.0.1"));
            ask(&query, None).1["data"]["result"][0]["value"][1]
                .as_str()
                .map(drop)
        });
        let inputs = [&url, "image=lab:1"];
        let run = hub.exec("routine/hub-weekly.yaml", &inputs, "resolved");
        assert_ne!(run.captured("trends")["worst"], "fail");
        assert!(run.steps("step_skipped").contains(&"month".to_owned()));
        the_month_is_looked_after(&hub, &[&inputs[..], &["monthly=true"]].concat());
    });
    let _killed = hub.docker(&["kill", &hub.container("ollama", 1)]);
    hub.exec("routine/hub-daily.yaml", &[], "failed");
}

/// There is a newer image in the registry. It is pulled, and what runs goes on with the one that there was.
fn the_month_is_looked_after(hub: &Hub, inputs: &[&str]) {
    let registry = Registry::of(hub, "lab:2");
    let image = format!("127.0.0.1:{}/lab:1", registry.port);
    let env = hub.project.path("stack/.env");
    let text = fs::read_to_string(&env).unwrap();
    fs::write(&env, text.replace("IMAGE=lab:1", &format!("IMAGE={image}"))).unwrap();
    let _tagged = hub.docker(&["tag", "lab:1", &image]);
    let started = hub.field("mcp-hub", "{{.State.StartedAt}}");
    let run = hub.exec("routine/hub-weekly.yaml", inputs, "resolved");
    let done = run.steps("step_done");
    for step in ["growth", "pull", "audit", "performance"] {
        assert!(done.contains(&step.to_owned()), "{step}: {done:?}");
    }
    let id = |image| hub.docker(&["inspect", "-f", "{{.Id}}", image]);
    assert_eq!(id(&image), id("lab:2"));
    assert_eq!(hub.field("mcp-hub", "{{.State.StartedAt}}"), started);
}
