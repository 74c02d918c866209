//! Values are data: each arrives byte for byte where it is to be, or the run says why it cannot.
//!
//! The values come from a file of inputs, as a webhook or another program would give them. What takes them is real:
//! processes, a server that writes down each request, PostgreSQL, SQLite.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;

use runbook_testkit::postgres::Cluster;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tokio::runtime::Runtime;

use crate::harness::{Project, Recorder, Request, Run};

/// Texts that have been commands, paths, headers, statements or templates to somebody.
fn values() -> Vec<String> {
    let mut values: Vec<String> = [
        "plain",
        "it's \"quoted\"",
        "'",
        "\"",
        "''; --",
        "$(touch owned)",
        "`touch owned`",
        "${HOME} $HOME $0 \\$x",
        "; touch owned; #",
        "| touch owned && touch owned &",
        "first\nsecond\n\nlast",
        "ends with a line break\n",
        "\r\nX-Evil: 1\r\n\r\nGET /admin HTTP/1.1",
        "'; DROP TABLE users; --",
        "\"; DROP TABLE users; --",
        "x'); DROP TABLE users; --",
        "1 OR 1=1",
        ":name $1 ? @p /* */ -- $$ $x$",
        "back\\slash \\' \\\" \\n",
        "../../admin",
        "..",
        ".",
        "/etc/passwd",
        "%2e%2e%2f",
        "%00%0d%0a",
        "a/b?c=d&e=f#g",
        "https://evil.example/",
        "@evil.example",
        "{{ 7*7 }}",
        "{{ secrets.token }}",
        "{% raw %}{% endraw %}",
        "{# comment #}",
        "-",
        "--",
        "-rf",
        "--output=owned",
        "\t",
        "\ttabs\t",
        " blanks ",
        "*",
        "~",
        "~root",
        "{a,b}",
        "!!",
        "\", \"admin\": true, \"x\": \"",
        "{\"a\": ",
        "\\ud800",
        "\u{1f980} ca\u{301}fe \u{3042}",
        "\u{202e}gnp.exe\u{202c}",
        "\u{feff}\u{200b}\u{2028}\u{85}",
        "\u{1b}[2J\u{7}\u{8}\u{7f}",
        "NUL \0 inside",
        "",
        "null",
        "true",
        "0x1F",
        "1e3",
    ]
    .map(str::to_owned)
    .to_vec();
    values.push("\u{1f980}'$(x)\n".repeat(30_000));
    values.push("x".repeat(1_000_000));
    values
}

/// The file of inputs, and their declaration.
fn project(values: &[String], rest: &str) -> Project {
    let mut inputs: serde_json::Map<String, Value> = serde_json::Map::new();
    let mut declared = String::from("inputs:\n");
    for (at, value) in values.iter().enumerate() {
        inputs.insert(format!("v{at}"), Value::from(value.as_str()));
        let _ = writeln!(declared, "  v{at}: {{type: string}}");
    }
    Project::runbook(&format!("{declared}{rest}")).with("values.json", &Value::Object(inputs).to_string())
}

/// A step for each value, `@` being its number. A failure of one does not end the run.
fn steps(values: &[String], step: &str) -> String {
    let mut steps = String::from("steps:\n");
    for at in 0..values.len() {
        let _ = writeln!(steps, "  - {}", step.replace('@', &at.to_string()));
    }
    steps
}

fn exec(project: &Project) -> Run {
    let ended = project
        .run(&["exec", "runbook.yaml", "--inputs", "values.json", "--yes"])
        .expect(0);
    assert!(
        !project.path("owned").exists(),
        "a value was run\n{}",
        ended.all()
    );
    let run = project.only_run();
    project.run(&["verify"]).expect(0);
    project.run(&["report"]).expect(0);
    assert!(!run.report().contains('\0'));
    run
}

/// What each step that failed failed with.
fn failures(run: &Run) -> HashMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    run.events("step_failed")
        .iter()
        .map(|failed| (text(&failed["step"]), text(&failed["failure"]["message"])))
        .collect()
}

/// How a value is named where a test fails.
fn named(value: &str) -> String {
    format!("{:?}", value.chars().take(40).collect::<String>())
}

/// Each value either arrived as it is, or was refused with one of the reasons that are given for it.
#[track_caller]
fn arrived_or_refused(
    run: &Run,
    values: &[String],
    arrived: impl Fn(usize) -> Option<Vec<u8>>,
    refused: impl Fn(&str) -> Option<&'static str>,
) {
    let failures = failures(run);
    for (at, value) in values.iter().enumerate() {
        let name = named(value);
        match (refused(value), failures.get(&format!("s{at}"))) {
            (Some(reason), Some(message)) => {
                assert!(message.contains(reason), "{name}: {message}");
                assert!(arrived(at).is_none(), "{name} was refused, and arrived");
            }
            (None, None) => {
                let arrived = arrived(at).unwrap_or_else(|| panic!("{name} did not arrive"));
                assert!(
                    arrived == value.as_bytes(),
                    "{name} arrived as {}",
                    named(&String::from_utf8_lossy(&arrived))
                );
            }
            (Some(reason), None) => panic!("{name} was not refused: {reason}"),
            (None, Some(message)) => panic!("{name} was refused: {message}"),
        }
    }
}

/// The longest argument or variable that Linux gives a program, with its name and a NUL.
const MAX_ARGUMENT: usize = 128 << 10;

fn unfit_for_a_program(value: &str) -> Option<&'static str> {
    if value.contains('\0') {
        Some("NUL")
    } else if value.len() >= MAX_ARGUMENT {
        Some("too long")
    } else {
        None
    }
}

#[test]
fn hostile_values_in_the_environment_of_a_script() {
    let values = values();
    let step = r#"{id: s@, effect: read, on_failure: continue, env: {V: "{{ inputs.v@ }}"}, shell: 'printf %s "$V" > out.@'}"#;
    let project = project(&values, &steps(&values, step));
    let run = exec(&project);
    let out = |at| fs::read(project.path(&format!("out.{at}"))).ok();
    arrived_or_refused(&run, &values, out, unfit_for_a_program);
}

#[test]
fn hostile_values_on_standard_input() {
    let values = values();
    let step = r#"{id: s@, effect: read, on_failure: continue, shell: {run: cat > out.@, stdin: "{{ inputs.v@ }}"}}"#;
    let project = project(&values, &steps(&values, step));
    let run = exec(&project);
    let out = |at| fs::read(project.path(&format!("out.{at}"))).ok();
    arrived_or_refused(&run, &values, out, |_| None);
}

/// A program that writes its arguments to a file, each ended by a NUL.
const RECORD: &str = "#!/bin/sh\nout=$1; shift\nprintf '%s\\0' \"$@\" > \"$out\"\n";

fn with_recorder(project: Project) -> Project {
    use std::os::unix::fs::PermissionsExt as _;
    let project = project.with("record", RECORD);
    fs::set_permissions(project.path("record"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    project
}

/// The arguments that the program was given.
fn arguments(project: &Project, out: &str) -> Option<Vec<Vec<u8>>> {
    let bytes = fs::read(project.path(out)).ok()?;
    let mut arguments: Vec<Vec<u8>> = bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    arguments.pop();
    Some(arguments)
}

#[test]
fn hostile_values_as_arguments() {
    let values = values();
    let step = r#"{id: s@, effect: read, on_failure: continue, exec: [./record, out.@, "{{ inputs.v@ }}", "--x={{ inputs.v@ }}", end]}"#;
    let project = with_recorder(project(&values, &steps(&values, step)));
    let run = exec(&project);
    let out = |at: usize| {
        let arguments = arguments(&project, &format!("out.{at}"))?;
        let [alone, joined, end] = arguments.as_slice() else {
            panic!("{} arguments", arguments.len());
        };
        assert_eq!(end, b"end");
        assert_eq!(joined.strip_prefix(b"--x="), Some(alone.as_slice()));
        Some(alone.clone())
    };
    arrived_or_refused(&run, &values, out, unfit_for_a_program);
}

#[test]
fn a_list_of_hostile_values_is_as_many_arguments() {
    let mut values = values();
    values.retain(|value| unfit_for_a_program(value).is_none());
    let rest = "inputs: {all: {type: list}}\nsteps:\n  - {id: all, effect: read, exec: [./record, out, '{{ inputs.all }}', end]}\n";
    let project =
        with_recorder(Project::runbook(rest)).with("values.json", &json!({"all": values}).to_string());
    exec(&project);
    let mut found = arguments(&project, "out").expect("it ran");
    assert_eq!(found.pop().as_deref(), Some(b"end".as_slice()));
    let expected: Vec<Vec<u8>> = values.iter().map(|value| value.as_bytes().to_vec()).collect();
    assert!(found == expected, "{} of {}", found.len(), expected.len());
}

/// The requests by the number that each carries in its header `x-number`.
fn requests(recorder: &Recorder) -> Vec<(usize, Request)> {
    let seen = recorder.seen();
    let number = |request: &Request| {
        let number = std::str::from_utf8(request.header("x-number")?).ok()?;
        number.parse().ok()
    };
    seen.into_iter()
        .filter_map(|request| Some((number(&request)?, request)))
        .collect()
}

/// Runs a request for each value. Nothing but those requests may arrive.
fn ask(values: &[String], step: &str) -> (Run, Vec<(usize, Request)>) {
    let recorder = Recorder::start();
    let connection = format!("connections: {{api: {{http: \"{}\"}}}}\n", recorder.url());
    let step = format!("{{id: s@, effect: read, on_failure: continue, http: {{{step}}}}}");
    let step = step.replace("NUMBER", "x-number: \"@\"");
    let project = project(values, &format!("{connection}{}", steps(values, &step)));
    let run = exec(&project).kept(project);
    let found = requests(&recorder);
    assert_eq!(
        found.len(),
        recorder.seen().len(),
        "a request of another's making arrived"
    );
    for (_, request) in &found {
        assert!(request.header("x-evil").is_none());
    }
    (run, found)
}

fn decoded(text: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(text).collect()
}

fn of(found: &[(usize, Request)], at: usize) -> Option<&Request> {
    found
        .iter()
        .find(|(number, _)| *number == at)
        .map(|(_, request)| request)
}

/// The longest URL that the client sends.
const MAX_URL: usize = 65_000;

fn is_long(value: &str) -> Option<&'static str> {
    (value.len() > MAX_URL).then_some("too long")
}

#[test]
fn hostile_values_in_a_path() {
    let values = values();
    let (run, found) = ask(
        &values,
        r#"get: "/users/{{ inputs.v@ }}/show?x=1", headers: {NUMBER}"#,
    );
    let place = |at| {
        let target = &of(&found, at)?.target;
        let place = target
            .strip_prefix("/users/")
            .and_then(|rest| rest.strip_suffix("/show?x=1"))
            .unwrap_or_else(|| panic!("{target}"));
        assert!(!place.contains(['/', '?', '#', '\\', ' ']), "{place}");
        Some(decoded(place))
    };
    arrived_or_refused(&run, &values, place, |value| match value {
        "" => Some("is empty"),
        "." | ".." => Some("made of dots"),
        value => is_long(value),
    });
}

#[test]
fn hostile_values_in_a_query() {
    let values = values();
    let (run, found) = ask(
        &values,
        r#"get: /find, query: {q: "{{ inputs.v@ }}", z: end}, headers: {NUMBER}"#,
    );
    let place = |at| {
        let target = &of(&found, at)?.target;
        let place = target
            .strip_prefix("/find?q=")
            .and_then(|rest| rest.strip_suffix("&z=end"))
            .unwrap_or_else(|| panic!("{target}"));
        assert!(!place.contains(['&', '=', '#', '+', ' ']), "{place}");
        Some(decoded(place))
    };
    arrived_or_refused(&run, &values, place, is_long);
}

#[test]
fn hostile_values_in_a_header() {
    let values = values();
    let (run, found) = ask(
        &values,
        r#"get: /, headers: {NUMBER, x-value: "{{ inputs.v@ }}"}"#,
    );
    let value_of = |at| Some(of(&found, at)?.header("x-value").unwrap_or_default().to_vec());
    arrived_or_refused(&run, &values, value_of, |value| {
        let is_control = |char: char| char.is_ascii_control() && char != '\t';
        if value.contains(['\r', '\n', '\0']) {
            Some("line break or a NUL")
        } else if value.trim_matches([' ', '\t']) != value {
            Some("begin or end with a blank")
        } else if value.contains(is_control) {
            Some("control characters")
        } else {
            None
        }
    });
}

#[test]
fn hostile_values_in_json() {
    let values = values();
    let (run, found) = ask(
        &values,
        r#"post: /, json: {alone: "{{ inputs.v@ }}", joined: "a{{ inputs.v@ }}z", admin: false}, headers: {NUMBER}"#,
    );
    let text = |at| {
        let sent: Value = serde_json::from_slice(&of(&found, at)?.body).expect("it is JSON");
        let alone = sent["alone"].as_str().expect("it is text").to_owned();
        assert_eq!(
            sent,
            json!({"alone": alone, "joined": format!("a{alone}z"), "admin": false})
        );
        Some(alone.into_bytes())
    };
    arrived_or_refused(&run, &values, text, |_| None);
}

#[test]
fn hostile_values_in_a_form_and_in_a_body() {
    let values = values();
    let (run, found) = ask(
        &values,
        r#"post: /, form: {a: "{{ inputs.v@ }}", z: end}, headers: {NUMBER}"#,
    );
    let field = |at| {
        let body = String::from_utf8(of(&found, at)?.body.clone()).expect("it is text");
        let field = body
            .strip_prefix("a=")
            .and_then(|rest| rest.strip_suffix("&z=end"))
            .unwrap_or_else(|| panic!("{}", named(&body)));
        assert!(!field.contains(['&', '=', '+']));
        Some(decoded(field))
    };
    arrived_or_refused(&run, &values, field, |_| None);

    let (run, found) = ask(&values, r#"post: /, body: "{{ inputs.v@ }}", headers: {NUMBER}"#);
    let body = |at| Some(of(&found, at)?.body.clone());
    arrived_or_refused(&run, &values, body, |_| None);
}

/// What an answer holds is captured, passed on and captured again, and is still data.
#[test]
fn hostile_values_that_were_captured() {
    let mut values = values();
    values.retain(|value| unfit_for_a_program(value).is_none());
    let recorder = Recorder::start();
    let connection = format!("connections: {{api: {{http: \"{}\"}}}}\n", recorder.url());
    let step = r#"{id: asked@, effect: read, http: {post: /, json: {v: "{{ inputs.v@ }}"}}, capture: {v: body.v, all: text}}
  - {id: again@, effect: read, http: {post: /, json: {v: "{{ steps.asked@.v }}"}}, capture: {v: (text | from_json).v}}
  - {id: s@, effect: read, env: {V: "{{ steps.again@.v }}"}, shell: 'printf %s "$V" > out.@'}"#;
    let project = project(&values, &format!("{connection}{}", steps(&values, step)));
    let run = exec(&project);
    let out = |at| fs::read(project.path(&format!("out.{at}"))).ok();
    arrived_or_refused(&run, &values, out, |_| None);
}

/// A step that binds each value, one that writes it as a literal, one that makes it the name of a table, on a
/// database with a table of users.
fn statements(values: &[String], url: &str) -> (Project, Vec<Run>) {
    let head = format!("connections: {{db: {{sql: \"{url}\"}}}}\n");
    let before = "steps:\n  - {id: users, sql: CREATE TABLE users AS SELECT 1 AS id, irreversible: a test}\n  - {id: bound, sql: 'CREATE TABLE bound (id integer, v text)', irreversible: a test}\n  - {id: literal, sql: 'CREATE TABLE literal (id integer, v text)', irreversible: a test}\n";
    let prepared = project(values, &format!("{head}{before}"));
    exec(&prepared);
    let each = [
        r#"{id: s@, irreversible: a test, on_failure: continue, sql: {query: "INSERT INTO bound VALUES (@, :v)", bind: {v: "{{ inputs.v@ }}"}}}"#,
        r#"{id: s@, irreversible: a test, on_failure: continue, sql: "INSERT INTO literal VALUES (@, {{ inputs.v@ | sql_literal }})"}"#,
        r#"{id: s@, irreversible: a test, on_failure: continue, sql: "CREATE TABLE {{ inputs.v@ | sql_ident }} (number_@ integer)"}"#,
    ];
    let runs = each.map(|step| {
        let next = project(values, &format!("{head}{}", steps(values, step)));
        for file in ["data.db"] {
            if prepared.path(file).exists() {
                fs::copy(prepared.path(file), next.path(file)).expect("there is room");
            }
        }
        let run = exec(&next);
        // The directory is kept for as long as the run is looked at, and the file of the database goes on.
        if next.path("data.db").exists() {
            fs::copy(next.path("data.db"), prepared.path("data.db")).expect("there is room");
        }
        run.kept(next)
    });
    (prepared, runs.into())
}

fn no_text_of_a_database(value: &str) -> Option<&'static str> {
    value.contains('\0').then_some("NUL")
}

fn no_literal(value: &str) -> Option<&'static str> {
    if value.contains('\0') {
        Some("NUL")
    } else if value.contains('\\') {
        Some("backslash")
    } else {
        None
    }
}

fn no_name(value: &str) -> Option<&'static str> {
    if value.contains('\0') {
        Some("NUL")
    } else if value.is_empty() {
        Some("empty text is no name")
    } else if value.len() > 63 {
        Some("at most 63 bytes")
    } else {
        None
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("it starts")
}

/// What a query of one text column gives.
trait Ask {
    fn texts(&mut self, query: &str) -> Vec<String>;
}

struct Postgres(Runtime, PgConnection);

impl Ask for Postgres {
    fn texts(&mut self, query: &str) -> Vec<String> {
        let query = sqlx::query_scalar(AssertSqlSafe(query));
        self.0.block_on(query.fetch_all(&mut self.1)).expect("it answers")
    }
}

struct Sqlite(Runtime, SqliteConnection);

impl Ask for Sqlite {
    fn texts(&mut self, query: &str) -> Vec<String> {
        let query = sqlx::query_scalar(AssertSqlSafe(query));
        self.0.block_on(query.fetch_all(&mut self.1)).expect("it answers")
    }
}

/// Each value is in its row, each name is a table, and the users are still there.
fn are_there(database: &mut dyn Ask, values: &[String], runs: &[Run], table_with: &str) {
    let mut one = |query: String| {
        database
            .texts(&query)
            .first()
            .map(|text| text.clone().into_bytes())
    };
    let bound: Vec<_> = (0..values.len())
        .map(|at| one(format!("SELECT v FROM bound WHERE id = {at}")))
        .collect();
    arrived_or_refused(&runs[0], values, |at| bound[at].clone(), no_text_of_a_database);
    let literal: Vec<_> = (0..values.len())
        .map(|at| one(format!("SELECT v FROM literal WHERE id = {at}")))
        .collect();
    arrived_or_refused(&runs[1], values, |at| literal[at].clone(), no_literal);
    let names: Vec<_> = (0..values.len())
        .map(|at| one(table_with.replace('@', &at.to_string())))
        .collect();
    arrived_or_refused(&runs[2], values, |at| names[at].clone(), no_name);
    assert_eq!(
        one("SELECT CAST(count(*) AS text) FROM users".to_owned()),
        Some(b"1".to_vec())
    );
}

#[test]
fn hostile_values_in_postgres_statements() {
    let cluster = Cluster::start();
    let url = cluster.create_database("hostile").expect("it is made");
    let values = values();
    let (_project, runs) = statements(&values, &url);
    let runtime = runtime();
    let connection = runtime
        .block_on(PgConnection::connect(&url))
        .expect("it is there");
    are_there(
        &mut Postgres(runtime, connection),
        &values,
        &runs,
        "SELECT table_name::text FROM information_schema.columns WHERE column_name = 'number_@'",
    );
}

#[test]
fn hostile_values_in_sqlite_statements() {
    // SQLite does not tell `NULL` from `null`, nor two names that differ in case.
    let values = values();
    let (project, runs) = statements(&values, "sqlite:data.db?mode=rwc");
    let url = format!("sqlite:{}", project.path("data.db").display());
    let runtime = runtime();
    let connection = runtime
        .block_on(SqliteConnection::connect(&url))
        .expect("it is there");
    are_there(
        &mut Sqlite(runtime, connection),
        &values,
        &runs,
        "SELECT m.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE c.name = 'number_@'",
    );
}

/// Numbers, booleans and null are literals of their own kind, also behind a minus.
#[test]
fn literals_of_sql_keep_their_kind() {
    let project = Project::runbook(
        r#"
connections: {db: {sql: "sqlite::memory:"}}
vars: {whole: -7, part: -0.5, big: 1e300, yes: true, nothing: none, text: "'-7'"}
steps:
  - id: one
    sql: >-
      SELECT 1 -{{ vars.whole | sql_literal }} AS a, {{ vars.part | sql_literal }}*2 AS b, {{ vars.big | sql_literal }} AS c,
      typeof({{ vars.yes | sql_literal }}) AS d, {{ vars.nothing | sql_literal }} IS NULL AS e,
      typeof({{ vars.text | sql_literal }}) AS f, '{{1,2}}' AS g
    capture: {row: rows | first}
"#,
    );
    project.run(&["exec", "runbook.yaml"]).expect(0);
    assert_eq!(
        project.only_run().captured("one")["row"],
        json!({"a": 8, "b": -1.0, "c": 1e300, "d": "integer", "e": 1, "f": "text", "g": "{{1,2}}"})
    );
}

/// A JSON text whose escapes are half of a character is no text.
#[test]
fn half_of_a_character_is_refused() {
    let rest =
        "inputs: {v: {type: string}}\nsteps:\n  - {id: one, effect: read, exec: [echo, '{{ inputs.v }}']}\n";
    for half in [r"\ud800", r"\udc00", r"a\ud83dz"] {
        let project = Project::runbook(rest).with("values.json", &format!("{{\"v\": \"{half}\"}}"));
        let ended = project.run(&["exec", "runbook.yaml", "--inputs", "values.json"]);
        ended.expect(2).says(&["values.json"]);
        assert!(project.runs().is_empty());
    }
    // Both halves are one, as every writer of JSON may write it.
    let project = Project::runbook(&format!(
        "{}    capture: {{said: stdout}}\n",
        rest.replace(
            "{id: one, effect: read, exec: [echo, '{{ inputs.v }}']}",
            "id: one\n    effect: read\n    exec: [echo, '{{ inputs.v }}']"
        )
    ))
    .with("values.json", r#"{"v": "\ud83e\udd80\u0041"}"#);
    project
        .run(&["exec", "runbook.yaml", "--inputs", "values.json"])
        .expect(0);
    assert_eq!(project.only_run().captured("one"), json!({"said": "\u{1f980}A"}));
}
