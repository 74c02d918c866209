//! What goes wrong with a service in compose: it is out, does not start, is slow, unhealthy or short of memory.

use serde_json::json;

use crate::codesage::{CodeSage, NEW_KEY};
use crate::harness::Run;

const OUTAGE: &str = "incident/compose-outage.yaml";
const NOT_STARTING: &str = "incident/compose-not-starting.yaml";
const MEMORY: &str = "incident/compose-high-memory.yaml";
const SLOW: &str = "incident/compose-slow.yaml";
const UNHEALTHY: &str = "incident/compose-unhealthy.yaml";

/// Which levels of the outage's ladder helped.
fn level(run: &Run) -> Vec<String> {
    run.steps("step_done")
        .into_iter()
        .filter(|step| ["restart", "recreate", "rebuild"].contains(&step.as_str()))
        .collect()
}

/// Where that does not help, what is damaged is in the container, so a new one helps.
#[test]
fn an_outage_ends_with_a_restart_or_with_new_containers() {
    let site = CodeSage::start();
    site.project.exec(OUTAGE, &[], "not_needed");
    let container = site.field("{{.Id}}");
    site.kill();
    let (_, run) = site.project.exec(OUTAGE, &[], "resolved");
    assert_eq!(level(&run), ["restart"]);
    assert_eq!(site.field("{{.Id}}"), container, "it is the same container");
    assert_eq!(site.state()["status"], "healthy");

    site.inside("touch /app/broken");
    site.kill();
    let (_, run) = site.project.exec(OUTAGE, &[], "resolved");
    assert_eq!(level(&run), ["recreate"]);
    assert_ne!(site.field("{{.Id}}"), container, "it is another one");
    assert_eq!(site.state()["status"], "healthy");
}

/// What is damaged is in the image, so only a new one helps.
#[test]
fn an_outage_ends_with_a_new_image_where_nothing_else_helps() {
    let site = CodeSage::start();
    let fine = site.read("Dockerfile");
    site.write("Dockerfile", &format!("{fine}RUN touch /app/broken\n"));
    site.compose(&["up", "-d", "--build", "codesage-mcp"]);
    site.until_it_has_ended();
    let (ended, _) = site.project.exec(OUTAGE, &[], "rolled_back");
    ended.says(&["infrastructure team"]);

    site.write("Dockerfile", &fine);
    let (_, run) = site.project.exec(OUTAGE, &[], "resolved");
    assert_eq!(level(&run), ["rebuild"]);
    assert_eq!(site.state()["status"], "healthy");
}

#[test]
fn a_service_without_its_key_gets_it_and_starts() {
    let site = CodeSage::start();
    site.project.exec(NOT_STARTING, &[], "not_needed");
    site.write(".env", "# The settings of CodeSage.\nMAX_MEMORY_MB=2048\n");
    site.compose(&["up", "-d", "codesage-mcp"]);
    site.until_it_has_ended();
    let (_, run) = site.project.exec(NOT_STARTING, &[], "resolved");
    assert_eq!(
        run.captured("containers"),
        json!({"ended": [1], "killed": 0}),
        "it had ended by itself"
    );
    assert_eq!(run.captured("printed"), json!({"errors": 1}));
    let settings = site.read(".env");
    assert!(
        settings.starts_with("# The settings of CodeSage.\n"),
        "{settings}"
    );
    assert!(
        settings.contains(&format!("GROQ_API_KEY={NEW_KEY}\n")),
        "{settings}"
    );
    run.nowhere(NEW_KEY);
    assert_eq!(site.state()["status"], "healthy");
}

/// The program cannot start for another reason, so the settings are as they were.
#[test]
fn a_key_that_does_not_help_is_taken_out_again() {
    let site = CodeSage::start();
    let settings = "MAX_MEMORY_MB=2048\n";
    site.write(".env", settings);
    let fine = site.read("Dockerfile");
    site.write("Dockerfile", &format!("{fine}RUN touch /app/broken\n"));
    site.compose(&["up", "-d", "--build", "codesage-mcp"]);
    site.until_it_has_ended();
    site.project.exec(NOT_STARTING, &[], "rolled_back");
    assert_eq!(site.read(".env"), settings, "byte for byte");
    let variables = site.field("{{.Config.Env}}");
    assert!(
        variables.contains("MAX_MEMORY_MB") && !variables.contains(NEW_KEY),
        "and the container has none: {variables}"
    );
}

#[test]
fn a_service_with_too_large_caches_gets_smaller_ones() {
    let site = CodeSage::start();
    site.project.exec(MEMORY, &[], "not_needed");
    let settings = site.read(".env");
    site.write(
        ".env",
        &format!("{settings}EMBEDDING_CACHE_SIZE=19000\nSEARCH_CACHE_SIZE=5000\n"),
    );
    site.compose(&["up", "-d", "codesage-mcp"]);
    site.until_healthy();
    let (_, run) = site.project.exec(MEMORY, &[], "resolved");
    assert_eq!(run.captured("caches"), json!({"entries": 24200}));
    let caches = site.call("get_cache_statistics");
    assert_eq!(caches["embedding"], json!({"entries": 5000, "limit": 5000}));
    assert_eq!(caches["search"]["limit"], 1000);
    assert_eq!(caches["file"]["limit"], 100);
}

/// An entry of the cache is damaged, so nothing is found in it.
#[test]
fn a_service_that_misses_its_cache_fills_it_anew() {
    let site = CodeSage::start();
    for _ in 0..30 {
        site.call("search_codebase");
    }
    site.project.exec(SLOW, &[], "not_needed");
    site.inside("echo '{\"results\": [' > /app/.codesage/cache/7.cache");
    for _ in 0..60 {
        site.call("search_codebase");
    }
    let rate = site.call("get_cache_statistics")["hit_rate"].as_f64();
    assert!(rate.is_some_and(|rate| rate < 0.7), "{rate:?}");
    let client = site.asked_meanwhile();
    let (_, run) = site.project.exec(SLOW, &[], "resolved");
    drop(client);
    let rate = site.call("get_cache_statistics")["hit_rate"].as_f64();
    assert!(rate.is_some_and(|rate| rate > 0.7), "{rate:?}");
    let aside = site.inside(&format!("cat /app/.codesage/cache.{}/7.cache", run.name()));
    assert_eq!(aside, "{\"results\": [", "what was there can be looked at");

    // Enough is found, and yet a search takes longer than two seconds: whoever held the cache has died.
    site.inside("touch /app/.codesage/cache/lock");
    let client = site.asked_meanwhile();
    let (_, run) = site.project.exec(SLOW, &[], "resolved");
    drop(client);
    assert!(run.captured("statistics")["hit_rate"].as_f64() > Some(0.7));
    site.inside(&format!("test -e /app/.codesage/cache.{}/lock", run.name()));
}

#[test]
fn an_unhealthy_container_is_restarted() {
    let site = CodeSage::start();
    site.project.exec(UNHEALTHY, &[], "not_needed");
    site.is_stuck();
    site.until_it_is("unhealthy");
    let container = site.field("{{.Id}}");
    let (_, run) = site.project.exec(UNHEALTHY, &[], "resolved");
    assert_eq!(run.captured("which"), json!({"names": [site.container()]}));
    assert_eq!(site.field("{{.Id}}"), container, "it is the same container");
    assert_eq!(site.field("{{.State.Health.Status}}"), "healthy");
}
