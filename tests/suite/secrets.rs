//! Secrets are shown nowhere: not on the terminal, not in a file of the run, in none of the forms that programs print.

use crate::harness::{Ended, Project};

/// As it is, as base64, percent-encoded, and as JSON, a shell and SQL write it.
const SECRET: &str = "pä ss\"w'rd&7$!";
const FORMS: [&str; 7] = [
    SECRET,
    "cMOkIHNzIncncmQmNyQh",
    "p%C3%A4%20ss%22w%27rd%267%24%21",
    r#"pä ss\"w'rd&7$!"#,
    r#"p\u00e4 ss\"w'rd&7$!"#,
    r#"pä ss"w'\''rd&7$!"#,
    r#"pä ss"w''rd&7$!"#,
];

#[track_caller]
fn shown_nowhere(project: &Project, ended: &Ended) {
    for form in FORMS {
        for run in project.runs() {
            run.nowhere(form);
        }
        let mut texts = vec![ended.all()];
        for args in [
            "show",
            "show --step echo",
            "show --format json",
            "report",
            "report --format json",
            "runs",
        ] {
            let args: Vec<&str> = args.split(' ').collect();
            texts.push(project.run(&args).all());
        }
        for text in texts {
            assert!(!text.contains(form), "`{form}` is shown\n{text}");
        }
    }
}

#[test]
fn what_programs_print_is_masked() {
    let project = Project::runbook(
        r#"
secrets: {token: {env: TOKEN}}
connections: {db: {sql: "sqlite:data.db?mode=rwc"}}
steps:
  - id: echo
    env: {T: "{{ secrets.token }}"}
    shell: |
      echo "plain $T"; echo "error $T" >&2
      printf 'base64 '; printf %s "$T" | base64
      # In two parts, so that no part of the output has all of it.
      printf 'parts %s' "${T:0:5}"; sleep 0.05; printf '%s\n' "${T:5}"
      python3 -c 'import json, os, shlex, urllib.parse as u; t = os.environ["T"]; print(json.dumps(t), json.dumps(t, ensure_ascii=False), shlex.quote(t), u.quote(t, safe=""))' || true
      for i in $(seq 1 500); do echo "line $i $T"; done
    effect: read
    capture: {said: lines | first}
  - id: fails
    env: {T: "{{ secrets.token }}"}
    shell: echo "no $T"; echo "because of $T" >&2; exit 1
    effect: read
    on_failure: continue
  - id: argument
    exec: [echo, "--token={{ secrets.token }}"]
    effect: read
    waive: {RB0510: It is masked all the same.}
  - id: literal
    sql: SELECT {{ secrets.token | sql_literal }} AS said, 'x' || {{ secrets.token | sql_literal }} AS joined
    effect: read
    capture: {rows: rows}
  - id: not_a_statement
    sql: SELECT FROM {{ secrets.token | sql_literal }} nowhere {{ secrets.token | sql_literal }}
    irreversible: It is no statement.
    on_failure: continue
  - id: gate
    exec: ['true']
    effect: read
    on_failure: continue
    verify:
      - {id: reads, sql: {query: "SELECT :t AS said", bind: {t: "{{ secrets.token }}"}}, expect: "rows[0].said == 'other'"}
"#,
    )
    .variable("TOKEN", SECRET);
    let ended = project.run(&["exec", "runbook.yaml", "--output"]);
    let ended = ended
        .expect(0)
        .says(&["plain ‹secret token›", "line 500 ‹secret token›"]);
    shown_nowhere(&project, &ended);
}

#[test]
fn a_secret_reaches_the_program_whole() {
    let project = Project::runbook(
        "secrets: {token: {env: TOKEN}}\nsteps:\n  - {id: echo, shell: 'printf %s \"$T\" | sha256sum', env: {T: '{{ secrets.token }}'}, effect: read, capture: {sum: stdout}}\n",
    )
    .variable("TOKEN", "hunter22");
    project.run(&["exec", "runbook.yaml"]).expect(0);
    let sum = project.only_run().captured("echo")["sum"].clone();
    assert_eq!(
        sum,
        "20d2fe5e369db54ec7090639a9dc30ec4d608604936239d39e2de07fda09eb0b  -"
    );
}

#[test]
fn a_secret_in_an_expression_reveals_nothing() {
    for expression in [
        "secrets.token | length > 3",
        "secrets.token == 'abcd'",
        "secrets.token[0] == 'a'",
        "'a' in secrets.token",
        "secrets.token | upper == 'ABCD'",
    ] {
        let project = Project::runbook(&format!(
            "secrets: {{token: {{env: TOKEN}}}}\nsteps:\n  - {{id: echo, when: \"{expression}\", exec: ['true'], effect: read}}\n"
        ))
        .variable("TOKEN", "abcd-efgh");
        let ended = project.run(&["exec", "runbook.yaml"]);
        assert_ne!(ended.code, 0, "`{expression}`\n{}", ended.all());
        assert!(!ended.all().contains("panicked") && !ended.all().contains("abcd-efgh"));
        assert!(ended.all().contains("secret"), "`{expression}`\n{}", ended.all());
    }
}

#[test]
fn a_secret_in_an_address_is_not_told_by_a_failure() {
    let project = Project::runbook(
        "secrets: {url: {env: URL}}\nconnections: {db: {sql: '{{ secrets.url }}'}}\nsteps:\n  - {id: echo, sql: SELECT 1 AS one}\n",
    );
    for url in [
        "postgres://me:hunter22@127.0.0.1:1/db",
        "postgres://me:hunter22@/",
        "oracle://me:hunter22@host/db",
        "hunter22",
        "postgres://me@127.0.0.1:1/db?password=hunter22",
        "sqlite:none.db?key=hunter22",
    ] {
        let project = Project::case(&project.path("")).variable("URL", url);
        let ended = project.run(&["exec", "runbook.yaml"]).expect(4);
        assert!(!ended.all().contains("hunter22"), "{url}\n{}", ended.all());
        project.only_run().nowhere("hunter22");
    }
}
