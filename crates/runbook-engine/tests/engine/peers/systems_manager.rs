//! AWS Systems Manager, and what is true of all of them.

use runbook_event::{CheckRole, Outcome, Verdict};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use super::calls;

/// AWS Systems Manager Automation, aws-systems-manager pull request #35: a document names the clean-up step by hand at
/// each step that may fail, and those that were forgotten leave their stacks behind. Here undo and clean-up follow every
/// failure by themselves.
#[test]
fn nothing_must_be_wired_to_be_undone() {
    for bad in ["a", "b", "c"] {
        let ran = Scenario::new(
            "
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
              - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
              - {id: c, act: {name: c}, rollback: {act: {name: undo-c}}}
            finally: [{id: z, act: {name: z}}]
            ",
        )
        .on(bad, [Play::acts_then_fails("half")])
        .run();
        assert_eq!((ran.outcome(), calls(&ran, "z")), (Outcome::RolledBack, 1));
        for id in ["a", "b", "c"] {
            assert_eq!(
                calls(&ran, &format!("undo-{id}")),
                calls(&ran, id),
                "{bad}: {}",
                ran.trace()
            );
        }
    }
}

/// AWS Systems Manager, amazon-ssm-agent #341: there is no way to let one script decide whether another runs without the
/// first one's exit code failing the whole. Here a check is asked for its answer, and a choice follows from it.
#[test]
fn an_answer_may_decide_without_failing_the_run() {
    let ran = Scenario::new(
        "
        steps:
          - {id: verify, probe: {name: verify}, may_fail: true, capture: {fine: ok}}
          - {id: apply, when: not steps.verify.fine, act: {name: apply}, rollback: not_needed}
        ",
    )
    .on("verify", [Play::fails("exit code 1")])
    .run();
    assert_eq!(
        (ran.outcome(), calls(&ran, "apply")),
        (Outcome::Resolved, 1),
        "{}",
        ran.trace()
    );
}

/// All of them: a check that cannot be asked is taken for one that passes, because nothing contradicts it. Here an error
/// is told as an error, and passes nothing.
#[test]
fn a_check_that_cannot_be_asked_passes_nothing() {
    let ran = Scenario::new(
        "
        steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}, verify: [{id: up, probe: {name: up}, expect: 'not got'}]}]
        ",
    )
    .on("up", [Play::fails("nobody listens")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    let mut checks = ran.finished().state.checks().iter();
    let gate = checks
        .find(|(site, _)| site.role == CheckRole::Gate)
        .map(|(_, check)| check.verdict);
    assert_eq!(gate, Some(Some(Verdict::Error)));
}
