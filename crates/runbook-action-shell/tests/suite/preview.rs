//! What would change of a file, here and on another machine; and what neither scripts nor programs can tell.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};

use runbook_action::{ErrorKind, Failure, Preview, Sounding};
use runbook_testkit::contract::secret;
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use crate::changed::{Files, set_mode};
use crate::{Place, in_time, used};

async fn told(files: &Files, name: &str, params: Value) -> Result<Preview, Failure> {
    let preview = in_time(files.case(name, params).preview(&files.file, &FakeHost::new())).await;
    preview.map(|preview| preview.expect("a file can tell"))
}

fn shown(preview: &Preview) -> Vec<String> {
    let lines = preview.lines.iter();
    lines
        .map(|line| format!("{}{}", line.mark.sign(), line.text))
        .collect()
}

/// Names, contents, permissions, times of the last change: all but when a file was read.
fn world(files: &Files) -> String {
    let mut all: Vec<String> = fs::read_dir(files.root.path())
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let meta = entry.path().symlink_metadata().unwrap();
            let bytes = fs::read(entry.path()).unwrap_or_default();
            let stat = (
                meta.ino(),
                meta.mode(),
                meta.uid(),
                meta.mtime(),
                meta.mtime_nsec(),
                meta.ctime_nsec(),
            );
            format!("{} {stat:?} {bytes:?}", entry.file_name().display())
        })
        .collect();
    all.sort();
    all.join("\n")
}

#[tokio::test]
async fn the_change_is_shown_and_not_made() {
    for files in Files::both().await {
        for (name, text, key, lines) in [
            (
                ".env",
                "# pool\nSIZE=5 # old\nA=b\n",
                "SIZE",
                [" # pool", "-SIZE=5 # old", "+SIZE=200 # old", " A=b"].as_slice(),
            ),
            (
                "a.ini",
                "[p]\nSIZE = 5\n",
                "p.SIZE",
                &[" [p]", "-SIZE = 5", "+SIZE = 200"],
            ),
            (
                "a.yaml",
                "p:\n  SIZE: 5 # old\n",
                "p.SIZE",
                &[" p:", "-  SIZE: 5 # old", "+  SIZE: 200 # old"],
            ),
            (
                "a.json",
                "{\n  \"SIZE\": 5\n}\n",
                "SIZE",
                &[" {", "-  \"SIZE\": 5", "+  \"SIZE\": 200", " }"],
            ),
        ] {
            fs::write(files.path(name), text).unwrap();
            set_mode(&files.path(name), 0o640);
            let before = world(&files);
            let preview = told(&files, name, json!({"set": {key: 200}})).await.unwrap();
            assert_eq!(preview.summary, "1 line would go and 1 would come", "{name}");
            assert_eq!(preview.sounding, Sounding::Tried);
            assert_eq!(shown(&preview), lines, "{name}");
            let preview = told(&files, name, json!({"set": {key: 5}})).await.unwrap();
            assert_eq!(preview, Preview::new("nothing would change"), "{name}");
            assert_eq!(world(&files), before);
        }
    }
}

fn changes() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        (
            "a",
            json!({"replace": {"pattern": "two", "with": "2"}}),
            "1 line would go and 1 would come",
        ),
        ("a", json!({"content": "one\ntwo\n"}), "nothing would change"),
        (
            "a",
            json!({"content": "one\r\ntwo\r\n"}),
            "its line ends would change",
        ),
        (
            "a",
            json!({"content": "one\ntwo\n", "mode": "0640"}),
            "nothing would change",
        ),
        (
            "a",
            json!({"content": "one\ntwo\n", "mode": "0600"}),
            "mode 640 would be 600",
        ),
        (
            "a",
            json!({"content": "one\n", "mode": "0600", "owner": "0:0"}),
            "1 line would go, mode 640 would be 600, owner 12345:54321 would be 0:0",
        ),
        (
            "a",
            json!({"content": "one\ntwo\n", "owner": "root"}),
            "owner 12345:54321 would be set to root",
        ),
        (
            "a",
            json!({"absent": true}),
            "the file would be removed, with 8 bytes",
        ),
        (
            "b",
            json!({"absent": true}),
            "nothing would change: there is no such file",
        ),
        (
            "b",
            json!({"content": "new\n"}),
            "the file would be made, with 4 bytes",
        ),
        (
            "b.env",
            json!({"set": {"A": "b"}}),
            "the file would be made, with 4 bytes",
        ),
        (
            "binary",
            json!({"content": "text"}),
            "what is no text would change",
        ),
    ]
}

#[tokio::test]
async fn other_changes_are_told_too() {
    for files in Files::both().await {
        fs::write(files.path("a"), "one\ntwo\n").unwrap();
        set_mode(&files.path("a"), 0o640);
        std::os::unix::fs::chown(files.path("a"), Some(12345), Some(54321)).unwrap();
        fs::write(files.path("binary"), [0, 159, 146, 150]).unwrap();
        let before = world(&files);
        for (name, params, summary) in changes() {
            let preview = told(&files, name, params.clone()).await.unwrap();
            assert_eq!(preview.summary, summary, "{params}");
        }
        let long = "line\n".repeat(10_000);
        let preview = told(&files, "b", json!({"content": long})).await.unwrap();
        assert_eq!(preview.lines.len(), 201);
        assert_eq!(world(&files), before);
    }
}

#[tokio::test]
async fn what_running_it_would_meet_is_a_failure() {
    for files in Files::both().await {
        fs::write(files.path("a"), "one\n").unwrap();
        fs::write(files.path("bad.json"), "{").unwrap();
        fs::create_dir(files.path("folder")).unwrap();
        symlink("/etc/hostname", files.path("out")).unwrap();
        symlink("nowhere", files.path("dangling")).unwrap();
        fs::File::create(files.path("huge"))
            .unwrap()
            .set_len(17 * 1024 * 1024)
            .unwrap();
        fs::write(files.path("binary.env"), [0, 159, 146, 150]).unwrap();
        for (name, params) in [
            ("a", json!({"replace": {"pattern": "two", "with": "2"}})),
            (
                "a",
                json!({"replace": {"pattern": "one", "with": "2", "count": 3}}),
            ),
            ("missing", json!({"replace": {"pattern": "one", "with": "2"}})),
            ("no/folder", json!({"content": "x"})),
            ("bad.json", json!({"set": {"a": 1}})),
            ("binary.env", json!({"set": {"A": 1}})),
            ("folder", json!({"content": "x"})),
            ("out", json!({"content": "x"})),
            ("huge", json!({"content": "x"})),
        ] {
            let preview = told(&files, name, params.clone()).await.unwrap_err();
            let case = files.case(name, params.clone());
            let run = in_time(case.run(&files.file, &FakeHost::new()))
                .await
                .unwrap_err();
            let run = Failure {
                may_have_applied: false,
                ..run
            };
            assert_eq!(preview, run, "{name} {params}");
        }
    }
}

#[tokio::test]
async fn a_secret_is_not_told_and_a_stopped_preview_changes_nothing() {
    let files = Files::here();
    fs::write(files.path("a.env"), "A=b\n").unwrap();
    let mut secret_content = files.case("b", json!({}));
    if let runbook_action::Param::Map(params) = &mut secret_content.params {
        params.insert("content".to_owned(), secret("token", "hunter2-hunter2"));
    }
    let preview = secret_content
        .preview(&files.file, &FakeHost::new())
        .await
        .unwrap()
        .unwrap();
    assert!(!preview.summary.contains("hunter2"), "{preview:?}");
    let host = FakeHost::new();
    host.cancel();
    let before = world(&files);
    let outcome = files
        .case("a.env", json!({"set": {"A": "c"}}))
        .preview(&files.file, &host)
        .await;
    if let Err(failure) = outcome {
        assert_eq!(failure.kind, ErrorKind::Cancelled);
        assert!(!failure.may_have_applied);
    }
    assert_eq!(world(&files), before);
}

/// What a script or a program would do only running it tells.
#[tokio::test]
async fn scripts_and_programs_are_not_previewed() {
    let place = Place::new();
    let actions: [(&dyn runbook_action::Action, Value); 2] = [
        (&place.shell, json!("touch made")),
        (&place.exec, json!(["touch", "made"])),
    ];
    for (action, params) in actions {
        assert_eq!(used(params).preview(action, &FakeHost::new()).await, Ok(None));
    }
    assert!(!place.path("made").exists());
}
