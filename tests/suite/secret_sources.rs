//! Where secrets come from: variables, files and programs. What gives none is told, with the way out, and nothing runs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;

use crate::harness::{Ended, Project, until};

/// What `printf %s hunter22 | sha256sum` prints.
const SUM: &str = "20d2fe5e369db54ec7090639a9dc30ec4d608604936239d39e2de07fda09eb0b  -";

/// A project whose runbook uses these secrets, `a` and perhaps `b`.
fn project(secrets: &str) -> Project {
    let used = ["a", "b"]
        .into_iter()
        .filter(|name| secrets.contains(&format!("{name}:")));
    let env: Vec<String> = used
        .map(|name| format!("{}: '{{{{ secrets.{name} }}}}'", name.to_uppercase()))
        .collect();
    Project::runbook(&format!(
        "secrets: {{{secrets}}}
steps:
  - id: use
    shell: touch ran; printf %s \"$A\" | sha256sum
    env: {{{}}}
    effect: read
    capture: {{sum: stdout}}
",
        env.join(", ")
    ))
}

/// Only its owner may read it.
fn closed(project: Project, path: &str, bytes: &[u8], mode: u32) -> Project {
    let path = project.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    project
}

/// It is refused, nothing has run, and the secret is not shown.
#[track_caller]
fn refused(project: &Project, says: &[&str]) -> Ended {
    let ended = project.run(&["exec", "runbook.yaml"]).expect(2);
    let ended = ended.says(says).says(&["so nothing ran", "help: "]);
    assert!(project.runs().is_empty() && !project.path("ran").exists());
    assert!(!ended.all().contains("hunter22"), "{}", ended.all());
    ended
}

#[test]
fn a_secret_comes_whole_from_wherever_it_is() {
    let cases = [
        "a: {env: TOKEN}",
        "a: {file: plain}",
        "a: {file: keys/with-a-line-break}",
        "a: {file: windows}",
        "a: {command: [printf, '%s%s', hunter, '22']}",
        "a: {command: [printf, '%s%s\\r\\n', hunter, '22']}",
        "a: {command: [./bin/token, hunter]}",
        "a: {command: [sh, -c, 'echo $TOKEN; echo noise >&2; cat']}",
        // What it leaves running may hold the output.
        "a: {command: [sh, -c, 'printf hunter; printf 22; sleep 3 &']}",
        "a: {command: [sh, -c, 'printf hunter; printf 22; head -c 300000 /dev/zero >&2']}",
    ];
    for secrets in cases {
        let project = project(secrets).variable("TOKEN", "hunter22");
        let project = closed(project, "plain", b"hunter22", 0o600);
        let project = closed(project, "keys/with-a-line-break", b"hunter22\n", 0o640);
        let project = closed(project, "windows", b"hunter22\r\n", 0o600);
        let project = closed(project, "bin/token", b"#!/bin/sh\necho \"${1}22\"\n", 0o755);
        let ended = project.run(&["exec", "runbook.yaml"]).expect(0);
        let run = project.only_run();
        assert_eq!(run.captured("use")["sum"], SUM, "{secrets}");
        assert_eq!(ended.stderr, "", "{secrets}");
        run.nowhere("hunter22");
    }
}

#[test]
fn only_the_last_line_break_is_none_of_the_secret() {
    let project = project("a: {file: key}");
    let project = closed(project, "key", b"-----BEGIN KEY-----\nabcd\n\n", 0o600);
    let text = fs::read_to_string(project.path("runbook.yaml")).unwrap();
    let project = project.with("runbook.yaml", &text.replace("| sha256sum", "| wc -c"));
    project.run(&["exec", "runbook.yaml"]).expect(0);
    let count = project.only_run().captured("use")["sum"].clone();
    assert_eq!(count.as_str().unwrap().trim(), "25");
}

#[test]
fn what_is_named_twice_is_read_once() {
    let project = project(
        "a: {command: [sh, -c, 'echo x >> count; echo hunter22']}, b: {command: [sh, -c, 'echo x >> count; echo hunter22']}",
    );
    project.run(&["exec", "runbook.yaml"]).expect(0);
    assert_eq!(fs::read_to_string(project.path("count")).unwrap(), "x\n");
}

/// Sources that give no secret, and what is said of each.
const NO_SECRET: &[(&str, &[&str])] = &[
    (
        "a: {env: NOT_SET}",
        &["secret `a` has no value", "`NOT_SET` is not set", "set `NOT_SET`"],
    ),
    ("a: {env: SHORT}", &["secret `a` is shorter than 4 characters"]),
    (
        "a: {file: nothing}",
        &["the file `nothing` cannot be read", "the project's root"],
    ),
    ("a: {file: bin}", &["`bin` is no file"]),
    ("a: {file: line}", &["`line` is no file"]),
    ("a: {file: empty}", &["the file `empty` is empty"]),
    ("a: {file: long}", &["the file `long` has more than 64 KiB"]),
    ("a: {file: binary}", &["the file `binary` is not text"]),
    ("a: {file: short}", &["secret `a` is shorter than 4 characters"]),
    (
        "a: {command: [no-such-program]}",
        &["there is no program `no-such-program`", "install it"],
    ),
    (
        "a: {command: [./bin/nothing]}",
        &["there is no program `./bin/nothing`"],
    ),
    (
        "a: {command: [./plain]}",
        &["`./plain` cannot be started", "ermission denied"],
    ),
    (
        "a: {command: [sh, -c, 'echo hunter22; exit 3']}",
        &["`sh` ended with exit code 3, so nothing ran"],
    ),
    (
        "a: {command: [sh, -c, 'echo hunter22; echo no token >&2; echo ask >&2; exit 1']}",
        &[
            "`sh` ended with exit code 1 (it said: no token ⏎ ask), so nothing ran",
            "by hand",
        ],
    ),
    (
        "a: {command: [sh, -c, 'kill -9 $$']}",
        &["`sh` was ended by the signal 9"],
    ),
    ("a: {command: ['true']}", &["`true` printed nothing"]),
    ("a: {command: [echo]}", &["`echo` printed nothing"]),
    (
        "a: {command: [yes, hunter22]}",
        &["`yes` prints more than 64 KiB"],
    ),
    (
        "a: {command: [printf, '\\377\\376\\375\\374']}",
        &["what `printf` prints is not text"],
    ),
    (
        "a: {command: [echo, abc]}",
        &["secret `a` is shorter than 4 characters"],
    ),
    // What is a secret already is masked in what a program says.
    (
        "a: {env: TOKEN}, b: {command: [sh, -c, 'echo no $TOKEN >&2; exit 1']}",
        &["secret `b` has no value", "it said: no ‹secret a›"],
    ),
];

#[test]
fn a_source_that_gives_none_is_told_with_the_way_out() {
    for (secrets, says) in NO_SECRET {
        let project = project(secrets)
            .variable("TOKEN", "hunter22")
            .variable("SHORT", "abc");
        let project = closed(project, "bin/other", b"", 0o600);
        let project = closed(project, "plain", b"hunter22", 0o600);
        let project = closed(project, "empty", b"\n", 0o600);
        let project = closed(project, "short", b"abc\n", 0o600);
        let project = closed(project, "binary", b"\xff\xfehunter22", 0o600);
        let project = closed(project, "long", &vec![b'x'; 64 * 1024 + 1], 0o600);
        let line = project.path("line");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, line, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        refused(&project, says);
    }
}

#[test]
fn much_that_a_program_says_is_cut() {
    let project = project("a: {command: [sh, -c, 'yes no | head -c 90000 >&2; exit 1']}");
    let ended = refused(&project, &["it said: no ⏎ no"]);
    assert!(ended.all().len() < 8000, "{}", ended.all().len());
}

#[test]
fn a_file_that_others_may_read_is_warned_of_once() {
    let warning = "warning: every user of this machine may read the secret in `key`";
    for (mode, warnings) in [(0o600, 0), (0o640, 0), (0o644, 1), (0o604, 1)] {
        let project = closed(
            project("a: {file: key}, b: {file: key}"),
            "key",
            b"hunter22",
            mode,
        );
        let ended = project.run(&["exec", "runbook.yaml"]).expect(0);
        assert_eq!(
            ended.stderr.matches(warning).count(),
            warnings,
            "{mode:o}: {}",
            ended.stderr
        );
    }
}

#[test]
fn a_secret_that_nothing_uses_is_not_read() {
    let text = "secrets: {a: {command: [touch, started]}, b: {file: nothing}}\nsteps: [{id: a, exec: ['true'], effect: read}]\n";
    let project = Project::runbook(text);
    project.run(&["exec", "runbook.yaml"]).expect(0);
    assert!(!project.path("started").exists());
}

#[test]
fn to_look_at_a_runbook_starts_no_program() {
    let project = project("a: {command: [touch, started]}");
    for args in [
        &["check", "runbook.yaml"][..],
        &["show", "runbook.yaml"],
        &["list"],
    ] {
        project.run(args).expect(0);
    }
    // Nor does a run that is refused.
    project.run(&["exec", "runbook.yaml", "-i", "no=1"]).expect(2);
    assert!(!project.path("started").exists());
}

#[test]
fn a_signal_ends_the_program_and_nothing_runs() {
    for signal in [Signal::INT, Signal::TERM] {
        let project = project("a: {command: [sh, -c, 'echo $$ > new; mv new process; sleep 1000 & wait']}");
        let running = project.start(&["exec", "runbook.yaml"]);
        let process = until("the program has begun", || {
            fs::read_to_string(project.path("process")).ok()
        });
        running.signal(signal);
        let ended = running.end().expect(130).says(&["so nothing ran"]);
        assert!(project.runs().is_empty(), "{}", ended.all());
        let process = format!("/proc/{}", process.trim());
        assert!(!fs::exists(process).unwrap(), "the program is still there");
    }
}
