//! After a crash nothing of the attempt goes on.

use indexmap::IndexMap;
use runbook_action::{Failure, Settled, Text};
use runbook_testkit::contract::Use;
use runbook_testkit::docker::{Engine, IMAGE, unique};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use super::{docker, idle, used};

fn attempt(params: Value) -> Use {
    let env: IndexMap<String, Text> = ["RUNBOOK_RUN", "RUNBOOK_STEP", "RUNBOOK_ATTEMPT"]
        .into_iter()
        .map(|name| (name.to_owned(), Text::literal(unique("x"))))
        .collect();
    Use { env, ..used(params) }
}

/// Crashes when a program has begun: nobody attends to it any more, and nothing cleans up.
async fn crash(attempt: &Use) -> Vec<runbook_action::Handle> {
    let (docker, host) = (docker(), FakeHost::new());
    {
        let mut run = std::pin::pin!(attempt.run(&docker, &host));
        while !host.stdout().starts_with(b"begun") {
            let ended = tokio::time::timeout(std::time::Duration::from_millis(5), run.as_mut()).await;
            assert!(ended.is_err(), "{ended:?}");
        }
        // A future that is dropped cleans up, a crash does not: so its twin is left running.
    }
    host.handles()
}

#[tokio::test]
async fn a_program_of_an_interrupted_attempt_is_ended() {
    let engine = Engine::shared();
    let web = idle("web", &[]);
    let exec = attempt(json!({"exec": web, "argv": ["sh", "-c", "echo begun; sleep 1000"]}));
    let (docker, host) = (docker(), FakeHost::new());
    // The crash: another thread's runtime is gone with all that it had, and no destructor waits for the engine.
    let handles = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                let handles = runtime.block_on(crash(&exec));
                runtime.shutdown_background();
                handles
            })
            .join()
            .unwrap()
    });
    assert_eq!(handles.len(), 1);
    let listed = || engine.docker(&["exec", &web, "ps", "-o", "args"]);
    assert!(listed().contains("sleep 1000"));
    assert_eq!(exec.settle(&docker, &host, &handles).await, Ok(Settled::Ended));
    assert!(!listed().contains("sleep 1000"));
    assert_eq!(exec.settle(&docker, &host, &handles).await, Ok(Settled::Nothing));
}

#[tokio::test]
async fn a_container_of_an_interrupted_attempt_is_removed() {
    let engine = Engine::shared();
    let (docker, host) = (docker(), FakeHost::new());
    for is_recorded in [true, false] {
        let name = unique("job");
        let run =
            attempt(json!({"run": IMAGE, "name": name, "argv": ["sh", "-c", "echo begun; sleep 1000"]}));
        let handles = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    let handles = runtime.block_on(crash(&run));
                    runtime.shutdown_background();
                    handles
                })
                .join()
                .unwrap()
        });
        assert_eq!(engine.field(&name, "{{.State.Status}}"), "running");
        let handles = if is_recorded { handles } else { Vec::new() };
        assert_eq!(
            run.settle(&docker, &host, &handles).await,
            Ok::<_, Failure>(Settled::Ended)
        );
        assert_eq!(engine.field(&name, "{{.Id}}"), "");
        assert_eq!(run.settle(&docker, &host, &handles).await, Ok(Settled::Nothing));
    }
}
