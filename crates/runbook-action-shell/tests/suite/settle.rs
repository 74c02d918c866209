//! After a crash: what an attempt left running is found, ended or waited for, and nothing else is touched.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::{ErrorKind, Failure, Handle, Settled, Text};
use runbook_testkit::contract::Use;
use runbook_testkit::host::FakeHost;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process};
use serde_json::{Value, json};

use crate::{Place, in_time, run, until, used, with_env};

/// A process that leads a group and whose engine has crashed: somebody else collects it.
struct Left {
    pid: Pid,
}

impl Left {
    /// With the variables of this attempt of the step.
    fn start(place: &Place, script: &str, attempt: &str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "it plays what the action started")]
        let mut command = Command::new("/bin/sh");
        let mut child = command
            .args(["-c", script])
            .envs(variables(place, attempt))
            .current_dir(place.root.path())
            .process_group(0)
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        std::thread::spawn(move || child.wait());
        Self { pid }
    }

    fn lives(&self) -> bool {
        test_kill_process(self.pid).is_ok()
    }

    /// What the action would have recorded, but for what is written over it.
    fn handle(&self, over: &Value) -> Handle {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let mut data = json!({
            "pgid": self.pid.as_raw_nonzero().get(),
            "start_time": fields[19].parse::<u64>().unwrap(),
            "boot_id": boot.trim(),
        });
        for (name, value) in over.as_object().unwrap() {
            data[name] = value.clone();
        }
        Handle {
            what: "process_group".to_owned(),
            data,
        }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        // It has ended in most tests.
        let _ended = kill_process_group(self.pid, Signal::KILL).is_ok();
    }
}

/// The root is another one in each test, so no test finds the processes of another.
fn variables(place: &Place, attempt: &str) -> IndexMap<String, String> {
    let run = place.root.path().display().to_string();
    [
        ("RUNBOOK_RUN", run.as_str()),
        ("RUNBOOK_STEP", "step[a]"),
        ("RUNBOOK_ATTEMPT", attempt),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The first attempt of the step.
fn interrupted(place: &Place, params: Value) -> Use {
    let env: Vec<(String, Text)> = variables(place, "1")
        .into_iter()
        .map(|(name, value)| (name, Text::literal(value)))
        .collect();
    let env: Vec<(&str, Text)> = env
        .iter()
        .map(|(name, text)| (name.as_str(), text.clone()))
        .collect();
    with_env(params, &env)
}

async fn settle(place: &Place, host: &FakeHost, handles: &[Handle]) -> Result<Settled, Failure> {
    let case = interrupted(place, json!("true"));
    in_time(case.settle(&place.shell, host, handles)).await
}

/// Whether this program watches a process for its end.
fn is_watched(pid: Pid) -> bool {
    let line = format!("Pid:\t{pid}");
    let infos = std::fs::read_dir("/proc/self/fdinfo").unwrap();
    infos
        .filter_map(|info| std::fs::read_to_string(info.ok()?.path()).ok())
        .any(|info| info.lines().any(|known| known == line))
}

/// The process whose number a script has written into this file.
async fn written_pid(place: &Place, name: &str) -> Pid {
    let file = place.path(name);
    let text = || std::fs::read_to_string(&file).unwrap_or_default();
    until("the script has written its number", || text().ends_with('\n')).await;
    Pid::from_raw(text().trim().parse().unwrap()).unwrap()
}

#[tokio::test]
async fn what_is_recorded_leads_back_to_the_program() {
    let place = Place::new();
    let case = interrupted(&place, json!("sleep 1000 & wait"));
    let host = FakeHost::new();
    let (outcome, settled) = tokio::join!(run(&place.shell, &case, &host), async {
        let handles = in_time(host.has_recorded()).await;
        settle(&place, &FakeHost::new(), &handles).await
    });
    assert_eq!(settled, Ok(Settled::Ended));
    assert_eq!(outcome.unwrap_err().message, "killed by SIGTERM");
    assert_eq!(settle(&place, &host, &host.handles()).await, Ok(Settled::Nothing));
}

#[tokio::test]
async fn what_ignores_the_request_is_killed_with_its_group() {
    let place = Place::new();
    let script = "trap '' TERM; sleep 1000 & echo $! >child; wait; sleep 1000";
    let left = Left::start(&place, script, "1");
    let child = written_pid(&place, "child").await;
    let host = FakeHost::new().grace(Duration::from_millis(50));
    let handles = [left.handle(&json!({}))];
    assert_eq!(settle(&place, &host, &handles).await, Ok(Settled::Ended));
    for pid in [left.pid, child] {
        until("it is gone", || test_kill_process(pid).is_err()).await;
    }
}

#[tokio::test]
async fn what_left_the_group_is_waited_for_and_not_ended() {
    let place = Place::new();
    let script = "mkfifo gate; setsid sh -c 'echo $$ >daemon; read word <gate; echo $word >said'; :";
    let left = Left::start(&place, script, "1");
    let daemon = written_pid(&place, "daemon").await;
    let handles = [left.handle(&json!({}))];
    let host = FakeHost::new();
    let (settled, ()) = tokio::join!(settle(&place, &host, &handles), async {
        until("it is waited for", || is_watched(daemon)).await;
        std::fs::write(place.path("gate"), "finished\n").unwrap();
    });
    // The leader was ended, and that is what is told of both.
    assert_eq!(settled, Ok(Settled::Ended));
    assert_eq!(std::fs::read_to_string(place.path("said")).unwrap(), "finished\n");
}

#[tokio::test]
async fn a_daemon_whose_starter_has_ended_is_waited_for() {
    let place = Place::new();
    let script = "mkfifo gate end; setsid sh -c 'echo $$ >daemon; read word <gate' & read word <end";
    let left = Left::start(&place, script, "1");
    let daemon = written_pid(&place, "daemon").await;
    let handles = [left.handle(&json!({}))];
    std::fs::write(place.path("end"), "now\n").unwrap();
    until("the starter has ended", || !left.lives()).await;
    let host = FakeHost::new();
    let (settled, ()) = tokio::join!(settle(&place, &host, &handles), async {
        until("it is waited for", || is_watched(daemon)).await;
        std::fs::write(place.path("gate"), "go\n").unwrap();
    });
    assert_eq!(settled, Ok(Settled::Finished));
}

#[tokio::test]
async fn what_finishes_by_itself_is_told_as_finished_though_nothing_was_recorded() {
    let place = Place::new();
    let left = Left::start(
        &place,
        "mkfifo gate; echo $$ >ready; read word <gate; exec true",
        "1",
    );
    written_pid(&place, "ready").await;
    let host = FakeHost::new();
    let (settled, ()) = tokio::join!(settle(&place, &host, &[]), async {
        until("it is waited for", || is_watched(left.pid)).await;
        std::fs::write(place.path("gate"), "go\n").unwrap();
    });
    assert_eq!(settled, Ok(Settled::Finished));
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_named_and_left_alone() {
    let place = Place::new();
    let left = Left::start(&place, "echo $$ >ready; exec sleep 1000", "1");
    written_pid(&place, "ready").await;
    until("it is `sleep`", || {
        std::fs::read_to_string(format!("/proc/{}/comm", left.pid)).unwrap() == "sleep\n"
    })
    .await;
    let host = FakeHost::new().remaining(Duration::from_millis(50));
    let failure = settle(&place, &host, &[]).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Timeout);
    assert!(failure.may_have_applied);
    assert_eq!(
        failure.message,
        format!(
            "`sleep` (process {}) of the interrupted attempt is still running",
            left.pid
        )
    );
    assert!(left.lives());

    let host = FakeHost::new();
    host.cancel();
    let failure = settle(&place, &host, &[]).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Cancelled);
    assert!(left.lives());
}

#[tokio::test]
async fn nothing_else_is_touched() {
    let place = Place::new();
    // The same run and step, and another attempt: only the handle could lead to it.
    let left = Left::start(&place, "sleep 1000; :", "2");
    let other_kind = Handle {
        what: "backend".to_owned(),
        ..left.handle(&json!({}))
    };
    let handles = [
        left.handle(&json!({"start_time": 1})),
        left.handle(&json!({"boot_id": "00000000-0000-0000-0000-000000000000"})),
        left.handle(&json!({"pgid": "1"})),
        left.handle(&json!({"pgid": -1})),
        left.handle(&json!({"pgid": 0})),
        left.handle(&json!({"pgid": 1})),
        other_kind,
    ];
    for handle in handles {
        let settled = settle(&place, &FakeHost::new(), std::slice::from_ref(&handle)).await;
        assert_eq!(settled, Ok(Settled::Nothing), "{handle:?}");
        assert!(left.lives(), "{handle:?}");
    }
    // Without all three variables nothing can be told to be the attempt's.
    let case = used(json!("true"));
    let settled = case.settle(&place.shell, &FakeHost::new(), &[]).await;
    assert_eq!(settled, Ok(Settled::Nothing));
    assert!(left.lives());
}

#[tokio::test]
async fn what_cannot_be_recorded_does_not_go_on() {
    let place = Place::new();
    let full = Failure::new(ErrorKind::Other, "the disk is full");
    let host = FakeHost::new().refuses_handles(full.clone());
    let case = interrupted(&place, json!("sleep 1000"));
    let failure = run(&place.shell, &case, &host).await.unwrap_err();
    assert_eq!(failure, full.maybe_applied());
    assert_eq!(settle(&place, &FakeHost::new(), &[]).await.map(drop), Ok(()));
}

#[tokio::test]
async fn a_question_is_not_recorded() {
    let place = Place::new();
    let case = used(json!("echo begun; exec sleep 1000"));
    for (asking, recorded) in [(true, 0), (false, 1)] {
        let host = FakeHost::new();
        let run = async {
            if asking {
                case.ask(&place.shell, &host).await
            } else {
                case.run(&place.shell, &host).await
            }
        };
        // Output is read after the program was recorded.
        let (outcome, ()) = tokio::join!(in_time(run), async {
            until("it has begun", || host.total() > 0).await;
            host.cancel();
        });
        assert_eq!(outcome.unwrap_err().kind, ErrorKind::Cancelled);
        assert_eq!(host.handles().len(), recorded);
    }
}
