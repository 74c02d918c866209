//! What must be kept before something happens, and what happens when it cannot be.

use runbook_engine::EngineError;
use runbook_event::Event;
use runbook_testkit::play::Play;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::Scenario;
use runbook_testkit::tape::Mark;

use crate::trace_is;

const TEXT: &str = "
    detect: [{probe: {name: d}}]
    steps:
      - {id: a, approve: true, act: {name: a}, rollback: {act: {name: undo-a}}}
      - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}, verify: [{probe: {name: g}}]}
    verify: [{probe: {name: v}, expect: got == 1}]
    finally: [{id: z, act: {name: z}}]
";

fn scenario() -> Scenario {
    Scenario::new(TEXT).answer("a", 1, true)
}

fn syncs(ran: &Ran) -> usize {
    ran.tape.iter().filter(|(_, mark)| *mark == Mark::Synced).count()
}

/// After the journal failed nothing was started and nobody was asked; before it all was in order.
fn is_stopped(ran: &Ran, what: &str) {
    assert!(
        matches!(ran.error(), Some(EngineError::Journal(_))),
        "{what}: {:?}",
        ran.error()
    );
    let mut lost = false;
    for (_, mark) in &ran.tape {
        match mark {
            Mark::Lost => lost = true,
            Mark::Called(_, name) => {
                assert!(!lost, "{what}: {name} was started\n{}", ran.full_trace());
                is_durable(ran, name, what);
            }
            Mark::Asked(step) => assert!(!lost, "{what}: {step} was asked"),
            Mark::Record(_) | Mark::Reading(..) | Mark::Synced => assert!(!lost, "{what}"),
            Mark::Returned(..) | Mark::Settled(_) | Mark::Signal => {}
        }
    }
    assert!(lost);
}

/// Between the call of a change and the intent before it there is a sync.
fn is_durable(ran: &Ran, name: &str, what: &str) {
    if ["d", "g", "v"].contains(&name) {
        return;
    }
    let called = ran
        .tape
        .iter()
        .position(|(_, mark)| matches!(mark, Mark::Called(_, known) if known == name));
    let before = &ran.tape[..called.unwrap_or(0)];
    let last = before.iter().rev().find(|(_, mark)| {
        *mark == Mark::Synced
            || matches!(mark, Mark::Record(record) if matches!(record.event, Event::AttemptStarted { .. } | Event::UndoStarted { .. }))
    });
    assert!(
        matches!(last, Some((_, Mark::Synced))),
        "{what}: {name} ran before its intent was durable\n{}",
        ran.full_trace()
    );
}

#[test]
fn wherever_the_journal_fails_nothing_further_starts() {
    let whole = scenario().run();
    let (records, synced) = (whole.records().len(), syncs(&whole));
    for count in 0..records {
        is_stopped(
            &scenario().appends(count).run(),
            &format!("after {count} records"),
        );
    }
    for count in 0..synced {
        is_stopped(&scenario().syncs(count).run(), &format!("after {count} syncs"));
    }
    assert!(records > 30 && synced > 6, "{records}, {synced}");
    assert!(scenario().appends(records).syncs(synced).run().error().is_none());
}

#[test]
fn what_runs_when_the_journal_fails_is_told_to_stop() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, needs: [], act: {name: a}, rollback: not_needed}
          - {id: b, needs: [], probe: {name: b}}
        ",
    )
    .on("a", [Play::cleans_up(3000)])
    .on("b", [Play::works().takes(1000)])
    .appends(6)
    .run();
    assert!(
        matches!(ran.error(), Some(EngineError::Journal(_))),
        "{:?}",
        ran.error()
    );
    trace_is(
        &ran.full_trace(),
        "
        run
          sync
        == steps
        a start
        b start
        a intent
        b intent
          sync
          > act a
          > probe b
        @1000
          < b
          lost
        @4000
          < a: cancelled
        ",
    );
}
