//! The pages of the book on codes: what they call wrong gets that page's code, what they call right gets no error.

use std::fs;

use runbook_document::codes;
use serde_json::Value;

use crate::harness::{Project, repository};

/// A runbook of a page, with the project file that follows it, if one does.
struct Example {
    wrong: bool,
    line: usize,
    runbook: String,
    config: Option<String>,
}

fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
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
                runbook: body,
                config: None,
            }),
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
    let project = Project::empty().with("runbook.yaml", &example.runbook);
    let project = match &example.config {
        Some(config) => project.with("runbook.config.yaml", config),
        None => project,
    };
    let ended = project.run(&["check", "runbook.yaml", "--format", "json"]);
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
