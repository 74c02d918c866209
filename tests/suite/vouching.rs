//! Seals and notes of git vouch for a run: what was cut off, rewritten or taken away is found without any head at hand.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::Project;

const STEPS: &str = "steps:\n  - {id: one, exec: [touch, one], rollback: {exec: [rm, one]}}\n\
                     verify: [{id: there, exec: [test, -e, one]}]\n";

/// A project with a key, and a project file that goes on with this below `seal`.
fn sealed(more: &str) -> Project {
    let project = Project::runbook(STEPS);
    let made = project.run(&["seal", "keygen", "seal.key"]).expect(0);
    let public = made.stdout.trim();
    assert!(public.starts_with("ed25519:"), "{}", made.all());
    let config = format!("seal:\n  key: {{file: seal.key}}\n  public: [\"{public}\"]\n{more}");
    project.with("runbook.config.yaml", &config)
}

/// Runs git in a project, as nobody in particular.
fn git(project: &Project, args: &[&str]) -> String {
    let own = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org"];
    let output = project.command("git", &[&own, args].concat()).output().unwrap();
    assert!(output.status.success(), "git {args:?}\n{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_key_is_for_its_owner_only_and_is_never_written_over() {
    let project = sealed("");
    let path = project.path("seal.key");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = fs::read(&path).unwrap();
    project
        .run(&["seal", "keygen", "seal.key"])
        .expect(2)
        .says(&["is there already"]);
    assert_eq!(fs::read(&path).unwrap(), before);
    project.run(&["check", "runbook.yaml"]).expect(0);
}

#[test]
fn a_run_is_sealed_to_its_end_and_a_cut_tail_is_found() {
    let project = sealed("  required: true\n");
    let (_, run) = project.exec("runbook.yaml", &[], "resolved");
    let whole = project.run(&["verify"]).expect(0).says(&["sealed by", ": all "]);
    assert!(!whole.stdout.contains("--head"), "{}", whole.all());
    let told = project.run(&["verify", "--format", "json"]).expect(0).json();
    assert_eq!(told["seals"]["records"], told["records"]);
    assert_eq!(told["readings"], "none");

    // The private key is nowhere in the run.
    let pem = fs::read_to_string(project.path("seal.key")).unwrap();
    let secret = pem.lines().nth(1).unwrap();
    for file in ["journal.jsonl", "seals.jsonl", "report.md"] {
        assert!(
            !fs::read_to_string(run.path(file)).unwrap().contains(secret),
            "{file}"
        );
    }

    let text = run.text();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(run.path("journal.jsonl"), lines[..lines.len() - 1].concat()).unwrap();
    project
        .run(&["verify"])
        .expect(1)
        .says(&["seals.jsonl", "its end was cut off"]);
    fs::write(run.path("journal.jsonl"), &text).unwrap();

    // Seals that are gone are missed, since the project demands them.
    let seals = fs::read_to_string(run.path("seals.jsonl")).unwrap();
    let some: Vec<&str> = seals.split_inclusive('\n').collect();
    fs::write(run.path("seals.jsonl"), some[..some.len() - 1].concat()).unwrap();
    project
        .run(&["verify"])
        .expect(1)
        .says(&["the first", "demands seals"]);
    fs::write(
        run.path("seals.jsonl"),
        seals.replacen("\"head\":\"", "\"head\":\"0", 1),
    )
    .unwrap();
    project
        .run(&["verify"])
        .expect(1)
        .says(&["its signature does not fit"]);

    // Another key's seals prove nothing.
    let other = project.run(&["seal", "keygen", "other.key"]).expect(0).stdout;
    let config = format!("seal: {{public: [\"{}\"]}}\n", other.trim());
    fs::write(project.path("runbook.config.yaml"), config).unwrap();
    fs::write(run.path("seals.jsonl"), &seals).unwrap();
    project
        .run(&["verify"])
        .expect(0)
        .says(&["no key of `seal.public`", "it proves nothing"]);
}

#[test]
fn what_cannot_be_sealed_is_told_or_refused_before_anything_runs() {
    let project = sealed("");
    fs::remove_file(project.path("seal.key")).unwrap();
    let (ended, _) = project.exec("runbook.yaml", &[], "resolved");
    ended.says(&["warning:", "the run cannot be sealed", "seal.key"]);
    fs::remove_file(project.path("one")).unwrap();

    let config = fs::read_to_string(project.path("runbook.config.yaml")).unwrap();
    fs::write(
        project.path("runbook.config.yaml"),
        format!("{config}  required: true\n"),
    )
    .unwrap();
    let ended = project.run(&["exec", "runbook.yaml", "--yes"]).expect(2);
    ended.says(&["the run cannot be sealed", "so nothing ran", "seal.required"]);
    assert!(!project.path("one").exists());
    assert_eq!(project.runs().len(), 1);

    // A key whose seals nobody would believe is none.
    let project = sealed("  required: true\n");
    fs::remove_file(project.path("seal.key")).unwrap();
    project.run(&["seal", "keygen", "seal.key"]).expect(0);
    project
        .run(&["exec", "runbook.yaml", "--yes"])
        .expect(2)
        .says(&["not among those that count"]);
    // And what is demanded has a name.
    fs::write(project.path("runbook.config.yaml"), "seal: {required: true}\n").unwrap();
    project
        .run(&["exec", "runbook.yaml", "--yes"])
        .expect(2)
        .says(&["names neither a key nor git notes"]);
}

#[test]
fn heads_are_notes_of_git_on_the_commit_and_touch_nothing_else() {
    let project =
        Project::runbook(STEPS).with("runbook.config.yaml", "seal: {git_notes: true, required: true}\n");
    project
        .run(&["exec", "runbook.yaml", "--yes"])
        .expect(2)
        .says(&["of no commit", "so nothing ran"]);
    fs::write(project.path(".gitignore"), ".runbook\none\n").unwrap();
    git(&project, &["init", "--quiet", "--initial-branch", "main"]);
    git(&project, &["add", "--all"]);
    git(&project, &["commit", "--quiet", "--message", "as it was"]);
    // A hook would be somebody's program.
    let hook = project.path(".git/hooks/reference-transaction");
    fs::write(&hook, "#!/bin/sh\ntouch hooked\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let head = git(&project, &["rev-parse", "HEAD"]);
    let (_, first) = project.exec("runbook.yaml", &[], "resolved");
    let (_, second) = project.exec("runbook.yaml", &[], "resolved");
    assert!(!project.path("hooked").exists());
    assert_eq!(git(&project, &["rev-parse", "HEAD"]), head);
    assert_eq!(git(&project, &["status", "--porcelain"]), "");
    let notes = git(&project, &["notes", "--ref", "refs/notes/runbook", "show"]);
    for run in [&first, &second] {
        let own = notes.lines().filter(|line| line.contains(&run.name())).count();
        // The first change at least, and the end.
        assert!(own >= 2, "{notes}");
        project
            .run(&["verify", &run.name(), "--git"])
            .expect(0)
            .says(&["notes of git fit"]);
    }
    let text = first.text();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(first.path("journal.jsonl"), lines[..lines.len() - 1].concat()).unwrap();
    project.run(&["verify", &first.name()]).expect(0);
    project
        .run(&["verify", &first.name(), "--git"])
        .expect(1)
        .says(&["a note of git", "its end was cut off"]);
    // Another run's journal in its place is another run's.
    fs::copy(second.path("journal.jsonl"), first.path("journal.jsonl")).unwrap();
    project
        .run(&["verify", &first.name(), "--git"])
        .expect(1)
        .says(&["the journal was rewritten"]);
    git(&project, &["update-ref", "-d", "refs/notes/runbook"]);
    project
        .run(&["verify", &second.name(), "--git"])
        .expect(2)
        .says(&["git has no note", "git fetch"]);
}
