//! A runbook that decides by what a real Prometheus says.

use runbook_testkit::prometheus::{Metrics, Options, Prometheus};

use crate::harness::{Project, until};

const METRICS: &str = "size 7\nload{node=\"a\"} 1\nload{node=\"b\"} 2\nnothing NaN\n";

/// A gate by this query and this expression, and what the run with it came to.
fn gate(url: &str, query: &str, expect: &str) -> crate::harness::Ended {
    let project = Project::empty().with(
        "runbook.yaml",
        &format!(
            "apiVersion: runbook/v1\nname: gate\nversion: 1.0.0\ntitle: A gate\n\
             connections: {{metrics: {{prometheus: {url:?}}}}}\n\
             steps:\n  - {{id: look, promql: {{query: {query:?}}}}}\n\
             verify:\n  - {{id: gate, promql: {{query: {query:?}}}, expect: {expect:?}}}\n"
        ),
    );
    project.run(&["exec", "runbook.yaml", "--yes"])
}

#[test]
fn a_gate_passes_fails_or_cannot_be_asked() {
    let metrics = Metrics::start(METRICS);
    let prometheus = Prometheus::start(&Options {
        targets: vec![metrics.address().to_owned()],
        ..Options::default()
    });
    let url = prometheus.url("http", "127.0.0.1");
    until("the first metrics", || {
        (gate(&url, "size", "value == 7").code == 0).then_some(())
    });
    gate(&url, "load", "series | length == 2").expect(0);
    gate(&url, "size", "value < 5").expect(4).says(&["`value` is 7"]);
    // What is not one number decides nothing, whichever way the expression is written.
    for expect in ["value < 5", "value >= 0", "value != 3", "not (value > 5)"] {
        for (query, why) in [
            ("load", "the query gave 2 series"),
            ("no_such_metric", "the query gave 0 samples"),
        ] {
            gate(&url, query, expect)
                .expect(4)
                .says(&["error: ", &format!("there is no `value`: {why}")]);
        }
    }
    gate(&url, "nothing", "true").expect(4).says(&["is NaN"]);
    gate(&url, "sum(1 +", "true").expect(2).says(&["never closed"]);
}
