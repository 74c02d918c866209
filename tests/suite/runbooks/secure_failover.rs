//! The secure MCP server in two regions: one fails, and the other takes over; and its database, taken back to a moment.

use std::fs;

use runbook_cluster::kubelet::HOST;
use serde_json::{Value, json};

use crate::harness::cluster::Site as Region;
use crate::harness::{Project, Run, until};
use crate::site::Site;
use crate::stand_in::{STATUS_TOKEN, StandIn, WRITER, signs};

use super::secure_recovery::{CLUSTER, PATH, service};

const FAILOVER: &str = "recovery/region-failover.yaml";
const DISASTER: &str = "recovery/disaster.yaml";
const POINT: &str = "recovery/point-in-time.yaml";
pub(super) const RECORD: &str = "api.secure-mcp.example";
pub(super) const ZONES: &str = r#"{"Z123456": {"name": "secure-mcp.example.", "records": [
    {"Name": "api.secure-mcp.example.", "Type": "A", "SetIdentifier": "us-east-1", "Weight": 100, "TTL": 60,
     "ResourceRecords": [{"Value": "198.51.100.1"}]},
    {"Name": "api.secure-mcp.example.", "Type": "A", "SetIdentifier": "us-west-2", "Weight": 0, "TTL": 60,
     "ResourceRecords": [{"Value": "203.0.113.1"}]},
    {"Name": "secure-mcp.example.", "Type": "MX", "TTL": 300, "ResourceRecords": [{"Value": "10 mail.example."}]}]}}"#;

/// The weights that the name servers have for the name, by region.
pub(super) fn weights(dns: &StandIn) -> Value {
    let zones: Value = serde_json::from_slice(&fs::read(dns.path("zones.json")).unwrap()).unwrap();
    let records = zones["Z123456"]["records"].as_array().unwrap();
    assert_eq!(records.len(), 3, "no record is lost: {records:?}");
    let mut weights = json!({});
    for record in records.iter().filter(|record| record["Type"] == "A") {
        weights[record["SetIdentifier"].as_str().unwrap()] = record["Weight"].clone();
    }
    weights
}

/// A replica of the site's database, which has all of it.
fn replicate(site: &Site) {
    let backup = site.path("postgres/backup").display().to_string();
    let port = site.port("postgres");
    let args = [
        "pg_basebackup",
        "-h",
        "127.0.0.1",
        "-p",
        port,
        "-U",
        "postgres",
        "-R",
        "-c",
        "fast",
        "-D",
        &backup,
    ];
    site.run(&[&as_postgres()[..], &args].concat());
    site.systemctl(&["start", "postgresql-backup"]);
    let all = site.sql("SELECT count(*) FROM code_chunks");
    until("the replica follows", || {
        let rows =
            site.try_run(&[&replica(site)[..], &["-Atqc", "SELECT count(*) FROM code_chunks"]].concat());
        (rows.stdout.trim() == all).then_some(())
    });
}

fn as_postgres() -> Vec<&'static str> {
    if rustix::process::geteuid().is_root() {
        vec!["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    } else {
        vec!["env"]
    }
}

fn replica(site: &Site) -> [&str; 8] {
    let port = site.port("backup");
    [
        "psql",
        "-h",
        "127.0.0.1",
        "-p",
        port,
        "-U",
        "postgres",
        "codebase_mcp",
    ]
}

fn ask_replica(site: &Site, query: &str) -> String {
    site.run(&[&replica(site)[..], &["-Atqc", query]].concat())
}

/// The other region: no server runs there yet, and they would read from the replica.
fn other(site: &Site) -> Region {
    let mut region = Region::start();
    let objects = region.cluster.objects();
    let spec = json!({"ports": [{"port": 5432}]});
    let service = json!({"metadata": {"name": "replica", "namespace": "mcp"}, "spec": spec});
    objects.create("services", &service).unwrap();
    let port: u16 = site.port("backup").parse().unwrap();
    let slice = json!({
        "metadata": {"name": "replica-1", "namespace": "mcp", "labels": {"kubernetes.io/service-name": "replica"}},
        "addressType": "IPv4", "ports": [{"port": port, "protocol": "TCP"}], "endpoints": [{"addresses": [HOST]}],
    });
    objects.create("endpointslices.discovery.k8s.io", &slice).unwrap();
    let _scaled = region.kubectl(&["scale", "deployment/mcp-server", "--replicas=0"]);
    let variables = [
        ("DATABASE_HOST", "replica"),
        ("DATABASE_NAME", "codebase_mcp"),
        ("DATABASE_USER", "postgres"),
    ];
    let variables = variables.map(|(name, value)| json!({"name": name, "value": value}));
    region.patch_container(&json!({"env": variables}));
    until("no server runs", || region.pods().is_empty().then_some(()));
    signs(&mut region.project, WRITER);
    let url = |port: &str| format!("postgres://postgres@127.0.0.1:{port}/codebase_mcp");
    let project = std::mem::replace(&mut region.project, Project::empty());
    region.project = project
        .variable("PATH", PATH)
        .variable("STATUS_TOKEN", STATUS_TOKEN)
        .variable("PRIMARY_DATABASE_URL", &url(site.port("postgres")))
        .variable("REPLICA_DATABASE_URL", &url(site.port("backup")));
    region
}

/// What the region that takes over is told.
fn given(region: &Region, primary_url: &str, dns: &StandIn) -> Vec<String> {
    let own = [
        format!("primary_url={primary_url}"),
        format!("other_url={}", service(region)),
        format!("route53_url={}", dns.url()),
        format!("record={RECORD}"),
        "replicas=2".to_owned(),
    ];
    CLUSTER.map(str::to_owned).into_iter().chain(own).collect()
}

/// The whole region is asked for by its name, and its database still answers: what it writes until then is not lost.
#[test]
fn another_region_takes_over_and_one_that_cannot_changes_nothing() {
    let site = Site::start();
    replicate(&site);
    let region = other(&site);
    let dns = StandIn::route53(ZONES);
    let primary = StandIn::gateway("");
    let inputs = given(&region, &primary.url(), &dns);
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let failover = |outcome: &str| -> Run { region.exec(FAILOVER, &inputs, outcome).1 };
    failover("not_needed");
    drop(primary);

    let image = |image: &str| region.patch_container(&json!({"image": image}));
    image("mcp-server:9");
    let run = failover("rolled_back");
    assert_eq!(run.steps("step_failed"), ["running"]);
    assert_eq!(
        ask_replica(&site, "SELECT pg_is_in_recovery()"),
        "t",
        "it still follows"
    );
    assert_eq!(weights(&dns), json!({"us-east-1": 100, "us-west-2": 0}));
    until("the old primary writes", || {
        (site.sql("SHOW default_transaction_read_only") == "off").then_some(())
    });
    until("no server runs", || region.pods().is_empty().then_some(()));

    image("mcp-server:1");
    let _written = site.sql("INSERT INTO code_chunks (path, content, embedding) VALUES ('last', 'x', 'x')");
    let run = failover("resolved");
    assert_eq!(ask_replica(&site, "SELECT count(*) FROM code_chunks"), "2001");
    let _written = ask_replica(&site, "DELETE FROM code_chunks WHERE path = 'last'");
    assert_eq!(weights(&dns), json!({"us-east-1": 0, "us-west-2": 100}));
    assert_eq!(
        site.sql("SHOW default_transaction_read_only"),
        "on",
        "nobody writes where nobody reads"
    );
    region.until_ready("mcp-server", 2);
    run.nowhere(WRITER.1);
    assert!(
        run.report().contains("has to be made its replica"),
        "what cannot be undone is told"
    );

    // The traffic goes back where it came from; the promotion stays.
    drop(region.project.run(&["rollback", &run.name(), "--yes"]).expect(5));
    assert_eq!(weights(&dns), json!({"us-east-1": 100, "us-west-2": 0}));
}

/// All of the region is lost, with its database. There is a replica of that.
#[test]
fn a_region_that_is_lost_with_its_database_is_recovered_by_the_replica() {
    let site = Site::start();
    replicate(&site);
    let region = other(&site);
    let dns = StandIn::route53(ZONES);
    site.systemctl(&["stop", "postgresql"]);
    let (vault, status, bucket) = (StandIn::vault("{}"), StandIn::status(), StandIn::s3());
    let more = [
        format!("vault_url={}", vault.url()),
        format!("status_url={}", status.url()),
        format!("s3_url={}", bucket.url()),
        "watch=1s".to_owned(),
    ];
    // Nothing listens on port 1.
    let inputs = given(&region, "http://127.0.0.1:1", &dns);
    let inputs: Vec<&str> = inputs.iter().chain(&more).map(String::as_str).collect();
    let (_, run) = region.exec(DISASTER, &inputs, "resolved");
    assert!(
        run.steps("step_done").contains(&"by_replica/promote".to_owned()),
        "{:?}",
        run.steps("step_done")
    );
    assert_eq!(ask_replica(&site, "SELECT pg_is_in_recovery()"), "f");
    assert_eq!(weights(&dns), json!({"us-east-1": 0, "us-west-2": 100}));
    assert_eq!(told(&status), "monitoring");
    run.nowhere(STATUS_TOKEN);
}

/// What the public was told last.
pub(super) fn told(status: &StandIn) -> String {
    let incidents: Value = serde_json::from_slice(&fs::read(status.path("incidents.json")).unwrap()).unwrap();
    let last = incidents.as_array().unwrap().last().unwrap().clone();
    last["status"].as_str().unwrap().to_owned()
}

/// Has the server upload what it writes to a bucket. Answers the client that it does so with, and where to.
fn archiving(site: &Site, bucket: &StandIn) -> (String, String) {
    let settings = site.path("backups/curlrc");
    let (id, secret) = WRITER;
    let signed = "aws-sigv4 = \"aws:amz:us-east-1:s3\"\nheader = \"x-amz-content-sha256: UNSIGNED-PAYLOAD\"";
    fs::write(&settings, format!("user = \"{id}:{secret}\"\n{signed}\n")).unwrap();
    let curl = format!("curl --silent --fail --config {}", settings.display());
    let archive = format!("{}/mcp-wal-archive/%f", bucket.url());
    let _set = site.sql("ALTER SYSTEM SET archive_mode = on");
    let _set = site.sql(&format!(
        "ALTER SYSTEM SET archive_command = '{curl} --upload-file %p {archive}'"
    ));
    site.systemctl(&["restart", "postgresql"]);
    until("it takes connections", || {
        let asked = site.try_run(&[&site.psql("codebase_mcp")[..], &["-c", "SELECT 1"]].concat());
        (asked.code == 0).then_some(())
    });
    (curl, archive)
}

/// A real archive in S3, to which the server itself uploads and from which it reads.
#[test]
fn a_database_is_taken_back_to_the_moment_before_its_rows_were_deleted() {
    let mut site = Site::start();
    let bucket = StandIn::s3();
    let (curl, archive) = archiving(&site, &bucket);
    let base = site.path("postgres/base").display().to_string();
    let args = [
        "pg_basebackup",
        "-h",
        "127.0.0.1",
        "-p",
        site.port("postgres"),
        "-U",
        "postgres",
        "-c",
        "fast",
        "-D",
        &base,
    ];
    site.run(&[&as_postgres()[..], &args].concat());
    let insert = "INSERT INTO code_chunks (path, content, embedding) SELECT 'late', 'x', 'x' FROM generate_series(1, 100)";
    let _written = site.sql(insert);
    let moment = format!("target_time={}", site.sql("SELECT clock_timestamp()"));
    let url = format!(
        "postgres://postgres@127.0.0.1:{}/codebase_mcp",
        site.port("postgres")
    );
    let project = std::mem::replace(&mut site.project, Project::empty());
    site.project = project.variable("DATABASE_URL", &url);
    let base = format!("base={base}");
    let restore = format!("restore_command={curl} --output %p {archive}");
    let inputs = [base.as_str(), &restore, "table=code_chunks", "expected=2100"];
    let back = |moment: &str, outcome: &str| site.exec(POINT, &[&inputs[..], &[moment]].concat(), outcome);
    back(&moment, "not_needed");
    let _deleted = site.sql("DELETE FROM code_chunks WHERE path <> 'late'");

    // It ends at once, or after a while, so the step that sees it is one or another.
    let (_, run) = back("target_time=2999-01-01 00:00:00+00", "rolled_back");
    assert_eq!(run.steps("undo_failed"), Vec::<String>::new());
    let log = fs::read_to_string(site.path("postgresql.log")).unwrap();
    assert!(
        log.contains("recovery ended before configured recovery target was reached"),
        "{log}"
    );
    assert_eq!(
        site.sql("SELECT count(*) FROM code_chunks"),
        "100",
        "it is as it was"
    );

    let (_, run) = back(&moment, "resolved");
    assert_eq!(site.sql("SELECT count(*) FROM code_chunks"), "2100");
    assert_eq!(site.sql("SELECT timeline_id FROM pg_control_checkpoint()"), "2");
    assert!(
        site.path(&format!("postgres/data.before-{}", run.name()))
            .is_dir(),
        "what was there is kept"
    );
    assert!(
        bucket.path("mcp-wal-archive/00000002.history").is_file(),
        "it archives again"
    );
}
