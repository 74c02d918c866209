//! How pods end, and that nothing is left.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use runbook_cluster::Fields as _;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::json;

use crate::pods::{Pods, app};

/// Set for the process that is to be killed.
const VICTIM: &str = "RUNBOOK_CLUSTER_VICTIM";

#[test]
fn a_pod_that_hears_its_signal_ends_by_itself_and_one_that_does_not_is_killed() {
    let pods = Pods::start();
    let mount = json!({"volumeMounts": [{"name": "kept", "mountPath": "/kept"}]});
    let volume = json!({
        "terminationGracePeriodSeconds": 5,
        "volumes": [{"name": "kept", "hostPath": {"path": "/var/kept"}}],
    });
    let script = "trap 'echo bye > /kept/said; exit 0' TERM; while :; do sleep 0.02; done";
    pods.run_in("polite", script, &mount, &volume);
    pods.run_in("deaf", "exec sleep 1000", &mount, &volume);
    pods.until_ready("polite");
    pods.until_ready("deaf");
    pods.kubectl.ok("delete pod polite");
    assert_eq!(pods.kubectl.ok("exec deaf -- cat /kept/said"), "bye\n");
    assert!(
        !std::path::Path::new("/var/kept").exists(),
        "the path is one of the node's"
    );
    pods.kubectl.ok("delete pod deaf");
    pods.until_gone("deaf");
    assert!(
        pods.events("polite")
            .contains(&"Killing Stopping container app".to_owned())
    );
}

#[test]
fn a_pod_that_is_removed_by_force_leaves_no_process() {
    let pods = Pods::start();
    pods.run("gone", "exec sleep 4321", &json!({}));
    pods.until_ready("gone");
    let process = first_of("sleep\u{0}4321\u{0}");
    pods.kubectl.ok("delete pod gone --force --grace-period=0");
    pods.until_gone("gone");
    wait_for_end(process);
}

#[test]
fn a_pod_that_is_deleted_while_it_waits_goes_at_once() {
    let pods = Pods::start();
    pods.run("absent", "", &json!({"image": "lab:9"}));
    pods.until("absent", |pod| crate::pods::waits_for(pod, "ImagePullBackOff"));
    pods.kubectl.ok("delete pod absent");
    pods.until_gone("absent");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test tells itself that it is the victim"
)]
fn everything_ends_with_the_process_that_started_it() {
    if std::env::var_os(VICTIM).is_some() {
        let pods = Pods::start();
        let script = "sleep 9876 & exec sleep 9875";
        pods.run("left", script, &json!({}));
        let pod = pods.until_ready("left");
        println!("\nrunning {}", app(&pod).text("/name"));
        loop {
            std::thread::park();
        }
    }
    let mut victim = command();
    victim.args([
        "--exact",
        "kubelet_ends::everything_ends_with_the_process_that_started_it",
        "--nocapture",
    ]);
    let mut victim = victim.env(VICTIM, "1").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "running app"));
    let processes = [first_of("sleep\u{0}9875\u{0}"), first_of("sleep\u{0}9876\u{0}")];
    kill_process(Pid::from_child(&victim), Signal::KILL).unwrap();
    victim.wait().unwrap();
    processes.into_iter().for_each(wait_for_end);
}

#[test]
fn what_was_run_is_gone_when_the_nodes_are() {
    let pods = Pods::start();
    pods.run("short", "exec sleep 8765", &json!({}));
    pods.until_ready("short");
    let process = first_of("sleep\u{0}8765\u{0}");
    drop(pods);
    wait_for_end(process);
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains("runbook-cluster"), "{mounts}");
}

#[expect(clippy::disallowed_methods, reason = "the test runs itself")]
fn command() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

/// The process with this command line. A pod without a probe is ready before its shell has become the program.
fn first_of(line: &str) -> Pid {
    for _ in 0..3000 {
        if let Some(found) = found(line) {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10)); // paced: another process needs the processor to get there
    }
    panic!("no process {line:?}")
}

fn found(line: &str) -> Option<Pid> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let mut found = entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let own = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        (own == line).then_some(pid)
    });
    Pid::from_raw(found.next()?)
}

fn wait_for_end(process: Pid) {
    let Ok(descriptor) = pidfd_open(process, PidfdFlags::empty()) else {
        return;
    };
    let mut polled = [rustix::event::PollFd::new(
        &descriptor,
        rustix::event::PollFlags::IN,
    )];
    let patience = rustix::event::Timespec {
        tv_sec: 30,
        tv_nsec: 0,
    };
    assert_eq!(
        rustix::event::poll(&mut polled, Some(&patience)),
        Ok(1),
        "it goes on"
    );
}
