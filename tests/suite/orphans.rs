//! What the tests have started ends with them, however they end.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

use crate::harness::{repository, until};

/// Starts a site as a test does, and does nothing more.
const LIKE_A_TEST: &str = "
import subprocess, sys, time
site = subprocess.Popen([sys.executable, sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
print(site.pid, flush=True)
print(site.stdout.readline(), flush=True)
time.sleep(600)
";

/// Whom it hits that a test run is ended.
#[derive(Debug, Clone, Copy)]
enum Hits {
    /// The process of the test.
    Test(Signal),
    /// Its whole group, as the test runner and a terminal do it.
    Group(Signal),
    /// The process that has set up the site.
    Site(Signal),
}

#[test]
fn a_site_ends_with_its_test() {
    for hits in [
        Hits::Test(Signal::KILL),
        Hits::Group(Signal::INT),
        Hits::Group(Signal::TERM),
        Hits::Group(Signal::KILL),
        Hits::Site(Signal::TERM),
        Hits::Site(Signal::KILL),
    ] {
        ends(hits);
    }
}

#[expect(clippy::disallowed_methods, reason = "the suite starts real parts")]
fn ends(hits: Hits) {
    let mut test = Command::new("python3")
        .args(["-c", LIKE_A_TEST])
        .arg(repository().join("tests/site/site.py"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("python3 is there");
    let mut lines = BufReader::new(test.stdout.take().expect("it is piped")).lines();
    let mut line = || lines.next().expect("it prints").expect("a line");
    let site: i32 = line().parse().expect("a number");
    let facts: Value = serde_json::from_str(&line()).expect("the site has started");
    let of = |id: i32| Pid::from_raw(id).expect("it runs");
    let own = of(i32::try_from(test.id()).expect("it is a number"));
    match hits {
        Hits::Test(signal) => kill_process(own, signal),
        Hits::Group(signal) => kill_process_group(own, signal),
        Hits::Site(signal) => kill_process(of(site), signal),
    }
    .expect("it is there");

    let directory = Path::new(facts["directory"].as_str().expect("a path"));
    until(&format!("the site ends after {hits:?}"), || {
        (!directory.exists()).then_some(())
    });
    for (part, port) in facts["ports"].as_object().expect("ports") {
        let port = u16::try_from(port.as_u64().expect("a port")).expect("a port");
        until(&format!("{part} ends after {hits:?}"), || {
            TcpStream::connect(("127.0.0.1", port)).is_err().then_some(())
        });
    }
    let _killed = kill_process_group(own, Signal::KILL).is_ok();
    test.wait().expect("it has ended");
}
