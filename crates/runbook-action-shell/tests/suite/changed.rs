//! Files that are changed, here and on another machine, and put back byte for byte.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;

use runbook_action::{Connection, ErrorKind, Failure, Opening, Output, Transport, TransportKind as _};
use runbook_action_shell::{File, Ssh};
use runbook_testkit::contract::{Use, written};
use runbook_testkit::host::FakeHost;
use runbook_testkit::sshd::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{environment, in_time};

/// A folder with files, and the action that changes them, from here or from another machine.
pub(crate) struct Files {
    pub(crate) root: TempDir,
    pub(crate) file: File,
    there: Option<(Server, Connection, Arc<dyn Transport>)>,
}

impl Files {
    pub(crate) fn here() -> Self {
        let root = TempDir::new().unwrap();
        let file = File::new(environment(root.path(), "/usr/bin:/bin"));
        Self {
            root,
            file,
            there: None,
        }
    }

    pub(crate) async fn there() -> Self {
        let mut files = Self::here();
        let server = Server::start();
        let connection = Connection {
            name: "box".to_owned(),
            params: written(&json!({"ssh": "box", "config": server.config()})),
        };
        let opening = Opening {
            kind: "ssh",
            connection: &connection,
            via: None,
            behind: None,
            through: None,
        };
        let open = Ssh::new(environment(files.root.path(), "/usr/bin:/bin"))
            .open(opening)
            .await
            .unwrap();
        files.there = Some((server, connection, open));
        files
    }

    pub(crate) async fn both() -> [Self; 2] {
        [Self::here(), Self::there().await]
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn case(&self, name: &str, mut params: Value) -> Use {
        params["path"] = json!(self.path(name));
        let there = self.there.as_ref();
        Use {
            params: written(&params),
            connection: there.map(|(_, connection, _)| connection.clone()),
            transport: there.map(|(_, _, open)| Arc::clone(open)),
            ..Use::default()
        }
    }

    async fn run(&self, name: &str, params: Value) -> Result<Output, Failure> {
        in_time(self.case(name, params).run(&self.file, &FakeHost::new())).await
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn values_are_set_and_all_else_stays() {
    for files in Files::both().await {
        for (name, text, key, changed) in [
            (
                ".env",
                "# pool\nSIZE=5 # old\nA=b\n",
                "SIZE",
                "# pool\nSIZE=200 # old\nA=b\n",
            ),
            ("a.ini", "[p]\nSIZE = 5\n", "p.SIZE", "[p]\nSIZE = 200\n"),
            (
                "a.yaml",
                "# c\np:\n  SIZE: 5 # old\n  a: b\n",
                "p.SIZE",
                "# c\np:\n  SIZE: 200 # old\n  a: b\n",
            ),
            (
                "a.json",
                "{\n  \"z\": 1, \"SIZE\": 5\n}\n",
                "SIZE",
                "{\n  \"z\": 1, \"SIZE\": 200\n}\n",
            ),
        ] {
            fs::write(files.path(name), text).unwrap();
            set_mode(&files.path(name), 0o640);
            std::os::unix::fs::chown(files.path(name), Some(12345), Some(54321)).unwrap();
            let params = json!({"set": {key: 200}});
            let output = files.run(name, params.clone()).await.unwrap();
            assert_eq!(output.value, json!({"changed": true, "before": text}));
            assert_eq!(files.text(name), changed);
            let now = fs::metadata(files.path(name)).unwrap();
            assert_eq!(
                (mode(&files.path(name)), now.uid(), now.gid()),
                (0o640, 12345, 54321)
            );
            let inode = now.ino();
            let output = files.run(name, params).await.unwrap();
            assert_eq!(output.value, json!({"changed": false, "before": changed}));
            assert_eq!(
                fs::metadata(files.path(name)).unwrap().ino(),
                inode,
                "it was not written again"
            );
        }
        assert_eq!(
            fs::read_dir(files.root.path()).unwrap().count(),
            4,
            "nothing else is left"
        );
    }
}

#[tokio::test]
async fn a_file_is_made_replaced_and_removed() {
    for files in Files::both().await {
        let output = files.run("motd", json!({"content": "Closed.\n"})).await.unwrap();
        assert_eq!(output.value, json!({"changed": true, "before": null}));
        assert_eq!(
            (files.text("motd").as_str(), mode(&files.path("motd"))),
            ("Closed.\n", 0o644)
        );
        let replace = json!({"replace": {"pattern": "C(l)osed", "with": "$1 Open"}, "mode": "0600"});
        files.run("motd", replace).await.unwrap();
        assert_eq!(
            (files.text("motd").as_str(), mode(&files.path("motd"))),
            ("$1 Open.\n", 0o600)
        );
        let owned = json!({"content": "x", "owner": "nobody"});
        files.run("motd", owned).await.unwrap();
        assert_eq!(fs::metadata(files.path("motd")).unwrap().uid(), 65534);
        files.run("motd", json!({"absent": true})).await.unwrap();
        assert!(!files.path("motd").exists());
        let output = files.run("motd", json!({"absent": true})).await.unwrap();
        assert_eq!(output.value["changed"], false);
    }
}

#[tokio::test]
async fn an_undo_puts_back_every_byte() {
    for files in Files::both().await {
        let original = b"A=1\n\xff\xfe\0no text\r\n".to_vec();
        for (params, before) in [
            (json!({"content": "new", "mode": "0600"}), Some(original.clone())),
            (json!({"content": "new"}), None),
            (json!({"absent": true}), Some(original)),
            (
                json!({"set": {"B": 2, "NEW": 3}, "format": "env"}),
                Some(b"B=1 # x\n\nC=3".to_vec()),
            ),
        ] {
            let path = files.path("file");
            fs::remove_file(&path).ok();
            if let Some(before) = &before {
                fs::write(&path, before).unwrap();
                set_mode(&path, 0o604);
            }
            let case = files.case("file", params.clone());
            let host = FakeHost::new();
            let inverse = case.prepare(&files.file, &host).await.unwrap().unwrap();
            assert_eq!(fs::read(&path).ok(), before, "to prepare only reads");
            let is_back = || {
                assert_eq!(fs::read(&path).ok(), before, "{params}");
                if before.is_some() {
                    assert_eq!(mode(&path), 0o604);
                }
            };
            // Not run, run, run again, undone again.
            let undone = case.undo(&files.file, &host, &inverse).await.unwrap();
            assert_eq!(undone.value["changed"], false);
            is_back();
            case.run(&files.file, &host).await.unwrap();
            case.run(&files.file, &host).await.unwrap();
            assert_ne!(fs::read(&path).ok(), before);
            case.undo(&files.file, &host, &inverse).await.unwrap();
            is_back();
            let undone = case.undo(&files.file, &host, &inverse).await.unwrap();
            assert_eq!(undone.value["changed"], false);
            is_back();
        }
    }
}

#[tokio::test]
async fn an_undo_never_overwrites_what_somebody_else_wrote() {
    let files = Files::here();
    let host = FakeHost::new();
    let path = files.path(".env");
    fs::write(&path, "A=1\nB=1\n").unwrap();
    let case = files.case(".env", json!({"set": {"A": 2, "N": 5}}));
    let inverse = case.prepare(&files.file, &host).await.unwrap().unwrap();
    case.run(&files.file, &host).await.unwrap();
    // Another key is another matter: it stays, and ours goes back.
    fs::write(&path, "A=2\nB=7\nN=5\n").unwrap();
    case.undo(&files.file, &host, &inverse).await.unwrap();
    assert_eq!(files.text(".env"), "A=1\nB=7\n");
    fs::write(&path, "A=9\nB=7\n").unwrap();
    let failure = case.undo(&files.file, &host, &inverse).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert_eq!(files.text(".env"), "A=9\nB=7\n");

    let case = files.case("motd", json!({"content": "ours"}));
    let inverse = case.prepare(&files.file, &host).await.unwrap().unwrap();
    case.run(&files.file, &host).await.unwrap();
    fs::write(files.path("motd"), "theirs").unwrap();
    let failure = case.undo(&files.file, &host, &inverse).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert_eq!(files.text("motd"), "theirs");
}

#[tokio::test]
async fn a_link_is_followed_only_within_its_folder() {
    for files in Files::both().await {
        let outside = TempDir::new().unwrap();
        fs::write(outside.path().join("secret"), "A=1\n").unwrap();
        fs::write(files.path("real.env"), "A=1\n").unwrap();
        symlink("real.env", files.path("in.env")).unwrap();
        symlink(outside.path().join("secret"), files.path("out.env")).unwrap();
        symlink("../not-here", files.path("none.env")).unwrap();
        files.run("in.env", json!({"set": {"A": 2}})).await.unwrap();
        assert_eq!(files.text("real.env"), "A=2\n");
        assert!(fs::symlink_metadata(files.path("in.env")).unwrap().is_symlink());
        for (name, params) in [
            ("out.env", json!({"set": {"A": 2}})),
            ("out.env", json!({"content": "x"})),
            ("none.env", json!({"content": "x"})),
            ("in.env", json!({"absent": true})),
        ] {
            let failure = files.run(name, params).await.unwrap_err();
            assert_eq!(failure.param.as_deref(), Some("path"), "{name}: {failure:?}");
            assert!(!failure.may_have_applied);
        }
        assert_eq!(
            fs::read_to_string(outside.path().join("secret")).unwrap(),
            "A=1\n"
        );
        assert!(!files.path("not-here").exists());
    }
}

#[tokio::test]
async fn what_cannot_be_changed_is_left_as_it_was() {
    let files = Files::here();
    fs::create_dir(files.path("folder")).unwrap();
    fs::write(files.path("twice.env"), "A=1\nA=2\n").unwrap();
    fs::write(files.path("bad.json"), "{").unwrap();
    fs::write(files.path("flow.yaml"), "a: {b: 1}\n").unwrap();
    fs::write(files.path("bytes.env"), b"A=\xff\n").unwrap();
    fs::write(files.path("text"), "one two\n").unwrap();
    for (name, params, param) in [
        ("folder", json!({"content": "x"}), "path"),
        ("not/here", json!({"content": "x"}), "path"),
        ("twice.env", json!({"set": {"A": 3}}), "set"),
        ("bad.json", json!({"set": {"A": 3}}), "set"),
        ("flow.yaml", json!({"set": {"a.b": 3}}), "set"),
        ("bytes.env", json!({"set": {"A": 3}}), "path"),
        (
            "text",
            json!({"replace": {"pattern": "three", "with": "four"}}),
            "replace.pattern",
        ),
        (
            "text",
            json!({"replace": {"pattern": "o", "with": "0", "count": 3}}),
            "replace.pattern",
        ),
        ("none", json!({"replace": {"pattern": "o", "with": "0"}}), "path"),
    ] {
        let before = fs::read(files.path(name)).ok();
        let failure = files.run(name, params).await.unwrap_err();
        assert_eq!(failure.param.as_deref(), Some(param), "{name}: {failure:?}");
        assert_eq!(fs::read(files.path(name)).ok(), before);
    }
    let left: Vec<_> = fs::read_dir(files.root.path())
        .unwrap()
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with(".tw")
        })
        .collect();
    assert!(left.is_empty());
    let failure = files
        .run("text", json!({"content": "x", "owner": "no-such-user"}))
        .await
        .unwrap_err();
    assert!(failure.message.contains("owner"), "{failure:?}");
    assert_eq!(files.text("text"), "one two\n");
}
