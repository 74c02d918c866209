//! How long it takes to start a program and to have its result: `true`, a thousand times, one after the other.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::{Action, Param, Text};
use runbook_action_shell::{Environment, Exec};
use runbook_testkit::contract::Use;
use runbook_testkit::host::FakeHost;

const TIMES: u32 = 1000;
const ROUNDS: usize = 9;

#[expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let exec = Exec::new(Environment {
        vars: vec![("PATH".into(), "/usr/bin:/bin".into())],
        root: "/".into(),
    });
    let case = Use {
        params: Param::List(vec![Param::Text(Text::literal("true"))]),
        env: IndexMap::new(),
        ..Use::default()
    };
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let since = std::time::Instant::now();
            runtime.block_on(async {
                for _ in 0..TIMES {
                    case.run(&exec as &dyn Action, &FakeHost::new()).await.unwrap();
                }
            });
            since.elapsed()
        })
        .collect();
    rounds.sort_unstable();
    let middle = rounds[ROUNDS / 2];
    println!("{TIMES} programs: median {middle:?}, best {:?}", rounds[0]);
}
