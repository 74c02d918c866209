//! The pages of the book on codes: what they call wrong gets that page's code, what they call right gets no error.

use std::fmt::Write as _;
use std::fs;

use runbook_document::codes;
use serde_json::Value;

use crate::base::committed;
use crate::harness::{Project, repository};

/// A runbook of a page, with the other runbooks and the project file that follow it, and with what it was before, if the
/// page says.
pub(crate) struct Example {
    wrong: bool,
    pub(crate) line: usize,
    base: Option<String>,
    pub(crate) runbook: String,
    config: Option<String>,
    others: Vec<String>,
}

impl Example {
    /// A project with the files of the example.
    pub(crate) fn project(&self) -> Project {
        let project = match &self.base {
            Some(base) => committed(Project::empty().with("runbook.yaml", base)),
            None => Project::empty(),
        };
        // All plugins of the book are the one that is an example.
        let lock = fs::read_to_string(repository().join("examples/plugins/runbook.lock")).unwrap();
        let project = project.with("runbook.lock", &lock);
        let project = project.with("runbook.yaml", &self.runbook);
        let project = match &self.config {
            Some(config) => project.with("runbook.config.yaml", config),
            None => project,
        };
        let others = self.others.iter().enumerate();
        others.fold(project, |project, (at, other)| {
            project.with(&format!("runbooks/other-{at}.yaml"), other)
        })
    }
}

pub(crate) fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut base = None;
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else {
            continue;
        };
        let body: String = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```")
            .flat_map(|line| [line, "\n"])
            .collect();
        match info {
            "yaml,wrong" | "yaml,right" => examples.push(Example {
                wrong: info == "yaml,wrong",
                line: at + 1,
                base: base.clone(),
                runbook: body,
                config: None,
                others: Vec::new(),
            }),
            "yaml,runbook" => {
                let before = examples.last_mut().expect("another runbook follows a runbook");
                before.others.push(body);
            }
            // All that follow are compared with it.
            "yaml,base" => base = Some(body),
            "yaml,config" => {
                let before = examples.last_mut().expect("a project file follows a runbook");
                before.config = Some(body);
            }
            _ => {}
        }
    }
    examples
}

/// What is not as the page says.
fn complaint(code: &str, example: &Example) -> Option<String> {
    let mut args = vec!["check", "runbook.yaml", "--format", "json"];
    if example.base.is_some() {
        args.extend(["--base", "main"]);
    }
    let project = example.project();
    let ended = project.run(&args);
    let findings = ended.json();
    let has = |key: &str, value: &str| -> bool {
        let findings = findings.as_array().map(Vec::as_slice).unwrap_or_default();
        findings.iter().any(|finding: &Value| finding[key] == value)
    };
    let fine = if example.wrong {
        has("code", code)
    } else {
        !has("severity", "error") && !has("code", code)
    };
    (!fine).then(|| format!("{code}, the example in line {}:\n{findings:#}", example.line))
}

#[test]
fn the_examples_of_each_code_are_as_its_page_says() {
    let mut complaints = Vec::new();
    for code in codes::ALL {
        let path = repository().join(format!("book/src/codes/{}.md", code.id));
        let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            page.starts_with(&format!("# {}: {}\n", code.id, code.title)),
            "{}: its title",
            code.id
        );
        let examples = examples(&page);
        for wrong in [true, false] {
            assert!(
                examples.iter().any(|example| example.wrong == wrong),
                "{} lacks an example",
                code.id
            );
        }
        complaints.extend(examples.iter().filter_map(|example| complaint(code.id, example)));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_whole_runbooks_of_the_guides_are_right() {
    for (name, least) in [("language", 15), ("project", 1)] {
        let path = repository().join(format!("book/src/{name}.md"));
        let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let examples = examples(&page);
        assert!(examples.len() >= least, "{name}: {}", examples.len());
        // An example that begins like a runbook and is not marked as one would go unread.
        let heads = page.matches("\napiVersion: ").count();
        let read: usize = examples.iter().map(|example| 1 + example.others.len()).sum();
        assert_eq!(read, heads, "{name}: a runbook without its mark");
        let complaints: Vec<String> = examples
            .iter()
            .filter_map(|example| complaint(name, example))
            .collect();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}

#[test]
fn the_reference_is_that_of_the_tables() {
    let printed = Project::empty().run(&["schema", "reference"]).expect(0).stdout;
    let path = "book/src/reference.md";
    let kept = fs::read_to_string(repository().join(path)).unwrap_or_default();
    assert!(
        kept == printed,
        "{path} is not what the program prints: cargo run -- schema reference > {path}"
    );
}

/// The expression with the names of the page's values as those of vars.
fn in_vars(expression: &str) -> String {
    let mut found = String::new();
    let mut word = String::new();
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
    for char in expression.chars().chain([' ']) {
        if is_part(char) {
            word.push(char);
            continue;
        }
        let is_value = ["status", "body", "rows", "lines"].contains(&word.as_str());
        if is_value && !found.ends_with(['.', '"']) {
            found.push_str("vars.");
        }
        found.push_str(&std::mem::take(&mut word));
        found.push(char);
    }
    found.trim_end().to_owned()
}

/// Fails unless `check` finds something in each of these expressions.
fn are_refused(vars: &serde_json::Map<String, Value>, expressions: &[(String, String)]) {
    assert!(expressions.len() > 20, "{}", expressions.len());
    let head = format!("vars: {}\ndetect:\n", Value::Object(vars.clone()));
    let mut text = head.clone();
    for (at, (expression, _)) in expressions.iter().enumerate() {
        let check = serde_json::json!({
            "id": format!("e{at}"), "shell": "true", "expect": "exit_code == 0",
            "capture": {"found": in_vars(expression)},
        });
        let _ = writeln!(text, "  - {check}");
    }
    text.push_str("steps: [{id: one, shell: 'true', effect: read}]\n");
    let ended = Project::runbook(&text).run(&["check", "runbook.yaml", "--format", "json"]);
    let findings = ended.json();
    // The project writes four lines before ours.
    let first = 4 + head.lines().count() + 1;
    for (at, (expression, _)) in expressions.iter().enumerate() {
        let refuses = |finding: &Value| {
            finding["line"] == first + at && (finding["code"] == "RB0401" || finding["code"] == "RB0404")
        };
        let found = findings.as_array().is_some_and(|all| all.iter().any(refuses));
        assert!(found, "`{expression}` is not refused");
    }
}

#[test]
fn the_expressions_of_the_book_are_as_it_says() {
    let page = fs::read_to_string(repository().join("book/src/expressions.md")).unwrap();
    let blocks = |info: &str| -> Vec<String> {
        let fence = format!("```{info}\n");
        page.split(&fence)
            .skip(1)
            .map(|part| part.split("\n```").next().unwrap_or_default().to_owned())
            .collect()
    };
    let values: serde_json::Map<String, Value> = serde_json::from_str(&blocks("json")[0]).unwrap();
    let vars: serde_json::Map<String, Value> = values
        .into_iter()
        .map(|(name, value)| (name, Value::from(value.to_string().replace("null", "none"))))
        .collect();
    let said: Vec<(String, String)> = blocks("text")
        .iter()
        .flat_map(|block| block.lines())
        .filter_map(|line| line.split_once(" → "))
        .map(|(expression, result)| (expression.to_owned(), result.to_owned()))
        .collect();
    assert!(said.len() > 150, "{}", said.len());
    let (refused, said): (Vec<_>, Vec<_>) = said.into_iter().partition(|(_, result)| result == "refused");
    are_refused(&vars, &refused);
    let checks: Vec<Value> = said
        .iter()
        .enumerate()
        .map(|(at, (expression, _))| {
            serde_json::json!({
                "id": format!("e{at}"), "shell": "true", "expect": "exit_code == 0",
                "capture": {"found": in_vars(expression)},
            })
        })
        .collect();
    let project = Project::runbook(&format!(
        "vars: {}\ndetect: {{any: {}}}\nsteps: [{{id: one, shell: 'true', effect: read}}]\n",
        Value::Object(vars),
        Value::from(checks)
    ));
    let ended = project.run(&["exec", "runbook.yaml"]).expect(0);
    let run = project.only_run();
    let found = run.events("check_ended");
    for (at, (expression, result)) in said.iter().enumerate() {
        let id = format!("e{at}");
        let check = found.iter().find(|check| check["check"] == *id).unwrap();
        let got = if check["verdict"] == "error" {
            "error".to_owned()
        } else {
            check["values"]["found"].to_string()
        };
        let same = match serde_json::from_str::<Value>(result) {
            Ok(expected) => got.parse::<Value>().is_ok_and(|got| got == expected),
            Err(_) => got == *result,
        };
        assert!(
            same,
            "`{expression}` is {got}, and not {result}\n{}",
            ended.stdout
        );
    }
}
