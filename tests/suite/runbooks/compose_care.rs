//! What keeps a service in compose going: configuration, updates, backups, scaling, caches, index, keys, firewall.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use runbook_testkit::docker::Engine;
use runbook_testkit::prometheus::{Options, Prometheus};
use serde_json::json;

use crate::codesage::{CodeSage, NEW_KEY, OLD_KEY, Provider};
use crate::harness::{Project, until};

const SERVICE: &str = "operations/compose-service.yaml";
const HEALTH: &str = "routine/compose-health.yaml";
const CACHE: &str = "maintenance/cache.yaml";
const INDEX: &str = "maintenance/index.yaml";
const CONFIG: &str = "maintenance/compose-config.yaml";
const UPDATE: &str = "maintenance/compose-update.yaml";
const BACKUP: &str = "recovery/compose-backup.yaml";
const RESTORE: &str = "recovery/compose-restore.yaml";
const LOSS: &str = "recovery/compose-data-loss.yaml";
const SCALE: &str = "scaling/compose.yaml";
const KEYS: &str = "security/rotate-keys.yaml";
const FIREWALL: &str = "security/firewall.yaml";

const SUM: &str = "md5sum < /app/.codesage/codebase_index.faiss";

#[test]
fn several_containers_share_the_requests() {
    let site = CodeSage::behind_its_balancer();
    let limits = ["memory=128Mi", "cpus=0.5"];
    let (_, run) = site.project.exec(SCALE, &limits, "resolved");
    let names = run.captured("containers")["names"].clone();
    assert_eq!(names.as_array().map(Vec::len), Some(3));
    assert_eq!(site.field("{{.HostConfig.Memory}}"), (128 << 20).to_string());
    let mut hosts: Vec<String> = (0..3).map(|_| site.balanced()).collect();
    hosts.sort();
    hosts.dedup();
    assert_eq!(hosts.len(), 3, "each gets one of three requests");

    let few = ["replicas=1", "memory=128Mi", "cpus=0.5"];
    site.project.exec(SCALE, &few, "resolved");
    assert_eq!(site.balanced(), site.balanced(), "there is but one");

    let count = || {
        let name = format!("name={}", site.container().trim_end_matches('1'));
        Engine::shared()
            .docker(&["ps", "-q", "--filter", &name])
            .lines()
            .count()
    };
    let url = format!("url={}", site.balancer_url());
    let start = ["action=start", "replicas=2", "memory=128Mi", "cpus=0.5", &url];
    let (_, run) = site.project.exec(SERVICE, &start, "resolved");
    assert_eq!(
        run.captured("containers")["names"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(count(), 2);
    site.undo(&run);
    assert_eq!(count(), 1);
}

/// More memory than a container can do with less of is asked for, so nothing stays different.
#[test]
fn scaling_that_fails_is_taken_back() {
    let site = CodeSage::behind_its_balancer();
    let config = site.read("nginx.conf");
    // The engine refuses less than 6 MiB.
    site.project
        .exec(SCALE, &["memory=1Mi", "cpus=0.5"], "rolled_back");
    assert_eq!(site.read("nginx.conf"), config);
    let containers = Engine::shared().docker(&[
        "ps",
        "-q",
        "--filter",
        &format!("name={}", site.container().trim_end_matches('1')),
    ]);
    assert_eq!(containers.lines().count(), 1, "{containers}");
}

#[test]
fn a_new_version_runs_after_an_update() {
    let site = CodeSage::start();
    site.project.exec(UPDATE, &["new_version=1.0.0"], "not_needed");
    let image = site.field("{{.Image}}");
    site.write("app/version", "1.1.0\n");
    let (_, run) = site.project.exec(UPDATE, &["new_version=1.1.0"], "resolved");
    assert_eq!(run.captured("was"), json!({"version": "1.0.0"}));
    assert_eq!(site.state()["version"], "1.1.0");

    site.undo(&run);
    assert_eq!(site.field("{{.Image}}"), image, "it is the image that there was");
    assert_eq!(site.state()["version"], "1.0.0");
}

#[test]
fn the_old_version_runs_again_where_the_new_one_does_not_start() {
    let site = CodeSage::start();
    let image = site.field("{{.Image}}");
    site.write("app/version", "1.1.0\n");
    let fine = site.read("Dockerfile");
    site.write("Dockerfile", &format!("{fine}RUN touch /app/broken\n"));
    site.project.exec(UPDATE, &["new_version=1.1.0"], "rolled_back");
    site.until_healthy();
    assert_eq!(site.field("{{.Image}}"), image, "it is the image that there was");
    assert_eq!(site.state()["version"], "1.0.0");
}

#[test]
fn a_backup_brings_everything_back() {
    let site = CodeSage::start();
    site.inside(&format!("/usr/bin/python3 -c \"{DATABASE}\""));
    let dump = json!(["/usr/bin/python3", "-c", DUMP]).to_string();
    let dump = format!("database_dump={dump}");
    let (_, run) = site.project.exec(BACKUP, &[&dump], "resolved");
    the_dump_is_whole(&site);
    let latest = fs::read_link(site.path("backups/latest")).unwrap();
    assert_eq!(latest.to_str().unwrap(), run.name());
    let (sum, settings) = (site.inside(SUM), site.read(".env"));

    site.inside("rm -rf /app/.codesage/*");
    site.write(".env", "GROQ_API_KEY=gsk-wrong-0123456789\n");
    site.project.exec(RESTORE, &[], "resolved");
    assert_eq!(site.inside(SUM), sum);
    assert_eq!(site.read(".env"), settings);
    assert_eq!(
        site.inside("echo $GROQ_API_KEY"),
        OLD_KEY,
        "and the container has it"
    );

    site.inside("echo FAISS-other > /app/.codesage/codebase_index.faiss");
    let container = site.field("{{.Id}}");
    site.project.exec(RESTORE, &["scope=data"], "resolved");
    assert_eq!(site.inside(SUM), sum);
    assert_eq!(site.field("{{.Id}}"), container, "only its data are restored");
}

/// A database of 20000 entries, whose dump is larger than what an expression may hold.
const DATABASE: &str = "import sqlite3; db = sqlite3.connect('/app/.codesage/entries.db'); \
    db.execute('create table entries (name text)'); \
    db.executemany('insert into entries values (?)', [(str(n) * 9,) for n in range(20000)]); db.commit()";
const DUMP: &str =
    "import sqlite3; print(*sqlite3.connect('/app/.codesage/entries.db').iterdump(), sep='\\n')";

/// The dump of the latest backup is a database again, and it is in nobody's sight and in no container.
fn the_dump_is_whole(site: &CodeSage) {
    let dump = site.path("backups/latest/database.sql");
    let file = fs::metadata(&dump).unwrap();
    assert!(file.len() > 1 << 20, "{} bytes", file.len());
    assert_eq!(file.permissions().mode() & 0o077, 0);
    let count = "import sqlite3, sys; db = sqlite3.connect(':memory:'); db.executescript(open(sys.argv[1]).read()); \
        print(db.execute('select count(*) from entries').fetchone()[0])";
    let counted = site
        .project
        .command("python3", &["-c", count, dump.to_str().unwrap()])
        .output();
    assert_eq!(counted.unwrap().stdout, b"20000\n");
    assert_eq!(site.inside("ls /tmp"), "");
}

#[test]
fn a_damaged_backup_restores_nothing() {
    let site = CodeSage::start();
    site.project.exec(BACKUP, &[], "resolved");
    let sum = site.inside(SUM);
    let archive = site.path("backups/latest/cache_backup.tar.gz");
    let mut bytes = fs::read(&archive).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&archive, bytes).unwrap();
    site.project.exec(RESTORE, &[], "failed").0.expect(4);
    assert_eq!(site.inside(SUM), sum);
}

#[test]
fn lost_data_are_filled_anew_or_restored() {
    let site = CodeSage::start();
    site.project.exec(BACKUP, &[], "resolved");
    site.project.exec(LOSS, &[], "not_needed");
    let sum = site.inside(SUM);

    site.inside("echo '{' > /app/.codesage/cache/7.cache");
    assert_eq!(site.state()["cache"], "corrupted");
    let (_, run) = site.project.exec(LOSS, &[], "resolved");
    assert_eq!(run.captured("index"), json!({"there": true}));
    assert_eq!(site.state()["cache"], "fine");

    site.inside("rm -rf /app/.codesage/*");
    let (_, run) = site.project.exec(LOSS, &[], "resolved");
    assert_eq!(run.captured("index"), json!({"there": false}));
    assert_eq!(site.inside(SUM), sum, "it is the index of the backup");
}

#[test]
fn old_entries_go_and_caches_that_miss_too_much_grow() {
    let site = CodeSage::start();
    let script =
        "cd /app/.codesage/cache; echo {} > old.cache; touch -d 2020-01-01 old.cache; echo {} > new.cache";
    site.inside(script);
    let (_, run) = site.project.exec(CACHE, &[], "resolved");
    assert_eq!(run.captured("old"), json!({"count": 1}));
    assert_eq!(run.steps("step_skipped"), ["larger"]);
    assert_eq!(site.inside("ls /app/.codesage/cache"), "new.cache");

    site.call("search_codebase");
    let (_, run) = site.project.exec(CACHE, &[], "resolved");
    assert_eq!(run.captured("rate")["hit_rate"], 0.0);
    assert_eq!(site.call("get_cache_statistics")["embedding"]["limit"], 8000);
    assert_eq!(site.call("get_cache_statistics")["search"]["limit"], 1500);
}

#[test]
fn a_damaged_index_is_rebuilt_or_put_back() {
    let site = CodeSage::start();
    site.project.exec(INDEX, &[], "resolved");
    let sum = site.inside(SUM);
    site.project.exec(INDEX, &["action=backup"], "resolved");

    site.inside("echo garbage > /app/.codesage/codebase_index.faiss");
    site.compose(&["restart", "codesage-mcp"]);
    site.until_healthy();
    site.project
        .exec(INDEX, &[], "failed")
        .0
        .says(&["action=rebuild"]);
    let (_, run) = site.project.exec(INDEX, &["action=rebuild"], "resolved");
    assert_eq!(run.captured("printed"), json!({"damaged": true}));
    assert_eq!(
        site.inside("head -c 5 /app/.codesage/codebase_index.faiss"),
        "FAISS"
    );
    assert_ne!(site.inside(SUM), sum, "it is a new one");

    site.project.exec(INDEX, &["action=restore"], "resolved");
    assert_eq!(site.inside(SUM), sum, "it is the one of the backup");
}

#[test]
fn a_changed_setting_reaches_the_service() {
    let site = CodeSage::start();
    site.project.exec(CONFIG, &["max_memory_mb=2048"], "not_needed");
    let before = site.read(".env");
    let (_, run) = site.project.exec(CONFIG, &[], "resolved");
    assert_eq!(site.inside("echo $MAX_MEMORY_MB"), "4096");
    let settings = format!("# The settings of CodeSage.\nGROQ_API_KEY={OLD_KEY}\nMAX_MEMORY_MB=4096\n");
    assert_eq!(site.read(".env"), settings, "all else is as it was");

    site.undo(&run);
    assert_eq!(site.read(".env"), before, "byte for byte");
    assert_eq!(
        site.inside("echo $MAX_MEMORY_MB"),
        "2048",
        "and the service has it"
    );
}

#[test]
fn a_system_is_stopped_started_removed_and_restarted() {
    let site = CodeSage::start();
    let sum = site.inside(SUM);
    site.project.exec(SERVICE, &["action=stop"], "resolved");
    assert_eq!(site.field("{{.State.Status}}"), "exited");
    let limits = ["action=start", "memory=128Mi", "cpus=0.5"];
    site.project.exec(SERVICE, &limits, "resolved");
    assert_eq!(site.field("{{.HostConfig.NanoCpus}}"), "500000000");
    let started = site.field("{{.State.StartedAt}}");
    site.project.exec(SERVICE, &["action=restart"], "resolved");
    assert_ne!(site.field("{{.State.StartedAt}}"), started);
    site.project.exec(SERVICE, &["action=remove"], "resolved");
    assert_eq!(site.field("{{.Id}}"), "");
    site.project.exec(SERVICE, &limits, "resolved");
    assert_eq!(site.inside(SUM), sum, "volumes stay");
}

#[test]
fn the_health_of_all_parts_is_one_table() {
    let site = CodeSage::start();
    for _ in 0..40 {
        site.call("search_codebase");
    }
    let prometheus = Prometheus::start(&Options {
        targets: vec![site.address()],
        ..Options::default()
    });
    let url = format!("prometheus_url={}", prometheus.url("http", "127.0.0.1"));
    let inputs = [url.as_str(), "job=app", "disk=100", "benchmark=true"];
    until("Prometheus has asked it", || {
        let args = [
            &["exec", HEALTH, "--yes"][..],
            &["-i", inputs[0], "-i", inputs[1], "-i", inputs[2]],
        ]
        .concat();
        (site.project.run(&args).code == 0).then_some(())
    });
    let (_, run) = site.project.exec(HEALTH, &inputs, "resolved");
    let rate = run.captured("targets")["files_per_second"].as_f64();
    assert!(rate.is_some_and(|rate| rate > 5.0), "{rate:?}");
    site.is_stuck();
    site.until_it_is("unhealthy");
    let (ended, _) = site.project.exec(HEALTH, &inputs, "failed");
    ended.says(&["Its containers are healthy", "The server answers within 100 ms"]);
}

#[test]
fn a_key_is_rotated_once_it_is_known_to_be_accepted() {
    let site = CodeSage::start();
    let keys = site.path("keys");
    fs::write(&keys, OLD_KEY).unwrap();
    let provider = Provider::start(&keys);
    let url = format!("provider_url={}", provider.url);
    // The key that the container has is compared with the one that is accepted.
    let test = json!([
        "/bin/sh",
        "-c",
        format!("[ $GROQ_API_KEY = {NEW_KEY} ] && echo valid")
    ]);
    let test = format!("test_command={test}");
    let settings = site.read(".env");
    site.project.exec(KEYS, &[&url, &test], "failed");
    assert_eq!(
        site.read(".env"),
        settings,
        "a key that is refused is not written"
    );

    fs::write(&keys, NEW_KEY).unwrap();
    let (_, run) = site.project.exec(KEYS, &[&url, &test], "resolved");
    assert_eq!(site.inside("echo $GROQ_API_KEY"), NEW_KEY);
    run.nowhere(OLD_KEY);

    site.undo(&run);
    assert_eq!(site.read(".env"), settings, "byte for byte");
    assert_eq!(
        site.inside("echo $GROQ_API_KEY"),
        OLD_KEY,
        "and the service has it"
    );
}

/// In a network of its own, with rules of its own, and with ufw itself.
#[test]
fn ports_that_are_not_open_are_opened() {
    let project = Project::empty().with_copy("runbooks");
    let script = r#"
        mount --make-rprivate / && cp -r /etc/ufw rules && mount --bind rules /etc/ufw
        ufw allow 9090/tcp && ufw --force enable
        "$0" exec "$1" --yes; echo "first $?"
        "$0" exec "$1" --yes; echo "again $?"
        iptables -S ufw-user-input
    "#;
    let program = env!("CARGO_BIN_EXE_runbook");
    let mut inside = project.command(
        "unshare",
        &["--net", "--mount", "sh", "-c", script, program, FIREWALL],
    );
    let printed = inside.output().expect("unshare is there");
    let printed = crate::harness::Ended::of(&printed).expect(0);
    printed.says(&[
        "first 0",
        "again 3",
        "--dport 8000 -j ACCEPT",
        "--dport 9090 -j ACCEPT",
        "--dport 3000 -j ACCEPT",
    ]);
    // Two runs of the same second have no order.
    let runs = project.runs();
    let run = runs.iter().find(|run| run.outcome() == "resolved").unwrap();
    assert_eq!(run.captured("rules"), json!({"allowed": ["9090/tcp"]}));
}
