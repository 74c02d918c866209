//! Outlines in a few words.
//!
//! A line is a step: its id and what it is. What stands within it is indented below it. `~finally`, `~undo` are lists
//! of steps, `~verify v`, `~detect d`, `~guard g`, `~hold`, `~timeout 5` tell of a runbook.

use std::sync::Arc;

use indexmap::IndexMap;
use runbook_action::Effect;
use runbook_event::{
    CheckOutline, Event, Holds, OnFailure, OnInterrupt, Outline, RunStarted, RunbookRef, StepOutline,
    UndoOutline, Wanted, Who,
};

/// The first event of a run of this outline.
pub(crate) fn started(text: &str) -> Event {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    Event::RunStarted(Box::new(RunStarted {
        run: "r".to_owned(),
        format: 1,
        engine: "0".to_owned(),
        runbook: runbook(),
        plan: String::new(),
        environment: None,
        practice: None,
        inputs: IndexMap::new(),
        connections: IndexMap::new(),
        incident: None,
        promise: None,
        who: who(),
        pinned: IndexMap::new(),
        commit: None,
        locks: Vec::new(),
        wanted: Wanted::default(),
        sealed: None,
        outline: outline(&lines),
    }))
}

pub(crate) fn who() -> Who {
    Who {
        user: "ann".to_owned(),
        host: "here".to_owned(),
    }
}

fn runbook() -> RunbookRef {
    RunbookRef {
        name: "r".to_owned(),
        version: "1".to_owned(),
        title: "r".to_owned(),
        summary: None,
        severity: None,
        owner: None,
        labels: IndexMap::new(),
        path: "r.yaml".to_owned(),
        sha256: String::new(),
    }
}

fn depth(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Each line with those that are indented below it.
fn blocks<'l, 't>(lines: &'l [&'t str]) -> Vec<(&'t str, &'l [&'t str])> {
    let mut blocks = Vec::new();
    let mut rest = lines;
    while let Some((first, below)) = rest.split_first() {
        let deep = depth(first);
        let end = below
            .iter()
            .position(|line| depth(line) <= deep)
            .unwrap_or(below.len());
        let (inner, after) = below.split_at(end);
        blocks.push((first.trim(), inner));
        rest = after;
    }
    blocks
}

fn outline(lines: &[&str]) -> Outline {
    let mut outline = Outline {
        max_parallel: 9,
        ..Outline::default()
    };
    let mut list = Vec::new();
    for (line, inner) in blocks(lines) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("~finally", _) => outline.finally = steps(&blocks(inner)),
            ("~verify", name) => outline.verify.push(check(name)),
            ("~detect", name) => outline.detect.push(check(name)),
            ("~guard", name) => outline.guards.push(check(name)),
            ("~hold", _) => outline.on_failure = OnFailure::Hold,
            _ => list.push((line, inner)),
        }
    }
    outline.steps = steps(&list);
    outline.on_interrupt = OnInterrupt::Hold;
    outline
}

fn check(name: &str) -> CheckOutline {
    CheckOutline {
        id: name.to_owned(),
        title: name.to_owned(),
        asks: name.to_owned(),
        expect: Vec::new(),
        baseline: false,
        consecutive: 1,
        within_ms: None,
    }
}

fn steps(blocks: &[(&str, &[&str])]) -> Vec<Arc<StepOutline>> {
    let ids: Vec<&str> = blocks
        .iter()
        .map(|(line, _)| line.split(' ').next().unwrap_or_default())
        .collect();
    let each = blocks.iter().enumerate();
    each.map(|(at, (line, inner))| Arc::new(step(at, line, inner, &ids)))
        .collect()
}

fn step(at: usize, line: &str, inner: &[&str], ids: &[&str]) -> StepOutline {
    let words: Vec<&str> = line.split(' ').collect();
    let has = |word: &str| words.contains(&word);
    let value = |name: &str| words.iter().find_map(|word| word.strip_prefix(name));
    let number = |name: &str| value(name).map(|number| number.parse().expect("a number"));
    let (undo_steps, within): (Vec<_>, Vec<_>) =
        blocks(inner).into_iter().partition(|(line, _)| *line == "~undo");
    let holds = holds(&words, inner, &within);
    let checks =
        |name| value(name).map_or_else(Vec::new, |names: &str| names.split(',').map(check).collect());
    let position = |id: &str| ids.iter().position(|known| *known == id);
    let needs = match value("needs=") {
        Some("") => Vec::new(),
        Some(needs) => needs
            .split(',')
            .map(|need| position(need).or_else(|| need.parse().ok()).expect("a step"))
            .collect(),
        None => at.checked_sub(1).into_iter().collect(),
    };
    let undo = if let Some((_, inner)) = undo_steps.first() {
        UndoOutline::Steps {
            steps: steps(&blocks(inner)),
        }
    } else if !holds.is_nothing() {
        UndoOutline::Within
    } else if has("irreversible") {
        UndoOutline::Irreversible {
            why: "gone".to_owned(),
        }
    } else if has("undeclared") {
        UndoOutline::Undeclared
    } else if has("reads") || has("no-undo") {
        UndoOutline::NotNeeded
    } else {
        UndoOutline::Rollback {
            summary: String::new(),
            repeatable: has("undo-repeatable"),
            verify: checks("undo-verify="),
        }
    };
    StepOutline {
        id: words.first().copied().unwrap_or_default().to_owned(),
        title: words.first().copied().unwrap_or_default().to_uppercase(),
        phase: None,
        kind: "act".to_owned(),
        summary: String::new(),
        effect: if has("reads") {
            Effect::Read
        } else {
            Effect::Change
        },
        needs,
        repeatable: has("repeatable"),
        verify_decides: has("decides"),
        timeout_ms: number("timeout="),
        holds,
        on_failure: match (has("continue"), has("hold")) {
            (true, _) => OnFailure::Continue,
            (_, true) => OnFailure::Hold,
            (false, false) => OnFailure::Rollback,
        },
        undo,
        verify: checks("verify="),
    }
}

fn holds(words: &[&str], inner: &[&str], within: &[(&str, &[&str])]) -> Holds {
    let number = |name: &str, otherwise| {
        let value = words.iter().find_map(|word| word.strip_prefix(name));
        value.map_or(otherwise, |number| number.parse().expect("a number"))
    };
    let steps = steps(within);
    match words.get(1).copied().unwrap_or_default() {
        "group" => Holds::Steps { steps },
        "items" => Holds::Items {
            steps,
            batch: number("batch=", 1),
            max_failures: number("max=", 0),
        },
        "repeat" => Holds::Rounds { steps },
        "choose" => Holds::Branches { steps },
        "any" => Holds::Alternatives { steps },
        "call" => Holds::Runbook {
            runbook: Box::new(runbook()),
            outline: Box::new(outline(inner)),
        },
        _ => Holds::Nothing,
    }
}
