//! Attacks on memory: what would make a run grow without bound is stopped, and says so.

use std::fmt::Write as _;

use serde_json::json;

use crate::harness::Project;

/// `b: [a, a]`, `c: [b, b]` and so on: what is small in memory is 2^n long where it is written out.
#[test]
fn variables_that_double() {
    let mut vars = String::from("  v0: \"['0123456789', '0123456789']\"\n");
    for at in 1..60 {
        let _ = writeln!(vars, "  v{at}: \"[vars.v{0}, vars.v{0}]\"", at - 1);
    }
    let rest = "steps:\n  - {id: one, effect: read, exec: [echo, '{{ vars.v59 }}']}\n";
    let project = Project::runbook(&format!("vars:\n{vars}{rest}"));
    project.run(&["check", "runbook.yaml"]).expect(0);
    project
        .run(&["exec", "runbook.yaml"])
        .expect(2)
        .says(&["variable `v16`", "larger than"]);
    assert!(project.runs().is_empty(), "nothing ran");
}

#[test]
fn many_variables_that_are_large() {
    let mut vars = String::from("  v0: \"'x' | replace('x', 'yyyyyyyyyy')\"\n");
    let large = " | replace('y', 'yyyyyyyyyy')".repeat(4);
    for at in 1..2000 {
        let _ = writeln!(vars, "  v{at}: \"vars.v0{large} | replace('z', '{at}')\"");
    }
    let project = Project::runbook(&format!(
        "vars:\n{vars}steps: [{{id: one, effect: read, exec: ['true']}}]\n"
    ));
    project
        .run(&["exec", "runbook.yaml"])
        .expect(2)
        .says(&["all variables together are larger than 8 MiB"]);
}

/// Each way to grow within one run. The steps fail one by one, and the run goes on.
#[test]
fn expressions_that_grow() {
    let times = |what: &str, times: usize, with: &str| vec![what; times].join(with);
    let longer = " | replace('x', 'xxxxxxxxxx')".repeat(4);
    let attacks = [
        format!("inputs.text{longer}"),
        format!("inputs.list | join('{}')", "_".repeat(200)),
        times("inputs.big", 3, " ~ "),
        format!("[{}]", times("inputs.big", 3, ", ")),
        format!("[{}]", times("inputs.list", 32, ", ")),
        format!("{{'a': [{0}], 'b': [{0}]}}", times("inputs.list", 16, ", ")),
        format!("[{}] | length", times("(inputs.big | upper)", 20, ", ")),
        "inputs.deep | from_json".to_owned(),
    ];
    let mut text = String::from(
        "inputs: {text: {type: string}, list: {type: list}, big: {type: string}, deep: {type: string}}\nsteps:\n",
    );
    for (at, attack) in attacks.iter().enumerate() {
        let capture = json!({"id": format!("s{at}"), "effect": "read", "on_failure": "continue", "exec": ["true"], "capture": {"x": attack}});
        let _ = writeln!(text, "  - {capture}");
    }
    let places = vec!["{{ inputs.big }}"; 40];
    let stdin = json!({"id": "stdin", "effect": "read", "on_failure": "continue", "shell": {"run": "cat > out", "stdin": places.concat()}});
    let argv = [["true"].as_slice(), &places].concat();
    let items = json!({"id": "items", "effect": "read", "on_failure": "continue", "exec": {"argv": argv}});
    let env: serde_json::Map<_, _> = (0..40)
        .map(|at| (format!("V{at}"), json!("{{ inputs.big }}")))
        .collect();
    let env = json!({"id": "env", "effect": "read", "on_failure": "continue", "shell": "true", "env": env});
    let _ = writeln!(text, "  - {stdin}\n  - {items}\n  - {env}");
    let inputs = json!({
        "text": "x".repeat(1000), "list": vec!["ab"; 20_000], "big": "y".repeat(1 << 20),
        "deep": "[".repeat(100_000),
    });
    let project = Project::runbook(&text).with("values.json", &inputs.to_string());
    let ended = project
        .run(&["exec", "runbook.yaml", "--inputs", "values.json"])
        .expect(0);
    let run = project.only_run();
    let failed = run.events("step_failed");
    assert_eq!(failed.len(), attacks.len() + 3, "{}", ended.all());
    for failure in failed {
        let message = failure["failure"]["message"].as_str().unwrap_or_default();
        let told = ["longer than", "larger than", "not JSON", "recursion"];
        assert!(told.iter().any(|told| message.contains(told)), "{message}");
    }
    assert!(!project.path("out").exists());
}
