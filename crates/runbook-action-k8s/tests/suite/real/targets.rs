//! Pods as places where programs run and files are.

use std::sync::Arc;

use runbook_action::{
    Connection, ErrorKind, Failure, Opening, Output, Secret, Segment, Settled, Text, Transport,
    TransportKind as _,
};
use runbook_action_k8s::{Environment, Pods};
use runbook_action_shell::{Exec, File, Shell};
use runbook_testkit::contract::{Subject, Use, check, secret, written};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use super::{Stage, connection, container};

/// A place in a stage.
struct Place {
    open: Arc<dyn Transport>,
    connection: Connection,
}

impl Place {
    /// That of a connection with these parameters.
    async fn open(stage: &Stage, params: &Value) -> Self {
        Self::as_user(stage, params, &json!({})).await
    }

    /// The same for somebody else.
    async fn as_user(stage: &Stage, params: &Value, user: &Value) -> Self {
        let mut k8s = json!({"kubeconfig": stage.config, "namespace": stage.namespace});
        k8s.as_object_mut()
            .unwrap()
            .extend(user.as_object().unwrap().clone());
        let own = Connection {
            name: "there".to_owned(),
            params: written(params),
        };
        let kind = if params.get("pod").is_some() {
            "pod"
        } else {
            "deployment"
        };
        let around = Environment {
            vars: Vec::new(),
            root: stage.root.path().to_owned(),
            account: None,
        };
        let opening = Opening {
            kind,
            connection: &own,
            via: Some(&connection(&k8s)),
            behind: None,
            through: None,
        };
        let pods = Pods::new(around, super::here(stage.root.path(), Vec::new()));
        Self {
            open: pods.open(opening).await.unwrap(),
            connection: own,
        }
    }

    fn used(&self, params: &Value) -> Use {
        Use {
            params: written(params),
            connection: Some(self.connection.clone()),
            transport: Some(Arc::clone(&self.open)),
            ..Use::default()
        }
    }

    async fn shell(&self, params: Value) -> Result<Output, Failure> {
        self.used(&params).run(&shell(), &FakeHost::new()).await
    }

    async fn says(&self, script: &str) -> String {
        let output = self.shell(json!(script)).await.unwrap();
        output.value["stdout"].as_str().unwrap().to_owned()
    }

    async fn fails(&self) -> Failure {
        self.shell(json!("true")).await.unwrap_err()
    }
}

fn here() -> runbook_action_shell::Environment {
    runbook_action_shell::Environment {
        vars: Vec::new(),
        root: "/".into(),
    }
}

fn shell() -> Shell {
    Shell::new(here())
}

fn token() -> Text {
    let secret = Secret::new("token", "hunter2 'hunter2\" $x".to_owned());
    Text::from_segments(vec![Segment::Secret(secret)])
}

/// A pod with these containers, ready.
async fn made(stage: &Stage, name: &str, containers: Value) {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": containers},
    });
    stage.done(json!({"apply": pod})).await;
    let ready = json!({"wait": format!("pod/{name}"), "for": {"condition": "Ready"}});
    stage.done(ready).await;
}

async fn prints(host: &FakeHost) {
    while host.stdout().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_program_in_a_pod_is_a_program() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let place = Place::open(&stage, &json!({"pod": "a"})).await;
    let script = "pwd; umask; echo \"$TOKEN\" >&2; cat; exit 3";
    let params = json!({
        "run": script, "stdin": "read\n", "cwd": "/tmp", "umask": "027", "ok_exit_codes": [3],
    });
    let mut case = place.used(&params);
    case.env.insert("TOKEN".to_owned(), token());
    let host = FakeHost::new();
    let result = case.run(&shell(), &host).await.unwrap().value;
    assert_eq!(result["exit_code"], 3);
    assert_eq!(host.stdout(), b"/tmp\n0027\nread\n");
    assert_eq!(host.stderr(), b"hunter2 'hunter2\" $x\n");
    let exec = Exec::new(here());
    let argv = place.used(&json!(["printf", "%s|", "a b", "", "$(x) 'y'\n"]));
    let result = argv.run(&exec, &FakeHost::new()).await.unwrap().value;
    assert_eq!(result["stdout"], "a b||$(x) 'y'\n|");
    let failure = place.shell(json!("echo why >&2; exit 4")).await.unwrap_err();
    assert_eq!(
        (failure.message.as_str(), failure.may_have_applied),
        ("exited with 4: why", true)
    );
    let missing = place
        .used(&json!(["no-such-program"]))
        .run(&exec, &FakeHost::new())
        .await
        .unwrap_err();
    assert_eq!(
        (missing.kind, missing.param.as_deref()),
        (ErrorKind::MissingProgram, Some("[0]"))
    );
    assert_eq!(
        missing.message,
        "the program `no-such-program` is not in container `main` of pod `a`"
    );
    let nowhere = place
        .shell(json!({"run": "pwd", "cwd": "/not/here"}))
        .await
        .unwrap_err();
    assert_eq!(
        (nowhere.kind, nowhere.param.as_deref()),
        (ErrorKind::NotFound, Some("cwd"))
    );
    let nobody = place
        .shell(json!({"run": "id", "user": "app"}))
        .await
        .unwrap_err();
    assert_eq!(
        (nobody.kind, nobody.param.as_deref()),
        (ErrorKind::MissingProgram, Some("user"))
    );
    // What it leaves running is not waited for.
    assert_eq!(place.says("sleep 1000 >/dev/null 2>&1 & echo on").await, "on");
    assert!(place.open.finds("cat").await.unwrap());
    assert!(!place.open.finds("no-such-program").await.unwrap());
}

#[tokio::test]
async fn much_output_takes_little_memory() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let place = Place::open(&stage, &json!({"pod": "a"})).await;
    let host = FakeHost::new().keep(10);
    let case = place.used(&json!("yes 0123456789abcde | head -c 4000000"));
    case.run(&shell(), &host).await.unwrap();
    assert_eq!(host.total(), 4_000_000);
}

#[tokio::test]
async fn a_pod_is_chosen_by_name_by_labels_or_by_its_owner_and_stays_the_same() {
    let stage = Stage::new().await;
    stage.deployment("web", 2).await;
    let by_owner = Place::open(&stage, &json!({"deployment": "web"})).await;
    let first = by_owner.says("hostname").await;
    assert!(first.starts_with("web-"), "{first}");
    assert_eq!(by_owner.says("hostname").await, first);
    let chosen = json!({"pod": {"selector": {"app": "web"}}, "container": "main"});
    assert_eq!(Place::open(&stage, &chosen).await.says("hostname").await, first);
    let named = json!({"pod": first, "namespace": stage.namespace});
    assert_eq!(Place::open(&stage, &named).await.says("hostname").await, first);
    // When it is gone, another one is taken.
    stage.done(json!({"delete": format!("pod/{first}")})).await;
    let next = by_owner.says("hostname").await;
    assert!(next.starts_with("web-") && next != first, "{next}");
    let failure = Place::open(&stage, &named).await.fails().await;
    assert_eq!(failure.kind, ErrorKind::NotFound, "{failure:?}");
    assert!(failure.help.unwrap().contains("name a `deployment`"));
}

#[tokio::test]
async fn files_of_a_pod_are_changed_and_put_back() {
    let stage = Stage::new().await;
    stage
        .pod("a", "mkdir /conf; echo 'mode: fast' >/conf/app.yaml; sleep 3600")
        .await;
    let place = Place::open(&stage, &json!({"pod": "a"})).await;
    let file = File::new(here());
    let set = json!({"path": "/conf/app.yaml", "set": {"mode": "slow"}});
    let case = place.used(&set);
    let kept = case.prepare(&file, &FakeHost::new()).await.unwrap().unwrap();
    case.run(&file, &FakeHost::new()).await.unwrap();
    assert_eq!(place.says("cat /conf/app.yaml").await, "mode: slow");
    case.undo(&file, &FakeHost::new(), &kept).await.unwrap();
    assert_eq!(place.says("cat /conf/app.yaml").await, "mode: fast");
}

#[tokio::test]
async fn a_program_that_is_stopped_ends_with_all_that_it_started() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let place = Place::open(&stage, &json!({"pod": "a"})).await;
    for trap in ["", "trap '' TERM; "] {
        let host = FakeHost::new().grace(std::time::Duration::from_millis(300));
        let case = place.used(&json!(format!(
            "{trap}sleep 777 & echo begun; while :; do sleep 0.1; done"
        )));
        let action = shell();
        let (ended, ()) = tokio::join!(case.run(&action, &host), async {
            prints(&host).await;
            host.cancel();
        });
        let failure = ended.unwrap_err();
        assert_eq!(
            (failure.kind, failure.may_have_applied),
            (ErrorKind::Cancelled, true)
        );
        let listed = stage.done(json!({"exec": "pod/a", "argv": ["ps"]})).await;
        assert!(
            !listed["stdout"].as_str().unwrap().contains("sleep 777"),
            "{listed}"
        );
        assert_eq!(
            case.settle(&action, &FakeHost::new(), &host.handles()).await,
            Ok(Settled::Nothing)
        );
    }
}

#[tokio::test]
async fn shell_and_exec_keep_to_the_contract_in_a_pod() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let place = Place::open(&stage, &json!({"pod": "a"})).await;
    let mut with_secret = place.used(&json!("echo \"no: $TOKEN\" >&2; exit 1"));
    with_secret.env.insert("TOKEN".to_owned(), token());
    check(&Subject {
        action: &shell(),
        endless: place.used(&json!("echo begun; sleep 1000")),
        begun: &|host| host.stdout() == b"begun\n",
        failing: vec![
            place.used(&json!("exit 3")),
            place.used(&json!("kill -9 $$")),
            place.used(&json!({"run": "true", "interpreter": "no-such-interpreter -x"})),
            with_secret,
        ],
        world: &String::new,
    })
    .await;
    let mut argv = place.used(&json!([]));
    argv.params = runbook_action::Param::List(vec![secret("token", "hunter2-hunter2")]);
    check(&Subject {
        action: &Exec::new(here()),
        endless: place.used(&json!(["sh", "-c", "echo begun; sleep 1000"])),
        begun: &|host| host.stdout() == b"begun\n",
        failing: vec![place.used(&json!(["no-such-program"])), argv],
        world: &String::new,
    })
    .await;
}

#[tokio::test]
async fn what_cannot_run_a_program_says_why() {
    let stage = Stage::new().await;
    let sidecar = json!({"name": "side", "image": super::IMAGE, "command": ["sh", "-c", "sleep 3600"]});
    made(&stage, "two", json!([container("sleep 3600"), sidecar])).await;
    let failure = Place::open(&stage, &json!({"pod": "two"})).await.fails().await;
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (ErrorKind::Conflict, "pod `two` has several containers")
    );
    assert_eq!(
        failure.help.unwrap(),
        "say which one as `container`: `main`, `side`"
    );
    let failure = Place::open(&stage, &json!({"pod": "two", "container": "sid"}))
        .await
        .fails()
        .await;
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (ErrorKind::NotFound, "pod `two` has no container `sid`")
    );
    assert_eq!(
        (failure.param, failure.help.unwrap().as_str()),
        (None, "it has `main`, `side`")
    );
    let side = Place::open(&stage, &json!({"pod": "two", "container": "side"})).await;
    assert_eq!(side.says("echo in").await, "in");

    stage.pod("bare", "rm /bin/sh; exec sleep 3600").await;
    let failure = Place::open(&stage, &json!({"pod": "bare"})).await.fails().await;
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (
            ErrorKind::MissingProgram,
            "there is no `sh` in container `main` of pod `bare`"
        )
    );
    assert!(failure.help.unwrap().contains("k8s: {exec: pod/bare"));

    let mut broken = super::deployment("broken", 1);
    broken["spec"]["template"]["spec"]["containers"][0]["image"] = json!("busybox:no-such-tag");
    stage.done(json!({"apply": broken})).await;
    let said = json!({"rollout_status": "deployment/broken"});
    stage.fails(said).await;
    let failure = Place::open(&stage, &json!({"deployment": "broken"}))
        .await
        .fails()
        .await;
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert!(failure.message.contains("is ready: pod `broken-"), "{failure:?}");
    let failure = Place::open(&stage, &json!({"deployment": "none"}))
        .await
        .fails()
        .await;
    assert_eq!(failure.kind, ErrorKind::NotFound, "{failure:?}");

    stage.pod("done", "sleep 3600").await;
    let user = json!({"as": "nobody"});
    let failure = Place::as_user(&stage, &json!({"pod": "done"}), &user)
        .await
        .fails()
        .await;
    assert_eq!(failure.kind, ErrorKind::Forbidden);
    assert!(
        failure.message.starts_with("`nobody` may not `get` on `pods`"),
        "{failure:?}"
    );
}

/// Who may look at a pod and start nothing in it is told what is missing.
#[tokio::test]
async fn a_role_without_programs_in_pods_is_told_as_such() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let looker = format!("looker-{}", stage.namespace);
    let role = json!([
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "look"},
         "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "look"},
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "look"},
         "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": looker}]},
    ]);
    stage.done(json!({"apply": role})).await;
    let place = Place::as_user(&stage, &json!({"pod": "a"}), &json!({"as": looker})).await;
    let failure = place.fails().await;
    assert_eq!(failure.kind, ErrorKind::Forbidden, "{failure:?}");
    assert!(
        failure.message.contains("on `pods/exec` in the namespace"),
        "{failure:?}"
    );
    assert!(failure.help.unwrap().contains("`runbook plan --rbac`"));
}

#[tokio::test]
async fn a_pod_that_goes_while_a_program_runs_is_told_as_such() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let place = Place::open(&stage, &json!({"pod": "a"})).await;
    let (action, host) = (shell(), FakeHost::new());
    let case = place.used(&json!("echo begun; sleep 1000"));
    let (ended, ()) = tokio::join!(case.run(&action, &host), async {
        prints(&host).await;
        stage.done(json!({"delete": "pod/a"})).await;
    });
    let failure = ended.unwrap_err();
    assert_eq!(
        (failure.kind, failure.may_have_applied),
        (ErrorKind::Unreachable, true),
        "{failure:?}"
    );
    assert_eq!(failure.message, "pod `a` is gone: it was deleted meanwhile");
    // Another pod of this name is another pod.
    stage.pod("a", "sleep 3600").await;
    assert_eq!(
        case.settle(&action, &FakeHost::new(), &host.handles()).await,
        Ok(Settled::Nothing)
    );
}

#[tokio::test]
async fn a_container_that_is_restarted_while_a_program_runs_is_told_as_such() {
    let stage = Stage::new().await;
    stage
        .pod("a", "trap 'exit 7' USR1; while :; do sleep 0.1; done")
        .await;
    let place = Place::open(&stage, &json!({"pod": "a"})).await;
    let host = FakeHost::new();
    let case = place.used(&json!("echo begun; kill -USR1 1; sleep 1000"));
    let failure = case.run(&shell(), &host).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.may_have_applied),
        (ErrorKind::Unreachable, true),
        "{failure:?}"
    );
    assert_eq!(
        failure.message,
        "container `main` of pod `a` ended meanwhile: Error, exit code 7"
    );
    assert!(failure.help.unwrap().contains("previous: true"));
}

#[tokio::test]
async fn what_a_crash_left_in_a_pod_is_ended_or_waited_for() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let place = Place::open(&stage, &json!({"pod": "a"})).await;
    let attempt = |script: &str| {
        let mut case = place.used(&json!(script));
        for (name, value) in [
            ("RUNBOOK_RUN", "r1"),
            ("RUNBOOK_STEP", "s"),
            ("RUNBOOK_ATTEMPT", "1"),
        ] {
            case.env.insert(name.to_owned(), Text::literal(value));
        }
        case
    };
    // A crash takes the connection along, and the shell there ends what listens to it: this does not.
    let (action, host) = (shell(), FakeHost::new());
    let case = attempt("trap '' TERM; echo begun; while :; do sleep 0.1; done");
    tokio::select! {
        _ = case.run(&action, &host) => panic!("it ended"),
        () = async { host.has_recorded().await; prints(&host).await } => {}
    }
    let handles = host.handles();
    assert_eq!(handles.len(), 1);
    assert_eq!(
        case.settle(&action, &FakeHost::new(), &handles).await,
        Ok(Settled::Ended)
    );
    assert_eq!(
        case.settle(&action, &FakeHost::new(), &handles).await,
        Ok(Settled::Nothing)
    );
    // What went away from it on purpose is waited for.
    let daemon = attempt("setsid sh -c 'sleep 2' >/dev/null 2>&1 & echo on");
    daemon.run(&action, &FakeHost::new()).await.unwrap();
    assert_eq!(
        daemon.settle(&action, &FakeHost::new(), &[]).await,
        Ok(Settled::Finished)
    );
}

/// A cluster writes requests into its logs, so no value may be in one. What was asked for is what the shell was started
/// with, which is the program's parent.
#[tokio::test]
async fn no_value_is_part_of_a_request() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let place = Place::open(&stage, &json!({"pod": "a"})).await;
    let mut case = place.used(&json!([
        "sh",
        "-c",
        "tr '\\0' ' ' </proc/$PPID/cmdline",
        "swordfish"
    ]));
    case.env.insert("TOKEN".to_owned(), token());
    let output = case.run(&Exec::new(here()), &FakeHost::new()).await.unwrap();
    let asked = output.value["stdout"].as_str().unwrap();
    assert!(asked.starts_with("sh -c while "), "{asked}");
    assert!(
        !asked.contains("swordfish") && !asked.contains("hunter2"),
        "{asked}"
    );
}
