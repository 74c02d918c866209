//! A server in a container of a real engine.

use std::net::TcpListener;

use runbook_testkit::docker::Engine;
use serde_json::json;

use crate::harness::{Project, until};

const MEMORY: &str = "incident/container-out-of-memory.yaml";

/// A server that keeps 40 MiB in memory, and is killed where it may have less.
const SERVER: &str = r#"
dd if=/dev/zero of=/dev/shm/kept bs=1M count=40 || exit 137
cat > /tmp/answer <<'END'
#!/bin/sh
printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"status": "healthy"}'
END
chmod +x /tmp/answer
exec nc -ll -p 8000 -e /tmp/answer
"#;

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn project(engine: &Engine) -> Project {
    let config = format!(
        "default_environment: here\nenvironments: {{here: {{connections: {{engine: {{docker: {{host: '{}'}}}}}}}}}}\n",
        engine.url()
    );
    Project::empty()
        .with_copy("runbooks")
        .with("runbook.config.yaml", &config)
}

#[test]
fn a_container_that_the_kernel_has_killed_gets_more_memory() {
    let engine = Engine::start();
    let publish = format!("127.0.0.1:{}:8000", free_port());
    let options = ["-m", "24m", "--memory-swap", "24m", "-p", &publish];
    let name = engine.container("mcp", &options, &["sh", "-c", SERVER]);
    until("the kernel has killed it", || {
        (engine.field(&name, "{{.State.Status}}") == "exited").then_some(())
    });
    let project = project(&engine);
    let url = format!("codebase_url=http://{}", publish.trim_end_matches(":8000"));
    let container = format!("container={name}");
    let inputs = ["-i", &container, "-i", &url, "-i", "memory=256Mi"];
    let exec = [&["exec", MEMORY, "--yes"][..], &inputs].concat();

    let too_little = [
        &["exec", MEMORY, "--yes"][..],
        &inputs[..4],
        &["-i", "memory=8Mi"],
    ]
    .concat();
    project
        .run(&too_little)
        .expect(4)
        .says(&["may have 25165824 bytes already"]);

    project.run(&exec).expect(0);
    let runs = project.runs();
    let run = runs.iter().find(|run| run.outcome() == "resolved").unwrap();
    assert_eq!(run.captured("limit"), json!({"bytes": 24 << 20}));
    assert_eq!(
        engine.field(&name, "{{.HostConfig.Memory}}"),
        (256 << 20).to_string()
    );
    assert_eq!(engine.field(&name, "{{.State.Running}}"), "true");
    project.run(&exec).expect(3);

    let undo = ["rollback", &run.name(), "--yes"];
    project.run(&undo).expect(5);
    assert_eq!(
        engine.field(&name, "{{.HostConfig.Memory}}"),
        (24 << 20).to_string()
    );
    assert_eq!(engine.field(&name, "{{.State.Running}}"), "false");
}
