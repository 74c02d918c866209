//! `verify`, `show`, `report` and `runs` on journals as they are written, and on journals that somebody touched.

use std::fs;

use serde_json::json;

use crate::harness::{Project, Run};

const STEPS: &str = r"
steps:
  - id: first
    shell: echo one; printf 'two\n' >&2
    effect: read
    capture: {said: stdout}
  - id: second
    shell: seq 1 3000
    effect: read
  - id: third
    exec: ['true']
    effect: read
";

fn ran() -> (Project, Run) {
    let project = Project::runbook(STEPS);
    project.run(&["exec", "runbook.yaml"]).expect(0);
    let run = project.only_run();
    (project, run)
}

fn head(project: &Project) -> String {
    let verified = project.run(&["verify", "--format", "json"]).expect(0).json();
    verified["head"].as_str().expect("it has a head").to_owned()
}

#[test]
fn a_whole_journal_verifies() {
    let (project, run) = ran();
    let verified = project.run(&["verify", "--format", "json"]).expect(0).json();
    let records = run.records();
    assert_eq!(verified["records"], records.len());
    assert_eq!(
        (&verified["intact"], &verified["ended"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(verified["head"], records.last().unwrap()["hash"]);
    project
        .run(&["verify", &run.name(), "--head", &head(&project)])
        .expect(0);
    project
        .run(&["verify", "small", "--head", &"0".repeat(64)])
        .expect(1);
}

#[test]
fn a_changed_byte_is_found_in_its_line() {
    let (project, run) = ran();
    let path = run.path("journal.jsonl");
    let whole = fs::read(&path).unwrap();
    let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
    let lines = ends.len();
    let starts: Vec<usize> = std::iter::once(0).chain(ends.iter().map(|end| end + 1)).collect();
    for line in [0, 1, lines / 2, lines - 2, lines - 1] {
        let (start, end) = (starts[line], ends[line]);
        // The first byte, one in the midst of what it says, one of its hash, and the line's end.
        for at in [start, start + 9, start + (end - start) / 3, end - 10, end] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            // A line without its end runs into the next one, or is the torn last one.
            let place = format!("line {}", line + 1);
            let ended = project.run(&["verify"]);
            let told = ended.all();
            if at == end && line == lines - 1 {
                assert!(
                    told.contains("torn") || told.contains(&place),
                    "byte {at}: {told}"
                );
                continue;
            }
            assert_eq!(ended.code, 1, "byte {at}: {told}");
            assert!(told.contains(&place), "byte {at} of {place}: {told}");
            let said = project.run(&["verify", "--format", "json"]).expect(1).json();
            assert_eq!(
                (&said["intact"], &said["line"]),
                (&json!(false), &json!(line + 1)),
                "{said}"
            );
        }
    }
    fs::write(&path, &whole).unwrap();
    project.run(&["verify"]).expect(0);
}

#[test]
fn removed_inserted_and_swapped_lines_are_found() {
    let (project, run) = ran();
    let path = run.path("journal.jsonl");
    let whole = run.text();
    let lines: Vec<&str> = whole.lines().collect();
    let mut removed = lines.clone();
    removed.remove(3);
    let mut twice = lines.clone();
    twice.insert(4, lines[3]);
    let mut swapped = lines.clone();
    swapped.swap(3, 4);
    let headless = lines[1..].to_vec();
    for (lines, place) in [(removed, 4), (twice, 5), (swapped, 4), (headless, 1)] {
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        project
            .run(&["verify"])
            .expect(1)
            .says(&[&format!("line {place}")]);
    }
}

#[test]
fn a_cut_tail_is_found_with_the_head() {
    let (project, run) = ran();
    let head = head(&project);
    let whole = run.text();
    let lines: Vec<&str> = whole.lines().collect();
    fs::write(
        run.path("journal.jsonl"),
        lines[..lines.len() - 1].join("\n") + "\n",
    )
    .unwrap();
    project.run(&["verify"]).expect(0).says(&["has not ended"]);
    project.run(&["verify", "--head", &head]).expect(1).says(&[&head]);
}

#[test]
fn a_head_that_is_none_is_wrong_usage() {
    let (project, _run) = ran();
    for head in ["", "xyz", &"0".repeat(63)] {
        project
            .run(&["verify", "--head", head])
            .expect(2)
            .says(&["64 hexadecimal digits"]);
    }
}

#[test]
fn changed_output_is_found() {
    let (project, run) = ran();
    let file = run.of("attempt_ended", "second")[0]["output"][0]["file"].clone();
    let file = run.path(file.as_str().expect("more than 4 KiB are in a file"));
    let mut bytes = fs::read(&file).unwrap();
    bytes[100] ^= 1;
    fs::write(&file, &bytes).unwrap();
    project.run(&["verify"]).expect(1).says(&["output/"]);
    fs::remove_file(&file).unwrap();
    project
        .run(&["verify"])
        .expect(1)
        .says(&["output/", "it is gone"]);
    // A crash may have lost it: where the run has no end, that is said, and is nobody's doing.
    let whole = run.text();
    let lines: Vec<&str> = whole.lines().collect();
    let path = run.path("journal.jsonl");
    fs::write(path, lines[..lines.len() - 1].join("\n") + "\n").unwrap();
    project.run(&["verify"]).expect(0).says(&["lost", "output/"]);
}

#[test]
fn a_whole_run_is_told() {
    let (project, run) = ran();
    let name = run.name();
    project
        .run(&["runs"])
        .expect(0)
        .says(&[&name, "resolved", "3/3", "A small runbook"]);
    let runs = project.run(&["runs", "--format", "json"]).expect(0).json();
    assert_eq!(
        (&runs[0]["run"], &runs[0]["outcome"]),
        (&json!(name), &json!("resolved"))
    );
    project
        .run(&["show", &name])
        .expect(0)
        .says(&["first", "captured said = one"]);
    let shown = project.run(&["show", "--step", "first"]).expect(0);
    assert_eq!(shown.stdout, "one\ntwo\n");
    let shown = project.run(&["show", "--step", "second"]).expect(0);
    assert_eq!(shown.stdout.lines().count(), 3000);
    project
        .run(&["show", "--step", "secnd"])
        .expect(2)
        .says(&["did you mean `second`?"]);
    let report = project.run(&["report"]).expect(0).stdout;
    assert_eq!(report, run.report(), "made again, it is the same");
    let facts = project.run(&["report", "--format", "json"]).expect(0).json();
    assert!(facts.to_string().contains(&name));
    project
        .run(&["show", "nothing"])
        .expect(2)
        .says(&["no run", "nothing"]);
}

#[test]
fn nothing_is_told_of_a_run_that_was_touched() {
    let (project, run) = ran();
    let touched = run.text().replacen("\"said\":\"one", "\"said\":\"two", 1);
    assert_ne!(touched, run.text());
    fs::write(run.path("journal.jsonl"), touched).unwrap();
    for command in ["show", "report", "verify"] {
        let ended = project.run(&[command]).expect(1).says(&["line "]);
        assert!(!ended.stdout.contains("two"), "{}", ended.all());
    }
    project
        .run(&["show", "--step", "first"])
        .expect(1)
        .says(&["line "]);
    project
        .run(&["runs"])
        .expect(0)
        .says(&[&run.name(), "unreadable"]);
}

#[test]
fn without_runs_there_is_a_way_on() {
    let project = Project::runbook(STEPS);
    project.run(&["runs"]).expect(0).says(&["runbook exec"]);
    for command in ["show", "report", "verify"] {
        project.run(&[command]).expect(2).says(&["no run"]);
    }
}

#[test]
fn what_a_step_printed_is_told_by_its_parts() {
    let project = Project::runbook(
        "steps:\n  - {id: one, shell: 'echo done; echo careful >&2', effect: change, rollback: {shell: echo back}}\n  \
        - {id: two, when: 1 > 2, shell: touch two, rollback: not_needed}\n  - {id: three, shell: exit 1, rollback: not_needed}\n  \
        - {id: four, shell: touch four, rollback: not_needed}\n\
        verify: [{id: there, shell: 'true'}]\n",
    );
    project.run(&["exec", "runbook.yaml"]).expect(5);
    let shown = project.run(&["show", "--step", "one"]).expect(0).stdout;
    assert!(
        shown.contains("done\n") && shown.ends_with("its undo printed:\nback\n"),
        "{shown}"
    );
    let value = project
        .run(&["show", "--step", "one", "--format", "json"])
        .expect(0)
        .json();
    let outputs = value["outputs"].as_array().unwrap();
    for (part, stream, text) in [
        ("action", "stdout", "done\n"),
        ("action", "stderr", "careful\n"),
        ("undo", "stdout", "back\n"),
    ] {
        let expected = serde_json::json!({"part": part, "stream": stream, "text": text});
        assert!(outputs.contains(&expected), "{value}");
    }
    for (step, why) in [("two", "its `when` is false"), ("four", "the run stopped")] {
        project.run(&["show", "--step", step]).expect(0).says(&[why]);
    }
}
