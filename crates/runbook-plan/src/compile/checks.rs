//! Checks.

use std::time::Duration;

use indexmap::IndexMap;
use runbook_document::{Check as Written, Finding, codes};

use super::Compiler;
use super::actions::Around;
use super::names::Names;
use crate::plan::{Check, Connection};

const EVERY: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the checks of `detect` capture, by id.
pub(super) fn captures(checks: &[Written]) -> IndexMap<String, Vec<String>> {
    checks
        .iter()
        .filter_map(|check| {
            let id = check.id.as_ref()?.value.clone();
            Some((
                id,
                check.capture.iter().map(|(name, _)| name.value.clone()).collect(),
            ))
        })
        .collect()
}

impl Compiler<'_, '_> {
    pub(super) fn checks(&mut self, written: &[Written], names: &Names, known: &[Connection]) -> Vec<Check> {
        let mut seen: IndexMap<&str, runbook_document::Span> = IndexMap::new();
        for check in written {
            if let Some(id) = &check.id
                && let Some(first) = seen.insert(&id.value, id.span)
            {
                let message = format!("two checks here are called `{}`", id.value);
                let finding = Finding::error(codes::DUPLICATE_ID, id.span, message);
                self.findings.push(finding.related(first, "the first is here"));
            }
        }
        written
            .iter()
            .enumerate()
            .filter_map(|(at, check)| self.check(at, check, names, known))
            .collect()
    }

    fn check(&mut self, at: usize, written: &Written, names: &Names, known: &[Connection]) -> Option<Check> {
        let node = written.action.as_ref()?;
        let around = Around {
            target: written.target.as_ref(),
            timeout: written
                .timeout
                .or(self.request.document.timeout)
                .unwrap_or(TIMEOUT),
            env: &[],
            names,
            known,
        };
        let read = self.reading_action(node, &around, "a check")?;
        let inside = Names {
            judged: true,
            ..names.with_result(read.spec.result)
        };
        let value = written
            .value
            .as_ref()
            .map(|value| self.expression(value, &inside));
        let expecting = Names {
            value: written.value.is_some(),
            ..inside.clone()
        };
        let expect: Vec<_> = written
            .expect
            .iter()
            .map(|expect| self.expression(expect, &expecting))
            .collect();
        let capture = self.capture(&written.capture, &inside)?;
        let expect: Vec<_> = expect.into_iter().collect::<Option<_>>()?;
        let judges_failure = expect
            .iter()
            .flat_map(crate::expression::Expression::references)
            .any(|reference| matches!(reference.path.first().map(String::as_str), Some("ok" | "error")));
        let id = written
            .id
            .as_ref()
            .map_or_else(|| (at + 1).to_string(), |id| id.value.clone());
        Some(Check {
            title: written
                .title
                .clone()
                .unwrap_or_else(|| read.action.summary.clone()),
            id,
            action: read.action,
            expect,
            value: match value {
                Some(value) => Some(value?),
                None => None,
            },
            every: written.every.unwrap_or(EVERY),
            within: written.within,
            consecutive: written.consecutive,
            baseline: written.baseline,
            capture,
            judges_failure,
        })
    }

    pub(super) fn capture(
        &mut self,
        written: &runbook_document::Capture,
        names: &Names,
    ) -> Option<crate::plan::Capture> {
        let captures: Vec<_> = written
            .iter()
            .map(|(name, node)| Some((name.value.clone(), self.expression(node, names)?)))
            .collect();
        captures.into_iter().collect()
    }
}
