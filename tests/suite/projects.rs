//! What every action keeps to, for those that need a program of this machine beside an engine: projects of compose, and
//! their services.

use std::sync::Arc;

use runbook_action::{Connection, Param};
use runbook_action_docker::{Compose, Environment, Services};
use runbook_action_shell::Local;
use runbook_testkit::contract::{Subject, Use, check, secret, written};
use runbook_testkit::docker::{Engine, IMAGE};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

/// An engine with a project that nobody else uses, for all that is there is the world of these tests.
struct Shop {
    engine: Engine,
    around: Environment,
    here: Arc<Local>,
}

impl Shop {
    async fn start() -> Self {
        let engine = Engine::start();
        let directory = engine.directory().join("shop");
        std::fs::create_dir_all(&directory).unwrap();
        // Asked to end, the second says so and goes on.
        let stubborn = r#"["sh", "-c", "trap 'echo asked' TERM; while :; do sleep 1; done"]"#;
        let text = format!(
            "version: '2.4'\nservices:\n  web: {{image: {IMAGE}, command: [idle]}}\n  stubborn: {{image: {IMAGE}, command: {stubborn}, stop_grace_period: 1000s}}\n"
        );
        std::fs::write(directory.join("docker-compose.yml"), text).unwrap();
        // Where the set-up installs programs.
        let path = "/usr/bin:/bin".into();
        let vars: Vec<(std::ffi::OsString, std::ffi::OsString)> =
            vec![("PATH".into(), path), ("DOCKER_HOST".into(), engine.url().into())];
        let shop = Self {
            around: Environment {
                vars: vars.clone(),
                root: engine.directory().to_owned(),
                ..Environment::default()
            },
            here: Arc::new(Local::new(runbook_action_shell::Environment {
                vars,
                root: engine.directory().to_owned(),
            })),
            engine,
        };
        let host = FakeHost::new();
        let up = used(json!({"up": "all"})).run(&shop.compose(), &host).await;
        up.unwrap();
        let said = String::from_utf8(host.stderr()).unwrap();
        assert!(said.starts_with("by `docker-compose`\n"), "{said}");
        shop
    }

    fn compose(&self) -> Compose {
        Compose::new(self.around.clone(), self.here.clone())
    }

    fn world(&self) -> String {
        self.engine
            .docker(&["ps", "-a", "--format", "{{.Names}} {{.State}}"])
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a literal is written in place")]
fn used(params: Value) -> Use {
    Use {
        params: written(&params),
        connection: Some(Connection {
            name: "shop".to_owned(),
            params: written(&json!({"compose": {"project": "shop", "directory": "shop"}})),
        }),
        ..Use::default()
    }
}

#[tokio::test]
async fn compose_keeps_to_the_contract() {
    let shop = Shop::start().await;
    let mut telling = used(json!({"exec": "web", "argv": ["sh", "-c", "cat >&2; exit 1"]}));
    if let Param::Map(map) = &mut telling.params {
        map.insert("stdin".to_owned(), secret("token", "hunter2-hunter2"));
    }
    let mut nowhere = used(json!({"up": "all"}));
    nowhere.connection = Some(Connection {
        name: "shop".to_owned(),
        params: written(&json!({"compose": "no/such/directory"})),
    });
    let failing = vec![
        used(json!({"up": "not-there"})),
        used(json!({"up": "web", "pull_policy": "never"})),
        used(json!({"start": "not-there"})),
        used(json!({"stop": ["web", "not-there"], "grace": "long"})),
        used(json!({"restart": "not-there"})),
        used(json!({"scale": {"not-there": 2}})),
        used(json!({"scale": {"web": "many"}})),
        used(json!({"pull": "not-there"})),
        used(json!({"build": "not-there"})),
        used(json!({"down": "web", "images": "all"})),
        used(json!({"logs": "web", "since": "yesterday"})),
        used(json!({"exec": "not-there", "argv": ["true"]})),
        used(json!({"exec": "web", "argv": ["true"], "index": 7})),
        used(json!({"exec": "web", "argv": ["no-such-program"]})),
        used(json!({"exec": "web", "argv": ["true"], "workdir": "/not/here"})),
        telling,
        nowhere,
    ];
    check(&Subject {
        action: &shop.compose(),
        endless: used(json!({"exec": "web", "argv": ["sh", "-c", "echo begun; sleep 1000"]})),
        begun: &|host| host.stdout() == b"begun\n",
        failing,
        world: &|| shop.world(),
    })
    .await;
}

#[tokio::test]
async fn services_of_a_project_keep_to_the_contract() {
    let shop = Shop::start().await;
    let failing = vec![
        used(json!({"status": "not-there"})),
        used(json!({"logs": "web", "since": "yesterday"})),
        used(json!({"logs": "not-there"})),
        used(json!({"start": "not-there"})),
        used(json!({"stop": "not-there"})),
        used(json!({"restart": "not-there"})),
        used(json!({"scale": "web"})),
        used(json!({"scale": "not-there", "replicas": 2})),
        used(json!({"set_limits": "web", "memory": "much"})),
        used(json!({"set_limits": "not-there", "memory": "64Mi"})),
        used(json!({"set_image": "web"})),
    ];
    check(&Subject {
        action: &Services::new(shop.around.clone(), shop.here.clone()),
        endless: used(json!({"stop": "stubborn"})),
        begun: &|_host| {
            let asked = shop.engine.docker(&["logs", "shop_stubborn_1"]);
            asked.contains("asked")
        },
        failing,
        world: &|| shop.world(),
    })
    .await;
}
