//! Plans of the runbooks that a runbook calls.

use std::fmt::Write as _;
use std::sync::Arc;

use runbook_document::codes;

use super::{compiled, plan, runbook};
use crate::plan::{Body, Plan};

/// A runbook that calls others, one step each, after a step of its own.
fn calling(name: &str, others: &[&str]) -> String {
    let mut calls = String::new();
    for (at, other) in others.iter().enumerate() {
        writeln!(calls, "  - {{id: call{at}, runbook: {{name: {other}}}}}").unwrap();
    }
    runbook(
        name,
        &format!("steps:\n  - {{id: own, do: {{read: it}}}}\n{calls}verify: [{{do: {{read: it}}}}]"),
    )
}

/// The plans of the calls of a plan, in the author's order.
fn calls(plan: &Plan) -> Vec<Option<&Arc<Plan>>> {
    plan.all_steps()
        .filter_map(|step| Some(step.call()?.plan.as_ref()))
        .collect()
}

#[test]
fn each_runbook_of_a_long_chain_of_pairs_is_compiled_once() {
    const LENGTH: usize = 200;
    let name = |at: usize| format!("r{at:03}");
    let mut texts: Vec<String> = (0..LENGTH)
        .map(|at| calling(&name(at), &[&name(at + 1), &name(at + 1)]))
        .collect();
    texts.push(calling(&name(LENGTH), &[]));
    let first = plan(&texts);
    let reached = first.runbooks();
    let names: Vec<&str> = reached.iter().map(|(name, _)| *name).collect();
    let expected: Vec<String> = (1..=LENGTH).map(name).collect();
    assert_eq!(names, expected);
    // Both calls, and the list, have the very same plan.
    let mut at = &first;
    for (_, next) in &reached {
        for called in calls(at) {
            assert!(Arc::ptr_eq(called.unwrap(), next), "{}", at.about().name);
        }
        at = next;
    }
    assert!(calls(at).is_empty());
}

#[test]
fn a_runbook_has_the_plan_of_what_it_calls_wherever_the_call_stands() {
    let caller = runbook(
        "caller",
        "steps:
  - id: group
    steps:
      - {id: within, runbook: {name: one}}
  - id: change
    do: {change: it}
    rollback: [{runbook: {name: two}}]
finally: [{id: end, runbook: {name: three}}]
verify: [{do: {read: it}}]",
    );
    let others = ["one", "two", "three"].map(|name| calling(name, &[]));
    let texts = [&[caller], others.as_slice()].concat();
    let plan = plan(&texts);
    let reached = plan.runbooks();
    let names: Vec<&str> = reached.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["one", "three", "two"]);
    for (name, called) in reached {
        let source = usize::try_from(called.source().0).unwrap();
        assert!(texts[source].contains(&format!("name: {name}\n")), "{name}");
    }
}

#[test]
fn what_comes_back_to_itself_is_refused_and_no_plan_is_made() {
    let circles: &[&[(&str, &[&str])]] = &[
        &[("a", &["a"])],
        &[("a", &["b"]), ("b", &["a"])],
        &[("a", &["b"]), ("b", &["b"])],
        &[("a", &["b"]), ("b", &["c"]), ("c", &["b"])],
        &[("a", &["b", "c"]), ("b", &["c"]), ("c", &["a"])],
        &[("a", &["b"]), ("b", &["c"]), ("c", &["d"]), ("d", &["c", "b"])],
    ];
    for circle in circles {
        let texts: Vec<String> = circle.iter().map(|(name, uses)| calling(name, uses)).collect();
        let (plan, findings) = compiled(&texts);
        assert!(plan.is_none(), "{circle:?}");
        assert!(
            findings.iter().any(|one| one.code == codes::CIRCULAR_USE),
            "{circle:?}: {findings:#?}"
        );
    }
    // A circle further away is an error of the runbook that leads into it.
    let texts = [("a", &["b"][..]), ("b", &["c"]), ("c", &["d"]), ("d", &["c"])];
    let (plan, findings) = compiled(&texts.map(|(name, uses)| calling(name, uses)));
    assert!(plan.is_none());
    let messages: Vec<&str> = findings.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(messages, ["runbook `b` has errors"]);
}

#[test]
fn errors_within_a_runbook_are_one_error_where_it_is_called() {
    let wrong = [
        // Found when it is read, when it is compiled, and when it is judged.
        "steps: [{id: a, do: {read: it}, colour: red, size: 1}]",
        "steps: [{id: a, do: {read: it}, when: inputs.nothing}, {id: b, do: {read: it}, when: steps.c.x}]",
        "steps: [{id: a, do: {change: it}}]",
    ];
    for wrong in wrong {
        let caller = calling("caller", &["wrong", "wrong"]);
        let (plan, findings) = compiled(&[caller.clone(), runbook("wrong", wrong)]);
        assert!(plan.is_none(), "{wrong}");
        let told: Vec<(&str, &str)> = findings
            .iter()
            .map(|one| (one.message.as_str(), &caller[one.span.start..one.span.end]))
            .collect();
        assert_eq!(told, [("runbook `wrong` has errors", "wrong"); 2], "{wrong}");
        assert!(findings.iter().all(|one| one.span.source.0 == 0));
        assert_eq!(findings[0].help.as_deref(), Some("`runbook check` shows them"));
    }
}

#[test]
fn what_is_no_error_within_a_runbook_is_not_told_where_it_is_called() {
    let fine = [
        "inputs: {unused: {type: string, default: x}}\nsteps: [{id: a, do: {read: it}}]",
        "steps: [{id: a, do: {change: it}, waive: {RB0502: It is harmless.}}]",
    ];
    for fine in fine {
        let (plan, findings) = compiled(&[calling("caller", &["fine"]), runbook("fine", fine)]);
        assert!(plan.is_some() && findings.is_empty(), "{fine}: {findings:#?}");
    }
}

#[test]
fn of_several_runbooks_with_one_name_none_is_called() {
    let (plan, findings) = compiled(&[calling("caller", &["x"]), calling("x", &[]), calling("x", &[])]);
    assert!(plan.is_none());
    let codes: Vec<&str> = findings.iter().map(|one| one.code.id).collect();
    assert_eq!(codes, [codes::DUPLICATE_RUNBOOK.id]);
    assert_eq!(findings[0].related.len(), 2);
}

#[test]
fn a_digest_covers_what_is_called_and_not_its_comments() {
    let texts = [calling("a", &["b"]), calling("b", &["c"]), calling("c", &[])];
    let digest = |texts: &[String]| plan(texts).digest().to_owned();
    let before = digest(&texts);
    assert_eq!(before.len(), 64);
    let mut commented = texts.clone();
    commented[2].push_str("# That is all.\n");
    commented.swap(1, 2);
    assert_eq!(digest(&commented), before, "comments, and the order of files");
    for at in 0..texts.len() {
        let mut changed = texts.clone();
        changed[at] = changed[at].replace("read: it", "read: that");
        assert_ne!(digest(&changed), before, "{}", changed[at]);
    }
}

#[test]
fn a_digest_of_what_calls_nothing_is_that_of_its_text() {
    let alone = calling("a", &[]);
    let beside = [alone.clone(), calling("b", &[])];
    assert_eq!(plan(&[alone]).digest(), plan(&beside).digest());
}

#[test]
fn calls_have_no_plan_where_runbooks_are_not_kept() {
    use runbook_document::{Config, Document, Findings, SourceId, parse};

    let texts = [calling("a", &["b"]), calling("b", &[])];
    let mut findings = Findings::new();
    let mut documents = Vec::new();
    for (at, text) in (0..).zip(&texts) {
        let tree = parse(SourceId(at), text, &mut findings).unwrap();
        documents.push(Document::read(&tree, &super::KINDS, &mut findings).unwrap());
    }
    let mut library = crate::Library::new();
    for document in &documents {
        library.add(document);
    }
    let request = super::Request {
        document: &documents[0],
        tree: None,
        config: &Config::default(),
        environment: None,
        catalogue: &super::catalogue(),
        library: &library,
        texts: &texts,
    };
    let plan = super::compile(&request, &mut findings).unwrap();
    assert!(matches!(&plan.steps()[1].body, Body::Runbook(call) if call.name == "b" && call.plan.is_none()));
    assert!(plan.runbooks().is_empty());
}
