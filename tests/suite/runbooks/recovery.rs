//! Recovery: of the whole system, of the data, and without people.

use std::fs;

use serde_json::json;

use crate::site::Site;

const FULL: &str = "recovery/full-system.yaml";
const RESTORE: &str = "recovery/database-restore.yaml";
const AUTO: &str = "operations/auto-recovery.yaml";

#[test]
fn a_system_of_which_nothing_runs_is_recovered_in_order() {
    let site = Site::start();
    site.exec(FULL, &[], "not_needed");
    site.kill("codebase-mcp");
    for part in ["workflow-mcp", "redis", "ollama", "postgresql"] {
        site.systemctl(&["stop", part]);
    }
    let smoke = format!("smoke=[\"touch\", \"{}\"]", site.path("smoked").display());
    let (_, run) = site.exec(FULL, &["pause=10ms", &smoke], "resolved");
    for part in ["workflow-mcp", "redis", "ollama", "postgresql", "codebase-mcp"] {
        assert_eq!(site.state(part), "active", "{part}");
    }
    for server in ["codebase", "workflow"] {
        let pool = &site.health(server)["connection_pool"];
        assert_eq!(
            (&pool["initial_size"], &pool["max_size"]),
            (&json!(5), &json!(50))
        );
    }
    assert!(site.path("smoked").is_file(), "the smoke test was run");
    let done = run.steps("step_done");
    let at = |id: &str| done.iter().position(|step| step == id).unwrap();
    assert!(
        at("stop_workflow") < at("flush") && at("flush") < at("workflow") && at("workflow") < at("codebase")
    );
}

#[test]
fn a_recovery_whose_smoke_test_fails_is_undone() {
    let site = Site::start();
    site.kill("codebase-mcp");
    let (_, run) = site.exec(FULL, &["pause=10ms", "smoke=[\"false\"]"], "rolled_back");
    assert_eq!(site.health("workflow")["connection_pool"]["max_size"], 20);
    for drop_in in ["codebase", "workflow"] {
        let file = format!("units/{drop_in}-mcp.service.d/recovery.conf");
        assert!(!site.path(&file).exists(), "{file}");
    }
    assert!(
        site.path("cache/codebase-mcp/index.json").is_file(),
        "the cache is back"
    );
    assert!(
        run.report().contains("The caches are filled anew"),
        "what cannot be undone is told"
    );
}

/// Most of the rows are lost, and a good dump is there.
fn damaged() -> Site {
    let site = Site::start();
    let dump = site.path("backups/last_known_good.sql");
    let args = [
        "-h",
        "127.0.0.1",
        "-p",
        site.port("postgres"),
        "-U",
        "postgres",
        "codebase_mcp",
        "-f",
    ];
    site.run(&[&["pg_dump"], &args[..], &[&dump.to_string_lossy()]].concat());
    site.exec(RESTORE, &["expected=2000"], "not_needed");
    site.sql("DELETE FROM code_chunks WHERE id > 10");
    site
}

#[test]
fn lost_data_is_restored_and_what_was_there_is_kept() {
    let site = damaged();
    let (_, run) = site.exec(RESTORE, &["expected=2000"], "resolved");
    assert_eq!(site.sql("SELECT count(*) FROM code_chunks"), "2000");
    let aside = run.events("run_ended")[0]["outputs"]["set_aside"].clone();
    let aside = aside.as_str().map_or_else(
        || format!("codebase_mcp_{}", run.name().replace('-', "_")),
        str::to_owned,
    );
    assert_eq!(site.sql_in(&aside, "SELECT count(*) FROM code_chunks"), "10");
    let kept = site.path(&format!("backups/corrupted-{}.sql", run.name()));
    assert!(
        fs::read_to_string(kept)
            .unwrap()
            .contains("COPY public.code_chunks")
    );
    assert_eq!(site.health("codebase")["status"], "healthy");
}

/// The dump ends in the middle, so the database that was set aside gets its name back, and the servers run again.
#[test]
fn a_restore_that_fails_puts_the_old_database_back() {
    let site = damaged();
    let dump = site.path("backups/last_known_good.sql");
    let text = fs::read_to_string(&dump).unwrap();
    fs::write(&dump, format!("{}\nSELECT broken;\n", text.trim_end())).unwrap();
    let (_, run) = site.exec(RESTORE, &["expected=2000"], "rolled_back");
    assert_eq!(run.steps("step_failed"), ["restore"]);
    assert_eq!(site.sql("SELECT count(*) FROM code_chunks"), "10");
    let names = site.sql("SELECT datname FROM pg_database WHERE datname LIKE 'codebase%'");
    assert_eq!(names, "codebase_mcp", "no second one is left");
    for server in ["codebase-mcp", "workflow-mcp"] {
        assert_eq!(site.state(server), "active");
    }
}

#[test]
fn what_is_wrong_is_found_and_repaired_without_people() {
    let site = Site::start();
    // How full this machine is does not matter here.
    let inputs = ["memory=1", "pool_size=40"];
    site.exec(AUTO, &inputs, "not_needed");

    site.kill("codebase-mcp");
    let (_, run) = site.exec(AUTO, &inputs, "resolved");
    assert!(run.steps("step_done").contains(&"server".to_owned()));

    site.systemctl(&["stop", "postgresql"]);
    let (_, run) = site.exec(AUTO, &inputs, "resolved");
    assert!(run.steps("step_done").contains(&"database".to_owned()));

    assert_eq!(site.post("/sessions/hold", r#"{"count": 20}"#), "200");
    let (_, run) = site.exec(AUTO, &inputs, "resolved");
    assert!(run.steps("step_done").contains(&"pool".to_owned()));
    assert_eq!(site.health("codebase")["connection_pool"]["max_size"], 40);

    // Any machine has more in use than nothing.
    let pid = site.health("codebase")["pid"].clone();
    let (_, run) = site.exec(AUTO, &["memory=0"], "resolved");
    assert!(run.steps("step_done").contains(&"restart".to_owned()));
    assert_ne!(site.health("codebase")["pid"], pid);
}
