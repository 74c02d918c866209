//! What others want of a run as it goes on: only who holds it adds to its journal.

use runbook_event::{Event, Note, RunState};

use super::{Dispatcher, EngineError};
use crate::Request;
use crate::view::read;

impl Dispatcher {
    /// Notes what somebody wrote, and answers when it is durable. What cannot be noted is refused, and the run goes on.
    pub(super) fn requested(&mut self, request: Request) -> Result<(), EngineError> {
        let result = self.note(request.note)?;
        // Who asked may be gone: the journal has it all the same.
        let _gone = request.answer.send(result);
        Ok(())
    }

    fn note(&mut self, note: Note) -> Result<Result<u64, String>, EngineError> {
        let taken_up = |state: &RunState| state.note_of_request(note.request.as_deref()?);
        if let Some(seq) = read(&self.state, taken_up) {
            return Ok(Ok(seq));
        }
        // It is looked at as it will be written, since a mask may be longer than what it hides.
        let note = self.run.masks.now().noted(note);
        let now = self.now();
        let admitted = read(&self.state, |state| {
            let at = state.last_at().map_or(now, |last| last.max(now));
            state.admits(&note, at).map(|()| state.next_seq())
        });
        if admitted.is_ok() {
            self.write(Event::Note(Box::new(note)))?;
            self.sync()?;
        }
        Ok(admitted)
    }
}
