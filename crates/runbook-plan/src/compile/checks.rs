//! Checks: of gates, of guards, of tables.

use std::time::Duration;

use indexmap::IndexMap;
use runbook_document::{Check as Written, Finding, codes};

use super::Compiler;
use super::actions::{Around, Read};
use super::names::Names;
use crate::expression::Expression;
use crate::plan::{Captured, Check, Connection, Part, RatedCheck};

const EVERY: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the checks of `detect` capture, by id.
pub(super) fn captures(checks: &[Written]) -> IndexMap<String, Vec<String>> {
    checks
        .iter()
        .filter_map(|check| {
            let id = check.id.as_ref()?.value.clone();
            let names = check.capture.iter().map(|capture| capture.name.value.clone());
            Some((id, names.collect()))
        })
        .collect()
}

impl Compiler<'_, '_> {
    pub(super) fn checks(&mut self, written: &[Written], names: &Names, known: &[Connection]) -> Vec<Check> {
        self.unique_checks(written);
        let numbered = written.iter().enumerate();
        numbered
            .filter_map(|(at, check)| self.check(at, check, names, known))
            .collect()
    }

    fn unique_checks(&mut self, written: &[Written]) {
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
    }

    /// The guards. They are asked beside the steps, so they cannot know what a step captures.
    pub(super) fn guards(&mut self, base: &Names, known: &[Connection]) -> Vec<Check> {
        let written = &self.request.document.guards;
        for guard in written {
            self.ask(Part::Key("guards"), guard.span);
        }
        self.checks(written, base, known)
    }

    /// The checks of a table.
    pub(super) fn rated(
        &mut self,
        written: &[Written],
        names: &Names,
        known: &[Connection],
    ) -> Option<Vec<RatedCheck>> {
        self.unique_checks(written);
        let mut rated = Vec::new();
        let mut fine = true;
        for (at, check) in written.iter().enumerate() {
            match self.rated_check(at, check, names, known) {
                Some(check) => rated.push(check),
                None => fine = false,
            }
        }
        fine.then_some(rated)
    }

    fn rated_check(
        &mut self,
        at: usize,
        written: &Written,
        names: &Names,
        known: &[Connection],
    ) -> Option<RatedCheck> {
        let (read, inside) = self.asking(written, names, known)?;
        let expecting = Self::expecting(written, &inside);
        let warn = self.conditions(&written.warn, &expecting);
        let fail = self.conditions(&written.fail, &expecting);
        let check = self.put_together(at, written, read, (&inside, &expecting))?;
        Some(RatedCheck {
            check,
            warn: warn?,
            fail: fail?,
        })
    }

    fn check(&mut self, at: usize, written: &Written, names: &Names, known: &[Connection]) -> Option<Check> {
        let (read, inside) = self.asking(written, names, known)?;
        let expecting = Self::expecting(written, &inside);
        self.put_together(at, written, read, (&inside, &expecting))
    }

    /// The read of a check, and the names that are known when it has answered.
    fn asking(&mut self, written: &Written, names: &Names, known: &[Connection]) -> Option<(Read, Names)> {
        let node = written.action.as_ref()?;
        let around = Around {
            target: written.target.as_ref(),
            timeout: written
                .timeout
                .or(self.request.document.default_timeout)
                .unwrap_or(TIMEOUT),
            env: &written.env,
            uses_connections: &[],
            names,
            known,
        };
        let read = self.reading_action(node, &around, "a check")?;
        let inside = Names {
            judged: true,
            ..names.with_result(read.results)
        };
        Some((read, inside))
    }

    /// The names of `expect`, `warn` and `fail`.
    fn expecting(written: &Written, inside: &Names) -> Names {
        let names = match &written.each {
            Some(_) => inside.with_local("item"),
            None => inside.clone(),
        };
        Names {
            value: written.value.is_some(),
            ..names
        }
    }

    fn conditions(&mut self, written: &[runbook_document::Node], names: &Names) -> Option<Vec<Expression>> {
        let read: Vec<_> = written.iter().map(|node| self.condition(node, names)).collect();
        read.into_iter().collect()
    }

    fn put_together(
        &mut self,
        at: usize,
        written: &Written,
        read: Read,
        (inside, expecting): (&Names, &Names),
    ) -> Option<Check> {
        let each = written.each.as_ref().map(|each| {
            self.ask(Part::Key("each"), each.span);
            self.expression(each, inside)
        });
        let value = written.value.as_ref().map(|value| self.expression(value, inside));
        let expect = self.conditions(&written.expect, expecting);
        self.lint_expectations(&written.expect, expect.as_deref().unwrap_or_default());
        let capture = self.capture(&written.capture, inside)?;
        let expect = expect?;
        let judges_failure = expect
            .iter()
            .flat_map(Expression::references)
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
            each: match each {
                Some(each) => Some(each?),
                None => None,
            },
            expect,
            value: match value {
                Some(value) => Some(value?),
                None => None,
            },
            every: written.every.unwrap_or(EVERY),
            within: written.within,
            consecutive: written.consecutive,
            fails: written.fails,
            baseline: written.baseline,
            capture,
            judges_failure,
            inherited: false,
            span: written.span,
        })
    }

    pub(super) fn capture(
        &mut self,
        written: &[runbook_document::Capture],
        names: &Names,
    ) -> Option<crate::plan::Capture> {
        let captures: Vec<_> = written
            .iter()
            .map(|capture| {
                if capture.secret {
                    self.ask(Part::Key("secret"), capture.name.span);
                }
                Some(Captured {
                    name: capture.name.value.clone(),
                    value: self.expression(&capture.value, names)?,
                    secret: capture.secret,
                })
            })
            .collect();
        captures.into_iter().collect()
    }
}
