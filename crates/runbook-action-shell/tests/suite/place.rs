//! Where programs run, what they find, and how they are found.

use std::os::unix::fs::{PermissionsExt, symlink};

use runbook_action::{Effect, ErrorKind, Kind, Text};
use runbook_action_shell::Shell;
use runbook_testkit::contract::written;
use runbook_testkit::host::FakeHost;
use serde_json::json;

use crate::{Place, environment, run, used, with_env};

#[tokio::test]
async fn the_environment_is_the_snapshot_and_what_the_step_adds() {
    let place = Place::new();
    let host = FakeHost::new();
    let case = with_env(
        json!(["env"]),
        &[
            ("ADDED", Text::literal("1")),
            ("FROM_SNAPSHOT", Text::literal("no")),
        ],
    );
    let output = run(&place.exec, &case, &host).await.unwrap();
    let mut lines: Vec<&str> = output.value["stdout"].as_str().unwrap().lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["ADDED=1", "FROM_SNAPSHOT=no", "PATH=/usr/local/bin:/usr/bin:/bin"]
    );
}

#[tokio::test]
async fn the_working_directory_is_the_root_or_what_is_given() {
    let place = Place::new();
    std::fs::create_dir(place.path("sub")).unwrap();
    let root = std::fs::canonicalize(place.root.path()).unwrap();
    let output = place.exec(json!(["/bin/pwd"])).await.unwrap();
    assert_eq!(output.value["stdout"], root.to_str().unwrap());
    let output = place
        .exec(json!({"argv": ["/bin/pwd"], "cwd": "sub"}))
        .await
        .unwrap();
    assert_eq!(output.value["stdout"], root.join("sub").to_str().unwrap());

    std::fs::write(place.path("file"), "").unwrap();
    for (cwd, message) in [
        ("missing", "`cwd`: the working directory does not exist"),
        ("file", "`cwd`: the working directory is not a directory"),
    ] {
        let failure = place.shell(json!({"run": "true", "cwd": cwd})).await.unwrap_err();
        assert_eq!(failure.to_string(), message);
        assert!(!failure.may_have_applied);
    }
}

#[tokio::test]
async fn a_missing_program_is_named_with_one_like_it() {
    let place = Place::new();
    let failure = place.exec(json!(["pritnf", "x"])).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::MissingProgram);
    assert_eq!(
        failure.to_string(),
        "`[0]`: the program `pritnf` is not installed here"
    );
    assert_eq!(failure.help.as_deref(), Some("did you mean `printf`?"));
    assert!(!failure.may_have_applied);

    let failure = place.exec(json!({"argv": ["qqqqqqqqqqqq"]})).await.unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("argv[0]"));
    assert_eq!(
        failure.help.as_deref(),
        Some("install it, or add its directory to `PATH`")
    );

    let failure = place.exec(json!(["printf x"])).await.unwrap_err();
    assert_eq!(
        failure.help.as_deref(),
        Some("give each argument as an item of its own")
    );

    let failure = place
        .shell(json!({"run": "true", "interpreter": "bsah -e"}))
        .await
        .unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("interpreter"));
    assert_eq!(failure.kind, ErrorKind::MissingProgram);
    assert_eq!(failure.help.as_deref(), Some("did you mean `bash`?"));
}

#[tokio::test]
async fn a_program_with_a_slash_starts_at_the_working_directory() {
    let place = Place::new();
    std::fs::create_dir(place.path("sub")).unwrap();
    let script = place.path("sub/tool");
    std::fs::write(&script, "#!/bin/sh\necho \"$0\"\n").unwrap();
    let failure = place
        .exec(json!({"argv": ["./tool"], "cwd": "sub"}))
        .await
        .unwrap_err();
    assert_eq!(failure.to_string(), "`argv[0]`: `./tool` may not be executed");
    assert_eq!(failure.help.as_deref(), Some("run `chmod +x ./tool`"));

    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = place
        .exec(json!({"argv": ["./tool"], "cwd": "sub"}))
        .await
        .unwrap();
    assert!(output.value["stdout"].as_str().unwrap().ends_with("tool"));
    let failure = place.exec(json!(["./sub"])).await.unwrap_err();
    assert_eq!(failure.message, "`./sub` is a directory");

    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    let failure = place.exec(json!(["sub/tool"])).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::MissingProgram);
    assert!(
        failure
            .message
            .contains("the interpreter in its first line does not exist"),
        "{failure}"
    );
}

#[tokio::test]
async fn without_bash_it_is_sh() {
    let place = Place::new();
    let output = place.shell(json!("echo \"$BASH_VERSION\"")).await.unwrap();
    assert_ne!(output.value["stdout"], "");

    let bin = place.path("bin");
    std::fs::create_dir(&bin).unwrap();
    symlink("/bin/sh", bin.join("sh")).unwrap();
    let shell = Shell::new(environment(place.root.path(), bin.to_str().unwrap()));
    let output = run(&shell, &used(json!("echo \"$0\"; set -o")), &FakeHost::new())
        .await
        .unwrap();
    let shown = output.value["stdout"].as_str().unwrap();
    assert!(shown.starts_with("sh\n"), "{shown}");
    let failure = run(&shell, &used(json!("false; echo on")), &FakeHost::new())
        .await
        .unwrap_err();
    assert_eq!(failure.message, "exited with 1");
}

#[tokio::test]
async fn scripts_stop_at_the_first_error() {
    let place = Place::new();
    for script in [
        "false; echo on",
        "false | true; echo on",
        "echo \"$NOT_SET\"; echo on",
    ] {
        for interpreter in [json!(null), json!("bash")] {
            let host = FakeHost::new();
            let case = used(json!({"run": script, "interpreter": interpreter}));
            run(&place.shell, &case, &host).await.unwrap_err();
            assert_eq!(host.stdout(), b"", "{script}");
        }
    }
    let output = place
        .shell(json!({"run": "false; echo on", "interpreter": "bash -u"}))
        .await
        .unwrap();
    assert_eq!(output.value["stdout"], "on");
}

#[tokio::test]
async fn other_interpreters_run_their_own_code() {
    let place = Place::new();
    for interpreter in [json!("perl -w"), json!(["perl", "-w"])] {
        let output = place
            .shell(json!({"run": "print join('-', 1..3);", "interpreter": interpreter}))
            .await
            .unwrap();
        assert_eq!(output.value["stdout"], "1-2-3");
    }
}

#[test]
fn what_it_would_do_is_one_line() {
    let place = Place::new();
    for (params, summary) in [
        (json!("\n\n  systemctl reload nginx\n"), "systemctl reload nginx"),
        (json!({"run": "set -x\nreboot"}), "set -x …"),
    ] {
        let recognised = place.shell.recognise(&written(&params)).unwrap();
        assert_eq!(recognised.summary, summary);
        assert_eq!((recognised.effect, recognised.certain), (Effect::Change, false));
    }
    for (params, summary) in [
        (json!(["ls", "-l", "/tmp"]), "ls -l /tmp"),
        (json!(["ls", ["a b", "it's"], ""]), r"ls 'a b' 'it'\''s' ''"),
        (
            json!({"argv": ["printf", "a\nb\u{1b}[2J"]}),
            r"printf 'a\nb\u{1b}[2J'",
        ),
    ] {
        let recognised = place.exec.recognise(&written(&params)).unwrap();
        assert_eq!(recognised.summary, summary);
        assert_eq!((recognised.effect, recognised.certain), (Effect::Change, false));
    }
}
