//! The role that `runbook plan --rbac` prints is enough for what a runbook does, and nothing in it is too much: a service
//! account runs each verb with exactly these rights, and fails without any one of them.

use std::time::Duration;

use runbook_action::{Command, ErrorKind, Failure};
use runbook_action_http::Http;
use runbook_action_k8s::rights::{Aim, Pods, Right, Rights, Rule, Scope, forwarded, of_place};
use runbook_testkit::contract::{Use, written};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use super::ports::{ask, place};
use super::{Own, Stage, connection, container, deployment};

/// After so long what should have been refused is taken to go on without the right.
const HANGS: Duration = Duration::from_mins(1);

/// A use of a verb, each time about objects of its own.
#[derive(Default)]
struct Case {
    /// What the administrator does before.
    before: Vec<Value>,
    uses: Value,
    /// What the administrator does while it is waited for.
    meanwhile: Vec<Value>,
    /// What the administrator does in the end, as far as it is still to be done.
    after: Vec<Value>,
}

impl Case {
    fn of(uses: Value) -> Self {
        Self {
            uses,
            ..Self::default()
        }
    }

    /// About a deployment without pods.
    fn of_deployment(name: &str, uses: Value) -> Self {
        Self {
            before: vec![json!({"apply": labelled(name, 0)})],
            ..Self::of(uses)
        }
    }
}

/// A deployment which carries its name as a label.
fn labelled(name: &str, replicas: u32) -> Value {
    let mut deployment = deployment(name, replicas);
    deployment["metadata"]["labels"] = json!({"app": name});
    deployment
}

fn config_map(name: &str, finalizers: &[&str]) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": name, "labels": {"app": name}, "finalizers": finalizers,
    }})
}

/// Lets an object go that is held.
fn let_go(object: &str) -> Value {
    json!({"patch": object, "merge": {"metadata": {"finalizers": null}}})
}

const HELD: &[&str] = &["example.org/held"];

/// What a test makes of the number of an attempt.
type Make = fn(&str) -> Case;

/// All verbs: first those that look, then those that change.
const CASES: &[(&str, Make)] = &[
    ("get", |_| Case::of(json!({"get": "configmap/kept"}))),
    ("get", |_| Case::of(json!({"get": "configmaps"}))),
    ("list", |_| {
        Case::of(json!({"list": "pods", "all_namespaces": true}))
    }),
    ("wait", |n| Case {
        meanwhile: vec![json!({"apply": config_map(n, &[])})],
        ..Case::of(json!({"wait": format!("configmap/{n}"), "for": "created"}))
    }),
    ("events", |_| Case::of(json!({"events": "deployment/web"}))),
    ("logs", |_| Case::of(json!({"logs": "pod/a"}))),
    ("logs", |_| Case::of(json!({"logs": "deployment/web"}))),
    ("logs", |_| {
        Case::of(json!({"logs": "deployments", "selector": {"app": "web"}}))
    }),
    ("top", |_| Case::of(json!({"top": "pod/a"}))),
    ("top", |_| Case::of(json!({"top": "nodes"}))),
    ("rollout_status", |n| {
        let mut homeless = deployment(n, 1);
        homeless["spec"]["template"]["spec"]["nodeSelector"] = json!({"nowhere": "yes"});
        let housed = json!({"spec": {"template": {"spec": {"nodeSelector": null}}}});
        let name = format!("deployment/{n}");
        Case {
            before: vec![json!({"apply": homeless})],
            meanwhile: vec![json!({"patch": name, "merge": housed})],
            after: vec![json!({"delete": name, "missing_ok": true})],
            uses: json!({"rollout_status": name}),
        }
    }),
    ("rollout_history", |_| {
        Case::of(json!({"rollout_history": "deployment/web"}))
    }),
    ("port_forward", |_| {
        Case::of(json!({"port_forward": "pod/a", "port": 7000}))
    }),
    ("port_forward", |_| {
        Case::of(json!({"port_forward": "service/web", "port": 80}))
    }),
    ("exec", |_| Case::of(json!({"exec": "pod/a", "argv": ["true"]}))),
    ("exec", |_| {
        Case::of(json!({"exec": "deployment/web", "argv": ["true"]}))
    }),
    ("cp", |_| {
        Case::of(json!({"cp": "pod/a", "from": "file", "path": "/tmp/file"}))
    }),
    ("scale", |n| {
        Case::of_deployment(n, json!({"scale": format!("deployment/{n}"), "replicas": 1}))
    }),
    ("restart", |n| {
        Case::of_deployment(n, json!({"restart": format!("deployment/{n}")}))
    }),
    ("restart", |n| {
        Case::of_deployment(n, json!({"restart": "deployments", "selector": {"app": n}}))
    }),
    ("undo", |n| {
        let name = format!("deployment/{n}");
        Case {
            before: vec![
                json!({"apply": labelled(n, 0)}),
                json!({"rollout_status": name}),
                json!({"set_env": name, "env": {"A": "1"}}),
                json!({"rollout_status": name}),
            ],
            ..Case::of(json!({"undo": name}))
        }
    }),
    ("set_image", |n| {
        Case::of_deployment(
            n,
            json!({"set_image": format!("deployment/{n}"), "image": "busybox:1.37"}),
        )
    }),
    ("set_env", |n| {
        Case::of_deployment(
            n,
            json!({"set_env": format!("deployment/{n}"), "env": {"A": "1"}}),
        )
    }),
    ("set_resources", |n| {
        let limits = json!({"memory": "64Mi"});
        Case::of_deployment(
            n,
            json!({"set_resources": format!("deployment/{n}"), "limits": limits}),
        )
    }),
    ("patch", |n| {
        let merge = json!({"metadata": {"labels": {"x": "y"}}});
        Case::of_deployment(n, json!({"patch": format!("deployment/{n}"), "merge": merge}))
    }),
    ("apply", |n| Case {
        meanwhile: vec![
            json!({"wait": format!("cm/{n}"), "for": "created"}),
            let_go(&format!("cm/{n}")),
        ],
        after: vec![let_go(&format!("cm/{n}"))],
        ..Case::of(json!({"apply": config_map(n, HELD)}))
    }),
    ("cordon", |_| Case {
        before: vec![json!({"uncordon": "node-2"})],
        after: vec![json!({"uncordon": "node-2"})],
        ..Case::of(json!({"cordon": "node-2"}))
    }),
    ("uncordon", |_| Case {
        before: vec![json!({"cordon": "node-2"})],
        after: vec![json!({"uncordon": "node-2"})],
        ..Case::of(json!({"uncordon": "node-2"}))
    }),
    ("delete", |n| Case {
        before: vec![json!({"apply": config_map(n, HELD)})],
        meanwhile: vec![let_go(&format!("cm/{n}"))],
        after: vec![let_go(&format!("cm/{n}"))],
        uses: json!({"delete": format!("configmap/{n}")}),
    }),
    ("delete", |n| Case {
        before: vec![json!({"apply": config_map(n, HELD)})],
        meanwhile: vec![let_go(&format!("cm/{n}"))],
        after: vec![let_go(&format!("cm/{n}"))],
        uses: json!({"delete": "configmaps", "selector": {"app": n}}),
    }),
    ("drain", |n| {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": n, "labels": {"app": n}, "finalizers": HELD},
            "spec": {
                "nodeName": "node-2", "terminationGracePeriodSeconds": 1,
                "containers": [container("sleep 3600")],
            },
        });
        let name = format!("pod/{n}");
        Case {
            before: vec![json!({"uncordon": "node-2"}), json!({"apply": pod})],
            meanwhile: vec![let_go(&name)],
            after: vec![
                let_go(&name),
                json!({"delete": name, "missing_ok": true}),
                json!({"uncordon": "node-2"}),
            ],
            uses: json!({"drain": "node-2", "force": true, "grace": "1s", "pod_selector": {"app": n}}),
        }
    }),
];

/// A cluster in which a service account may do what a test says.
struct Account {
    own: Own,
    stage: Stage,
    attempts: usize,
}

impl Account {
    async fn new() -> Self {
        let own = Own::start();
        let stage = Stage::of(own.config("admin")).await;
        stage.done(json!({"apply": config_map("kept", &[])})).await;
        stage.pod("a", "echo hello; sleep 3600").await;
        stage.done(json!({"apply": labelled("web", 1)})).await;
        stage.done(json!({"rollout_status": "deployment/web"})).await;
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8000}]},
        });
        stage.done(json!({"apply": service})).await;
        std::fs::write(stage.root.path().join("file"), "inside").unwrap();
        Self {
            own,
            stage,
            attempts: 0,
        }
    }

    fn name(&mut self, verb: &str) -> String {
        self.attempts += 1;
        format!("{}-{}", verb.replace('_', "-"), self.attempts)
    }

    /// What a use needs, as the program works it out.
    fn needs(&self, params: &Value, undone: bool) -> Rights {
        let own = Scope::Namespace(self.stage.namespace.clone());
        Rights::of(&written(params), &own, undone, &|_| None).unwrap()
    }

    /// Grants exactly these.
    async fn grant(&self, rights: &Rights) {
        let namespace = &self.stage.namespace;
        let roles = rights.roles();
        let allowed = |wide: bool| -> Vec<Value> {
            let of = roles
                .iter()
                .filter(|role| (role.scope == Scope::Everywhere) == wide);
            of.flat_map(|role| role.rules.iter().map(rule)).collect()
        };
        let group = "rbac.authorization.k8s.io";
        let wide = format!("ci-{namespace}");
        for (kind, name, is_wide) in [("Role", "ci", false), ("ClusterRole", wide.as_str(), true)] {
            let version = format!("{group}/v1");
            let role = json!({
                "apiVersion": version, "kind": kind, "metadata": {"name": name}, "rules": allowed(is_wide),
            });
            let binding = json!({
                "apiVersion": version, "kind": format!("{kind}Binding"), "metadata": {"name": name},
                "subjects": [{"kind": "ServiceAccount", "name": "ci", "namespace": namespace}],
                "roleRef": {"apiGroup": group, "kind": kind, "name": name},
            });
            self.stage.done(json!({"apply": [role, binding]})).await;
        }
    }

    /// The use, as the service account makes it.
    fn used(&self, params: &Value) -> Use {
        let user = format!("system:serviceaccount:{}:ci", self.stage.namespace);
        let k8s = json!({"kubeconfig": self.own.user(&user), "namespace": self.stage.namespace});
        Use {
            params: written(params),
            connection: Some(connection(&k8s)),
            ..Use::default()
        }
    }

    async fn all(&self, steps: &[Value]) {
        for step in steps {
            self.stage.done(step.clone()).await;
        }
    }

    /// Tidies up, whatever is left.
    async fn tidy(&self, case: &Case) {
        for step in &case.after {
            drop(self.stage.run(step.clone()).await);
        }
    }

    /// Runs it with all that it needs, after a look at what it would do.
    async fn succeeds(&mut self, verb: &str, make: Make) {
        let case = make(&self.name(verb));
        self.all(&case.before).await;
        self.grant(&self.needs(&case.uses, false)).await;
        let used = self.used(&case.uses);
        let host = FakeHost::new();
        let seen = used.preview(&self.stage.action, &host).await;
        assert!(seen.is_ok(), "{verb}: {seen:?}");
        let (ran, ()) = tokio::join!(used.run(&self.stage.action, &host), self.all(&case.meanwhile));
        assert!(ran.is_ok(), "{verb}: {ran:?}");
        self.tidy(&case).await;
    }

    /// Runs it without one of the rights that it needs to do what it does.
    async fn fails_without_each(&mut self, verb: &str, make: Make) {
        let count = self.needs(&make("x").uses, false).all().count();
        assert!(count > 0, "{verb} needs nothing");
        for at in 0..count {
            let case = make(&self.name(verb));
            let needs = self.needs(&case.uses, false);
            let left_out = needs.all().nth(at).unwrap();
            if left_out.aim != Aim::Do {
                continue;
            }
            self.all(&case.before).await;
            self.grant(&without(&needs, left_out)).await;
            let used = self.used(&case.uses);
            let host = FakeHost::new();
            let ran = tokio::time::timeout(HANGS, used.run(&self.stage.action, &host)).await;
            let ran = ran.unwrap_or_else(|_| panic!("{verb} goes on without {left_out:?}"));
            is_refused(verb, left_out, ran.map(|output| output.value));
            self.tidy(&case).await;
        }
    }
}

fn rule(rule: &Rule) -> Value {
    let mut told = json!({"apiGroups": [rule.group], "resources": rule.resources, "verbs": rule.verbs});
    if !rule.names.is_empty() {
        told["resourceNames"] = json!(rule.names);
    }
    told
}

/// The same but for one, whatever it is for.
fn without(rights: &Rights, left_out: &Right) -> Rights {
    let is_it = |right: &&Right| {
        Right {
            aim: left_out.aim,
            ..(*right).clone()
        } == *left_out
    };
    rights.all().filter(|right| !is_it(right)).cloned().collect()
}

fn is_refused(verb: &str, left_out: &Right, ran: Result<Value, Failure>) {
    let failure = match ran {
        Ok(value) => panic!("{verb} does without {left_out:?}: {value}"),
        Err(failure) => failure,
    };
    assert_eq!(
        failure.kind,
        ErrorKind::Forbidden,
        "{verb} without {left_out:?}: {failure:?}"
    );
    let expected = format!("`{}` on `{}`", left_out.verb, left_out.shown());
    assert!(
        failure.message.contains(&expected),
        "{verb} without {left_out:?}: {failure:?}"
    );
    if let Scope::Namespace(namespace) = &left_out.scope {
        let expected = format!("in the namespace `{namespace}`");
        assert!(failure.message.ends_with(&expected), "{failure:?}");
    }
    assert!(failure.help.unwrap().contains("`runbook plan --rbac`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_verb_runs_with_the_rights_that_it_is_said_to_need_and_not_without_one_of_them() {
    let mut verbs: Vec<&str> = CASES.iter().map(|(verb, _)| *verb).collect();
    verbs.dedup();
    assert_eq!(verbs.len(), 23);
    let mut account = Account::new().await;
    for (verb, make) in CASES {
        account.succeeds(verb, *make).await;
        account.fails_without_each(verb, *make).await;
    }
}

/// The verbs that can put back what they did.
const UNDONE: &[&str] = &[
    "scale",
    "set_image",
    "set_env",
    "set_resources",
    "patch",
    "apply",
    "cordon",
    "uncordon",
    "delete",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_back_needs_what_it_is_said_to_need() {
    let mut account = Account::new().await;
    for (verb, make) in CASES.iter().filter(|(verb, _)| UNDONE.contains(verb)) {
        // What only the undo asks is left out one by one; nothing is, in the end.
        let only: Vec<usize> = {
            let needs = account.needs(&make("x").uses, true);
            let of_undo = needs
                .all()
                .enumerate()
                .filter(|(_, right)| right.aim == Aim::Undo);
            of_undo.map(|(at, _)| at).collect()
        };
        for at in only.into_iter().map(Some).chain([None]) {
            let case = make(&account.name(verb));
            let needs = account.needs(&case.uses, true);
            let left_out = at.and_then(|at| needs.all().nth(at)).filter(|left_out| {
                // Some of it is asked by the verb itself too.
                let same = |right: &&Right| {
                    Right {
                        aim: Aim::Undo,
                        ..(*right).clone()
                    } == **left_out
                };
                needs.all().filter(same).count() == 1
            });
            if at.is_some() && left_out.is_none() {
                continue;
            }
            account.all(&case.before).await;
            account
                .grant(&left_out.map_or_else(|| needs.clone(), |left_out| without(&needs, left_out)))
                .await;
            let used = account.used(&case.uses);
            let (action, host) = (&account.stage.action, FakeHost::new());
            let kept = used.prepare(action, &host).await.unwrap().unwrap();
            if *verb == "delete" {
                let (ran, ()) = tokio::join!(used.run(action, &host), account.all(&case.meanwhile));
                ran.unwrap();
            } else {
                used.run(action, &host).await.unwrap();
            }
            let undoing = used.undo(action, &host, &kept);
            match left_out {
                Some(left_out) => {
                    let undone = tokio::time::timeout(HANGS, undoing).await;
                    let undone = undone.unwrap_or_else(|_| panic!("{verb} goes on without {left_out:?}"));
                    is_refused(verb, left_out, undone.map(|output| output.value));
                }
                None if *verb == "apply" => {
                    let (undone, ()) = tokio::join!(undoing, account.all(&case.meanwhile));
                    undone.unwrap();
                }
                None => {
                    undoing.await.unwrap();
                }
            }
            account.tidy(&case).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_asks_that_goes_on_and_what_makes_a_failure_say_more() {
    let account = Account::new().await;
    let params = json!({"exec": "deployment/web", "argv": ["true"]});
    let needs = account.needs(&params, false);
    account.grant(&needs).await;
    let (used, host) = (account.used(&params), FakeHost::new());
    let action = &account.stage.action;
    used.run(action, &host).await.unwrap();
    used.settle(action, &FakeHost::new(), &host.handles())
        .await
        .unwrap();
    let resuming = needs.all().find(|right| right.aim == Aim::Resume).unwrap();
    account.grant(&without(&needs, resuming)).await;
    used.run(action, &host).await.unwrap();
    let settled = used.settle(action, &FakeHost::new(), &host.handles()).await;
    is_refused("exec", resuming, settled.map(|_| Value::Null));

    let mut dying = deployment("dying", 1);
    dying["spec"]["template"]["spec"]["containers"] = json!([container("echo the last word; exit 1")]);
    // Without it a container that lives for a moment is available for that moment, and the rollout complete.
    dying["spec"]["minReadySeconds"] = json!(30);
    account.stage.done(json!({"apply": dying})).await;
    let params = json!({"rollout_status": "deployment/dying"});
    let needs = account.needs(&params, false);
    let telling = needs.all().find(|right| right.aim == Aim::Tell).unwrap();
    for (rights, says) in [(needs.clone(), true), (without(&needs, telling), false)] {
        account.grant(&rights).await;
        let failure = account
            .used(&params)
            .run(action, &FakeHost::new())
            .await
            .unwrap_err();
        assert!(failure.message.contains("CrashLoopBackOff"), "{failure:?}");
        assert_eq!(failure.message.contains("the last word"), says, "{failure:?}");
    }
}

/// What is reached through pods, and what runs in them, asks what it is said to ask.
#[tokio::test(flavor = "multi_thread")]
async fn places_in_pods_need_what_they_are_said_to_need() {
    let account = Account::new().await;
    let stage = &account.stage;
    let user = format!("system:serviceaccount:{}:ci", stage.namespace);
    let k8s = json!({"kubeconfig": account.own.user(&user), "namespace": stage.namespace});
    let own = Scope::Namespace(stage.namespace.clone());
    let http = Http::new(stage.root.path().to_owned());
    for params in [
        json!({"pod": "a"}),
        json!({"pod": {"selector": {"app": "a"}}}),
        json!({"deployment": "web"}),
    ] {
        let (pods, scope) = Pods::of(&written(&params), &own).unwrap();
        for (needs, runs) in [(of_place(&pods, &scope), true), (forwarded(&pods, &scope), false)] {
            let left_out = needs.all().filter(|right| right.aim == Aim::Do).map(Some);
            for left_out in left_out.chain([None]) {
                account
                    .grant(&left_out.map_or_else(|| needs.clone(), |it| without(&needs, it)))
                    .await;
                let place = place(stage, &k8s, params.clone()).await;
                let done = if runs {
                    let ended = place.output(&Command::new(["true"]), 0).await;
                    ended.map(|_| Value::Null)
                } else {
                    // Nothing listens there, which only whoever gets there can tell.
                    match ask(&http, json!({"http": "http://x:9"}), &place, &json!({"get": "/"})).await {
                        Err(failure) if failure.kind == ErrorKind::Refused => Ok(Value::Null),
                        other => other,
                    }
                };
                match left_out {
                    Some(left_out) => is_refused(&params.to_string(), left_out, done),
                    None => assert!(done.is_ok(), "{params}: {done:?}"),
                }
            }
        }
    }
}
