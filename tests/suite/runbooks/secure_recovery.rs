//! The data of the secure MCP server: backed up, restored beside the damaged database, and taken back to a moment; and its
//! servers, taken back to an earlier release.

use std::fs;
use std::path::{Path, PathBuf};

use runbook_cluster::kubelet::Image;
use serde_json::json;

use crate::harness::cluster::Site;
use crate::harness::{Project, repository, until};
use crate::stand_in::{READER, STATUS_TOKEN, StandIn, VAULT_TOKEN, WRITER, signs};

use super::secure_failover::{RECORD, ZONES, told, weights};

const BACKUP: &str = "recovery/full-backup.yaml";
const SWAP: &str = "recovery/database-swap.yaml";
const DISASTER: &str = "recovery/disaster.yaml";
const EMERGENCY: &str = "recovery/emergency-rollback.yaml";

/// Debian's programs, whatever else is installed on this machine.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/bin";

/// What a runbook is told about the cluster, of which the namespace is `mcp` and the database `mcp_prod`.
pub(super) const CLUSTER: [&str; 2] = ["context=cluster", "namespace=mcp"];
const DATABASE: [&str; 2] = ["database=mcp_prod", "database_user=mcp_user"];

/// The secret of the service, as it stands in its object.
const KEY_OF_THE_SERVICE: &str = "a2V5LW9mLXRoZS1zZXJ2aWNl";
/// Nothing listens on port 1.
const NOWHERE: &str = "postgres://postgres@127.0.0.1:1/none";

/// The service with all that is backed up, and where to.
struct Kept {
    site: Site,
    bucket: StandIn,
    vault: StandIn,
}

impl Kept {
    fn start() -> Self {
        let mut site = Site::start();
        let redis = Image::host().with_command(["redis-server", "--dir", "/data", "--save", ""]);
        site.images.register("redis:7", redis);
        let manifest = repository().join("tests/site/outside/redis.yaml");
        site.apply(&[&manifest.display().to_string()]);
        until("Redis runs", || {
            let set = site.object("statefulsets.apps", "redis");
            (set["status"]["readyReplicas"] == 1).then_some(())
        });
        let _stored = site.in_pod("redis-0", &["redis-cli", "set", "session", "kept"]);
        let bucket = StandIn::s3();
        let vault = StandIn::vault(
            r#"{"db/mcp": [{"data": {"password": "of-the-database"}, "at": "2026-01-05T09:00:00Z"}]}"#,
        );
        signs(&mut site.project, WRITER);
        let project = std::mem::replace(&mut site.project, Project::empty());
        site.project = project
            .variable("VAULT_TOKEN", VAULT_TOKEN)
            .variable("STATUS_TOKEN", STATUS_TOKEN)
            .variable("PRIMARY_DATABASE_URL", NOWHERE)
            .variable("REPLICA_DATABASE_URL", NOWHERE)
            .variable("PATH", PATH);
        Self { site, bucket, vault }
    }

    fn inputs(&self, more: &[&str]) -> Vec<String> {
        let mut inputs: Vec<String> = [&CLUSTER[..], &DATABASE, more]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect();
        inputs.push(format!("s3_url={}", self.bucket.url()));
        inputs.push(format!("backups={}", self.folder().display()));
        inputs
    }

    fn backup(&self, more: &[&str], outcome: &str) -> (crate::harness::Ended, crate::harness::Run) {
        let mut inputs = self.inputs(more);
        inputs.push(format!("vault_url={}", self.vault.url()));
        exec(&self.site, BACKUP, &inputs, outcome)
    }

    fn swap(&self, more: &[&str], outcome: &str) -> (crate::harness::Ended, crate::harness::Run) {
        let mut inputs = self.inputs(more);
        inputs.extend(["administrator=mcp_user", "table=assignments"].map(str::to_owned));
        if !more.iter().any(|input| input.starts_with("expected=")) {
            inputs.push("expected=2000".to_owned());
        }
        inputs.push(format!("api_url={}", service(&self.site)));
        exec(&self.site, SWAP, &inputs, outcome)
    }

    fn folder(&self) -> PathBuf {
        self.site.project.path("backup")
    }

    /// The databases that the service has had.
    fn databases(&self) -> String {
        let query = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname LIKE 'mcp_prod%'";
        self.site.sql_in("postgres", query)
    }

    fn rows(&self, database: &str) -> String {
        self.site.sql_in(database, "SELECT count(*) FROM assignments")
    }
}

fn exec(
    site: &Site,
    runbook: &str,
    inputs: &[String],
    outcome: &str,
) -> (crate::harness::Ended, crate::harness::Run) {
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    site.exec(runbook, &inputs, outcome)
}

/// Where the service answers.
pub(super) fn service(site: &Site) -> String {
    let config = fs::read_to_string(site.project.path("runbook.config.yaml")).unwrap();
    let line = config.lines().find_map(|line| line.trim().strip_prefix("url: "));
    line.unwrap().to_owned()
}

/// A backup that cannot be made whole leaves nothing. Of one that can, all is in the bucket, and no secret is told on the way.
/// Then the database loses nearly all its rows, and is restored from it, but not from a dump that was damaged.
#[test]
fn all_of_it_is_backed_up_and_a_lost_database_is_restored_from_there() {
    let mut kept = Kept::start();
    signs(&mut kept.site.project, READER);
    let (ended, run) = kept.backup(&[], "rolled_back");
    let _ended = ended.says(&["Access Denied"]);
    assert_eq!(run.steps("step_failed"), ["upload"]);
    run.nowhere(READER.1);
    assert_eq!(
        fs::read_dir(kept.folder()).unwrap().count(),
        0,
        "the folder is gone"
    );
    signs(&mut kept.site.project, WRITER);
    fs::write(kept.vault.path("vault.sealed"), "").unwrap();
    let (_, run) = kept.backup(&[], "failed");
    assert_eq!(run.steps("step_failed"), ["vault_is_open"]);
    fs::remove_file(kept.vault.path("vault.sealed")).unwrap();

    let (_, run) = kept.backup(&[], "resolved");
    let objects = kept.bucket.path(&format!("mcp-backups/{}", run.name()));
    holds_all(&objects);
    for secret in [WRITER.1, VAULT_TOKEN, KEY_OF_THE_SERVICE, "of-the-database"] {
        run.nowhere(secret);
    }
    kept.backup(&[], "not_needed");
    kept.swap(&[], "not_needed");
    let _deleted = kept.site.sql("DELETE FROM assignments WHERE id > 10");
    is_not_restored_from_what_is_damaged(&kept, &objects.join("postgres.dump"));

    let (_, run) = kept.swap(&[], "resolved");
    assert_eq!(kept.rows("mcp_prod"), "2000");
    let aside = format!("mcp_prod_{}", run.name().replace('-', "_"));
    assert_eq!(kept.databases(), format!("mcp_prod {aside}"));
    assert_eq!(kept.rows(&aside), "10", "what was there is kept");
    run.nowhere(WRITER.1);
    let ended = kept.site.project.run(&["rollback", &run.name(), "--yes"]);
    let _ended = ended.expect(5);
    assert_eq!(
        (kept.databases().as_str(), kept.rows("mcp_prod").as_str()),
        ("mcp_prod", "10")
    );
    kept.site.until_ready("mcp-server", 2);
}

fn holds_all(objects: &Path) {
    let entries = fs::read_dir(objects).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let all = [
        "checksums.txt",
        "configmaps.yaml",
        "postgres.dump",
        "redis.rdb",
        "secrets.yaml",
        "vault.snap",
    ];
    assert_eq!(names, all);
    let secrets = fs::read_to_string(objects.join("secrets.yaml")).unwrap();
    assert!(
        secrets.contains(KEY_OF_THE_SERVICE),
        "the secret of the service is kept"
    );
}

/// A dump that is not the one that was uploaded is not restored, and one with too few rows does not get the name.
fn is_not_restored_from_what_is_damaged(kept: &Kept, dump: &Path) {
    let whole = fs::read(dump).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(dump, damaged).unwrap();
    let (_, run) = kept.swap(&[], "rolled_back");
    assert_eq!(run.steps("step_failed"), ["fetch"]);
    assert!(
        !run.steps("step_started").contains(&"stop".to_owned()),
        "the servers run"
    );
    let (ended, _) = kept.swap(&["backup=another"], "failed");
    let _ended = ended.says(&["no finished backup `another`"]);
    fs::write(dump, whole).unwrap();

    let (_, run) = kept.swap(&["expected=3000"], "rolled_back");
    assert_eq!(run.steps("step_failed"), ["restore"]);
    assert_eq!(
        (kept.databases().as_str(), kept.rows("mcp_prod").as_str()),
        ("mcp_prod", "10")
    );
    kept.site.until_ready("mcp-server", 2);
}

/// The region that had the service is lost, and this one has neither its data nor a replica of it.
#[test]
fn a_region_that_is_lost_is_recovered_from_the_backup() {
    let mut kept = Kept::start();
    signs(&mut kept.site.project, WRITER);
    kept.backup(&[], "resolved");
    let _deleted = kept.site.sql("DELETE FROM assignments WHERE id > 10");
    let (dns, status) = (StandIn::route53(ZONES), StandIn::status());
    let mut inputs = kept.inputs(&[
        "administrator=mcp_user",
        "table=assignments",
        "replicas=3",
        "watch=1s",
    ]);
    // Nothing listens on port 1.
    inputs.extend(["expected=2000", "primary_url=http://127.0.0.1:1"].map(str::to_owned));
    inputs.extend([
        format!("other_url={}", service(&kept.site)),
        format!("vault_url={}", kept.vault.url()),
        format!("status_url={}", status.url()),
        format!("route53_url={}", dns.url()),
        format!("record={RECORD}"),
    ]);
    let (_, run) = exec(&kept.site, DISASTER, &inputs, "resolved");
    assert_eq!(kept.rows("mcp_prod"), "2000");
    assert_eq!(weights(&dns), json!({"us-east-1": 0, "us-west-2": 100}));
    assert_eq!(told(&status), "monitoring");
    kept.site.until_ready("mcp-server", 3);
    run.nowhere(WRITER.1);
}

/// The second release counts on a schema that the first does not know, and fails to serve requests with it.
#[test]
fn a_bad_release_is_taken_back_with_the_schema_of_its_database() {
    let mut site = Site::start();
    let server = fs::read(repository().join("tests/site/k8s/server.py")).unwrap();
    let bad = Image::host()
        .with_file("/app/server.py", server)
        .with_working_directory("/app")
        .with_variable("DATABASE_NAME", "mcp_next")
        .with_command(["python3", "-u", "/app/server.py"]);
    site.images.register("mcp-server:3", bad);
    let gateway = StandIn::gateway(&service(&site));
    let taken = std::mem::replace(&mut site.project, Project::empty());
    site.project = taken
        .variable("PATH", PATH)
        .with(
            "down.sql",
            "ALTER TABLE assignments DROP COLUMN due; DELETE FROM schema_migrations WHERE version = 2;",
        )
        .with(
            "up.sql",
            "ALTER TABLE assignments ADD COLUMN due date; INSERT INTO schema_migrations VALUES (2);",
        );
    let path = |file: &str| site.project.path(file).display().to_string();
    let mut inputs: Vec<String> = [&CLUSTER[..], &DATABASE, &["image=mcp-server"]]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect();
    inputs.push(format!("api_url={}", gateway.url()));
    inputs.push(format!("gateway_url={}", gateway.url()));
    exec(&site, EMERGENCY, &inputs, "not_needed");
    let _made = site.sql(
        "CREATE TABLE schema_migrations (version int); INSERT INTO schema_migrations VALUES (1), (2);
         ALTER TABLE assignments ADD COLUMN due date",
    );
    // It is taken for ready as soon as it runs.
    let ready = json!({"httpGet": {"path": "/live", "port": 8000}});
    site.patch_container(&json!({"image": "mcp-server:3", "readinessProbe": ready}));
    site.until_ready("mcp-server", 2);
    let migrations = [
        format!("migration_down={}", path("down.sql")),
        format!("migration_up={}", path("up.sql")),
    ];
    let state = || {
        let schema = site.sql("SELECT string_agg(version::text, ' ') FROM schema_migrations");
        let due = site.sql("SELECT count(*) FROM information_schema.columns WHERE column_name = 'due'");
        format!("{schema}, {due}, {}", site.container()["image"].as_str().unwrap())
    };
    assert_eq!(state(), "1 2, 1, mcp-server:3");

    let (_, run) = exec(&site, EMERGENCY, &[&inputs[..], &migrations].concat(), "resolved");
    assert_eq!(state(), "1, 0, mcp-server:1");
    site.until_ready("mcp-server", 2);
    drop(site.project.run(&["rollback", &run.name(), "--yes"]).expect(5));
    assert_eq!(state(), "1 2, 1, mcp-server:3");
    site.until_ready("mcp-server", 2);

    // The version that is asked for is not to be had.
    let lost = [&inputs[..], &migrations, &["version=9".to_owned()]].concat();
    let (_, run) = exec(&site, EMERGENCY, &lost, "rolled_back");
    assert_eq!(run.steps("step_failed"), ["rolled_out"]);
    assert_eq!(state(), "1 2, 1, mcp-server:3");
    site.until_ready("mcp-server", 2);
    // Without a migration the servers are replaced one after the other.
    let good = [&inputs[..], &["version=1".to_owned()]].concat();
    let (_, run) = exec(&site, EMERGENCY, &good, "resolved");
    assert!(run.steps("step_skipped").contains(&"stop".to_owned()));
    assert_eq!(state(), "1 2, 1, mcp-server:1");
}
