//! What the book, the manual pages and the completions say of the commands is what the program says of itself.

use std::fs;

use crate::harness::{Project, repository};

/// The commands that `runbook --help` lists.
fn commands(project: &Project) -> Vec<String> {
    let help = project.run(&["--help"]).expect(0).stdout;
    let list = help
        .split("Commands:\n")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    let names: Vec<String> = list
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    assert!(names.len() > 10, "{names:?}");
    names
}

/// The long options in a text, without what stands behind them.
fn options(text: &str) -> Vec<String> {
    let mut options: Vec<String> = text
        .split(|char: char| !(char.is_ascii_alphanumeric() || char == '-'))
        .filter(|word| {
            word.strip_prefix("--")
                .is_some_and(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))
        })
        .map(str::to_owned)
        .collect();
    options.sort();
    options.dedup();
    options
}

/// The options that a command's help lists: each stands at the beginning of its line.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().map(str::trim_start);
    let heads: Vec<&str> = lines
        .filter(|line| line.starts_with('-'))
        .map(|line| line.split("  ").next().unwrap())
        .collect();
    options(&heads.join("\n"))
}

#[test]
fn the_book_lists_every_command_with_every_option() {
    let project = Project::empty();
    let page = fs::read_to_string(repository().join("book/src/commands.md")).unwrap();
    let mut wrong = Vec::new();
    let names = commands(&project);
    for name in &names {
        let heading = format!("\n## `runbook {name}");
        let Some(section) = page.split(&heading).nth(1) else {
            wrong.push(format!("`{name}` has no section"));
            continue;
        };
        let section = section.split("\n## ").next().unwrap();
        let help = project.run(&[name, "--help"]).expect(0).stdout;
        let known = listed(&help);
        let said = options(section);
        for option in known
            .iter()
            .filter(|option| *option != "--help" && !said.contains(option))
        {
            wrong.push(format!("the section of `{name}` is silent on `{option}`"));
        }
        let table: String = section.lines().filter(|line| line.starts_with("| `-")).collect();
        for option in options(&table).iter().filter(|option| !known.contains(option)) {
            wrong.push(format!("`{name}` has no `{option}`"));
        }
    }
    for section in page.split("\n## `runbook ").skip(1) {
        let name = section.split([' ', '`']).next().unwrap();
        if !names.iter().any(|known| known == name) {
            wrong.push(format!("there is no command `{name}`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let project = Project::empty();
    project.run(&["man", "--dir", "out/man1"]).expect(0);
    let read = |name: &str| fs::read_to_string(project.path(&format!("out/man1/{name}.1"))).unwrap();
    let main = read("runbook");
    for name in commands(&project) {
        let page = read(&format!("runbook-{name}"));
        assert!(page.contains(&format!(".TH runbook-{name} 1")), "{page}");
        for section in ["NAME", "SYNOPSIS", "OPTIONS", "\"EXIT STATUS\""] {
            assert!(
                page.contains(&format!(".SH {section}\n")),
                "{name} has no {section}\n{page}"
            );
        }
        assert!(main.contains(&format!("runbook\\-{name}(1)")), "{main}");
    }
    for code in ["rolled_back", "cleanup_failed"] {
        assert!(
            main.contains(code) && read("runbook-exec").contains(code),
            "{code}"
        );
        assert!(!read("runbook-check").contains(code));
    }
    assert_eq!(project.run(&["man"]).expect(0).stdout, main);
}

#[test]
fn completions_know_files_folders_and_codes() {
    let project = Project::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = project.run(&["completions", shell]).expect(0).stdout;
        for name in commands(&project) {
            assert!(script.contains(&name), "{shell} does not know `{name}`");
        }
    }
    let zsh = project.run(&["completions", "zsh"]).expect(0).stdout;
    for hint in [
        ":runbook -- The runbook\\: a file, looked for as given and then under `runbooks/`:_files'",
        "*--inputs=[Read inputs from a YAML or JSON file; \\`-i\\` wins over it]:FILE:_files'",
        ":DIR:_files -/'",
        "RB0101\\:\"the text is not YAML\"",
    ] {
        assert!(zsh.contains(hint), "{hint}\n{zsh}");
    }
}
