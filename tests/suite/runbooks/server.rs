//! The servers and what they depend on: down, killed, corrupted, leaking, slow.

use std::fs;
use std::process::Child;

use serde_json::json;

use crate::harness::until;
use crate::site::Site;

const DOWN: &str = "incident/server-down.yaml";
const MEMORY: &str = "incident/out-of-memory.yaml";
const CORRUPTED: &str = "incident/corrupted-state.yaml";
const DEPENDENCY: &str = "incident/dependency-down.yaml";
const SEARCH: &str = r#"{"query": "test"}"#;

#[test]
fn a_server_that_crashed_is_restarted() {
    let site = Site::start();
    site.exec(DOWN, &[], "not_needed");
    let other = site.health("workflow")["pid"].clone();
    site.kill("codebase-mcp");
    let (_, run) = site.exec(DOWN, &[], "resolved");
    assert_eq!(run.captured("ask_codebase"), json!({"answers": false}));
    assert_eq!(site.health("codebase")["status"], "healthy");
    assert_eq!(
        site.health("workflow")["pid"],
        other,
        "the one that ran is left alone"
    );
}

/// As on a host with systemd: the runbook's own connection, and the stand-in for `systemctl` on the path.
#[test]
fn a_unit_of_systemd_that_crashed_is_restarted() {
    let site = Site::start();
    site.kill("workflow-mcp");
    let ended = site.project.run(&["exec", DOWN, "--yes", "--env", "systemd"]);
    ended.expect(0).says(&["systemctl restart workflow-mcp"]);
    assert_eq!(site.health("workflow")["status"], "healthy");
}

/// A process that is not part of the site.
struct Stranger(Child);

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

#[test]
fn what_holds_the_port_of_a_server_is_ended() {
    let site = Site::start();
    site.systemctl(&["stop", "workflow-mcp"]);
    let port = site.port("workflow");
    let mut taker = site.command(&["python3", "-m", "http.server", "-b", "127.0.0.1", port]);
    let mut taker = Stranger(taker.spawn().expect("it starts"));
    let url = format!("http://127.0.0.1:{port}/");
    until("the port is taken", || {
        (site.try_run(&["curl", "-s", &url]).code == 0).then_some(())
    });
    let (_, run) = site.exec(DOWN, &[], "resolved");
    assert_eq!(
        run.captured("workflow/holder"),
        json!({"others": [taker.0.id().to_string()]})
    );
    taker.0.wait().expect("it was ended");
    assert_eq!(site.health("workflow")["service"], "workflow-mcp");
}

#[test]
fn a_server_that_was_killed_for_memory_may_have_more() {
    let site = Site::start();
    site.drop_in("leak.conf", "Environment=LEAK_MB=60");
    site.drop_in("memory.conf", "MemoryMax=60M");
    site.exec(MEMORY, &[], "not_needed");
    site.post("/search", SEARCH);
    until("the server is dead", || {
        (site.state("codebase-mcp") == "failed").then_some(())
    });
    let shown = site.systemctl(&["show", "--property=Result", "codebase-mcp"]);
    assert_eq!(shown, "Result=oom-kill");

    let (_, run) = site.exec(MEMORY, &["memory=512M"], "resolved");
    assert_eq!(run.steps("step_skipped"), ["too_little"]);
    assert_eq!(site.health("codebase")["memory"]["max_bytes"], 512 << 20);
}

/// The new limit is too small for the server to live on, so the drop-in file is put back as it was.
#[test]
fn a_limit_that_does_not_help_is_taken_back() {
    let site = Site::start();
    site.drop_in("leak.conf", "Environment=LEAK_MB=60");
    site.drop_in("memory.conf", "MemoryMax=60M");
    site.post("/search", SEARCH);
    until("the server is dead", || {
        (site.state("codebase-mcp") == "failed").then_some(())
    });
    let file = site.path("units/codebase-mcp.service.d/memory.conf");
    let before = fs::read(&file).unwrap();
    site.exec(MEMORY, &["memory=2M"], "rolled_back").0.expect(5);
    assert_eq!(fs::read(&file).unwrap(), before, "byte for byte");
    let shown = site.systemctl(&["show", "--property=MemoryMax", "codebase-mcp"]);
    assert_eq!(shown, format!("MemoryMax={}", 60 << 20), "and it counts again");
}

#[test]
fn corrupted_state_is_set_aside() {
    let site = Site::start();
    site.exec(CORRUPTED, &[], "not_needed");
    let cache = site.path("cache/codebase-mcp");
    fs::write(cache.join("index.json"), "{\"version\": 1").unwrap();
    site.redis(&["SET", "codebase-mcp:state", "\u{1}garbage"]);
    assert_eq!(site.post("/search", SEARCH), "500");

    let (_, run) = site.exec(CORRUPTED, &["pause=10ms"], "resolved");
    assert_eq!(run.captured("size"), json!({"files": 1, "keys": 1}));
    assert_eq!(site.redis(&["DBSIZE"]), "0");
    let aside = format!("cache/codebase-mcp.{}/index.json", run.name());
    assert_eq!(fs::read_to_string(site.path(&aside)).unwrap(), "{\"version\": 1");
    assert_eq!(site.post("/search", SEARCH), "200");
}

/// Redis cannot be emptied, so what was set aside is put back, and the server runs again.
#[test]
fn files_that_were_set_aside_are_put_back() {
    let site = Site::start();
    let file = site.path("cache/codebase-mcp/index.json");
    fs::write(&file, "{").unwrap();
    site.redis(&["ACL", "SETUSER", "default", "-flushdb"]);
    let (_, run) = site.exec(CORRUPTED, &["pause=10ms"], "rolled_back");
    assert_eq!(run.steps("step_failed"), ["flush"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "{");
    assert_eq!(site.state("codebase-mcp"), "active");
}

#[test]
fn a_dependency_that_is_down_is_restarted_and_no_other() {
    let site = Site::start();
    site.exec(DEPENDENCY, &[], "not_needed");
    for (down, up) in [("ollama", "redis"), ("redis", "ollama")] {
        let pid = site.systemctl(&["show", "--property=MainPID", up]);
        site.kill(down);
        assert_eq!(site.health("codebase")["status"], "degraded");
        let (_, run) = site.exec(DEPENDENCY, &[], "resolved");
        assert_eq!(run.steps("step_skipped"), [up]);
        assert_eq!(site.state(down), "active");
        assert_eq!(site.systemctl(&["show", "--property=MainPID", up]), pid);
    }
}
