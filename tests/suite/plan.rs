//! `runbook plan`: what a runbook would do with these inputs; and with `--probe`, what it would meet.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Ended, Project, Recorder};

const POOL: &str = "incident/pool-exhaustion.yaml";

/// The lines, without their blanks.
fn lines(said: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    said.lines().map(words).collect()
}

#[track_caller]
fn has(said: &str, expected: &[&str]) {
    let all = lines(said).join(" ");
    for text in expected {
        assert!(all.contains(text), "`{text}` is not said\n{said}");
    }
}

#[test]
fn what_is_known_is_written_out() {
    let project = Project::shipped();
    let planned = project
        .run(&["plan", POOL, "-i", "pool_size=300", "-i", "sessions=sql"])
        .expect(0);
    has(
        &planned.stdout,
        &[
            "pool_size = 300",
            "when inputs.sessions == \"api\": so it is skipped, `inputs.sessions` is \"sql\"",
            "when inputs.sessions == \"sql\": so it runs",
            "does POST /admin/pool/resize {\"max_size\":300} on api",
            // What only the run can know stays an expression.
            "undone by POST /admin/pool/resize {\"max_size\":\"{{ steps.widen.size }}\"} on api",
        ],
    );
    assert!(!project.path(".runbook").exists(), "it leaves nothing");
}

#[test]
fn an_input_is_refused_as_it_is_by_exec() {
    let project = Project::shipped();
    for more in [&[][..], &["--probe"]] {
        let args = [&["plan", POOL, "-i", "pool_size=9000"], more].concat();
        project.run(&args).expect(2).says(&["pool_size", "500"]);
        let args = [&["plan", POOL, "-i", "nonsense=1"], more].concat();
        project.run(&args).expect(2).says(&["nonsense"]);
    }
}

/// In each of these a plan can be printed.
const FORMATS: [&str; 6] = ["text", "markdown", "json", "mermaid", "dot", "svg"];

/// Wherever and whenever it is asked: neither the clock, nor the place, nor the language shows.
#[test]
fn the_same_plan_is_the_same_bytes_everywhere() {
    let plan = |project: &Project, format: &str| {
        let planned = project.run(&["plan", POOL, "--format", format]);
        planned.expect(0).stdout
    };
    let project = Project::shipped();
    let first = FORMATS.map(|format| plan(&project, format));
    for (zone, language) in [
        ("UTC", "C"),
        ("Asia/Kolkata", "de_DE.UTF-8"),
        ("America/St_Johns", "tr_TR"),
    ] {
        let project = Project::shipped()
            .variable("TZ", zone)
            .variable("LC_ALL", language);
        for (format, first) in FORMATS.iter().zip(&first) {
            assert_eq!(plan(&project, format), *first, "{format} {zone} {language}");
        }
    }
}

/// A thousand times, in as many folders, languages and time zones as there are here, side by side.
#[test]
fn a_thousand_plans_are_one() {
    let zones = ["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham"];
    let languages = ["C", "de_DE.UTF-8", "tr_TR", "ar_EG.UTF-8", "ja_JP.eucJP"];
    let first = Project::shipped()
        .run(&["plan", POOL, "--format", "json"])
        .expect(0)
        .stdout;
    std::thread::scope(|scope| {
        for zone in zones {
            let first = &first;
            scope.spawn(move || {
                for language in languages {
                    let project = Project::shipped()
                        .variable("TZ", zone)
                        .variable("LC_ALL", language);
                    for _ in 0..50 {
                        let again = project.run(&["plan", POOL, "--format", "json"]).expect(0).stdout;
                        assert_eq!(again, *first, "{zone} {language}");
                    }
                }
            });
        }
    });
}

#[test]
fn every_format_tells_of_every_step() {
    let project = Project::shipped();
    for format in FORMATS {
        let said = project.run(&["plan", POOL, "--format", format]).expect(0).stdout;
        for title in ["See who holds connections", "Raise the pool", "Keep the pool"] {
            assert!(
                said.contains(title),
                "{format} does not tell of `{title}`\n{said}"
            );
        }
    }
}

/// What an author wrote is a word in every format, and nothing else.
#[test]
fn a_hostile_title_is_only_a_title() {
    let title = "\"]; click n0 <script>alert(1)</script> `x` @all [a](http://b) \u{202e}\u{1b}[31m";
    let project = Project::runbook(&format!(
        "steps: [{{id: look, title: {}, exec: ['true'], effect: read}}]",
        json!(title)
    ));
    for format in FORMATS {
        let said = project
            .run(&["plan", "runbook.yaml", "--format", format])
            .expect(0)
            .stdout;
        // A program is given the title as it is.
        assert!(
            format == "json" || !said.contains(['\u{202e}', '\u{1b}']),
            "{format}: {said}"
        );
        if matches!(format, "markdown" | "mermaid" | "svg") {
            assert!(!said.contains("<script>"), "{format}: {said}");
        }
        if format == "markdown" {
            assert!(!said.contains("@all") && !said.contains("[a](http"), "{said}");
        }
        if format == "mermaid" {
            assert!(
                said.lines()
                    .any(|line| line.starts_with("  n0(\"#34;#93;#59; click n0")),
                "{said}"
            );
        }
    }
}

/// All that an action would be given is there as data, and how long all of it takes at most.
#[test]
fn a_program_is_told_everything() {
    let told = Project::shipped()
        .run(&["plan", POOL, "--format", "json"])
        .expect(0)
        .json();
    let steps = told["steps"].as_array().unwrap();
    let widen = steps.iter().find(|step| step["id"] == "widen").unwrap();
    assert_eq!(widen["action"]["params"]["json"], json!({"max_size": 200}));
    assert_eq!(told["longest"], json!({"time": "44m5s", "people": 2}));
}

#[test]
fn what_was_asked_is_no_picture() {
    let project = Project::shipped();
    let args = ["plan", POOL, "--probe", "--format", "svg"];
    project
        .run(&args)
        .expect(2)
        .says(&["printed as text or as JSON", "leave `--probe` out"]);
}

#[test]
fn no_secret_is_read_for_a_plan() {
    let project = Project::runbook(
        "
secrets: {token: {env: NOT_THERE}, key: {command: [sh, -c, 'touch read; echo secret']}}
connections: {api: {http: 'http://127.0.0.1:1', headers: {authorization: '{{ secrets.token }}'}}}
steps:
  - {id: set, http: {put: /x, json: {key: '{{ secrets.key }}'}}, irreversible: It stays.}
",
    );
    let said = project.run(&["plan", "runbook.yaml"]).expect(0).stdout;
    has(&said, &["‹secret key›"]);
    assert!(
        !project.path("read").exists(),
        "the program that prints the secret was run"
    );
}

#[test]
fn the_incident_is_probed_in_the_lab() {
    let project = Project::shipped();
    let said = project.run(&["plan", POOL, "--probe"]).expect(0).stdout;
    has(
        &said,
        &[
            "asked Utilisation is above 95 %: yes, `value` is 1.0",
            "asked GET /admin/pool/connections on api: idle = 20",
            "skipped `inputs.sessions` is \"api\"",
            "rendered POST /admin/pool/resize {\"max_size\":200} on api",
            "asked proves The pool has its new limit: not yet, `value` is 20",
            "asked A search is answered: no, `status` is 503",
            "nothing was changed",
        ],
    );
    assert!(!project.path(".runbook/runs").exists(), "a probe is no run");
}

#[test]
fn where_nothing_is_wrong_it_says_that_a_run_would_end_at_once() {
    let project = Project::shipped();
    let said = project
        .run(&["plan", POOL, "--probe", "--lab-healthy"])
        .expect(0)
        .stdout;
    has(&said, &["a run that began now would end here as `not_needed`"]);
    let args = ["plan", POOL, "--probe", "--lab-healthy", "--format", "json"];
    let told = project.run(&args).expect(0).json();
    assert_eq!(told["needed"], json!(false));
    assert_eq!(told["counts"]["failed"], json!(0));
}

/// A project whose runbook reads and writes in every way that needs no server but one.
fn writer(recorder: &Recorder) -> Project {
    let text = format!(
        "
inputs: {{name: {{type: string, default: ada}}}}
connections: {{api: {{http: '{}'}}}}
steps:
  - {{id: look, exec: [cat, data.env], effect: read, capture: {{size: stdout | trim}}}}
  - {{id: asked, http: {{get: /state}}}}
  - {{id: put, http: {{put: '/set/{{{{ inputs.name }}}}', json: {{n: 1}}}}, irreversible: It stays.}}
  - {{id: post, http: {{post: /make, json: {{n: 1}}}}, irreversible: It stays.}}
  - {{id: delete, http: {{delete: /gone}}, irreversible: It stays.}}
  - {{id: script, shell: 'touch made', rollback: {{exec: [rm, made]}}}}
  - {{id: program, exec: [touch, made], rollback: {{exec: [rm, made]}}}}
  - {{id: edit, file: {{path: data.env, set: {{SIZE: '2'}}}}, rollback: auto, then: [{{exec: [touch, restarted]}}]}}
verify: [{{exec: [test, -e, made]}}]
",
        recorder.url()
    );
    Project::runbook(&text).with("data.env", "SIZE=1\n")
}

#[test]
fn nothing_that_writes_is_sent_or_run() {
    let recorder = Recorder::start();
    let project = writer(&recorder);
    let told = project.run(&["plan", "runbook.yaml", "--probe", "--format", "json"]);
    let told = told.expect(0).json();
    let sent: Vec<String> = recorder
        .seen()
        .iter()
        .map(|request| format!("{} {}", request.method, request.target))
        .collect();
    assert_eq!(sent, ["GET /state"], "{told:#}");
    for made in ["made", "restarted", ".runbook/runs"] {
        assert!(!project.path(made).exists(), "`{made}` is there");
    }
    assert_eq!(fs::read_to_string(project.path("data.env")).unwrap(), "SIZE=1\n");
    let how = |step: &str, part: &str| {
        let all = told["soundings"].as_array().unwrap();
        let found = all
            .iter()
            .find(|sounding| sounding["step"] == step && sounding["part"] == part);
        found.unwrap_or_else(|| panic!("{step} {part}: {told:#}"))["how"].clone()
    };
    assert_eq!(how("look", "action"), "asked");
    assert_eq!(how("put", "action"), "rendered");
    assert_eq!(how("script", "action"), "rendered");
    assert_eq!(how("edit", "kept"), "asked");
}

/// So a probe that runs every night finds what has rotted.
#[test]
fn what_cannot_be_asked_is_told_by_the_exit_code() {
    let project = Project::runbook(
        "
connections: {api: {http: 'http://127.0.0.1:1'}}
steps:
  - {id: look, http: {get: /}}
  - {id: fine, exec: ['true'], effect: read}
",
    );
    let said: Ended = project.run(&["plan", "runbook.yaml", "--probe"]).expect(1);
    has(
        &said.stdout,
        &["failed GET / on api:", "1 could not be asked or would be refused"],
    );
}

#[test]
fn a_secret_is_shown_by_its_name() {
    let project = Project::runbook(
        "
secrets: {token: {env: TOKEN}}
steps:
  - {id: look, exec: [printenv, TOKEN], effect: read, env: {TOKEN: '{{ secrets.token }}'}, capture: {all: stdout}}
",
    )
    .variable("TOKEN", "hunter2-hunter2");
    for format in ["text", "json"] {
        let said = project
            .run(&["plan", "runbook.yaml", "--probe", "--format", format])
            .expect(0)
            .all();
        assert!(
            !said.contains("hunter2") && said.contains("‹secret token›"),
            "{said}"
        );
    }
}

/// Ctrl-C ends what is asked, and nothing stays behind.
#[test]
fn a_signal_ends_it() {
    let project = Project::runbook(
        "
steps:
  - {id: look, exec: [sh, -c, 'echo $$ > pid; exec sleep 1000'], effect: read, timeout: 10m}
",
    );
    let mut probing = project.start(&["plan", "runbook.yaml", "--probe"]);
    probing.wait_for("look");
    let pid = crate::harness::until("the program has begun", || {
        fs::read_to_string(project.path("pid"))
            .ok()
            .filter(|text| text.ends_with('\n'))
    });
    probing.signal(rustix::process::Signal::INT);
    let ended = probing.end().expect(130);
    has(&ended.stdout, &["stopped by SIGINT, before all was asked"]);
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    let alive = rustix::process::test_kill_process(pid);
    assert!(alive.is_err(), "what it had started goes on");
}

#[test]
fn what_no_version_can_run_is_not_probed() {
    let project = Project::runbook(
        "
connections: {cluster: {k8s: {namespace: n}}, web: {pod: web}}
steps: [{id: look, exec: {argv: [id], tty: true}, effect: read, target: web}]
",
    );
    project
        .run(&["plan", "runbook.yaml", "--probe"])
        .expect(2)
        .says(&["pod"]);
    let planned: Value = project
        .run(&["plan", "runbook.yaml", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(
        planned["cannot_run"],
        json!(["a program with a terminal through a connection of kind `pod`"])
    );
}
