//! How long `runbook check` takes on a large project, and how that compares with no more than reading its YAML; and how
//! long `runbook review` takes to compare 500 runbooks with what they were.
//!
//! The project is made here: 1,000 runbooks of 30 steps each, with what real ones have: inputs, secrets, captures,
//! templates, gates, rollbacks, approvals, several kinds of actions, and a project file with two environments.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints its figures, and ends where what it counts on is not so"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const RUNBOOKS: usize = 1000;
const STEPS: usize = 30;
const ROUNDS: usize = 7;

/// What all of it may take on a small machine.
const BOUND: Duration = Duration::from_secs(1);

/// How many runbooks a review compares, and what that may take.
const REVIEWED: usize = 500;
const REVIEW_BOUND: Duration = Duration::from_secs(2);

const PROJECT: &str = r#"default_environment: staging
environments:
  staging:
    connections:
      api: {http: "http://localhost:8000"}
      db: {sql: "{{ secrets.database }}", statement_timeout: 10s}
  production:
    connections:
      api: {http: "https://api.example.org"}
      db: {sql: "{{ secrets.database }}", statement_timeout: 5s}
"#;

const HEAD: &str = r#"apiVersion: runbook/v1
name: service-@
version: 1.2.@
title: Recover service number @
summary: >-
  More than 95 % of what service @ can hold is taken, so requests wait. Shows who holds it, ends what sits idle,
  raises the limit, and proves that requests are served again.
severity: P2
owner: platform
labels: {service: "service-@", team: platform}

inputs:
  idle_for: {type: duration, default: 5m, help: End what has been idle for longer than this.}
  limit: {type: integer, default: 200, minimum: 10, maximum: 500, help: The new limit.}
  host: {type: string, default: "host-@"}

vars:
  unit: "'service-@-' ~ inputs.host"

secrets:
  database: {env: DATABASE_URL}

connections:
  api: {http: "http://localhost:8000"}
  db: {sql: "{{ secrets.database }}"}

detect:
  - id: exhausted
    title: Utilisation is above 95 %
    http: {get: /health/status}
    value: body.pool.utilization
    expect: value > 0.95

steps:
"#;

/// Kinds of steps in turn. `#` is the step's number, `~` that of the step before it of the first kind.
const KINDS: [&str; 6] = [
    r#"
  - id: look_#
    title: See who holds connections
    phase: diagnose
    http: {get: "/service/@/connections?limit={{ inputs.limit }}"}
    capture:
      idle: body.idle
      who: body.connections | map(attribute="holder") | unique | sort | join(", ")
"#,
    r#"
  - id: ask_#
    title: See what the database says of part #
    sql:
      query: >-
        SELECT application_name AS who, state, count(*) AS sessions
        FROM pg_stat_activity
        WHERE datname = current_database() AND state_change < now() - :idle_for::interval
        GROUP BY application_name, state ORDER BY sessions DESC
      bind: {idle_for: "{{ inputs.idle_for }}"}
    capture: {sessions: "rows | length"}
    verify:
      - {sql: "SELECT count(*) AS chunks FROM chunks_#", expect: "rows[0].chunks >= 0"}
"#,
    r#"
  - id: set_#
    title: Raise limit # of the service
    when: steps.look_~.idle > 0 and inputs.limit < 400
    before:
      http: {get: "/limits/#"}
      capture: {size: body.limit.max_size}
    http: {post: "/limits/#", json: {max_size: "{{ inputs.limit }}", unit: "{{ vars.unit }}"}}
    verify:
      - title: The service has its new limit
        http: {get: "/limits/#"}
        value: body.limit.max_size
        expect: value == inputs.limit
        every: 1s
        within: 10s
    rollback:
      http: {post: "/limits/#", json: {max_size: "{{ steps.set_#.size }}"}}
"#,
    r#"
  - id: tell_#
    title: Reload unit # with what was found
    exec: [systemctl, reload, "{{ vars.unit }}-#", "--message={{ steps.look_~.who }}"]
    env: {LIMIT: "{{ inputs.limit }}"}
    verify:
      - {exec: [systemctl, is-active, "{{ vars.unit }}-#"], expect: exit_code == 0, within: 30s, consecutive: 2}
    rollback: {exec: [systemctl, reload, "{{ vars.unit }}-#"]}
"#,
    r#"
  - id: sum_#
    title: Sum up the logs of part #
    shell: |
      set -eu
      journalctl --unit "$UNIT" --since "-10min" --output cat | sort | uniq --count | sort --reverse
    env: {UNIT: "{{ vars.unit }}"}
    effect: read
    capture: {lines: "lines | length"}
    verify:
      - {http: {get: "/health/#"}, expect: [status == 200, "body.checks | length > 0"]}
"#,
    r#"
  - id: end_#
    title: End what sits idle in part #
    when: steps.ask_^.sessions > 3 and steps.sum_-.lines > 10
    approve: {message: "End what has been idle for {{ inputs.idle_for }}? {{ steps.look_~.idle }} are idle."}
    effect: destructive
    http:
      post: "/service/@/terminate"
      json: {idle_longer_than_ms: "{{ (inputs.idle_for | duration * 1000) | int }}", part: #}
    irreversible: What was ended does not come back; clients open new ones by themselves.
"#,
];

const FOOT: &str = r#"
verify:
  - id: utilisation
    title: Utilisation is below 80 %
    http: {get: /health/status}
    value: body.pool.utilization
    expect: value < 0.8
    every: 1s
    within: 1m
    consecutive: 3
  - {id: data, title: The data is there, sql: SELECT count(*) AS chunks FROM chunks, expect: "rows[0].chunks > 0"}
"#;

fn runbook(number: usize) -> String {
    let mut text = HEAD.to_owned();
    for step in 0..STEPS {
        let kind = step % KINDS.len();
        let first = step - kind;
        let filled = KINDS[kind]
            .replace('#', &step.to_string())
            .replace('~', &first.to_string())
            .replace('^', &(first + 1).to_string())
            .replace("sum_-", &format!("sum_{}", first + 4));
        text.push_str(&filled);
    }
    (text + FOOT).replace('@', &number.to_string())
}

/// The files of the project, and where it is.
fn project(runbooks: usize) -> (TempDir, Vec<PathBuf>) {
    let project = TempDir::new().expect("there is room");
    fs::write(project.path().join("runbook.config.yaml"), PROJECT).expect("there is room");
    let mut files = Vec::new();
    for number in 0..runbooks {
        let folder = project.path().join(format!("runbooks/team-{}", number % 20));
        fs::create_dir_all(&folder).expect("there is room");
        let file = folder.join(format!("service-{number}.yaml"));
        fs::write(&file, runbook(number)).expect("there is room");
        files.push(file);
    }
    (project, files)
}

/// The median of some rounds, after one that warms up what keeps files.
#[expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
fn median(mut work: impl FnMut()) -> Duration {
    work();
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

#[expect(clippy::disallowed_methods, reason = "what is measured is the program")]
fn run(project: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_runbook"))
        .args(args)
        .current_dir(project)
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", said.get(..2000).unwrap_or(&said));
    said
}

/// No more than reading the files and their YAML.
fn read_yaml(files: &[PathBuf]) {
    for file in files {
        let text = fs::read_to_string(file).expect("it is there");
        let value: serde_json::Value = serde_yaml::from_str(&text).expect("it is YAML");
        assert!(value.get("steps").is_some());
    }
}

/// Runs git in a project, as nobody in particular.
#[expect(
    clippy::disallowed_methods,
    reason = "there must be something to compare with"
)]
fn git(project: &Path, args: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=bench", "-c", "user.email=bench@example.org"])
        .args(args)
        .current_dir(project)
        .status()
        .expect("git is there");
    assert!(status.success(), "git {args:?}");
}

/// A review of runbooks of which every tenth has changed.
fn review() -> Duration {
    let (project, files) = project(REVIEWED);
    let at = project.path();
    git(at, &["init", "--quiet", "--initial-branch", "main"]);
    git(at, &["add", "--all"]);
    git(at, &["commit", "--quiet", "--message", "as it was"]);
    for file in files.iter().step_by(10) {
        let text = fs::read_to_string(file).expect("it is there");
        fs::write(file, text.replace("value < 0.8", "value < 0.9")).expect("there is room");
    }
    let args = ["review", "--base", "main", "--format", "markdown"];
    let said = run(at, &args);
    assert!(said.contains("is weaker: it asks for"), "{said}");
    median(|| drop(run(at, &args)))
}

fn main() {
    let (project, files) = project(RUNBOOKS);
    let bytes: u64 = files
        .iter()
        .filter_map(|file| Some(fs::metadata(file).ok()?.len()))
        .sum();
    let said = run(project.path(), &["check"]);
    assert_eq!(
        said.trim_end(),
        format!("✓ {RUNBOOKS} runbooks: 0 errors, 0 warnings")
    );
    let floor = median(|| read_yaml(&files));
    let mut table = String::new();
    for args in [
        &["check"] as &[&str],
        &["check", "--env", "production"],
        &["list"],
    ] {
        let took = median(|| drop(run(project.path(), args)));
        let ratio = took.as_secs_f64() / floor.as_secs_f64();
        let verdict = if took < BOUND { "" } else { "  more than a second" };
        writeln!(
            table,
            "runbook {:24} {took:>8.0?}  {ratio:.2} × the floor{verdict}",
            args.join(" ")
        )
        .expect("a text has room");
    }
    let took = review();
    let verdict = if took < REVIEW_BOUND {
        ""
    } else {
        "  more than two seconds"
    };
    writeln!(
        table,
        "runbook {:24} {took:>8.0?}  of {REVIEWED} runbooks{verdict}",
        "review"
    )
    .expect("a text has room");
    println!("{RUNBOOKS} runbooks of {STEPS} steps, {} KiB", bytes / 1024);
    println!("{:32} {floor:>8.0?}  the floor", "reading their YAML, one by one");
    println!("{table}");
}
