//! Reviewing: what the runbooks of two sides do, compared. A side is the files as they are, or as git has them at a
//! commit.

mod side;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use runbook_graph::Mark;
use runbook_review::{Comparison, Difference, Fate, Reviewed, Weight, compare};
use serde_json::Value;

pub(crate) use self::side::{Judged, Side};
use crate::error::Error;
use crate::named::Reach;
use crate::parallel;

/// All runbooks that differ between two sides, those that only say it otherwise too: what weighs most first, then what
/// differs by itself, then by their paths.
pub(crate) fn review(before: &Side<'_>, after: &Side<'_>) -> Result<Vec<Reviewed>, Error> {
    let (old, new) = (before.judged(), after.judged());
    let mut pairs: Vec<(Option<&Judged>, Option<&Judged>)> = Vec::new();
    for now in &new {
        pairs.push((now.earlier_in(&old), Some(now)));
    }
    let met: BTreeSet<&str> = pairs
        .iter()
        .filter_map(|(was, _)| was.map(|was| was.path.as_str()))
        .collect();
    let gone = old.iter().filter(|was| !met.contains(was.path.as_str()));
    pairs.extend(gone.map(|was| (Some(was), None)));
    pairs.sort_by_key(|(was, now)| now.or(*was).map(|one| one.path.clone()));
    let names: BTreeSet<String> = old.iter().chain(&new).flat_map(Judged::names_files).collect();
    let files = Files::of(before.reach(names.clone())?, after.reach(names.clone())?, &names);
    let reviewed = parallel::each(&pairs, |_, (was, now)| one(*was, *now, &files));
    let mut reviewed: Vec<Reviewed> = reviewed.into_iter().flatten().collect();
    reviewed.extend(settings(before, after)?);
    // Stable: what weighs the same stays in the order of the paths.
    reviewed.sort_by_key(|one| (Reverse(one.weight()), one.is_only_of_others()));
    Ok(reviewed)
}

/// What differs in the project file, in those below it, and in what pins plugins.
fn settings(before: &Side<'_>, after: &Side<'_>) -> Result<Vec<Reviewed>, Error> {
    let (old, new) = (before.settings()?, after.settings()?);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let reviewed = names.into_iter().filter_map(|name| {
        let (was, is) = (old.get(name), new.get(name));
        let differences = runbook_review::settings(was.unwrap_or(&Value::Null), is.unwrap_or(&Value::Null));
        (!differences.is_empty()).then(|| Reviewed {
            path: name.clone(),
            was: was.is_some(),
            is: is.is_some(),
            comparison: Comparison {
                differences,
                fates: Vec::new(),
            },
            ..Reviewed::default()
        })
    });
    Ok(reviewed.collect())
}

/// The files that runbooks reach, and what differs in them.
struct Files {
    before: Reach,
    after: Reach,
    changed: BTreeMap<String, Difference>,
}

impl Files {
    fn of(before: Reach, after: Reach, names: &BTreeSet<String>) -> Self {
        let names: Vec<String> = names.iter().cloned().collect();
        let reached: BTreeSet<String> = [&before, &after]
            .iter()
            .flat_map(|side| side.from(&names))
            .collect();
        let changed = reached.into_iter().filter_map(|name| {
            let difference = runbook_review::file(&name, before.text(&name), after.text(&name))?;
            Some((name, difference))
        });
        let changed = changed.collect();
        Self {
            before,
            after,
            changed,
        }
    }

    /// What differs in the files that this runbook reaches now, or did with the names that it has now.
    fn of_one(&self, now: Option<&Judged>) -> Vec<&Difference> {
        let names: Vec<String> = now
            .map(Judged::names_files)
            .unwrap_or_default()
            .into_iter()
            .collect();
        if names.is_empty() || self.changed.is_empty() {
            return Vec::new();
        }
        let mut reached = self.after.from(&names);
        reached.extend(self.before.from(&names));
        reached.iter().filter_map(|name| self.changed.get(name)).collect()
    }
}

/// One runbook, if anything of it differs.
fn one(was: Option<&Judged>, now: Option<&Judged>, files: &Files) -> Option<Reviewed> {
    let files = files.of_one(now);
    if let (Some(was), Some(now)) = (was, now)
        && was.is_same(now)
        && files.is_empty()
    {
        return None;
    }
    let path = now.or(was)?.path.clone();
    let old: &[String] = was.map_or(&[], |one| &one.findings);
    let new: &[String] = now.map_or(&[], |one| &one.findings);
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|one| !those.contains(one)).cloned().collect()
    };
    let mut comparison = match (was, now) {
        (Some(was), Some(now)) => {
            let mut told = compared(was, now);
            if was.path != now.path {
                told.differences.push(Difference {
                    weight: Weight::Words,
                    step: None,
                    text: format!("its file was `{}`", was.path),
                    texts: None,
                    of_another: false,
                });
            }
            told
        }
        (_, Some(now)) => now
            .plans
            .values()
            .next()
            .map_or_else(Comparison::default, |plan| {
                let mut told = compare(&Value::Null, plan);
                // Nothing but its steps is worth a word where all of it is new.
                told.differences.retain(|one| one.step.is_some());
                told
            }),
        (_, None) => Comparison::default(),
    };
    comparison.differences.extend(files.into_iter().cloned());
    let old_waivers: &[String] = was.map_or(&[], |one| &one.waives);
    let new_waivers: &[String] = now.map_or(&[], |one| &one.waives);
    for waiver in only(new_waivers, old_waivers) {
        comparison.differences.push(Difference {
            weight: Weight::Alarm,
            step: None,
            text: format!("a finding is waived now: {waiver}"),
            texts: None,
            of_another: false,
        });
    }
    comparison.differences.sort_by_key(|one| Reverse(one.weight));
    let is_only_of_others = comparison.is_only_of_others();
    let graph = now
        .filter(|_| !is_only_of_others)
        .map_or_else(String::new, |now| now.drawn(&|id| mark(&comparison, id)));
    Some(Reviewed {
        path,
        was: was.is_some(),
        is: now.is_some(),
        totals: now.map(|now| now.totals.clone()).unwrap_or_default(),
        found: only(new, old),
        mended: only(old, new),
        graph,
        comparison,
    })
}

fn mark(comparison: &Comparison, id: &str) -> Mark {
    match comparison.fates.iter().find(|(known, _)| known == id) {
        Some((_, Fate::Added)) => Mark::Added,
        Some((_, Fate::Changed)) => Mark::Changed,
        Some((_, Fate::Removed)) => Mark::Removed,
        None => Mark::None,
    }
}

/// What differs in any environment: once where it differs in all of them, and else with the names of those.
fn compared(was: &Judged, now: &Judged) -> Comparison {
    let environments: Vec<(&Option<String>, Comparison)> = now
        .plans
        .iter()
        .map(|(environment, plan)| {
            let before = was.plans.get(environment).or_else(|| was.plans.values().next());
            (environment, compare(before.unwrap_or(&Value::Null), plan))
        })
        .collect();
    let mut all = Comparison::default();
    let mut told: Vec<(Difference, Vec<&str>)> = Vec::new();
    for (environment, one) in &environments {
        for difference in &one.differences {
            let name = environment.as_deref().unwrap_or_default();
            match told.iter_mut().find(|(known, _)| known == difference) {
                Some((_, names)) => names.push(name),
                None => told.push((difference.clone(), vec![name])),
            }
        }
        for fate in &one.fates {
            if !all.fates.contains(fate) {
                all.fates.push(fate.clone());
            }
        }
    }
    for (mut difference, names) in told {
        if names.len() < environments.len() {
            difference.text = format!("{} (in {})", difference.text, names.join(", "));
        }
        all.differences.push(difference);
    }
    all.differences.sort_by_key(|one| Reverse(one.weight));
    all
}
