//! `runbook review`, `runbook diff` and `runbook exec --plan`: what is told of a change, in real repositories.
//!
//! Each folder of `tests/cases/reviewed/` but `base` is a change of the project in `base`: the files that differ, `gone`
//! with the names of those that are not there any more, and `expected.md`, the comment to the letter.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::base::committed;
use crate::harness::{Project, cases};

/// The files below a folder, by their names from there.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

fn with_files(project: Project, folder: &Path) -> Project {
    let all = files(folder).into_iter();
    let all = all.filter(|(name, _)| name != "gone" && name != "expected.md");
    all.fold(project, |project, (name, text)| project.with(&name, &text))
}

/// The project before the changes, committed.
fn base() -> Project {
    let all = cases("reviewed");
    let base = all.iter().find(|case| case.ends_with("base")).unwrap();
    committed(with_files(Project::empty(), base))
}

/// The project with one of the changes.
fn changed(case: &Path) -> Project {
    let project = with_files(base(), case);
    for name in fs::read_to_string(case.join("gone")).unwrap_or_default().lines() {
        fs::remove_file(project.path(name)).unwrap();
    }
    project
}

/// The project with the change of this name.
pub(crate) fn case(name: &str) -> Project {
    let all = cases("reviewed");
    changed(all.iter().find(|case| case.ends_with(name)).unwrap())
}

#[test]
fn each_change_gets_this_comment() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in cases("reviewed") {
        if case.ends_with("base") {
            continue;
        }
        count += 1;
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let said = changed(&case).run(&["review", "--base", "main", "--format", "markdown"]);
        let said = said.expect(0).stdout;
        let expected = fs::read_to_string(case.join("expected.md")).unwrap_or_default();
        if said != expected {
            wrong.push(format!("===== {name} says\n{said}===== instead of\n{expected}"));
        }
    }
    assert_eq!(count, 12);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whatever else is in a change, what is hostile stands first.
#[test]
fn what_is_hostile_stands_at_the_top() {
    for (name, expected) in [
        ("06-hidden-command", "has `rm -rf` in it now"),
        ("07-input-as-code", "this text is code"),
        (
            "08-weakened-gate",
            "is weaker: it asks for `rows[0].n < 2000` instead of `rows[0].n < 20`",
        ),
    ] {
        let project = case(name);
        let said = project
            .run(&["review", "--base", "main", "--format", "markdown"])
            .expect(0)
            .stdout;
        let top = said.split("| runbook |").next().unwrap();
        assert!(top.contains("**Look at these first**"), "{name}: {said}");
        let top = top.replace("&lt;", "<").replace('\\', "");
        assert!(top.contains(expected), "{name}: {top}");
        project
            .run(&["review", "--base", "main", "--fail-on", "alarms"])
            .expect(1);
    }
}

#[test]
fn a_policy_decides_what_passes() {
    for (name, alarms, changes) in [
        ("01-layout", 0, 0),
        ("02-new-step", 0, 1),
        ("09-protections", 1, 1),
    ] {
        let project = case(name);
        project.run(&["review", "--base", "main"]).expect(0);
        project
            .run(&["review", "--base", "main", "--fail-on", "alarms"])
            .expect(alarms);
        project
            .run(&["review", "--base", "main", "--fail-on", "changes"])
            .expect(changes);
    }
}

/// What was done on the other branch since is not what this one does.
#[test]
fn it_compares_with_where_the_branch_began() {
    let project = case("02-new-step");
    let git = |args: &[&str]| {
        let names = ["-c", "user.name=tester", "-c", "user.email=tester@example.org"];
        let args: Vec<&str> = names.iter().chain(args).copied().collect();
        let output = project.command("git", &args).output().unwrap();
        assert!(output.status.success(), "git {args:?}\n{output:?}");
    };
    git(&["checkout", "--quiet", "-b", "work"]);
    git(&["commit", "--quiet", "--all", "--message", "a new step"]);
    git(&["checkout", "--quiet", "main"]);
    fs::remove_file(project.path("runbooks/incident/queue-stuck.yaml")).unwrap();
    git(&["commit", "--quiet", "--all", "--message", "gone meanwhile"]);
    git(&["checkout", "--quiet", "work"]);
    let told = project
        .run(&["review", "--base", "main", "--format", "json"])
        .expect(0)
        .json();
    let paths: Vec<&Value> = told["runbooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["path"])
        .collect();
    assert_eq!(paths, ["runbooks/incident/cache-cold.yaml"], "{told:#}");
}

#[test]
fn a_comment_has_a_greatest_length() {
    let project = case("06-hidden-command");
    let whole = project
        .run(&["review", "--base", "main", "--format", "markdown"])
        .expect(0)
        .stdout;
    for limit in [1200, 900, 500, 300] {
        let limit_text = limit.to_string();
        let args = [
            "review",
            "--base",
            "main",
            "--format",
            "markdown",
            "--limit",
            &limit_text,
        ];
        let said = project.run(&args).expect(0).stdout;
        assert!(
            said.chars().count() <= limit && said.len() < whole.len(),
            "{limit}: {said}"
        );
        assert!(said.starts_with("<!-- runbook review -->"), "{said}");
    }
}

/// What a runbook does may stand in a file that it names.
#[test]
fn a_script_that_a_runbook_names_belongs_to_it() {
    let runbook = "apiVersion: runbook/v1\nname: small\nversion: 1.0.0\ntitle: Small\nsteps:\n  \
        - {id: one, shell: 'cd . && ./scripts/clean.sh now', irreversible: It cleans.}\n";
    let project = Project::empty()
        .with("runbooks/small.yaml", runbook)
        .with("scripts/clean.sh", "echo fine\n")
        .with("scripts/other.sh", "echo fine\n");
    let project = committed(project).with("scripts/other.sh", "rm -rf /\n");
    project
        .run(&["review", "--base", "main", "--fail-on", "changes"])
        .expect(0);
    let plan = project
        .run(&["plan", "small.yaml", "--format", "json"])
        .expect(0)
        .stdout;
    let project = project
        .with("plan.json", &plan)
        .with("scripts/clean.sh", "echo fine\nrm -rf /var/lib/app\n");
    let said = project
        .run(&["review", "--base", "main", "--fail-on", "alarms"])
        .expect(1);
    said.says(&["the file `scripts/clean.sh` that it names has changed, and has `rm -rf` in it now"]);
    let refused = project
        .run(&["exec", "small.yaml", "--plan", "plan.json", "--yes"])
        .expect(2);
    refused.says(&["the file `scripts/clean.sh` that it names is another"]);
}

/// So do files that such a script names, folders, and what is no text.
#[test]
fn what_a_script_names_in_turn_belongs_to_it() {
    let runbook = "apiVersion: runbook/v1\nname: small\nversion: 1.0.0\ntitle: Small\nsteps:\n  \
        - {id: one, shell: 'scripts/clean.sh settings/', irreversible: It cleans.}\n";
    let project = Project::empty()
        .with("runbooks/small.yaml", runbook)
        .with("scripts/clean.sh", ". \"$(dirname \"$0\")/lib.sh\"\n")
        .with("scripts/lib.sh", "echo fine\n")
        .with("settings/deep/a b.ini", "x = 1\n")
        .with("settings/raw.bin", "");
    fs::write(project.path("settings/raw.bin"), [0xff, 1]).unwrap();
    let project = committed(project);
    let review = || project.run(&["review", "--base", "main", "--fail-on", "changes"]);
    review().expect(0);
    for (name, bytes, was) in [
        ("scripts/lib.sh", &b"rm -rf /\n"[..], &b"echo fine\n"[..]),
        ("settings/deep/a b.ini", b"x = 2\n", b"x = 1\n"),
        ("settings/raw.bin", &[0xff, 2], &[0xff, 1]),
    ] {
        fs::write(project.path(name), bytes).unwrap();
        review()
            .expect(1)
            .says(&[&format!("the file `{name}` that it names has changed")]);
        fs::write(project.path(name), was).unwrap();
    }
    review().expect(0);
}

/// A runbook that protects itself in many ways.
const GUARDED: &str = "apiVersion: runbook/v1
name: guarded
version: 1.0.0
title: Guarded
timeout: 10m
inputs:
  pin: {type: string, pattern: '[a-z]+'}
  key: {type: string, secret: true, default: x123456}
guards:
  - {id: alive, title: It lives, exec: [cat, alive], expect: ok, every: 2s}
steps:
  - id: look
    title: Look
    exec: [cat, state]
    effect: read
    capture: {token: {value: stdout, secret: true}}
  - id: mend
    title: Mend it
    first_of:
      - {id: soft, title: Softly, exec: [touch, soft], rollback: {exec: [rm, soft]}}
      - {id: hard, title: Hard, exec: [touch, hard], rollback: {exec: [rm, hard]}}
    verify: [{id: fine, title: It is fine, exec: [cat, fine], expect: stdout | trim == \"yes\", within: 10s}]
  - id: tidy
    title: Tidy up
    shell: echo tidy > tidy
    idempotent: true
    rollback: {exec: [rm, tidy]}
  - {id: settle, title: Let it settle, wait: 30s}
  - id: each
    title: Each
    for_each: {item: it, in: '[1, 2]', batch: 1}
    steps: [{id: read, title: Read, exec: [cat, state], effect: read}]
finally:
  - {id: close, title: Close, exec: [touch, closed], effect: read}
verify: [{id: over, title: It is over, exec: [cat, over], expect: ok}]
";

const SOFT_THEN_HARD: &str =
    "      - {id: soft, title: Softly, exec: [touch, soft], rollback: {exec: [rm, soft]}}
      - {id: hard, title: Hard, exec: [touch, hard], rollback: {exec: [rm, hard]}}
";
const HARD_THEN_SOFT: &str =
    "      - {id: hard, title: Hard, exec: [touch, hard], rollback: {exec: [rm, hard]}}
      - {id: soft, title: Softly, exec: [touch, soft], rollback: {exec: [rm, soft]}}
";

/// What stands there, what comes in its place, and what is told of it.
const WEAKENED: [(&str, &str, &str); 14] = [
    (
        "stdout, secret: true",
        "stdout, secret: false",
        "`secret_captures` is another",
    ),
    (
        SOFT_THEN_HARD,
        HARD_THEN_SOFT,
        "its alternatives come in another order",
    ),
    ("    idempotent: true\n", "", "`idempotent` is another"),
    ("every: 2s", "every: 9h", "is asked every 9h instead of every 2s"),
    (
        "exec: [rm, tidy]}",
        "exec: ['true']}",
        "its undo does something else",
    ),
    (
        "exec: [cat, fine]",
        "exec: [echo, 'yes']",
        "the gate `It is fine` does something else",
    ),
    ("batch: 1", "batch: 5", "`for_each` is another"),
    (
        "timeout: 10m\n",
        "timeout: 9h\n",
        "`timeout` is 9h instead of 10m",
    ),
    ("wait: 30s", "wait: 1s", "`wait` is another"),
    (
        "pin: {type: string, pattern: '[a-z]+'}",
        "nip: {type: string, default: a}",
        "the new input `nip` has not the `pattern` of the input `pin`, which is gone",
    ),
    (
        "default: x123456",
        "default: y123456",
        "the `default` of the secret input `key` is another",
    ),
    (
        "finally:\n  - {id: close, title: Close, exec: [touch, closed], effect: read}\n",
        "",
        "the step `close` is gone",
    ),
    (
        "shell: echo tidy > tidy",
        "shell: curl -s https://example.org/x | bash",
        "has `| bash` in it now",
    ),
    (
        "name: guarded\n",
        "name: guarded\nwaive: {RB0502: Not now.}\n",
        "a finding is waived now: RB0502",
    ),
];

/// Each takes a protection away, in a way that is easily overlooked.
#[test]
fn what_weakens_a_protection_is_an_alarm() {
    let file = "runbooks/guarded.yaml";
    let project = committed(Project::empty().with(file, GUARDED));
    project.run(&["check"]).expect(0);
    for (from, to, expected) in WEAKENED {
        assert!(GUARDED.contains(from), "{from}");
        let changed = GUARDED.replace(from, to);
        fs::write(project.path(file), changed).unwrap();
        let said = project.run(&["review", "--base", "main", "--fail-on", "alarms"]);
        let said = said.expect(1).says(&[expected]);
        assert!(said.stdout.contains("alarm"), "{from}: {}", said.stdout);
        assert!(!said.stdout.contains("123456"), "{from}: {}", said.stdout);
    }
}

/// A step that only got another name, or another place, is the same step.
#[test]
fn a_step_that_is_renamed_or_moved_is_told_so() {
    let file = "runbooks/guarded.yaml";
    let project = committed(Project::empty().with(file, GUARDED));
    let review = |text: &str| {
        fs::write(project.path(file), text).unwrap();
        project
            .run(&["review", "--base", "main", "--fail-on", "alarms"])
            .expect(0)
    };
    review(&GUARDED.replace("  - id: tidy\n", "  - id: clean\n")).says(&["its id was `tidy`"]);
    let first = "  - {id: a, exec: [cat, a], effect: read, needs: []}\n";
    let second = "  - {id: b, exec: [cat, b], effect: read, needs: []}\n";
    let small = |steps: &[&str]| {
        let head = "apiVersion: runbook/v1\nname: small\nversion: 1.0.0\ntitle: Small\nsteps:\n";
        format!("{head}{}", steps.concat())
    };
    let file = "runbooks/small.yaml";
    let project = committed(Project::empty().with(file, &small(&[first, second])));
    fs::write(project.path(file), small(&[second, first])).unwrap();
    let said = project
        .run(&["review", "--base", "main", "--fail-on", "alarms"])
        .expect(0);
    said.says(&["it was moved: it stands"]);
}

/// Who may what, and where a runbook runs, is said in the project file, and in any that stands nearer to it.
#[test]
fn another_project_file_is_an_alarm() {
    let project = Project::empty().with("runbooks/guarded.yaml", GUARDED);
    let project = committed(project.with("runbook.config.yaml", "roles: {dba: [ada]}\n"));
    let roles = "roles: {dba: [ada, mallory]}\n";
    fs::write(project.path("runbook.config.yaml"), roles).unwrap();
    let said = project
        .run(&["review", "--base", "main", "--fail-on", "alarms"])
        .expect(1);
    said.says(&["`roles` of the project is another"]);
    fs::write(project.path("runbook.config.yaml"), "roles: {dba: [ada]}\n").unwrap();
    let project = project.with(
        "runbooks/below/runbook.config.yaml",
        "environments: {staging: {}}\n",
    );
    let said = project
        .run(&["review", "--base", "main", "--fail-on", "alarms"])
        .expect(1);
    said.says(&[
        "runbooks/below/runbook.config.yaml",
        "there is a new environment `staging`",
    ]);
}

#[test]
fn what_git_does_not_know_is_refused() {
    let project = base();
    project
        .run(&["review", "--base", "nowhere"])
        .expect(2)
        .says(&["git knows no commit `nowhere`"]);
    let outside = Project::empty().with("runbooks/a.yaml", "");
    outside
        .run(&["review", "--base", "main"])
        .expect(2)
        .says(&["no git repository"]);
}

#[test]
fn two_of_anything_are_compared() {
    let project = case("08-weakened-gate");
    let file = "runbooks/incident/queue-stuck.yaml";
    let before = format!("main:{file}");
    project
        .run(&["diff", &before, &before])
        .expect(0)
        .says(&["no change in what it does"]);
    project
        .run(&["diff", &before, file])
        .expect(1)
        .says(&["is weaker", "once instead of 3 times in a row"]);
    let kept = project
        .run(&["plan", file, "--env", "staging", "--format", "json"])
        .expect(0)
        .stdout;
    let project = project.with("plan.json", &kept);
    project.run(&["diff", "plan.json", "plan.json"]).expect(0);
    project.run(&["diff", "plan.json", "nothing.yaml"]).expect(2);
}

#[test]
fn two_runs_are_compared() {
    let text = "inputs: {word: {type: string, default: a}}\nsteps: [{id: one, exec: [echo, '{{ inputs.word }}'], effect: read}]\n";
    let project = Project::runbook(text);
    project.run(&["exec", "runbook.yaml"]).expect(0);
    let first = project.only_run().name();
    project.run(&["exec", "runbook.yaml", "-i", "word=b"]).expect(0);
    project
        .run(&["diff", &first, "last"])
        .expect(1)
        .says(&["the given input `word` is `b` instead of `a`"]);
    project.run(&["diff", "last", "last"]).expect(0);
}

/// A project whose runbook was planned, with the plan beside it.
fn agreed() -> Project {
    let project = Project::runbook(
        "inputs: {word: {type: string, default: a}, pin: {type: string, secret: true, default: x123456}}\n\
        steps:\n  - {id: one, exec: [touch, '{{ inputs.word }}'], rollback: {exec: [rm, '{{ inputs.word }}']}, \
        env: {PIN: '{{ inputs.pin }}'}}\n",
    );
    let plan = project
        .run(&["plan", "runbook.yaml", "-i", "word=b", "--format", "json"])
        .expect(0)
        .stdout;
    assert!(!plan.contains("x123456"), "{plan}");
    project.with("plan.json", &plan)
}

#[test]
fn a_run_is_what_was_agreed_on() {
    let project = agreed();
    // Its inputs come from the plan, words and layout do not count, and a secret is nobody's business.
    let text = fs::read_to_string(project.path("runbook.yaml")).unwrap();
    let project = project.with(
        "runbook.yaml",
        &format!("# A comment.\n{text}").replace("A small runbook", "Small"),
    );
    project
        .run(&["exec", "runbook.yaml", "--plan", "plan.json", "-i", "pin=y123456"])
        .expect(0);
    assert!(project.path("b").exists() && !project.path("a").exists());
}

#[test]
fn anything_else_is_refused() {
    let project = agreed();
    let refused = project
        .run(&["exec", "runbook.yaml", "--plan", "plan.json", "-i", "word=c"])
        .expect(2);
    refused.says(&[
        "this would not do what `plan.json` says, so nothing was done",
        "the given input `word` is `c` instead of `b`",
    ]);
    let text = fs::read_to_string(project.path("runbook.yaml")).unwrap();
    let plan = fs::read_to_string(project.path("plan.json")).unwrap();
    let project = project.with(
        "runbook.yaml",
        &text.replace("exec: [touch,", "exec: [touch, -c,"),
    );
    let refused = project
        .run(&["exec", "runbook.yaml", "--plan", "plan.json"])
        .expect(2);
    refused.says(&["step `one`: it does something else"]);
    let project = project.with("runbook.yaml", &text).with(
        "plan.json",
        &plan.replace(
            &format!("\"engine\": \"{}\"", env!("CARGO_PKG_VERSION")),
            "\"engine\": \"0.0.9\"",
        ),
    );
    let refused = project
        .run(&["exec", "runbook.yaml", "--plan", "plan.json"])
        .expect(2);
    refused.says(&["was made by runbook 0.0.9"]);
    let edited = plan.replace("touch b", "touch harmless");
    assert_ne!(edited, plan);
    let project = project.with("plan.json", &edited);
    let refused = project
        .run(&["exec", "runbook.yaml", "--plan", "plan.json"])
        .expect(2);
    refused.says(&["`plan.json` was changed by hand", "it says `touch harmless`"]);
    let project = project.with("plan.json", "{}");
    project
        .run(&["exec", "runbook.yaml", "--plan", "plan.json"])
        .expect(2)
        .says(&["is no plan"]);
    assert!(!project.path(".runbook/runs").exists());
    assert!(!project.path("a").exists() && !project.path("b").exists());
}
