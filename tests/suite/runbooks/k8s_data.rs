//! The database of a service on Kubernetes: what is done each day and each week, its settings, a backup and a restore.

use std::fs;

use serde_json::json;

use crate::harness::cluster::Site;
use crate::harness::until;

const DAILY: &str = "routine/k8s-daily.yaml";
const WEEKLY: &str = "routine/k8s-weekly.yaml";
const TUNE: &str = "maintenance/database-tune.yaml";
const BACKUP: &str = "recovery/k8s-backup.yaml";
const RESTORE: &str = "recovery/k8s-restore.yaml";

#[test]
fn the_daily_and_weekly_tasks_tell_of_what_they_find() {
    let site = Site::start();
    let (_, run) = site.exec(DAILY, &[], "resolved");
    assert_eq!(run.captured("morning"), json!({"worst": "pass"}));
    let (ended, run) = site.exec(DAILY, &["database_size=1Mi"], "resolved");
    assert_eq!(run.captured("morning"), json!({"worst": "warn"}));
    ended.says(&["! database"]);

    site.sql("ALTER TABLE assignments SET (autovacuum_enabled = false)");
    site.sql("UPDATE assignments SET title = title || '!'");
    let dead = "SELECT sum(n_dead_tup) >= 2000 FROM pg_stat_user_tables";
    until("the dead rows are counted", || {
        (site.sql(dead) == "t").then_some(())
    });
    let (_, run) = site.exec_inside(WEEKLY, &[], "resolved");
    assert_eq!(run.captured("dead"), json!({"rows": 2000}));
    until("they are gone", || {
        (site.sql("SELECT sum(n_dead_tup) FROM pg_stat_user_tables") == "0").then_some(())
    });

    // A pod that is gone is seen the next morning.
    let _scaled = site.kubectl(&["scale", "statefulset/postgres", "--replicas=0"]);
    until("the service is not ready", || {
        let status = site.object("deployments.apps", "mcp-server")["status"].clone();
        status["readyReplicas"].is_null().then_some(())
    });
    let (ended, _) = site.exec(DAILY, &[], "failed");
    ended.expect(4).says(&["✗ pods"]);
}

#[test]
fn settings_of_the_database_are_tuned_together_or_not_at_all() {
    let site = Site::start();
    let settings = "SELECT string_agg(name || '=' || setting, ',' ORDER BY name) FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf'";
    assert_eq!(site.sql(settings), "");

    // The seventh of them is refused.
    let (ended, _) = site.exec(TUNE, &["effective_io_concurrency=5000"], "rolled_back");
    ended.expect(5).says(&["effective_io_concurrency"]);
    assert_eq!(site.sql(settings), "");

    let (_, run) = site.exec(TUNE, &["shared_buffers=32MB"], "resolved");
    let waiting = json!({"names": ["autovacuum_max_workers", "max_connections", "shared_buffers"]});
    assert_eq!(run.captured("waiting"), waiting);
    assert_eq!(site.sql("SHOW work_mem"), "16MB");
    assert_eq!(site.sql("SHOW autovacuum_vacuum_scale_factor"), "0.1");
}

#[test]
fn what_was_backed_up_is_restored_and_what_is_no_backup_is_not() {
    let site = Site::start();
    let (here, there) = (site.project.path("backups"), site.project.path("bucket"));
    for folder in [&here, &there] {
        fs::create_dir(folder).unwrap();
    }
    let backups = format!("backups={}", here.display());
    let destination = format!("destination={}", there.display());
    let (_, run) = site.exec(
        BACKUP,
        &[&backups, &destination, r#"upload=["cp","-r"]"#],
        "resolved",
    );
    let backup = here.join(run.name());
    let uploaded = there.join(run.name());
    for file in ["database.sql.gz", "config.yaml", "secrets.yaml", "SHA256SUMS"] {
        assert_eq!(
            fs::read(backup.join(file)).unwrap(),
            fs::read(uploaded.join(file)).unwrap()
        );
    }
    run.nowhere("key-of-the-service");

    // An upload that is refused leaves nothing here.
    let (ended, _) = site.exec(
        BACKUP,
        &[&backups, &destination, r#"upload=["false"]"#],
        "rolled_back",
    );
    ended.expect(5);
    assert_eq!(
        fs::read_dir(&here).unwrap().count(),
        1,
        "only the first one is there"
    );

    site.sql("DELETE FROM assignments WHERE id > 100");
    let backup = format!("backup={}", backup.display());
    let names = "SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database WHERE datname LIKE 'mcp%'";
    let (ended, _) = site.exec(RESTORE, &[&backup, "expected=5000"], "rolled_back");
    ended.expect(5).says(&["has 2000 rows, and 5000 are expected"]);
    assert_eq!(site.sql("SELECT count(*) FROM assignments"), "100");
    assert_eq!(site.sql(names), "mcp_prod");
    site.until_ready("mcp-server", 2);

    let (_, run) = site.exec(RESTORE, &[&backup, "expected=2000"], "resolved");
    assert_eq!(run.captured("counted"), json!({"rows": 2000}));
    assert_eq!(site.sql("SELECT count(*) FROM assignments"), "2000");
    assert_eq!(
        site.object("deployments.apps", "mcp-server")["spec"]["replicas"],
        2
    );
    assert!(
        site.sql(names).starts_with("mcp_prod,mcp_prod_"),
        "the damaged one is kept"
    );
}
