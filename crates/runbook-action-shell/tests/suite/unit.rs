//! Variables and limits of units of systemd, in drop-in files. A stand-in takes the place of `systemctl`: it says where
//! the files of units are, notes when it is to read them again, and shows what is in them as systemd does.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use runbook_action::{
    Action, Connection, Effect, ErrorKind, Kind as _, Opening, Param, TransportKind as _, Undoing,
};
use runbook_action_shell::{LocalServices, Ssh, Systemd};
use runbook_testkit::contract::{Subject, Use, check, secret, value, written};
use runbook_testkit::host::FakeHost;
use runbook_testkit::sshd::Server;
use serde_json::{Value, json};

use crate::{Place, environment};

const SYSTEMCTL: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$*" >>calls
for last do :; done
case "$*" in
    *daemon-reload*) [ -e refuses ] && { echo "Access denied" >&2; exit 1; }
        [ -e etc/system/slow.service.d ] && { echo begun >begun; exec sleep 1000; }; exit 0;;
    *UnitPath*) scope=system; case "$*" in *--user*) scope=user;; esac
        echo "UnitPath=$PWD/etc/$scope.control /run/systemd/$scope $PWD/etc/$scope /usr/lib/systemd/$scope"; exit 0;;
    *property=Id*) echo "Id=$last.service"; exit 0;;
esac
case $last in
    nginx) echo LoadState=loaded; echo ActiveState=active; echo SubState=running; echo MainPID=4711
        echo MemoryCurrent=1048576
        cat "etc/system/nginx.service.d/"*.conf 2>/dev/null | grep MemoryMax= || echo MemoryMax=infinity
        echo CPUQuotaPerSecUSec=1.500s;;
    idle) echo LoadState=loaded; echo ActiveState=inactive; echo SubState=dead; echo MainPID=0
        echo "MemoryCurrent=[not set]"; echo MemoryMax=18446744073709551615; echo CPUQuotaPerSecUSec=infinity;;
    slow) echo LoadState=loaded; echo ActiveState=inactive; echo SubState=dead;;
    *) echo LoadState=not-found; echo ActiveState=inactive; echo SubState=dead;;
esac
"#;

struct World {
    place: Place,
    systemd: Systemd,
    host: FakeHost,
}

impl World {
    fn new() -> Self {
        let place = Place::new();
        let file = place.path("systemctl");
        fs::write(&file, SYSTEMCTL).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        for scope in ["system", "user"] {
            fs::create_dir_all(place.path("etc").join(scope)).unwrap();
        }
        let path = format!("{}:/usr/bin:/bin", place.root.path().display());
        Self {
            systemd: Systemd::new(environment(place.root.path(), &path)),
            place,
            host: FakeHost::new(),
        }
    }

    fn file(&self) -> PathBuf {
        self.place.path("etc/system/nginx.service.d/50-runbook.conf")
    }

    fn text(&self) -> Option<String> {
        fs::read_to_string(self.file()).ok()
    }

    fn reloads(&self) -> usize {
        let calls = fs::read_to_string(self.place.path("calls")).unwrap_or_default();
        calls
            .lines()
            .filter(|call| call.ends_with("daemon-reload"))
            .count()
    }
}

fn unit(params: &Value) -> Use {
    of("system", params)
}

fn of(scope: &str, params: &Value) -> Use {
    Use {
        params: written(params),
        connection: Some(Connection {
            name: "units".to_owned(),
            params: written(&json!({ "systemd": scope })),
        }),
        ..Use::default()
    }
}

fn insert(params: &mut Param, key: &str, entry: Param) {
    let Param::Map(map) = params else {
        panic!("not a mapping")
    };
    map.insert(key.to_owned(), entry);
}

const HEAD: &str = "# Written by `service` of runbook. What else is added here stays.\n[Service]\n";

#[test]
fn what_would_be_set_is_in_the_plan_and_what_cannot_be_is_refused() {
    let world = World::new();
    for (params, summary) in [
        (
            json!({"set_env": "nginx", "env": {"A": "1", "B": "x y"}}),
            "set A=1, B=x y of nginx in 50-runbook.conf; systemctl daemon-reload",
        ),
        (
            json!({"set_limits": "nginx", "memory": "512Mi", "cpus": "1.5"}),
            "set memory 512Mi, cpus 1.5 of nginx in 50-runbook.conf; systemctl daemon-reload",
        ),
    ] {
        let known = world.systemd.recognise(&written(&params)).unwrap();
        assert_eq!(
            (known.effect, known.undoing, known.summary.as_str(), known.certain),
            (Effect::Change, Undoing::Automatic, summary, true)
        );
    }
    for (params, param) in [
        (json!({"set_env": "nginx"}), Some("set_env")),
        (json!({"set_env": "nginx", "env": {}}), Some("env")),
        (json!({"set_env": "nginx", "env": {"A B": "1"}}), Some("env.A B")),
        (json!({"set_env": "nginx", "env": {"A": "\u{1}"}}), Some("env.A")),
        (
            json!({"set_env": "nginx", "env": {"A": "1"}, "memory": "1G"}),
            Some("memory"),
        ),
        (json!({"set_limits": "nginx"}), Some("set_limits")),
        (json!({"set_limits": "nginx", "memory": "much"}), Some("memory")),
        (json!({"set_limits": "nginx", "cpus": "-1"}), Some("cpus")),
        (json!({"set_image": "nginx"}), Some("set_image")),
        (json!({"scale": "nginx"}), Some("scale")),
    ] {
        let failure = world.systemd.recognise(&written(&params)).unwrap_err();
        assert_eq!(failure.param.as_deref(), param, "{params}: {failure:?}");
    }
    // A program that is started has its variables from elsewhere.
    let local = LocalServices::new(environment(world.place.root.path(), "/usr/bin:/bin"));
    for params in [
        json!({"set_env": "web", "env": {"A": "1"}}),
        json!({"set_limits": "web", "memory": "1G"}),
        json!({"scale": "web"}),
    ] {
        let failure = local.recognise(&written(&params)).unwrap_err();
        assert!(failure.param.is_some() && failure.help.is_some(), "{failure:?}");
    }
}

#[tokio::test]
async fn the_status_tells_what_systemd_knows() {
    let world = World::new();
    let told = unit(&json!({"status": "nginx"}))
        .run(&world.systemd, &world.host)
        .await
        .unwrap()
        .value;
    assert_eq!((&told["pid"], &told["memory"]), (&json!(4711), &json!(1_048_576)));
    assert_eq!(told["limits"], json!({"memory": null, "cpus": 1.5}));
    let told = unit(&json!({"status": "idle"}))
        .run(&world.systemd, &world.host)
        .await
        .unwrap()
        .value;
    assert_eq!((&told["pid"], &told["memory"]), (&Value::Null, &Value::Null));
    assert_eq!(told["limits"], json!({"memory": null, "cpus": null}));
}

#[tokio::test]
async fn settings_are_added_to_each_other_and_read_by_systemd() {
    let world = World::new();
    let set = async |params: Value| {
        unit(&params)
            .run(&world.systemd, &world.host)
            .await
            .unwrap()
            .value["changed"]
            == true
    };
    assert!(set(json!({"set_env": "nginx", "env": {"A": "1", "B": "a \"b\" 5% \\ c\nd"}})).await);
    let first = format!("{HEAD}Environment=\"A=1\"\nEnvironment=\"B=a \\\"b\\\" 5%% \\\\ c\\nd\"\n");
    assert_eq!(world.text().unwrap(), first);
    let mode = fs::metadata(world.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    assert_eq!(world.reloads(), 1);
    // What is so already is not written again.
    assert!(!set(json!({"set_env": "nginx", "env": {"B": "a \"b\" 5% \\ c\nd"}})).await);
    assert_eq!((world.text().unwrap(), world.reloads()), (first, 1));

    assert!(set(json!({"set_limits": "nginx", "memory": "1Gi", "cpus": "0.5"})).await);
    assert!(set(json!({"set_env": "nginx", "env": {"B": "2"}})).await);
    let expected =
        format!("{HEAD}Environment=\"A=1\"\nMemoryMax=1073741824\nCPUQuota=50%\nEnvironment=\"B=2\"\n");
    assert_eq!(world.text().unwrap(), expected);
    let told = unit(&json!({"status": "nginx"}))
        .run(&world.systemd, &world.host)
        .await
        .unwrap()
        .value;
    assert_eq!(told["limits"]["memory"], 1_073_741_824);

    // Those of a user are elsewhere.
    let case = of("user", &json!({"set_env": "nginx", "env": {"A": "1"}}));
    case.run(&world.systemd, &world.host).await.unwrap();
    assert!(
        world
            .place
            .path("etc/user/nginx.service.d/50-runbook.conf")
            .exists()
    );
}

#[tokio::test]
async fn an_undo_puts_the_file_back_byte_for_byte_or_removes_it() {
    let world = World::new();
    let undone = async |case: &Use| {
        let before = world.text();
        let inverse = case.prepare(&world.systemd, &world.host).await.unwrap().unwrap();
        assert_eq!(world.text(), before, "to prepare only reads");
        case.undo(&world.systemd, &world.host, &inverse).await.unwrap();
        assert_eq!(world.text(), before, "nothing was done");
        case.run(&world.systemd, &world.host).await.unwrap();
        case.run(&world.systemd, &world.host).await.unwrap();
        assert_ne!(world.text(), before);
        let reloads = world.reloads();
        for _ in 0..2 {
            case.undo(&world.systemd, &world.host, &inverse).await.unwrap();
            assert_eq!(world.text(), before);
        }
        assert_eq!(world.reloads(), reloads + 1, "systemd reads what was put back");
    };
    let limits = unit(&json!({"set_limits": "nginx", "memory": "1G"}));
    undone(&limits).await;
    assert!(
        !world.file().parent().unwrap().exists(),
        "its directory was not there"
    );

    fs::create_dir_all(world.file().parent().unwrap()).unwrap();
    fs::write(world.file(), "# by hand\n\n [Service]\nMemoryMax=7\nNice=5").unwrap();
    fs::set_permissions(world.file(), fs::Permissions::from_mode(0o600)).unwrap();
    undone(&limits).await;
    let mode = fs::metadata(world.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn what_somebody_else_has_changed_since_is_not_overwritten() {
    let world = World::new();
    let case = unit(&json!({"set_limits": "nginx", "memory": "1G"}));
    let inverse = case.prepare(&world.systemd, &world.host).await.unwrap().unwrap();
    case.run(&world.systemd, &world.host).await.unwrap();
    let theirs = format!("{HEAD}MemoryMax=9\n");
    fs::write(world.file(), &theirs).unwrap();
    let failure = case
        .undo(&world.systemd, &world.host, &inverse)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Conflict, "{failure}");
    assert!(failure.message.contains("`50-runbook.conf`"), "{failure}");
    assert_eq!(world.text().unwrap(), theirs);

    fs::write(world.file(), "[Unit]\nAfter=x\n").unwrap();
    let failure = case.run(&world.systemd, &world.host).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Conflict, "{failure}");
    assert!(!failure.may_have_applied);
}

#[tokio::test]
async fn what_cannot_be_set_is_told() {
    let world = World::new();
    let none = unit(&json!({"set_limits": "none", "memory": "1G"}));
    let failure = none.run(&world.systemd, &world.host).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::NotFound, "{failure}");
    // That a value is not known before the run is no reason to let it through then.
    let mut case = unit(&json!({"set_limits": "nginx"}));
    insert(&mut case.params, "memory", value("much"));
    let failure = case.run(&world.systemd, &world.host).await.unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("memory"));
    let mut case = unit(&json!({"set_env": "nginx"}));
    let mut env = written(&json!({}));
    insert(&mut env, "A", secret("s", "hunter2"));
    insert(&mut case.params, "env", env);
    let failure = case.run(&world.systemd, &world.host).await.unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("env.A"));
    assert!(failure.message.contains("is a secret"), "{failure}");
    assert_eq!(world.text(), None);
    // The file is there, and systemd was not told.
    fs::write(world.place.path("refuses"), "").unwrap();
    let case = unit(&json!({"set_limits": "nginx", "memory": "1G"}));
    let failure = case.run(&world.systemd, &world.host).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Forbidden, "{failure}");
    assert!(failure.may_have_applied);
}

#[tokio::test]
async fn it_is_set_on_another_machine() {
    let world = World::new();
    let bin = world.place.root.path().display();
    let server = Server::start_with(&format!("SetEnv PATH={bin}:/usr/bin:/bin"));
    let ssh = Connection {
        name: "box".to_owned(),
        params: written(&json!({"ssh": "box", "config": server.config()})),
    };
    let opening = Opening {
        kind: "ssh",
        connection: &ssh,
        via: None,
        through: None,
        behind: None,
    };
    let open = Ssh::new(environment(world.place.root.path(), "/usr/bin:/bin"))
        .open(opening)
        .await
        .unwrap();
    let case = Use {
        transport: Some(Arc::clone(&open)),
        ..unit(&json!({"set_limits": "nginx", "memory": "1G"}))
    };
    let inverse = case.prepare(&world.systemd, &world.host).await.unwrap().unwrap();
    case.run(&world.systemd, &world.host).await.unwrap();
    assert_eq!(world.text().unwrap(), format!("{HEAD}MemoryMax=1000000000\n"));
    case.undo(&world.systemd, &world.host, &inverse).await.unwrap();
    assert_eq!(world.text(), None);
    open.close().await;
}

#[tokio::test]
async fn it_keeps_to_the_contract() {
    let world = World::new();
    let failing = vec![
        unit(&json!({"set_limits": "none", "memory": "1G"})),
        unit(&json!({"set_limits": "nginx", "memory": "x"})),
        unit(&json!({"set_env": "nginx", "env": {"A B": "1"}})),
        unit(&json!({"set_env": "nginx"})),
    ];
    let place = &world.place;
    check(&Subject {
        action: &world.systemd as &dyn Action,
        endless: unit(&json!({"set_limits": "slow", "memory": "1G"})),
        begun: &|_| place.path("begun").exists(),
        failing,
        world: &|| format!("{:?}", world.text()),
    })
    .await;
}
