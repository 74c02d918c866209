//! The commands of the README and the examples, as a newcomer runs them.

use std::fs;

use crate::harness::{Project, repository};

const FROM_SOURCE: &str = "cargo run --release -- ";

/// The commands in the README's blocks, without their remarks.
fn commands() -> Vec<String> {
    let readme = fs::read_to_string(repository().join("README.md")).expect("there is a README");
    let blocks = readme.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    lines
        .map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned())
        .collect()
}

#[test]
fn the_first_commands_do_what_the_readme_says() {
    let project = Project::shipped();
    let commands: Vec<String> = commands()
        .iter()
        .filter_map(|line| line.strip_prefix(FROM_SOURCE))
        .map(str::to_owned)
        .collect();
    assert_eq!(commands.len(), 3, "{commands:?}");
    for (command, code) in commands.iter().zip([0, 5, 3]) {
        let args: Vec<&str> = command.split_whitespace().collect();
        let mut running = project.start_on_terminal(&args);
        if !args.contains(&"--yes") {
            running.wait_for("yes or no?");
            running.type_in("yes\n");
        }
        running.end().expect(code).says(&["journal.jsonl", "report.md"]);
    }
    let outcomes: Vec<String> = project.runs().iter().map(|run| run.outcome().clone()).collect();
    assert_eq!(outcomes, ["resolved", "rolled_back", "not_needed"]);
    for command in commands_of_the_program() {
        // The last run was not needed, and who watches it ends as it did.
        let code = if command.starts_with("watch ") { 3 } else { 0 };
        project.run(&words(&command)).expect(code);
    }
}

/// The words of a command; what stands in quotes is one.
fn words(command: &str) -> Vec<&str> {
    let parts = (0..).zip(command.split('"'));
    let words = parts.flat_map(|(number, part)| match number % 2 {
        0 => part.split_whitespace().collect(),
        _ => vec![part],
    });
    words.collect()
}

/// The commands that the README shows with the program's own name and that need nothing else.
fn commands_of_the_program() -> Vec<String> {
    let found: Vec<String> = commands()
        .iter()
        .filter_map(|line| line.strip_prefix("runbook "))
        // Those need a run that was killed, or a database.
        .filter(|line| {
            !["exec", "resume", "rollback"]
                .iter()
                .any(|name| line.starts_with(name))
        })
        .map(str::to_owned)
        .collect();
    assert_eq!(found.len(), 19, "{found:?}");
    found
}

#[test]
fn the_examples_are_without_findings_and_run() {
    let project = Project::empty().with_copy("examples");
    project
        .run(&["check", "examples"])
        .expect(0)
        .says(&["0 errors, 0 warnings"]);
    let here = project.path("");
    let input = format!(
        "folder={}",
        here.to_str().expect("it is text").trim_end_matches('/')
    );
    project
        .run(&[
            "exec",
            "examples/hello.yaml",
            "-i",
            &input,
            "-i",
            "who=$(touch pwned) 'x' \"y\"",
        ])
        .expect(0);
    let greeting = fs::read_to_string(project.path("hello.txt")).expect("it was written");
    assert_eq!(greeting, "hello $(touch pwned) 'x' \"y\"\n");
    assert!(!project.path("pwned").exists(), "a value is never code");
    project
        .run(&["exec", "examples/branches.yaml", "-i", "limit=1"])
        .expect(0)
        .says(&["resolved"]);
    project
        .run(&["exec", "examples/rolling.yaml"])
        .expect(0)
        .says(&["3 of 3 items done", "resolved"]);
    project
        .run(&["exec", "examples/rolling.yaml", "-i", "broken=west"])
        .expect(5)
        .says(&["2 of 3 items done, 1 failed", "[east]: undone", "rolled_back"]);
}
