//! Masks what the world said in events, field by field. The journal's own words and the author's names stay as
//! they are, so that a secret which happens to be one of those words makes no record unreadable.

use indexmap::IndexMap;
use runbook_action::Failure;
use runbook_event::{
    AttemptEnd, CheckOutline, Event, Intent, Outline, OutputRef, Reading, RunStarted, SkipReason, UndoEnd,
    UndoOutline,
};
use serde_json::Value;

use crate::mask::Masker;

impl Masker {
    /// The event with the secrets in its texts masked.
    #[must_use]
    pub(crate) fn event(&self, mut event: Event) -> Event {
        match &mut event {
            Event::RunStarted(started) => self.started(started),
            Event::CheckRead { reading, .. } => self.reading_in(reading),
            Event::CheckEnded { values, .. }
            | Event::BeforeTaken { values, .. }
            | Event::Captured { values, .. } => self.values(values),
            Event::StepSkipped { reason, .. } => match reason {
                SkipReason::When { detail } => self.within(detail),
                SkipReason::Stopped => {}
            },
            Event::ApprovalAsked { message, intent, .. } => {
                self.within(message);
                self.intent_in(intent);
            }
            Event::ApprovalAnswered { by, how, .. } => {
                self.within(by);
                self.within(how);
            }
            Event::AttemptStarted { intent, .. } | Event::UndoStarted { intent, .. } => {
                self.intent_in(intent);
            }
            Event::AttemptEnded { end, output, .. } => {
                match end {
                    AttemptEnd::Succeeded => {}
                    AttemptEnd::Failed { failure } => self.failure(failure),
                }
                self.outputs(output);
            }
            Event::StepFailed { failure, .. } => self.failure(failure),
            Event::UndoEnded { end, output, .. } => {
                match end {
                    UndoEnd::Undone => {}
                    UndoEnd::Failed { failure } => self.failure(failure),
                }
                self.outputs(output);
            }
            Event::PhaseStarted { .. }
            | Event::CheckStarted { .. }
            | Event::StepStarted { .. }
            | Event::StepDone { .. }
            | Event::Stopping { .. }
            | Event::RunEnded { .. } => {}
        }
        event
    }

    /// The reading with the secrets in it masked.
    #[must_use]
    pub(crate) fn reading(&self, mut reading: Reading) -> Reading {
        self.reading_in(&mut reading);
        reading
    }

    /// The intent with the secrets in it masked.
    #[must_use]
    pub(crate) fn intent(&self, mut intent: Intent) -> Intent {
        self.intent_in(&mut intent);
        intent
    }

    fn within(&self, text: &mut String) {
        *text = self.text(text);
    }

    fn value_in(&self, value: &mut Value) {
        *value = self.value(value.take());
    }

    fn values(&self, values: &mut IndexMap<String, Value>) {
        values.values_mut().for_each(|value| self.value_in(value));
    }

    fn reading_in(&self, reading: &mut Reading) {
        self.within(&mut reading.detail);
        reading.value.iter_mut().for_each(|value| self.value_in(value));
    }

    fn intent_in(&self, intent: &mut Intent) {
        self.within(&mut intent.summary);
        intent.env.values_mut().for_each(|text| self.within(text));
        // The names of parameters are the author's; whatever is below them may not be.
        match &mut intent.params {
            Value::Object(params) => params.values_mut().for_each(|value| self.value_in(value)),
            params @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)) => self.value_in(params),
        }
    }

    fn failure(&self, failure: &mut Failure) {
        self.within(&mut failure.message);
        failure.param.iter_mut().for_each(|text| self.within(text));
        failure.help.iter_mut().for_each(|text| self.within(text));
        failure.result.iter_mut().for_each(|value| self.value_in(value));
    }

    fn outputs(&self, outputs: &mut [OutputRef]) {
        for output in outputs {
            self.within(&mut output.head);
            self.within(&mut output.tail);
        }
    }

    fn started(&self, started: &mut RunStarted) {
        self.values(&mut started.inputs);
        started
            .connections
            .values_mut()
            .for_each(|text| self.within(text));
        let runbook = &mut started.runbook;
        self.within(&mut runbook.title);
        runbook.summary.iter_mut().for_each(|text| self.within(text));
        self.outline(&mut started.outline);
    }

    fn outline(&self, outline: &mut Outline) {
        for step in &mut outline.steps {
            self.within(&mut step.title);
            self.within(&mut step.summary);
            match &mut step.undo {
                UndoOutline::Rollback { summary } => self.within(summary),
                UndoOutline::Irreversible { why } => self.within(why),
                UndoOutline::NotNeeded | UndoOutline::Undeclared => {}
            }
            step.verify.iter_mut().for_each(|check| self.check(check));
        }
        let checks = outline.detect.iter_mut().chain(&mut outline.verify);
        checks.for_each(|check| self.check(check));
    }

    fn check(&self, check: &mut CheckOutline) {
        self.within(&mut check.title);
        self.within(&mut check.asks);
        check.expect.iter_mut().for_each(|text| self.within(text));
    }
}
