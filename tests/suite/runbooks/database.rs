//! The database: stopped, damaged, out of reach, blocked.

use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use crate::harness::until;
use crate::site::Site;

const DOWN: &str = "incident/database-down.yaml";
const BLOCKED: &str = "incident/database-blocked.yaml";

#[test]
fn a_database_that_is_stopped_is_started() {
    let site = Site::start();
    let (_, run) = site.exec(DOWN, &[], "not_needed");
    assert!(run.events("attempt_started").is_empty());

    site.systemctl(&["stop", "postgresql"]);
    assert_eq!(site.health("codebase")["database_status"], "disconnected");
    let (_, run) = site.exec(DOWN, &[], "resolved");
    assert_eq!(run.captured("unit")["running"], false);
    assert_eq!(site.state("postgresql"), "active");
    assert_eq!(site.health("codebase")["database_status"], "connected");
}

/// A page of the table is overwritten on the disk. The server that gives the base backup holds a copy from before.
#[test]
fn a_database_that_is_damaged_is_restored_from_a_base_backup() {
    let site = Site::start();
    let file = site.sql("SELECT pg_relation_filepath('code_chunks')");
    site.systemctl(&["stop", "postgresql"]);
    let (data, backup) = (site.path("postgres/data"), site.path("postgres/backup"));
    site.run(&["cp", "-a", &data.to_string_lossy(), &backup.to_string_lossy()]);
    let mut table = fs::OpenOptions::new().write(true).open(data.join(file)).unwrap();
    table.write_all(&[0x5a; 64]).unwrap();
    site.systemctl(&["start", "postgresql-backup"]);
    until("the other server takes connections", || {
        let ready = ["pg_isready", "-h", "127.0.0.1", "-p", site.port("backup")];
        (site.try_run(&ready).code == 0).then_some(())
    });

    let (_, run) = site.exec(DOWN, &[], "resolved");
    assert_eq!(run.captured("checksums")["damaged"], true);
    assert_eq!(site.sql("SELECT count(*) FROM code_chunks"), "2000");
    let aside = site.path(&format!("postgres/data.damaged-{}", run.name()));
    assert!(aside.is_dir(), "the damaged data is kept");
}

/// Where the server of the base backup is out of reach, the damaged data is put back where it was.
#[test]
fn a_restore_that_fails_leaves_the_damaged_data_in_place() {
    let site = Site::start();
    let file = site.sql("SELECT pg_relation_filepath('code_chunks')");
    site.systemctl(&["stop", "postgresql"]);
    let table = site.path("postgres/data").join(file);
    let mut text = fs::read(&table).unwrap();
    text[..64].fill(0x5a);
    fs::write(&table, &text).unwrap();
    let (ended, run) = site.exec(DOWN, &[], "rolled_back");
    ended.expect(5);
    assert_eq!(
        run.steps("undo_started"),
        ["restore", "set_aside", "stopped/stop"]
    );
    assert_eq!(fs::read(&table).unwrap(), text);
}

/// A firewall that lets nothing through to the port, in a network of its own: that of this machine stays as it is.
#[test]
fn a_database_behind_a_firewall_is_reached_again() {
    in_a_network_of_its_own("runbooks::database::behind_a_firewall");
}

#[test]
#[ignore = "it changes the firewall; the test above runs it in a network of its own"]
fn behind_a_firewall() {
    let site = Site::start();
    let port = site.port("postgres").to_owned();
    site.run(&[
        "iptables", "-A", "INPUT", "-p", "tcp", "!", "--dport", &port, "-j", "ACCEPT",
    ]);
    site.run(&["iptables", "-P", "INPUT", "DROP"]);
    let allowed = [
        "iptables", "-C", "INPUT", "-p", "tcp", "--dport", &port, "-j", "ACCEPT",
    ];
    assert_eq!(site.try_run(&allowed).code, 1);

    let (_, run) = site.exec(DOWN, &["backlog=65535"], "resolved");
    assert_eq!(run.captured("unit")["running"], true);
    assert_eq!(site.try_run(&allowed).code, 0);
    assert_eq!(site.run(&["sysctl", "-n", "net.core.somaxconn"]), "65535");
    assert_eq!(site.health("codebase")["database_status"], "connected");

    // What opened the way is taken back where it did not help: then something else is in the way.
    site.run(&["iptables", "-F", "INPUT"]);
    site.run(&[
        "iptables", "-A", "INPUT", "-p", "tcp", "!", "--dport", &port, "-j", "ACCEPT",
    ]);
    site.run(&["iptables", "-A", "INPUT", "-p", "tcp", "-j", "DROP"]);
    let (ended, _) = site.exec(DOWN, &[], "rolled_back");
    ended.expect(5);
    assert_eq!(site.try_run(&allowed).code, 1);
}

/// Runs an ignored test of this program where nothing but this machine itself is reached, and rules of the firewall
/// concern nobody else.
#[expect(clippy::disallowed_methods, reason = "the suite starts real parts")]
fn in_a_network_of_its_own(test: &str) {
    let is_root = rustix::process::geteuid().is_root();
    let sudo: &[&str] = if is_root { &[] } else { &["sudo", "-n", "-E"] };
    let program = std::env::current_exe().unwrap();
    let line = [
        "unshare",
        "--net",
        "sh",
        "-c",
        "ip link set lo up && exec \"$@\"",
        "sh",
    ];
    let mut words = sudo.iter().chain(&line);
    let ended = Command::new(words.next().unwrap())
        .args(words)
        .arg(program)
        .args(["--exact", test, "--ignored", "--nocapture"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    let why = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success() && said.contains("1 passed"),
        "{said}\n{why}"
    );
}

/// Sessions that a client holds, and that end with it.
struct Client(Child);

impl Client {
    fn start(site: &Site, query: &str) -> Self {
        let argv = [&site.psql("codebase_mcp")[..], &["-qc", query]].concat();
        Self(site.command(&argv).spawn().expect("psql starts"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

#[test]
fn a_transaction_that_blocks_others_is_ended() {
    let site = Site::start();
    site.exec(BLOCKED, &[], "not_needed");
    let _blocker = Client::start(&site, "BEGIN; LOCK TABLE code_chunks; SELECT pg_sleep(600)");
    let locked = "SELECT count(*) FROM pg_locks WHERE relation = 'code_chunks'::regclass AND granted \
        AND mode = 'AccessExclusiveLock'";
    until("the table is locked", || (site.sql(locked) == "1").then_some(()));
    let mut waiting = Client::start(&site, "SELECT count(*) FROM code_chunks");
    let old = "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND query_start < now() - interval '1s' \
        AND query LIKE '%pg_sleep(600)' AND cardinality(pg_blocking_pids(pid)) = 0";
    until("it has run for too long", || (site.sql(old) == "1").then_some(()));
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0";
    until("another waits for it", || (site.sql(waits) == "1").then_some(()));

    // What waits has begun to wait later: it is not ended, and served as soon as the table is free.
    let (_, run) = site.exec(BLOCKED, &["long=1s", "too_long=1s"], "resolved");
    let held_up = run.captured("blockers")["held_up"].as_i64().unwrap();
    assert!(held_up >= 1, "{held_up}");
    assert!(run.captured("end")["ended"].as_i64().unwrap() >= 1);
    assert_eq!(run.steps("step_skipped"), ["raise"]);
    until("the other has ended", || waiting.0.try_wait().unwrap());
    assert_eq!(site.sql(waits), "0");
}

#[test]
fn a_limit_that_is_nearly_reached_is_raised() {
    let site = Site::start();
    let _slow = Client::start(&site, "SELECT pg_sleep(600)");
    let old = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND pid <> pg_backend_pid() \
        AND query_start < now() - interval '1s'";
    until("it has run for too long", || (site.sql(old) == "1").then_some(()));
    assert_eq!(site.sql("SHOW max_connections"), "60");
    let inputs = ["long=1s", "too_long=1s", "raise_above=0", "connections=120"];
    site.exec(BLOCKED, &inputs, "resolved");
    assert_eq!(site.sql("SHOW max_connections"), "120");
}
