//! Approvals, on a real terminal.

use crate::harness::{Project, Running, until};

const CTRL_D: &str = "\u{4}";

fn project() -> Project {
    Project::runbook(
        "steps:\n  - {id: one, shell: touch one, rollback: {shell: rm one}}\n  - id: two\n    approve: {message: \"Really change {{ run.id | length > 0 }}?\"}\n    \
        shell: touch two\n    rollback: {shell: rm two}\nverify: [{id: there, shell: test -e two}]\n",
    )
}

fn asked(project: &Project) -> Running {
    let mut running = project.start_on_terminal(&["exec", "runbook.yaml"]);
    running.wait_for("yes or no?");
    assert!(!project.path("two").exists(), "it waits for the answer");
    running
}

#[test]
fn yes_goes_on() {
    let project = project();
    let mut running = asked(&project);
    // What is neither is asked again.
    running.type_in("perhaps\n");
    running.wait_for("type yes or no");
    running.type_in("YES\n");
    let ended = running.end().expect(0).says(&["touch two", "resolved"]);
    assert_eq!(
        ended.stdout.matches("Really change true?").count(),
        1,
        "{}",
        ended.all()
    );
    let run = project.only_run();
    let answer = &run.events("approval_answered")[0];
    assert_eq!(
        (&answer["approved"], &answer["by"]),
        (&true.into(), &"tester".into())
    );
    assert_eq!(answer["how"], "terminal");
    assert!(project.path("two").exists());
}

#[test]
fn no_undoes_what_was_done() {
    let project = project();
    let mut running = asked(&project);
    running.type_in("no\n");
    running.end().expect(7).says(&["rejected"]);
    let run = project.only_run();
    assert_eq!(run.outcome(), "rejected");
    assert_eq!(
        run.steps("undo_started"),
        ["one"],
        "the refused step was not attempted"
    );
    assert!(!project.path("one").exists() && !project.path("two").exists());
    let report = run.report();
    assert!(
        report.contains("tester") && report.contains("refused"),
        "who refused is told\n{report}"
    );
    project.run(&["verify"]).expect(0);
}

#[test]
fn a_terminal_that_ends_is_no_yes() {
    let project = project();
    let mut running = asked(&project);
    running.type_in(CTRL_D);
    running.end().expect(7);
    assert!(!project.path("two").exists());
    let answer = &project.only_run().events("approval_answered")[0];
    assert_eq!(
        (&answer["approved"], &answer["by"], &answer["how"]),
        (&false.into(), &"nobody".into(), &"end of input".into())
    );
}

#[test]
fn ctrl_c_at_the_question_undoes_what_was_done() {
    let project = project();
    let mut running = asked(&project);
    running.type_in("\u{3}");
    let ended = running.end();
    assert!(ended.code == 5 || ended.code == 130, "{}", ended.all());
    assert!(!project.path("one").exists() && !project.path("two").exists());
    assert_eq!(project.only_run().steps("undo_started"), ["one"]);
}

#[test]
fn a_question_is_seen_where_the_output_is_elsewhere() {
    for (format, output) in [("json", "out.json"), ("text", "out.txt")] {
        let project = project();
        let words = format!(
            "'{}' exec runbook.yaml --format {format} > {output}",
            env!("CARGO_BIN_EXE_runbook")
        );
        let mut running = project.start_in_terminal(&words);
        running.wait_for("yes or no?");
        assert!(
            running.stdout().contains("Really change true?"),
            "it says what it asks"
        );
        running.type_in("yes\n");
        running.end().expect(0);
        let output = std::fs::read_to_string(project.path(output)).unwrap();
        assert!(!output.contains("yes or no?"), "{output}");
        if format == "json" {
            let summary: serde_json::Value =
                serde_json::from_str(&output).expect("it is JSON and nothing else");
            assert_eq!(summary["outcome"], "resolved");
        }
    }
    // Without any place for the question there is no one to ask.
    let project = project();
    let words = format!(
        "'{}' exec runbook.yaml > out 2> err",
        env!("CARGO_BIN_EXE_runbook")
    );
    project.start_in_terminal(&words).end().expect(2);
    assert!(project.runs().is_empty());
}

#[test]
fn a_question_is_withdrawn_when_the_run_stops() {
    let project = Project::runbook(
        "steps:\n  - {id: asks, needs: [], approve: true, shell: touch asked, rollback: not_needed}\n  \
        - {id: fails, needs: [], shell: 'until [ -e go ]; do sleep 0.01; done; exit 1', effect: read, timeout: 1m}\n",
    );
    let mut running = project.start_on_terminal(&["exec", "runbook.yaml"]);
    running.wait_for("yes or no?");
    std::fs::write(project.path("go"), "").unwrap();
    running.end().expect(4).says(&["the question was withdrawn"]);
    assert!(!project.path("asked").exists());
}

#[test]
fn yes_beforehand_asks_nobody() {
    let project = project();
    let ended = project.run(&["exec", "runbook.yaml", "--yes"]).expect(0);
    assert!(!ended.stdout.contains("yes or no?"));
    assert_eq!(project.only_run().events("approval_answered")[0]["how"], "--yes");
}

#[test]
fn the_shipped_runbook_asks_with_the_figures() {
    let project = Project::shipped();
    let mut running = project.start_on_terminal(&["exec", "incident/pool-exhaustion.yaml"]);
    running.wait_for("yes or no?");
    assert!(running.stdout().contains("20 are idle, 0 are at work."));
    running.type_in("yes\n");
    running.end().expect(0).says(&["resolved"]);
}

#[test]
fn a_withdrawn_question_takes_no_answer() {
    let project = Project::runbook(
        "steps:\n  - id: late\n    needs: []\n    approve: {message: First?, within: 1ms}\n    on_failure: continue\n    \
        shell: touch late\n    rollback: not_needed\n  \
        - {id: next, needs: [late], approve: {message: Second?}, shell: touch next, rollback: not_needed}\n",
    );
    let mut running = project.start_on_terminal(&["exec", "runbook.yaml"]);
    running.wait_for("next: yes or no?");
    running.type_in("yes\n");
    running.end().expect(0);
    assert!(project.path("next").exists() && !project.path("late").exists());
    assert_eq!(
        project.only_run().events("approval_answered")[0]["how"],
        "timeout"
    );
}

#[test]
fn a_question_shows_all_that_it_is_about() {
    let project = Project::runbook(
        "steps:\n  - id: change\n    title: Change it\n    approve: {message: Really?}\n    \
        shell: {run: \"touch a\\ntouch b\\n\", stdin: hello}\n    env: {WHERE: here}\n    rollback: not_needed\n",
    );
    let mut running = project.start_on_terminal(&["exec", "runbook.yaml"]);
    running.wait_for("change: yes or no?");
    let shown = running.stdout();
    for text in [
        "Really?",
        "Change it",
        "touch a …",
        "WHERE=here",
        "touch b",
        r#"{"stdin":"hello"}"#,
    ] {
        assert!(shown.contains(text), "`{text}` is not shown\n{shown}");
    }
    running.type_in("yes\n");
    running.end().expect(0);
}

#[test]
fn a_question_stays_whole_while_other_steps_print() {
    let project = Project::runbook(
        "steps:\n  - {id: asks, needs: [], approve: true, shell: touch asked, rollback: not_needed}\n  \
        - {id: prints, needs: [], shell: 'until [ -e go ]; do sleep 0.01; done; echo lo\"u\"d', effect: read, timeout: 1m}\n  \
        - {id: after, needs: [prints], shell: 'touch over', effect: read}\n",
    );
    let mut running = project.start_on_terminal(&["exec", "runbook.yaml", "-o"]);
    running.wait_for("asks: yes or no?");
    std::fs::write(project.path("go"), "").unwrap();
    until("the others have printed", || {
        project.path("over").exists().then_some(())
    });
    running.type_in("yes\n");
    let ended = running.end().expect(0);
    let (question, rest) = ended.stdout.split_once("asks: yes or no? ").unwrap();
    assert!(
        !question.contains("loud") && rest.starts_with("yes"),
        "{}",
        ended.all()
    );
    assert!(rest.contains("loud"), "{}", ended.all());
}
