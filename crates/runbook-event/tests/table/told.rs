//! What can be seen of a state, and what an event changes in it.

use indexmap::IndexMap;
use jiff::Timestamp;
use runbook_event::{
    CheckOutline, CheckRole, Found, Frame, FrameKind, RunState, StepState, StepStatus, UndoStatus,
};

/// What time it is, so many milliseconds after the beginning.
pub(crate) fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_000_000 + millis).expect("a time")
}

/// What can be seen of a state: names and what stands there.
pub(crate) struct Told {
    seen: IndexMap<String, String>,
}

impl Told {
    pub(crate) fn new(state: &RunState) -> Self {
        let mut told = Self {
            seen: IndexMap::new(),
        };
        for step in state.steps() {
            told.step(step);
        }
        told.sets(state);
        for (at, frame) in state.frames().iter().enumerate() {
            told.see(frame_name(state, at), &frame_words(state, at, frame));
        }
        for (at, course) in state.courses().iter().enumerate() {
            let name = course
                .owner
                .map_or("run/".to_owned(), |at| format!("{}/", state.steps()[at].id));
            let mut words = vec![course.phase.map_or("", runbook_event::Phase::word).to_owned()];
            words.extend(
                course
                    .stop
                    .as_ref()
                    .map(|stop| format!("STOP {:?}", stop.then).to_lowercase()),
            );
            words.extend(course.outcome.map(|outcome| format!("== {outcome}")));
            words.extend(course.begun.then(|| "begun".to_owned()));
            words.extend(state.has_changed(at).then(|| "changed".to_owned()));
            words.extend(state.is_undoing(at).then(|| "undoing".to_owned()));
            words.extend(course.inputs.keys().map(|name| format!("with {name}")));
            told.see(name, words.join(" ").trim());
        }
        for (site, check) in state.checks() {
            let within = site
                .within
                .as_ref()
                .map_or_else(String::new, |step| format!("{step}/ "));
            let step = site
                .step
                .as_ref()
                .map_or_else(String::new, |step| format!("{step} "));
            let role = format!("{:?}", site.role).to_lowercase();
            let verdict = check.verdict.map_or("asked", runbook_event::Verdict::word);
            let read = check.read_at.len() + check.readings.len();
            let asked = check.asked + u32::from(check.ended_at.is_some());
            let words = format!(
                "{verdict} {read} {asked} {} in {}",
                check.values.len(),
                check.session
            );
            told.see(format!("{within}{step}{role}.{}", site.check), &words);
        }
        told.run(state);
        told
    }

    fn see(&mut self, name: impl Into<String>, what: &str) {
        self.seen.insert(name.into(), what.to_owned());
    }

    fn maybe(&mut self, name: String, what: Option<String>) {
        if let Some(what) = what {
            self.see(name, &what);
        }
    }

    fn step(&mut self, step: &StepState) {
        let id = &step.id;
        self.see(id, &format!("{:?}", step.status).to_lowercase());
        let mut facts: Vec<(&str, Option<String>)> = Vec::new();
        let undo = (step.undo != UndoStatus::None).then(|| format!("{:?}", step.undo).to_lowercase());
        facts.push(("undo", undo));
        let tried = format!("{}{}", step.attempts, if step.attempted { "!" } else { "" });
        facts.push(("tried", Some(tried).filter(|tried| tried != "0")));
        facts.push(("end", step.last_end.map(|end| format!("{end:?}").to_lowercase())));
        facts.push((
            "failure",
            step.failure.as_ref().map(|failure| failure.kind.to_string()),
        ));
        facts.push(("doubt", step.doubt.clone()));
        facts.push(("adopted", step.adopted.clone()));
        facts.push(("why", step.skipped.as_ref().map(|why| format!("{why:?}"))));
        facts.push(("late", step.timed_out.then(|| "yes".to_owned())));
        let approval = step.approval.as_ref();
        facts.push(("approval", approval.map(|(yes, ..)| yes.to_string())));
        facts.push((
            "handles",
            (!step.handles.is_empty()).then(|| step.handles.len().to_string()),
        ));
        let before = step
            .before_taken
            .then(|| format!("{} {:?}", step.before.len(), step.inverse));
        facts.push(("before", before));
        let names: Vec<&str> = step.captures.keys().map(String::as_str).collect();
        facts.push(("captures", (!names.is_empty()).then(|| names.join(" "))));
        let thens = format!("{:?} {:?}", step.then_done, step.then_open);
        facts.push((
            "then",
            Some(thens).filter(|thens| thens != "[0, 0] [false, false]"),
        ));
        facts.push((
            "undos",
            (step.undo_attempts > 0).then(|| step.undo_attempts.to_string()),
        ));
        let failed = step.undo_failure.as_ref();
        facts.push(("undo-failure", failed.map(|failure| failure.kind.to_string())));
        let intents = [step.intent.is_some(), step.undo_intent.is_some()];
        facts.push((
            "intents",
            (intents != [false, false]).then(|| format!("{intents:?}")),
        ));
        let late = |at: Option<Timestamp>| at.filter(|at| *at > time(0)).map(millis);
        facts.push(("since", late(step.acting_since)));
        facts.push(("asked", late(step.asked_at)));
        facts.push(("began", late(step.started_at)));
        facts.push(("ended", late(step.ended_at)));
        facts.push(("undo-began", late(step.undo_started_at)));
        facts.push(("undo-ended", late(step.undo_ended_at)));
        for (name, what) in facts {
            self.maybe(format!("{id}.{name}"), what);
        }
    }

    fn sets(&mut self, state: &RunState) {
        let ids = |set: &mut dyn Iterator<Item = usize>| {
            let ids: Vec<&str> = set
                .filter_map(|at| state.steps().get(at))
                .map(|step| step.id.as_str())
                .collect();
            ids.join(" ")
        };
        for (name, set) in [
            ("READY", state.ready()),
            ("SKIPS", state.skips()),
            ("CLOSING", state.closing()),
            ("LOST", state.lost()),
            ("UNDO_READY", state.undo_ready()),
            ("DOUBTS", state.doubts()),
        ] {
            self.see(name, &ids(&mut set.iter().copied()));
        }
        self.see("FAILURES", &ids(&mut state.failures().iter().copied()));
        let stops: Vec<String> = state
            .to_stop()
            .iter()
            .map(|(course, failed)| {
                let owner = state.courses()[*course].owner;
                let name = owner.map_or("run", |at| state.steps()[at].id.as_str());
                let by = failed.map_or("-", |at| state.steps()[at].id.as_str());
                format!("{name}/ by {by}")
            })
            .collect();
        self.see("TO_STOP", &stops.join(", "));
        let braked: Vec<String> = state
            .braked()
            .iter()
            .map(|braked| {
                let all = if braked.changes { "all of " } else { "reads of " };
                format!("{all}{}", frame_name(state, braked.frame))
            })
            .collect();
        self.see("BRAKED", &braked.join(", "));
        let timed = state
            .timed()
            .map(|(at, step)| format!("{} {}", millis(at), state.steps()[step].id));
        self.maybe("TIMED".to_owned(), timed);
    }

    fn run(&mut self, state: &RunState) {
        let work = state.work();
        self.see("work", &format!("{} of {}", state.done(&work), work.total()));
        self.see("asking", &state.asking().to_string());
        self.see("active", &state.active().as_millis().to_string());
        self.maybe(
            "took".to_owned(),
            state.elapsed_ms().map(|millis| millis.to_string()),
        );
        self.see("resumed", &state.resumed().to_string());
        for (seq, known) in state.notes() {
            let corrected = known.corrected_by.map(|by| format!(" corrected by {by}"));
            let text = format!(
                "{} so at {}{}",
                known.note.kind.word(),
                millis(known.happened_at()),
                corrected.unwrap_or_default()
            );
            self.see(format!("note {seq}"), &text);
        }
        let changed = if state.has_changed_something() { "yes" } else { "" };
        self.see("changed", changed);
        let ended = state
            .ended_at()
            .map(|at| format!("{} {:?}", millis(at), state.outcome()));
        self.maybe("ended".to_owned(), ended);
    }

    /// What is not here as it is there.
    pub(crate) fn changes(&self, next: &Self) -> String {
        let was = |name: &str| self.seen.get(name).map_or("", String::as_str);
        let changed = next.seen.iter().filter(|(name, what)| was(name) != what.as_str());
        let mut words: Vec<String> = changed
            .map(|(name, what)| format!("{name} {}", if what.is_empty() { "-" } else { what }))
            .collect();
        let gone = self.seen.keys().filter(|name| !next.seen.contains_key(*name));
        words.extend(gone.map(|name| format!("{name} -")));
        words.join("; ")
    }
}

fn millis(at: Timestamp) -> String {
    (at.as_millisecond() - 1_000_000).to_string()
}

fn frame_name(state: &RunState, at: usize) -> String {
    let frame = &state.frames()[at];
    let course = state.courses().get(frame.course).and_then(|course| course.owner);
    let course = course.map_or("run", |at| state.steps()[at].id.as_str());
    let owner = frame.owner.map_or("", |at| state.steps()[at].id.as_str());
    match frame.kind {
        FrameKind::Steps => format!("in {course}/"),
        FrameKind::Finally => format!("in {course}/finally"),
        FrameKind::Undo => format!("in {owner}~undo"),
        FrameKind::Group
        | FrameKind::Items { .. }
        | FrameKind::Rounds
        | FrameKind::Branches { .. }
        | FrameKind::Alternatives => format!("in {owner}"),
    }
}

fn frame_words(state: &RunState, at: usize, frame: &Frame) -> String {
    let mut words = Vec::new();
    if let FrameKind::Branches { chosen } = frame.kind {
        words.push(format!("chosen {chosen:?}"));
    }
    words.extend(frame.has_started().then(|| "begun".to_owned()));
    words.extend(frame.stopped.then(|| "stopped".to_owned()));
    words.extend(state.was_cut(at).then(|| "cut".to_owned()));
    words.extend(frame.is_settled().then(|| "settled".to_owned()));
    words.extend((frame.under_way() > 0).then(|| format!("+{}", frame.under_way())));
    let culprit = state
        .culprit(at)
        .map(|at| format!("blames {}", state.steps()[at].id));
    words.extend(culprit);
    words.join(" ")
}

fn names(state: &RunState, found: &Found) -> String {
    match found {
        Found::One(at) => state.steps()[*at].id.clone(),
        Found::Each(each) => {
            let each: Vec<String> = each.iter().map(|found| names(state, found)).collect();
            format!("[{}]", each.join(", "))
        }
        Found::None => "none".to_owned(),
    }
}

/// What the state answers to a question.
pub(crate) fn answer(state: &RunState, question: &str) -> String {
    let words: Vec<&str> = question.split(' ').collect();
    let step = |at: usize| {
        words
            .get(at)
            .and_then(|id| state.position(id))
            .unwrap_or(usize::MAX)
    };
    let list = |at: usize| -> Vec<String> {
        let names = words.get(at).copied().unwrap_or_default();
        names.split(',').map(str::to_owned).collect()
    };
    let frame = |at: usize| state.steps().get(step(at)).map_or(usize::MAX, |step| step.frame);
    let id = |at: Option<usize>| at.map_or("none".to_owned(), |at| state.steps()[at].id.clone());
    match words.first().copied().unwrap_or_default() {
        "order" => {
            let all = state.in_order().into_iter();
            let all: Vec<String> = all
                .map(|(deep, at)| format!("{deep} {}", state.steps()[at].id))
                .collect();
            all.join(", ")
        }
        "work" => {
            let work = state.work();
            let ids: Vec<&str> = work
                .steps
                .iter()
                .map(|at| state.steps()[*at].id.as_str())
                .collect();
            format!("{}, {} ahead", ids.join(" "), work.ahead)
        }
        // From where a step stands, or from the first frame of all.
        "find" if words.len() == 3 => names(state, &state.find(frame(1), words[2])),
        "positions" => {
            let found = state.find(frame(1), words[2]).positions();
            found
                .into_iter()
                .map(|at| state.steps()[at].id.clone())
                .collect::<Vec<_>>()
                .join(" ")
        }
        "turns" => {
            let turns = state.turns(frame(1)).into_iter();
            turns
                .map(|at| state.steps()[at].id.clone())
                .collect::<Vec<_>>()
                .join(" ")
        }
        "may" => state.may_begin(step(1)).to_string(),
        "forgiven" => state.is_forgiven(step(1)).to_string(),
        "fatal" => state
            .is_fatal(step(1), words[2].parse().expect("a course"))
            .to_string(),
        "not-undone" => id(state.failed_rewind(step(1), &list(2))),
        "left" => id(state.left_by_rewind(step(1), &list(2))),
        "open" => state.steps()[step(1)].is_open_to_doubt().to_string(),
        "title" => state.steps()[step(1)].title(),
        "value" => format!("{:?}", state.steps()[step(1)].value(words[2])),
        "within" => {
            let course = state.steps()[step(2)].course.unwrap_or(usize::MAX);
            state.belongs(frame(1), course).to_string()
        }
        "passed" => {
            let checks: Vec<CheckOutline> = state.steps()[step(1)].outline.verify.clone();
            state.have_passed(words[1], CheckRole::Gate, &checks).to_string()
        }
        "settled" => StepStatus::is_settled(state.steps()[step(1)].status).to_string(),
        other => panic!("nobody can be asked for {other}"),
    }
}
