//! What stands within what: frames begin, settle, and tell whoever holds them.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

use super::frame::{Course, Frame, FrameKind};
use super::graph::Frontier;
use super::transition::{Fits, ensure};
use super::{Rewind, Role, RunState, StepState, StepStatus};
use crate::{Holds, Into, Item, Outline, StepOutline, UndoOutline};

impl RunState {
    /// A course with its frames, whose turn has not come.
    pub(super) fn open_course(
        &mut self,
        owner: Option<usize>,
        outline: &Arc<Outline>,
        prefix: String,
    ) -> usize {
        let course = self.courses.len();
        self.courses.push(Course {
            owner,
            outline: Arc::clone(outline),
            phase: None,
            stop: None,
            outcome: None,
            steps: 0,
            finally: 0,
            begun: false,
            inputs: IndexMap::new(),
            prefix,
        });
        let steps = self.open_frame(
            Frame::new(FrameKind::Steps, None, course, String::new()),
            &outline.steps,
        );
        let finally = self.open_frame(
            Frame::new(FrameKind::Finally, None, course, String::new()),
            &outline.finally,
        );
        if let Some(opened) = self.courses.get_mut(course) {
            opened.steps = steps;
            opened.finally = finally;
        }
        course
    }

    /// A frame with an instance for each of these steps. Nothing in it begins yet.
    fn open_frame(&mut self, frame: Frame, outlines: &[Arc<StepOutline>]) -> usize {
        let at = self.frames.len();
        self.frames.push(frame);
        for outline in outlines {
            self.add_member(at, outline, Role::Step);
        }
        at
    }

    fn add_member(&mut self, frame: usize, outline: &Arc<StepOutline>, role: Role) -> usize {
        let at = self.steps.len();
        let Some(held) = self.frames.get_mut(frame) else {
            return at;
        };
        let prefix = self
            .courses
            .get(held.course)
            .map_or("", |course| course.prefix.as_str());
        let turn = match &role {
            Role::Step => String::new(),
            Role::Item { key, .. } => format!("[{key}]"),
            Role::Round { number } => format!("[{number}]"),
        };
        let id = format!("{prefix}{}{}{turn}", outline.id, held.keys);
        let local = held.members.len();
        held.members.push(at);
        held.open += 1;
        self.index.insert(id.clone(), at);
        self.steps
            .push(StepState::new(id, Arc::clone(outline), role, frame, local));
        at
    }

    fn outlines_of(&self, frame: usize) -> Vec<Arc<StepOutline>> {
        let members = self.frames.get(frame).map_or(&[] as &[_], |frame| &frame.members);
        members
            .iter()
            .filter_map(|at| self.steps.get(*at))
            .map(|step| Arc::clone(&step.outline))
            .collect()
    }

    /// What each member of a frame waits for, by positions in it.
    pub(super) fn needs_of(&self, frame: usize) -> Vec<Vec<usize>> {
        let outlines = self.outlines_of(frame);
        self.frames
            .get(frame)
            .map_or_else(Vec::new, |frame| frame.needs(&outlines))
    }

    /// The turn of a frame's members has come.
    pub(super) fn start_frame(&mut self, at: usize) {
        let forward = Frontier::new(&self.needs_of(at));
        let Some(frame) = self.frames.get_mut(at) else {
            return;
        };
        frame.started = true;
        frame.forward = forward;
        self.sort_pending(at);
        if self.frames.get(at).is_some_and(Frame::is_settled) {
            self.frame_settled(at);
        }
    }

    /// Puts the pending members of a started frame where the scheduler finds them.
    pub(super) fn sort_pending(&mut self, at: usize) {
        let Some(frame) = self.frames.get(at).filter(|frame| frame.started) else {
            return;
        };
        for (local, member) in frame.members.iter().enumerate() {
            let pending = self
                .steps
                .get(*member)
                .is_some_and(|step| step.status == StepStatus::Pending);
            let is_left_out = match frame.kind {
                FrameKind::Branches { chosen } => chosen != Some(local),
                FrameKind::Alternatives => frame.decided,
                FrameKind::Steps
                | FrameKind::Finally
                | FrameKind::Group
                | FrameKind::Items { .. }
                | FrameKind::Rounds
                | FrameKind::Undo => false,
            };
            self.ready.remove(member);
            self.skips.remove(member);
            if pending && (frame.stopped || is_left_out) {
                self.skips.insert(*member);
            } else if pending && frame.forward.ready().contains(&local) {
                self.ready.insert(*member);
            }
        }
    }

    /// What stands within a step begins.
    pub(super) fn entered(&mut self, at: Timestamp, id: &str, into: &Into) -> Fits {
        let position = self.position(id).ok_or("no such step")?;
        if matches!(into, Into::Undo) {
            return self.enter_undo(position);
        }
        let status = self.at(position)?.status;
        let next_round = matches!(into, Into::Round { .. }) && status == StepStatus::Inside;
        ensure(
            status == StepStatus::Running || next_round,
            "only a step whose turn it is begins what stands within it",
        )?;
        ensure(
            self.may_begin(position),
            "nothing begins once the run is stopping",
        )?;
        let holds = self.at(position)?.outline.holds.clone();
        match (into, &holds) {
            (Into::Group, Holds::Steps { steps }) => self.enter_list(position, FrameKind::Group, steps),
            (
                Into::Items { items },
                Holds::Items {
                    batch, max_failures, ..
                },
            ) => {
                self.enter_items(position, items, *batch, *max_failures)?;
            }
            (Into::Round { number }, Holds::Rounds { .. }) => self.enter_round(at, position, *number)?,
            (Into::Branch { chosen }, Holds::Branches { steps }) => {
                let chosen = match chosen {
                    Some(id) => Some(
                        steps
                            .iter()
                            .position(|branch| branch.id == *id)
                            .ok_or("no such branch")?,
                    ),
                    None => None,
                };
                self.enter_list(position, FrameKind::Branches { chosen }, steps);
            }
            (Into::Alternatives, Holds::Alternatives { steps }) => {
                self.enter_list(position, FrameKind::Alternatives, steps);
            }
            (Into::Runbook { inputs }, Holds::Runbook { outline, .. }) => {
                let course =
                    self.open_course(Some(position), &Arc::new((**outline).clone()), format!("{id}/"));
                if let Some(opened) = self.courses.get_mut(course) {
                    opened.inputs.clone_from(inputs);
                }
                self.at(position)?.course = Some(course);
            }
            (Into::Undoing { steps }, Holds::Nothing) => self.rewind(position, steps)?,
            _ => return Err("that does not stand within the step".to_owned()),
        }
        self.at(position)?.status = StepStatus::Inside;
        if !next_round {
            self.time(at, position);
        }
        self.lost.remove(&position);
        Ok(())
    }

    fn enter_list(&mut self, position: usize, kind: FrameKind, steps: &[Arc<StepOutline>]) {
        let (course, keys) = self.around(position);
        let frame = self.open_frame(Frame::new(kind, Some(position), course, keys), steps);
        self.hold(position, frame);
        self.start_frame(frame);
    }

    /// The course and the keys that what stands within a step has.
    fn around(&self, position: usize) -> (usize, String) {
        let Some(step) = self.steps.get(position) else {
            return (0, String::new());
        };
        let frame = self.frames.get(step.frame);
        let around = frame.map_or("", |frame| frame.keys.as_str());
        let keys = match &step.role {
            Role::Step => around.to_owned(),
            Role::Item { key, .. } => format!("{around}[{key}]"),
            Role::Round { number } => format!("{around}[{number}]"),
        };
        (frame.map_or(0, |frame| frame.course), keys)
    }

    fn hold(&mut self, position: usize, frame: usize) {
        if let Some(step) = self.steps.get_mut(position) {
            step.inner = Some(frame);
        }
    }

    fn enter_items(&mut self, position: usize, items: &[Item], batch: u32, max_failures: u32) -> Fits {
        let mut known = HashSet::with_capacity(items.len());
        let are_apart = items.iter().all(|item| known.insert(&item.key));
        ensure(are_apart, "two items have the same key")?;
        let (course, keys) = self.around(position);
        let kind = FrameKind::Items { batch, max_failures };
        let outline = Arc::clone(&self.at(position)?.outline);
        let frame = self.open_frame(Frame::new(kind, Some(position), course, keys), &[]);
        for item in items {
            let role = Role::Item {
                key: item.key.clone(),
                value: item.value.clone(),
            };
            self.add_member(frame, &outline, role);
        }
        self.hold(position, frame);
        self.start_frame(frame);
        Ok(())
    }

    /// A round begins as soon as it is told of: nothing else decides about it.
    fn enter_round(&mut self, at: Timestamp, position: usize, number: u32) -> Fits {
        let outline = Arc::clone(&self.at(position)?.outline);
        let frame = if let Some(frame) = self.at(position)?.inner {
            frame
        } else {
            let (course, keys) = self.around(position);
            let frame = self.open_frame(Frame::new(FrameKind::Rounds, Some(position), course, keys), &[]);
            self.hold(position, frame);
            frame
        };
        let rounds = self.frames.get(frame).map_or(0, |frame| frame.members.len());
        let settled = self.frames.get(frame).is_some_and(Frame::is_settled);
        ensure(
            settled && usize::try_from(number) == Ok(rounds + 1),
            "rounds follow each other",
        )?;
        let round = self.add_member(frame, &outline, Role::Round { number });
        if let Some(frame) = self.frames.get_mut(frame) {
            frame.started = true;
            frame.under_way += 1;
        }
        self.closing.remove(&position);
        self.begin_turn(at, round);
        Ok(())
    }

    /// A turn of a loop begins: its steps' turn has come.
    pub(super) fn begin_turn(&mut self, at: Timestamp, position: usize) {
        let Some(step) = self.steps.get_mut(position) else {
            return;
        };
        step.started_at = Some(at);
        step.status = StepStatus::Inside;
        let steps = step.outline.holds.steps().to_vec();
        self.enter_list(position, FrameKind::Group, &steps);
    }

    fn enter_undo(&mut self, position: usize) -> Fits {
        let step = self.at(position)?;
        ensure(
            step.undo == super::UndoStatus::Running && step.undo_frame.is_none(),
            "only a step that is being undone begins its undo",
        )?;
        let UndoOutline::Steps { steps } = step.outline.undo.clone() else {
            return Err("the step is not undone by steps".to_owned());
        };
        let (course, keys) = self.around(position);
        let frame = self.open_frame(Frame::new(FrameKind::Undo, Some(position), course, keys), &steps);
        self.at(position)?.undo_frame = Some(frame);
        self.start_frame(frame);
        Ok(())
    }

    /// A step is settled: whoever waits for it may begin, and whoever holds it is told when it was the last.
    pub(super) fn settle(&mut self, at: Timestamp, position: usize, status: StepStatus) {
        let Some(step) = self.steps.get_mut(position) else {
            return;
        };
        let begun = step.status != StepStatus::Pending;
        let (frame_at, local) = (step.frame, step.local);
        step.status = status;
        step.ended_at = Some(at);
        for set in [
            &mut self.ready,
            &mut self.skips,
            &mut self.closing,
            &mut self.lost,
            &mut self.doubts,
        ] {
            set.remove(&position);
        }
        self.timed.retain(|(_, timed)| *timed != position);
        let Some(frame) = self.frames.get_mut(frame_at) else {
            return;
        };
        frame.open = frame.open.saturating_sub(1);
        frame.under_way = frame.under_way.saturating_sub(usize::from(begun));
        frame.failed += u32::from(status == StepStatus::Failed);
        let released = frame.forward.settle(local);
        if frame.kind == FrameKind::Alternatives && status == StepStatus::Done {
            frame.decided = true;
            self.sort_pending(frame_at);
        } else {
            let released: Vec<usize> = released
                .iter()
                .filter_map(|at| frame.members.get(*at).copied())
                .collect();
            for member in released {
                let step = self.steps.get(member);
                let pending = step.is_some_and(|step| step.status == StepStatus::Pending);
                // What is to be skipped already stays so, as all is in a frame that was stopped.
                if pending && !self.skips.contains(&member) {
                    self.ready.insert(member);
                }
            }
        }
        if self.frames.get(frame_at).is_some_and(Frame::is_settled) {
            self.frame_settled(frame_at);
        }
    }

    pub(super) fn frame_settled(&mut self, at: usize) {
        let Some(frame) = self.frames.get(at) else { return };
        match frame.kind {
            // The course knows what comes next.
            FrameKind::Steps | FrameKind::Finally => {}
            FrameKind::Group
            | FrameKind::Items { .. }
            | FrameKind::Rounds
            | FrameKind::Branches { .. }
            | FrameKind::Alternatives
            | FrameKind::Undo => self.closing.extend(frame.owner),
        }
    }

    /// A step that holds others may take so long.
    pub(super) fn time(&mut self, at: Timestamp, position: usize) {
        let Some(step) = self.steps.get(position) else {
            return;
        };
        let timeout = step.outline.timeout_ms.filter(|_| step.role == Role::Step);
        let length = timeout.and_then(|millis| i64::try_from(millis).ok());
        if let Some(until) =
            length.and_then(|millis| at.checked_add(SignedDuration::from_millis(millis)).ok())
        {
            self.timed.insert((until, position));
        }
    }

    /// Steps that are undone as part of the procedure.
    fn rewind(&mut self, owner: usize, ids: &[String]) -> Fits {
        let from = self.at(owner)?.frame;
        let mut targets = Vec::new();
        for id in ids {
            targets.extend(self.find(from, id).positions());
        }
        let left = self.begin_rewind(&targets);
        if left.is_empty() {
            self.closing.insert(owner);
        } else {
            self.rewinds.push(Rewind { owner, left });
        }
        Ok(())
    }
}
