//! Masks what the world said in events, field by field. The journal's own words and the author's names stay as
//! they are, so that a secret which happens to be one of those words makes no record unreadable.

use std::sync::Arc;

use indexmap::IndexMap;
use runbook_action::Failure;
use runbook_event::{
    AttemptEnd, CheckOutline, Event, Holds, Intent, Into, Note, Notice, Outline, OutputRef, Reading,
    RunStarted, SkipReason, StepOutline, UndoEnd, UndoOutline, Words,
};
use serde_json::Value;

use crate::mask::Masker;

impl Masker {
    /// The event with the secrets in its texts masked.
    #[must_use]
    pub(crate) fn event(&self, mut event: Event) -> Event {
        match &mut event {
            Event::RunStarted(started) => self.started(started),
            Event::RunResumed(resumed) => {
                resumed.reason.iter_mut().for_each(|reason| self.within(reason));
                resumed
                    .assumed
                    .iter_mut()
                    .for_each(|assumed| self.within(&mut assumed.reason));
            }
            Event::CheckRead { reading, .. } => self.reading_in(reading),
            Event::CheckEnded { values, .. }
            | Event::BeforeTaken {
                values,
                inverse: None,
                ..
            }
            | Event::StepDone { values, .. } => self.values(values),
            Event::BeforeTaken {
                values,
                inverse: Some(inverse),
                ..
            } => {
                self.values(values);
                self.within(inverse);
            }
            Event::Entered { into, .. } => self.into(into),
            Event::StepSkipped { reason, .. } => self.reason(reason),
            Event::ApprovalAsked { message, intent, .. } => {
                self.within(message);
                self.intent_in(intent);
            }
            Event::ApprovalAnswered { by, how, .. } => {
                self.within(by);
                self.within(how);
            }
            Event::AttemptStarted { intent, .. }
            | Event::ThenStarted { intent, .. }
            | Event::UndoStarted { intent, .. } => self.intent_in(intent),
            Event::HandleKept { handle, .. } => self.value_in(&mut handle.data),
            Event::AttemptEnded {
                end, values, output, ..
            } => {
                self.end(end);
                self.values(values);
                self.outputs(output);
            }
            Event::ThenEnded { end, output, .. } => {
                self.end(end);
                self.outputs(output);
            }
            Event::Adopted { detail, .. } | Event::Doubted { detail, .. } => self.within(detail),
            Event::StepFailed { failure, .. } | Event::UndoRetried { failure, .. } => self.failure(failure),
            Event::UndoEnded { end, output, .. } => {
                self.undo_end(end);
                self.outputs(output);
            }
            Event::Noted { notice } => self.notice(notice),
            Event::Note(note) => self.note_in(note),
            Event::PhaseStarted { .. }
            | Event::CheckStarted { .. }
            | Event::StepStarted { .. }
            | Event::TimedOut { .. }
            | Event::RetryPlanned { .. }
            | Event::RunbookEnded { .. }
            | Event::Stopping { .. }
            | Event::RunEnded { .. } => {}
        }
        event
    }

    /// The note with the secrets in it masked.
    #[must_use]
    pub(crate) fn noted(&self, mut note: Note) -> Note {
        self.note_in(&mut note);
        note
    }

    /// Who wrote it is the operating system's word; the rest is a person's.
    fn note_in(&self, note: &mut Note) {
        self.within(&mut note.text);
        note.owner.iter_mut().for_each(|owner| self.within(owner));
    }

    fn reason(&self, reason: &mut SkipReason) {
        match reason {
            SkipReason::When { detail } => self.within(detail),
            SkipReason::Stopped
            | SkipReason::NotChosen
            | SkipReason::NotNeeded
            | SkipReason::NotApproved
            | SkipReason::Asked { .. } => {}
        }
    }

    fn undo_end(&self, end: &mut UndoEnd) {
        match end {
            UndoEnd::Undone => {}
            UndoEnd::Failed { failure } => self.failure(failure),
        }
    }

    fn end(&self, end: &mut AttemptEnd) {
        match end {
            AttemptEnd::Succeeded => {}
            AttemptEnd::Failed { failure } => self.failure(failure),
        }
    }

    /// Keys are part of ids, and were made without secrets.
    fn into(&self, into: &mut Into) {
        match into {
            Into::Items { items } => items.iter_mut().for_each(|item| self.value_in(&mut item.value)),
            Into::Runbook { inputs } => self.values(inputs),
            Into::Group
            | Into::Round { .. }
            | Into::Branch { .. }
            | Into::Alternatives
            | Into::Undoing { .. }
            | Into::Undo => {}
        }
    }

    fn notice(&self, notice: &mut Notice) {
        match notice {
            Notice::Settled { found, .. } => self.within(found),
            Notice::Unlocked { by, reason, .. } => {
                self.within(by);
                self.within(reason);
            }
            Notice::Section { text, why, .. } => {
                for words in text {
                    let (Words::Written(words) | Words::Value(words)) = words;
                    self.within(words);
                }
                if let Some(why) = why {
                    self.within(why);
                }
            }
            Notice::TerminalGone { .. } | Notice::SecretChanged { .. } | Notice::Mended { .. } => {}
        }
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

    /// The outline with the secrets in its texts masked.
    #[must_use]
    pub(crate) fn masked_outline(&self, mut outline: Outline) -> Outline {
        self.outline(&mut outline);
        outline
    }

    fn outline(&self, outline: &mut Outline) {
        self.steps(&mut outline.steps);
        self.steps(&mut outline.finally);
        let checks = outline.detect.iter_mut().chain(&mut outline.guards);
        checks
            .chain(&mut outline.verify)
            .for_each(|check| self.check(check));
    }

    fn steps(&self, steps: &mut [Arc<StepOutline>]) {
        for step in steps {
            self.step(Arc::make_mut(step));
        }
    }

    fn step(&self, step: &mut StepOutline) {
        self.within(&mut step.title);
        self.within(&mut step.summary);
        match &mut step.undo {
            UndoOutline::Rollback { summary, verify, .. } => {
                self.within(summary);
                for check in verify {
                    self.check(check);
                }
            }
            UndoOutline::Steps { steps } => self.steps(steps),
            UndoOutline::Irreversible { why } => self.within(why),
            UndoOutline::Within | UndoOutline::NotNeeded | UndoOutline::Undeclared => {}
        }
        step.verify.iter_mut().for_each(|check| self.check(check));
        match &mut step.holds {
            Holds::Nothing => {}
            Holds::Steps { steps }
            | Holds::Items { steps, .. }
            | Holds::Rounds { steps }
            | Holds::Branches { steps }
            | Holds::Alternatives { steps } => self.steps(steps),
            Holds::Runbook { runbook, outline } => {
                self.within(&mut runbook.title);
                runbook.summary.iter_mut().for_each(|text| self.within(text));
                self.outline(outline);
            }
        }
    }

    fn check(&self, check: &mut CheckOutline) {
        self.within(&mut check.title);
        self.within(&mut check.asks);
        check.expect.iter_mut().for_each(|text| self.within(text));
    }
}
