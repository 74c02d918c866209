//! Asking one thing of a plan, once.

use std::collections::HashMap;

use indexmap::IndexMap;
use runbook_action::{ErrorKind, Failure, Output, Preview};
use runbook_event::{CheckRole, CheckSite, Verdict};
use runbook_plan::expression::Val;
use runbook_plan::{Action, Capture, Check, RatedCheck, Step};
use serde_json::Value;

use super::FoundOut;
use super::known::Knowledge;
use crate::brake::Brake;
use crate::unit::call::{Rendered, call, prepare_inverse, preview, render};
use crate::unit::values::{Values, capture};
use crate::unit::{Caller, Context, attempt, checks, gate};

/// What is asked from a place in the plan.
pub(super) struct Asker<'a> {
    pub(super) context: &'a Context,
    pub(super) known: &'a Knowledge,
    /// The step, or the check's id for a check of the runbook.
    pub(super) id: &'a str,
}

/// What was found out, and the values that expressions may use from now on.
pub(super) type Answer = (FoundOut, Option<HashMap<String, Val>>);

impl Asker<'_> {
    /// Reads a check once.
    pub(super) async fn check(&self, role: CheckRole, check: &Check) -> Answer {
        let own = check.expect.iter().chain(&check.value).chain(&check.each);
        let captured = check.capture.iter().map(|captured| &captured.value);
        let needs = self.known.unknown_in(&check.action);
        if let Some(needs) = needs.or_else(|| self.known.unknown(own.chain(captured))) {
            return (needing(&needs), None);
        }
        let site = CheckSite {
            within: self.context.within.clone(),
            role,
            step: Some(self.id.to_owned()),
            check: check.id.clone(),
        };
        let Ok((reading, values)) = gate::read(self.context, &site, check, None, self.stop()).await else {
            return (FoundOut::Failed(halted()), None);
        };
        let owner = format!(
            "check {} {}",
            self.context.within.as_deref().unwrap_or_default(),
            check.id
        );
        let found = self.asked(Some(reading.verdict), &reading.detail, &values);
        let passed = reading.verdict == Verdict::Pass;
        (found, passed.then(|| self.kept(&owner, &values)))
    }

    /// Reads a row of a table once.
    pub(super) async fn row(&self, row: &RatedCheck) -> FoundOut {
        let check = &row.check;
        let own = row.fail.iter().chain(&row.warn);
        let own = own.chain(&check.value).chain(&check.each);
        let needs = self.known.unknown_in(&check.action);
        if let Some(needs) = needs.or_else(|| self.known.unknown(own)) {
            return needing(&needs);
        }
        let Ok((degree, detail, _)) = checks::read(self.context, self.id, row, self.stop()).await else {
            return FoundOut::Failed(halted());
        };
        let verdict = match degree {
            "pass" | "warn" => Verdict::Pass,
            "fail" => Verdict::Fail,
            _ => Verdict::Error,
        };
        self.asked(Some(verdict), &detail, &Values::default())
    }

    /// Asks what only looks.
    pub(super) async fn read(&self, action: &Action, names: &Capture, of: Option<&Step>) -> Answer {
        let rendered = match self.rendered(action) {
            Ok(rendered) => rendered,
            Err(found) => return (found, None),
        };
        let called = match call(self.context, action, &rendered, &self.caller(action, "read")).await {
            Ok(called) => called.result,
            Err(_) => Err(halted()),
        };
        let answered = match of {
            Some(step) => attempt::answer(step, called),
            None => called,
        };
        match answered {
            Ok(output) => self.captured(names, &output),
            Err(failure) => (self.failed(failure), None),
        }
    }

    /// Gives names to values.
    pub(super) fn captured(&self, names: &Capture, output: &Output) -> Answer {
        if let Some(needs) = self.known.unknown(names.iter().map(|captured| &captured.value)) {
            return (needing(&needs), None);
        }
        let owner = format!("step {}", self.id);
        let scope = self.context.scope_of(&output.value);
        match capture(self.context, &owner, names, &scope, &output.cut) {
            Ok(values) => (
                self.asked(None, "it answered", &values),
                Some(self.kept(&owner, &values)),
            ),
            Err(failure) => (self.failed(failure), None),
        }
    }

    /// Asks what an action would change.
    pub(super) async fn preview(&self, action: &Action) -> FoundOut {
        let rendered = match self.rendered(action) {
            Ok(rendered) => rendered,
            Err(found) => return found,
        };
        let caller = self.caller(action, "preview");
        match preview(self.context, action, &rendered, &caller).await {
            Ok(Some(preview)) => FoundOut::Previewed(self.masked(preview)),
            Ok(None) => FoundOut::Rendered(String::new()),
            Err(failure) => self.failed(failure),
        }
    }

    /// Asks what an action would keep for its undo.
    pub(super) async fn keeps(&self, action: &Action) -> FoundOut {
        let rendered = match self.rendered(action) {
            Ok(rendered) => rendered,
            Err(found) => return found,
        };
        let caller = self.caller(action, "before");
        match prepare_inverse(self.context, action, &rendered, &caller).await {
            Ok(Some(inverse)) => self.asked(None, &inverse.summary, &Values::default()),
            Ok(None) => self.failed(Failure::new(
                ErrorKind::Other,
                "the action cannot keep what is there, so it could not be put back",
            )),
            Err(failure) => self.failed(failure),
        }
    }

    fn rendered(&self, action: &Action) -> Result<Rendered, FoundOut> {
        if let Some(needs) = self.known.unknown_in(action) {
            return Err(needing(&needs));
        }
        render(self.context, action, &self.context.scope).map_err(|failure| self.failed(failure))
    }

    fn caller(&self, action: &Action, part: &str) -> Caller<'_> {
        Caller {
            step: self.id,
            part: part.to_owned(),
            asking: false,
            keeps_output: false,
            timeout: action.timeout,
            stop: self.stop(),
        }
    }

    fn stop(&self) -> &Brake {
        &self.context.stops.reads
    }

    /// The values as expressions are to see them: what is secret is kept as it is.
    fn kept(&self, owner: &str, values: &Values) -> HashMap<String, Val> {
        let value = |(name, shown): (&String, &Value)| {
            let secret = self.context.run.live.get(owner, name);
            (name.clone(), secret.unwrap_or_else(|| Val::from(shown)))
        };
        values.shown.iter().map(value).collect()
    }

    fn asked(&self, verdict: Option<Verdict>, detail: &str, values: &Values) -> FoundOut {
        let masker = self.context.masker();
        let shown = values.shown.iter();
        let values: IndexMap<String, Value> = shown
            .map(|(name, value)| (name.clone(), masker.value(value.clone())))
            .collect();
        FoundOut::Asked {
            verdict,
            detail: masker.text(detail),
            values,
        }
    }

    pub(super) fn failed(&self, failure: Failure) -> FoundOut {
        let masker = self.context.masker();
        FoundOut::Failed(Failure {
            message: masker.text(&failure.message),
            help: failure.help.map(|help| masker.text(&help)),
            result: None,
            ..failure
        })
    }

    fn masked(&self, mut preview: Preview) -> Preview {
        let masker = self.context.masker();
        preview.summary = masker.text(&preview.summary);
        for line in &mut preview.lines {
            line.text = masker.text(&line.text);
        }
        preview
    }
}

/// Nothing more can be known before the run.
pub(super) fn needing(needs: &str) -> FoundOut {
    FoundOut::Rendered(format!("it needs `{needs}`, which is not known before the run"))
}

fn halted() -> Failure {
    Failure::new(ErrorKind::Cancelled, "it was stopped")
}
