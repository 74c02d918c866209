//! Steps: which are new, gone, moved or wired otherwise, and what each does otherwise.

use serde_json::Value;

use crate::facts::{Step, holds_steps, items, lines, quoted, shown, steps, text};
use crate::{Comparison, Fate, Weight, actions, checks, danger, limits, renamed};

/// Keys that are told of by functions of their own.
const TOLD: [&str; 17] = [
    "id",
    "needs",
    "effect",
    "action",
    "verify",
    "require",
    "approve",
    "undo",
    "checks",
    "title",
    "description",
    "phase",
    "when",
    "on_failure",
    "may_fail",
    "before",
    "then",
];

/// Tells how the steps differ.
pub(crate) fn compare(told: &mut Comparison, before: &Value, after: &Value) {
    let renamed = renamed::pairs(before, after);
    for (was, is) in &renamed {
        told.add(Weight::Change, Some(is), format!("its id was `{was}`"));
    }
    let before = &renamed::with(before, &renamed);
    let (old, new) = (steps(before), steps(after));
    moved(told, &old, &new);
    for step in &old {
        if find(&new, step.id).is_none() {
            gone(told, step);
        }
    }
    for step in &new {
        match find(&old, step.id) {
            None => added(told, step),
            Some(was) => both(told, &old, &new, was, step),
        }
    }
}

/// The steps that stand elsewhere among the others of the same parent: as few as explain the order.
fn moved(told: &mut Comparison, old: &[Step<'_>], new: &[Step<'_>]) {
    let mut parents: Vec<&str> = new.iter().map(|step| step.parent).collect();
    parents.dedup();
    for parent in parents {
        let common = |these: &[Step<'_>], those: &[Step<'_>]| -> Vec<String> {
            let within = |step: &&Step<'_>| step.parent == parent;
            these
                .iter()
                .filter(within)
                .filter(|step| find(those, step.id).is_some_and(|other| other.parent == parent))
                .map(|step| step.id.to_owned())
                .collect()
        };
        let (was, is) = (common(old, new), common(new, old));
        for id in renamed::out_of_order(&was, &is) {
            let at = is.iter().position(|one| one == id);
            let before = at.and_then(|at| is.get(at.checked_sub(1)?));
            let place = before.map_or_else(|| "first".to_owned(), |before| format!("after `{before}`"));
            told.add(
                Weight::Change,
                Some(id),
                format!("it was moved: it stands {place} now"),
            );
        }
    }
}

fn find<'a, 'b>(steps: &'b [Step<'a>], id: &str) -> Option<&'b Step<'a>> {
    steps.iter().find(|step| step.id == id)
}

/// What a step does, in a few words.
fn deed(step: &Value) -> String {
    match step["action"]["summary"].as_str() {
        Some(summary) => format!("{}: {}", text(&step["title"]), quoted(summary)),
        None => text(&step["title"]).to_owned(),
    }
}

fn gone(told: &mut Comparison, step: &Step<'_>) {
    let protects = ["approve", "require", "verify", "checks"];
    // What cleans up is there for the runs that fail.
    let protects = step.parent == "finally" || protects.iter().any(|key| !step.facts[*key].is_null());
    told.add(
        if protects { Weight::Alarm } else { Weight::Change },
        Some(step.id),
        format!("the step `{}` is gone ({})", step.id, deed(step.facts)),
    );
    told.fates.push((step.id.to_owned(), Fate::Removed));
}

fn added(told: &mut Comparison, step: &Step<'_>) {
    let effect = text(&step.facts["effect"]);
    let protected = !items(&step.facts["verify"]).is_empty();
    let undo = text(&step.facts["undo"]["how"]);
    let is_safe = match effect {
        "destructive" => false,
        "change" => protected && !matches!(undo, "undeclared" | "irreversible"),
        _ => true,
    };
    let mut words = vec![match effect {
        "destructive" => "it destroys something",
        "change" => "it changes something",
        _ => "it only reads",
    }];
    if effect != "read" && !protected {
        words.push("nothing proves it");
    }
    if effect != "read" && matches!(undo, "undeclared" | "irreversible") {
        words.push("it cannot be undone");
    }
    let weight = if is_safe { Weight::Change } else { Weight::Alarm };
    let text = format!(
        "there is a new step `{}` ({}): {}",
        step.id,
        deed(step.facts),
        words.join(", ")
    );
    let what = lines(&step.facts["action"]["params"]);
    let (weight, text) = danger::weighed(weight, text, "", &what);
    if what.is_empty() {
        told.add(weight, Some(step.id), text);
    } else {
        told.show(weight, Some(step.id), text, (String::new(), what));
    }
    told.fates.push((step.id.to_owned(), Fate::Added));
}

fn both(told: &mut Comparison, old: &[Step<'_>], new: &[Step<'_>], was: &Step<'_>, is: &Step<'_>) {
    let (id, a, b) = (Some(is.id), was.facts, is.facts);
    if was.parent == is.parent {
        wiring(told, old, new, was, is);
    } else {
        let text = format!("it stands in `{}` instead of `{}`", is.parent, was.parent);
        told.add(Weight::Change, id, text);
    }
    order(told, is.id, a, b);
    for key in ["title", "description", "phase"] {
        if a[key] != b[key] {
            told.add(Weight::Words, id, format!("its {key} is another"));
        }
    }
    does(told, is.id, a, b);
    protections(told, is.id, a, b);
    for (key, words) in [("before", "what is read before")] {
        match (a[key].is_null(), b[key].is_null()) {
            (true, true) => {}
            (false, false) => {
                actions::compare(told, id, words, &a[key]["action"], &b[key]["action"]);
                for kept in ["capture", "secret_captures"] {
                    if a[key][kept] != b[key][kept] {
                        let texts = (lines(&a[key][kept]), lines(&b[key][kept]));
                        told.show(
                            Weight::Alarm,
                            id,
                            format!("what is kept of {words} is another"),
                            texts,
                        );
                    }
                }
            }
            (true, false) => told.add(Weight::Change, id, format!("{words} is new")),
            (false, true) => told.add(Weight::Change, id, format!("{words} is gone")),
        }
    }
    thens(told, is.id, a, b);
    others(told, is.id, a, b);
}

/// Which branch is looked at first, and which alternative is tried first.
fn order(told: &mut Comparison, id: &str, a: &Value, b: &Value) {
    for (key, words) in [("choose", "branches"), ("first_of", "alternatives")] {
        let ids = |step: &Value| -> Vec<String> {
            items(&step[key])
                .iter()
                .map(|one| text(&one["id"]).to_owned())
                .collect()
        };
        let (old, new) = (ids(a), ids(b));
        let common = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|id| those.contains(id)).cloned().collect()
        };
        if common(&old, &new) != common(&new, &old) {
            let text = format!(
                "its {words} come in another order: {} instead of {}",
                new.join(", "),
                old.join(", ")
            );
            told.add(Weight::Alarm, Some(id), text);
        }
    }
}

/// What it waits for, without what only follows from steps that came or went.
fn wiring(told: &mut Comparison, old: &[Step<'_>], new: &[Step<'_>], was: &Step<'_>, is: &Step<'_>) {
    let before = waits(old, was.facts, &|id| find(new, id).is_some());
    let after = waits(new, is.facts, &|id| find(old, id).is_some());
    if before == after {
        return;
    }
    let words = |ids: &[String]| match ids {
        [] => "at once".to_owned(),
        ids => {
            let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
            format!("after {}", ids.join(", "))
        }
    };
    let text = format!("it begins {} instead of {}", words(&after), words(&before));
    told.add(Weight::Change, Some(is.id), text);
}

/// The steps that both plans have and that it waits for, through those that only one has.
fn waits(all: &[Step<'_>], step: &Value, is_common: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let mut open: Vec<&str> = items(&step["needs"]).iter().map(text).collect();
    let mut seen: Vec<&str> = Vec::new();
    while let Some(id) = open.pop() {
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        if is_common(id) {
            ids.push(id.to_owned());
        } else if let Some(through) = find(all, id) {
            open.extend(items(&through.facts["needs"]).iter().map(text));
        }
    }
    ids.sort_unstable();
    ids
}

fn does(told: &mut Comparison, id: &str, a: &Value, b: &Value) {
    match (a["action"].is_null(), b["action"].is_null()) {
        (false, false) => actions::compare(told, Some(id), "it", &a["action"], &b["action"]),
        (true, false) => told.show(
            Weight::Change,
            Some(id),
            "it is an action now",
            (String::new(), lines(&b["action"]["params"])),
        ),
        (false, true) => told.add(Weight::Change, Some(id), "it is no action any more"),
        (true, true) if a["effect"] != b["effect"] => {
            let text = format!(
                "its effect is `{}` instead of `{}`",
                text(&b["effect"]),
                text(&a["effect"])
            );
            told.add(Weight::Change, Some(id), text);
        }
        (true, true) => {}
    }
    checks::compare(told, Some(id), "row", &a["checks"], &b["checks"]);
    if a["when"] != b["when"] {
        let words = |value: &Value| match value.as_str() {
            Some(when) => format!("when {}", quoted(when)),
            None => "always".to_owned(),
        };
        let text = format!("it runs {} instead of {}", words(&b["when"]), words(&a["when"]));
        told.show(
            Weight::Change,
            Some(id),
            text,
            (lines(&a["when"]), lines(&b["when"])),
        );
    }
}

/// What protects: gates, conditions, approvals, the undo, what a failure does.
fn protections(told: &mut Comparison, id: &str, a: &Value, b: &Value) {
    checks::compare(told, Some(id), "gate", &a["verify"], &b["verify"]);
    checks::compare(told, Some(id), "condition", &a["require"], &b["require"]);
    approval(told, id, &a["approve"], &b["approve"]);
    undo(told, id, &a["undo"], &b["undo"]);
    if a["on_failure"] != b["on_failure"] {
        let weight = if b["on_failure"] == "rollback" {
            Weight::Change
        } else {
            Weight::Alarm
        };
        let text = format!(
            "after its failure it is `{}` instead of `{}`",
            text(&b["on_failure"]),
            text(&a["on_failure"])
        );
        told.add(weight, Some(id), text);
    }
    if a["may_fail"] != b["may_fail"] {
        if b["may_fail"] == true {
            told.add(
                Weight::Alarm,
                Some(id),
                "its failure does not stop the run any more",
            );
        } else {
            told.add(Weight::Change, Some(id), "its failure stops the run now");
        }
    }
}

fn approval(told: &mut Comparison, id: &str, a: &Value, b: &Value) {
    let id = Some(id);
    match (a.is_null(), b.is_null()) {
        (true, true) => return,
        (true, false) => return told.add(Weight::Change, id, "it asks for approval now"),
        (false, true) => return told.add(Weight::Alarm, id, "it does not ask for approval any more"),
        (false, false) => {}
    }
    if a["message"] != b["message"] {
        let texts = (lines(&a["message"]), lines(&b["message"]));
        told.show(
            Weight::Change,
            id,
            "the question of its approval is another",
            texts,
        );
    }
    let count = |value: &Value| value["count"].as_u64().unwrap_or(1);
    if count(a) != count(b) {
        let weight = if count(b) < count(a) {
            Weight::Alarm
        } else {
            Weight::Change
        };
        told.add(
            weight,
            id,
            format!("{} must approve it instead of {}", count(b), count(a)),
        );
    }
    if a["by"] != b["by"] {
        let names = |value: &Value| match items(&value["by"]) {
            [] => "anybody".to_owned(),
            names => names
                .iter()
                .map(|name| quoted(text(name)))
                .collect::<Vec<_>>()
                .join(", "),
        };
        let wider =
            items(&b["by"]).is_empty() || items(&b["by"]).iter().any(|name| !items(&a["by"]).contains(name));
        let weight = if wider && !items(&a["by"]).is_empty() {
            Weight::Alarm
        } else {
            Weight::Change
        };
        told.add(
            weight,
            id,
            format!("{} may approve it instead of {}", names(b), names(a)),
        );
    }
    answers(told, id, a, b);
}

/// What answers, and no answer, do.
fn answers(told: &mut Comparison, id: Option<&str>, a: &Value, b: &Value) {
    for (key, words) in [("on_timeout", "no answer"), ("on_reject", "a no")] {
        if a[key] != b[key] {
            let weight = if b[key] == "skip" {
                Weight::Alarm
            } else {
                Weight::Change
            };
            told.add(
                weight,
                id,
                format!(
                    "{words} to its approval is `{}` instead of `{}`",
                    shown(&b[key]),
                    shown(&a[key])
                ),
            );
        }
    }
    if a["separate"] != b["separate"] {
        if b["separate"] == true {
            told.add(
                Weight::Change,
                id,
                "whoever starts the run may not approve it any more",
            );
        } else {
            told.add(Weight::Alarm, id, "whoever starts the run may approve it, too");
        }
    }
    for key in ["within", "remind"] {
        if a[key] != b[key] {
            told.add(
                Weight::Change,
                id,
                format!(
                    "`{key}` of its approval is {} instead of {}",
                    shown(&b[key]),
                    shown(&a[key])
                ),
            );
        }
    }
}

fn undo(told: &mut Comparison, id: &str, a: &Value, b: &Value) {
    if a == b {
        return;
    }
    let words = |undo: &Value| match text(&undo["how"]) {
        "action" => "by an action",
        "steps" => "by steps",
        "auto" => "by putting back what was there",
        "within" => "by undoing what is within it",
        "not_needed" => "by nothing, since there is nothing to undo",
        _ => "by nobody",
    };
    let is_undone = |undo: &Value| matches!(text(&undo["how"]), "action" | "steps" | "auto");
    if a["how"] != b["how"] {
        let weight = if is_undone(a) && !is_undone(b) {
            Weight::Alarm
        } else {
            Weight::Change
        };
        told.add(
            weight,
            Some(id),
            format!("it is undone {} instead of {}", words(b), words(a)),
        );
        return;
    }
    match text(&b["how"]) {
        "action" => {
            // Whether it still undoes nobody but a person can tell.
            let from = told.differences.len();
            actions::compare(told, Some(id), "its undo", &a["action"], &b["action"]);
            told.raise(from);
            checks::compare(told, Some(id), "gate of its undo", &a["verify"], &b["verify"]);
            if a["retry"] != b["retry"] {
                told.add(Weight::Change, Some(id), "its undo is tried again otherwise");
            }
        }
        "irreversible" => told.show(
            Weight::Change,
            Some(id),
            "why it cannot be undone is said otherwise",
            (lines(&a["reason"]), lines(&b["reason"])),
        ),
        _ => told.show(
            Weight::Alarm,
            Some(id),
            "it is undone otherwise",
            (pretty(a), pretty(b)),
        ),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// What makes the change take effect.
fn thens(told: &mut Comparison, id: &str, a: &Value, b: &Value) {
    let (old, new) = (items(&a["then"]), items(&b["then"]));
    if old.len() != new.len() {
        let text = format!(
            "{} actions make it take effect instead of {}",
            new.len(),
            old.len()
        );
        told.show(
            Weight::Change,
            Some(id),
            text,
            (pretty(&a["then"]), pretty(&b["then"])),
        );
        return;
    }
    for (one, other) in old.iter().zip(new) {
        actions::compare(
            told,
            Some(id),
            "what makes it take effect",
            &one["action"],
            &other["action"],
        );
        if one["retry"] != other["retry"] {
            told.add(
                Weight::Change,
                Some(id),
                "what makes it take effect is tried again otherwise",
            );
        }
    }
}

/// All that has no words of its own.
fn others(told: &mut Comparison, id: &str, a: &Value, b: &Value) {
    let mut keys: Vec<&String> = a.as_object().into_iter().flat_map(|map| map.keys()).collect();
    keys.extend(b.as_object().into_iter().flat_map(|map| map.keys()));
    keys.dedup();
    let mut seen: Vec<&str> = Vec::new();
    for key in keys {
        let key = key.as_str();
        if TOLD.contains(&key) || holds_steps(key) || seen.contains(&key) {
            continue;
        }
        seen.push(key);
        if key == "runbook" && a[key]["name"] == b[key]["name"] && a[key]["inputs"] == b[key]["inputs"] {
            if a[key]["does"] != b[key]["does"] {
                let text = format!(
                    "the runbook {} that it runs does something else",
                    quoted(text(&b[key]["name"]))
                );
                told.add(Weight::Change, Some(id), text);
                if let Some(last) = told.differences.last_mut() {
                    last.of_another = true;
                }
            }
        } else if a[key] != b[key] {
            let text = format!("`{key}` is another");
            // By these a run decides what may be done twice, what has happened, and what nobody may read.
            let weighs = ["idempotent", "verify_decides", "secret_captures"].contains(&key)
                || limits::are_wider(key, &a[key], &b[key]);
            told.show(
                if weighs { Weight::Alarm } else { Weight::Change },
                Some(id),
                text,
                (lines(&a[key]), lines(&b[key])),
            );
        }
    }
}
