//! What people write into a run, whoever holds it: live, killed, ended; several at once; hostile.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Ended, Project, Run, Running, repository, until};

/// It waits in its step until there is a file.
const WAITS: &str = "secrets: {token: {env: TOKEN}}\nsteps:\n  - id: one\n    shell: 'touch begun; until [ -e go ]; do sleep 0.02; done'\n    \
                     idempotent: true\n    env: {T: '{{ secrets.token }}'}\n    rollback: {shell: 'true'}\nverify: [{id: there, shell: test -e go}]\n";

const DONE: &str =
    "steps: [{id: one, shell: 'true', rollback: {shell: 'true'}}]\nverify: [{id: fine, shell: 'true'}]\n";

fn waiting() -> (Project, Running) {
    let project = Project::runbook(WAITS).variable("TOKEN", "hunter2-secret");
    let running = project.start(&["exec", "runbook.yaml"]);
    until("the step is under way", || {
        project.path("begun").exists().then_some(())
    });
    (project, running)
}

fn ended() -> (Project, Run) {
    let project = Project::runbook(DONE);
    project.run(&["exec", "runbook.yaml"]).expect(0);
    let run = project.only_run();
    (project, run)
}

fn texts(run: &Run) -> Vec<String> {
    let notes = run.events("note");
    notes
        .iter()
        .map(|note| note["text"].as_str().unwrap().to_owned())
        .collect()
}

fn requests(run: &Run) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(run.path("inbox")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect()
}

#[test]
fn a_run_that_is_going_on_takes_notes_up_itself() {
    let (project, running) = waiting();
    let notes: Vec<Running> = ["the pager went off; hunter2-secret is in the log", "I look at it"]
        .map(|text| project.start(&["note", "last", text, "--kind", "detected", "--at", "10m ago"]))
        .into();
    for note in notes {
        note.end()
            .expect(0)
            .says(&["noted in run", "claimed for", "10 m 00 s ago"]);
    }
    let run = project.only_run();
    let written = run.events("note");
    assert_eq!(written.len(), 2);
    for note in &written {
        assert_eq!(note["by"]["known_by"], "request-owner");
        assert_eq!(note["kind"], "detected");
        assert!(note["happened_at"].as_str() < note["at"].as_str(), "{note}");
    }
    run.nowhere("hunter2-secret");
    assert_eq!(requests(&run), Vec::<std::path::PathBuf>::new());
    fs::write(project.path("go"), "").unwrap();
    let ended = running
        .end()
        .expect(0)
        .says(&["noted `detected`", "I look at it"]);
    assert!(!ended.all().contains("hunter2-secret"));
    project.run(&["verify"]).expect(0);
    assert!(run.report().contains("I look at it"));
}

/// A run that was killed, and a request in its inbox that nobody has taken up.
fn killed_with_a_request() -> (Project, Run) {
    let (project, running) = waiting();
    let run = project.only_run();
    // Stopped, it takes nothing up.
    running.signal(Signal::STOP);
    let note = project.start(&["note", "last", "before the end", "--kind", "impact"]);
    until("the request is there", || {
        (!requests(&run).is_empty()).then_some(())
    });
    note.signal(Signal::KILL);
    note.end();
    running.signal(Signal::KILL);
    running.end();
    fs::write(project.path("go"), "").unwrap();
    assert_eq!(texts(&run), Vec::<String>::new());
    (project, run)
}

#[test]
fn what_a_killed_run_did_not_take_up_is_taken_up_by_resume() {
    let (project, run) = killed_with_a_request();
    project.run(&["resume", "last"]).expect(0);
    assert_eq!(texts(&run), ["before the end"]);
    assert_eq!(run.events("note")[0]["by"]["known_by"], "request-owner");
    assert!(requests(&run).is_empty());
    project.run(&["verify"]).expect(0);
}

#[test]
fn what_a_killed_run_did_not_take_up_is_taken_up_by_the_next_note_and_once() {
    let (project, run) = killed_with_a_request();
    let request = requests(&run).remove(0);
    let kept = fs::read(&request).unwrap();
    // A crash has torn its last line, too.
    let journal = run.path("journal.jsonl");
    let mut torn = fs::OpenOptions::new().append(true).open(&journal).unwrap();
    torn.write_all(b"{\"seq\":").unwrap();
    project.run(&["note", "last", "after the end"]).expect(0);
    assert_eq!(texts(&run), ["before the end", "after the end"]);
    let known: Vec<Value> = run
        .events("note")
        .iter()
        .map(|note| note["by"]["known_by"].clone())
        .collect();
    assert_eq!(known, ["request-owner", "process"]);
    let mended = run.events("noted");
    assert_eq!(
        (mended[0]["notice"].as_str(), mended[0]["torn"].as_u64()),
        (Some("mended"), Some(7))
    );
    // A crash between the journal and the inbox leaves the request there.
    fs::write(&request, kept).unwrap();
    project.run(&["note", "last", "once more"]).expect(0);
    assert_eq!(texts(&run), ["before the end", "after the end", "once more"]);
    assert!(requests(&run).is_empty());
    // None of it is in the way of going on.
    project.run(&["resume", "last"]).expect(0);
    project.run(&["verify"]).expect(0);
}

#[test]
fn a_run_that_has_ended_is_added_to() {
    let (project, run) = ended();
    let note = |args: &[&str]| project.run(&[&["note", "last"], args].concat());
    let first = note(&[
        "the pool had 5 connections",
        "--kind",
        "root-cause",
        "--format",
        "json",
    ])
    .expect(0)
    .json();
    let seq = first["seq"].to_string();
    note(&["it had 4", "--corrects", &seq]).expect(0);
    let written = run.events("note");
    assert_eq!(written[1]["kind"], "root-cause", "as what it corrects");
    assert_eq!(written[1]["happened_at"], written[0]["at"], "as what it corrects");
    assert_eq!(written[0]["by"]["known_by"], "process");
    note(&["x", "--corrects", &seq])
        .expect(2)
        .says(&["was corrected by record"]);
    note(&["x", "--corrects", "0"])
        .expect(2)
        .says(&["record 0 is no note"]);
    note(&[
        "widen it",
        "--kind",
        "action-item",
        "--owner",
        "ada",
        "--due",
        "2026-12-01",
    ])
    .expect(0);
    note(&["x", "--owner", "ada"]).expect(2).says(&["has no owner"]);
    note(&["x", "--kind", "follow-up", "--due", "soon"])
        .expect(2)
        .says(&["is no day"]);
    note(&["x", "--at", "2999-01-01 00:00"])
        .expect(2)
        .says(&["still to come"]);
    note(&["x", "--at", "noon"]).expect(2).says(&["is no time"]);
    note(&["  "]).expect(2).says(&["there is no text"]);
    assert_eq!(run.events("note").len(), 3);
    assert_eq!(run.outcome(), "resolved");
    project.run(&["verify"]).expect(0);
    let report = run.report();
    assert!(
        report.contains("it had 4") && report.contains("widen it"),
        "{report}"
    );
}

#[test]
fn several_at_once_are_all_written_and_once() {
    let (project, run) = ended();
    let names: Vec<String> = (0..6).map(|number| format!("note {number}")).collect();
    let notes: Vec<Running> = names
        .iter()
        .map(|name| project.start(&["note", "last", name]))
        .collect();
    for note in notes {
        note.end().expect(0);
    }
    let mut found = texts(&run);
    found.sort();
    assert_eq!(found, names);
    assert!(requests(&run).is_empty());
    project.run(&["verify"]).expect(0);
}

/// Runs `note last -` with these words on its input.
fn said(project: &Project, words: &[u8]) -> Ended {
    let mut command = project.command(env!("CARGO_BIN_EXE_runbook"), &["note", "last", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // It need not read all of it.
    drop(child.stdin.take().unwrap().write_all(words));
    Ended::of(&child.wait_with_output().unwrap())
}

#[test]
fn words_stay_words_and_have_an_end() {
    let (project, run) = ended();
    said(&project, &vec![b'x'; 1_000_000])
        .expect(2)
        .says(&["more than 16384 bytes"]);
    assert_eq!(texts(&run), Vec::<String>::new());
    let hostile = "\u{1b}[2J\u{202e}<script>alert(1)</script>\n{\"seq\":1}\n| a | b |\n# Owned =1+1 \u{0}";
    said(&project, hostile.as_bytes()).expect(0);
    assert_eq!(texts(&run), [hostile], "the journal has the very words");
    for args in [
        &["timeline", "last"][..],
        &["show", "last"],
        &["timeline", "last", "--format", "md"],
    ] {
        let shown = project.run(args).expect(0).stdout;
        assert!(shown.contains("Owned"), "{shown}");
        let steers = |char: char| (char.is_control() && char != '\n') || char == '\u{202e}';
        assert!(!shown.contains(steers), "{shown:?}");
        assert!(!shown.lines().any(|line| line.starts_with("# Owned")), "{shown}");
    }
    assert!(!run.report().contains("<script>"));
    project.run(&["verify"]).expect(0);
}

#[test]
fn what_else_lies_in_the_inbox_harms_nobody() {
    let (project, run) = ended();
    let inbox = run.path("inbox");
    fs::write(inbox.join("a.json"), "{").unwrap();
    fs::write(inbox.join("b.json"), vec![b'x'; 1_000_000]).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", inbox.join("c.json")).unwrap();
    project.run(&["note", "last", "mine"]).expect(0);
    assert_eq!(texts(&run), ["mine"]);
    assert!(requests(&run).is_empty(), "each has its answer");
    for name in ["a", "b", "c"] {
        assert!(inbox.join(format!("{name}.refused")).exists(), "{name}");
    }
    assert!(Path::new("/etc/passwd").exists());
}

#[test]
fn the_commands_of_the_book_do_what_it_says() {
    let book = fs::read_to_string(repository().join("book/src/running.md")).unwrap();
    let section = book
        .split("\n## What people know\n")
        .nth(1)
        .expect("the section is there");
    let block = section
        .split("```sh,run\n")
        .nth(1)
        .expect("its commands")
        .split("```")
        .next()
        .unwrap();
    let (project, run) = {
        let project = Project::runbook(DONE);
        project
            .run(&["exec", "runbook.yaml", "--incident", "INC-7"])
            .expect(0);
        let run = project.only_run();
        (project, run)
    };
    let programs = Path::new(env!("CARGO_BIN_EXE_runbook")).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let project = project.variable("PATH", &path);
    for line in block.lines() {
        let output = project.command("sh", &["-c", line]).output().unwrap();
        Ended::of(&output).expect(0);
    }
    assert_eq!(run.events("note").len(), block.matches("runbook note").count());
    let timeline = project.run(&["timeline", "--incident", "INC-7"]).expect(0).stdout;
    for word in ["detected", "root-cause", "action-item", "owner ada"] {
        assert!(timeline.contains(word), "{word}\n{timeline}");
    }
}
