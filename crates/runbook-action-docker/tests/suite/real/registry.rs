//! Images of a registry that answers: who is let in, and what is said to whom is not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use runbook_action::{
    Call, Chunk, Command, End, Endpoint, ErrorKind, Failure, Forward, Handle, Opening, Output, Process,
    Settled, Stream, Transport, TransportKind, async_trait,
};
use runbook_action_docker::{Docker, Environment, Places};
use runbook_testkit::contract::Use;
use runbook_testkit::docker::{Engine, IMAGE, NEWER, Registry, unique};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::with;

/// `ops:hunter2-hunter2`, as the client of Docker keeps it.
const RIGHT: &str = "b3BzOmh1bnRlcjItaHVudGVyMg==";

/// `ops:wrong`.
const WRONG: &str = "b3BzOndyb25n";

/// Programs of this machine, in the plainest way; where helpers are found.
#[derive(Debug)]
struct Here(std::path::PathBuf);

/// A program that has ended.
#[derive(Debug)]
struct Ran {
    output: Option<Vec<u8>>,
    given: Vec<u8>,
    code: i32,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test stands in for what runs programs"
)]
fn start(program: &Path) -> tokio::process::Command {
    tokio::process::Command::new(program)
}

#[async_trait]
impl Transport for Here {
    fn place(&self) -> String {
        "this machine".to_owned()
    }

    async fn spawn(&self, command: &Command) -> Result<Box<dyn Process>, Failure> {
        let program = self.0.join(&command.argv[0]);
        if !program.exists() {
            let message = format!("`{}` is not installed", command.argv[0]);
            return Err(Failure::new(ErrorKind::MissingProgram, message).about("argv"));
        }
        let asked = self.0.join("asked");
        fs::write(&asked, command.stdin.clone().unwrap_or_default()).unwrap();
        let mut ran = start(&program);
        ran.args(&command.argv[1..]).stdin(fs::File::open(asked).unwrap());
        let ran = ran.output().await.unwrap();
        Ok(Box::new(Ran {
            output: Some(ran.stdout),
            given: Vec::new(),
            code: ran.status.code().unwrap(),
        }))
    }

    async fn forward(&self, _to: &Endpoint) -> Result<Box<dyn Forward>, Failure> {
        Err(Failure::new(
            ErrorKind::Unreachable,
            "nothing is reached from here",
        ))
    }

    async fn settle(&self, _call: Call<'_>, _handles: &[Handle]) -> Result<Settled, Failure> {
        Ok(Settled::Nothing)
    }
}

#[async_trait]
impl TransportKind for Here {
    fn serves(&self) -> &'static [&'static str] {
        &["ssh"]
    }

    async fn open(&self, _opening: Opening<'_>) -> Result<Arc<dyn Transport>, Failure> {
        Err(Failure::new(
            ErrorKind::Unreachable,
            "no machine is reached from here",
        ))
    }
}

#[async_trait]
impl Process for Ran {
    fn handle(&self) -> Option<Handle> {
        None
    }

    async fn next(&mut self) -> Result<Option<Chunk<'_>>, Failure> {
        let Some(output) = self.output.take().filter(|output| !output.is_empty()) else {
            return Ok(None);
        };
        self.given = output;
        Ok(Some(Chunk {
            stream: Stream::Stdout,
            bytes: &self.given,
        }))
    }

    async fn wait(&mut self) -> Result<End, Failure> {
        Ok(End::Code(self.code))
    }

    async fn terminate(&mut self) {}

    async fn kill(&mut self) {}

    async fn gone(&mut self) {}
}

/// The client of Docker with settings of its own, and the helpers beside them.
struct Client(TempDir);

impl Client {
    fn new(config: &Value) -> Self {
        let directory = TempDir::with_prefix("runbook-").unwrap();
        fs::write(directory.path().join("config.json"), config.to_string()).unwrap();
        Self(directory)
    }

    fn helper(self, name: &str, script: &str) -> Self {
        let file = self.0.path().join(format!("docker-credential-{name}"));
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn docker(&self) -> Docker {
        let here = || Arc::new(Here(self.path().to_owned()));
        Docker::new(Environment {
            vars: vec![("DOCKER_CONFIG".into(), self.path().into())],
            places: Places::new(here(), here()),
            ..Environment::default()
        })
    }

    async fn pull(&self, image: &str) -> (Result<Output, Failure>, String) {
        let host = FakeHost::new();
        let pulled = pull(image).run(&self.docker(), &host).await;
        let said = [host.stdout(), host.stderr()].concat();
        (pulled, String::from_utf8(said).unwrap())
    }
}

fn pull(image: &str) -> Use {
    with(Engine::shared(), json!({ "pull": image }))
}

#[tokio::test]
async fn an_image_is_pulled_and_the_one_before_comes_back() {
    let (engine, registry) = (Engine::shared(), Registry::start());
    let image = registry.push(engine, IMAGE, "lab/page:1");
    let (docker, host) = (super::docker(), FakeHost::new());
    let identity = |name: &str| engine.field(name, "{{.Id}}");
    let kept = pull(&image).prepare(&docker, &host).await.unwrap().unwrap();
    let first = pull(&image).run(&docker, &host).await.unwrap().value;
    assert_eq!(
        (&first["changed"], &first["image"]),
        (&json!(true), &json!(identity(IMAGE)))
    );
    let said = String::from_utf8(host.stderr()).unwrap();
    assert!(said.contains("Pulling from lab/page"), "{said}");
    let again = pull(&image).run(&docker, &host).await.unwrap().value;
    assert_eq!(again["changed"], false);
    // There was none under this name, so there is none afterwards; the image itself has other names.
    let undone = pull(&image).undo(&docker, &host, &kept).await.unwrap().value;
    assert_eq!(
        (&undone["changed"], identity(&image).as_str()),
        (&json!(true), "")
    );

    let kept = {
        let _pulled = pull(&image).run(&docker, &host).await.unwrap();
        pull(&image).prepare(&docker, &host).await.unwrap().unwrap()
    };
    let newer = registry.push(engine, NEWER, "lab/page:1");
    assert_eq!(newer, image);
    let _pulled = pull(&image).run(&docker, &host).await.unwrap();
    assert_eq!(identity(&image), identity(NEWER));
    let _undone = pull(&image).undo(&docker, &host, &kept).await.unwrap();
    assert_eq!(identity(&image), identity(IMAGE));
}

#[tokio::test]
async fn a_container_is_made_of_an_image_that_is_pulled_for_it() {
    let (engine, registry) = (Engine::shared(), Registry::start_with_login());
    let image = registry.push(engine, IMAGE, "lab/run:1");
    let client = Client::new(&json!({"auths": {registry.address(): {"auth": RIGHT}}}));
    let run = with(engine, json!({"run": image, "argv": ["echo", "inside"]}));
    let ran = run.run(&client.docker(), &FakeHost::new()).await.unwrap();
    assert_eq!(ran.value["stdout"], "inside");
}

#[tokio::test]
async fn who_is_known_is_let_in() {
    let (engine, registry) = (Engine::shared(), Registry::start_with_login());
    let address = registry.address();
    let stored = format!(
        r#"[ "$1 $(cat)" = "get {address}" ] && echo '{{"Username": "ops", "Secret": "hunter2-hunter2"}}'"#
    );
    for client in [
        Client::new(&json!({"auths": {&address: {"auth": RIGHT}}})),
        Client::new(&json!({"auths": {format!("http://{address}/v2/"): {"auth": RIGHT}}})),
        Client::new(&json!({"credsStore": "lab"})).helper("lab", &stored),
        Client::new(&json!({"credsStore": "other", "credHelpers": {&address: "lab"}})).helper("lab", &stored),
    ] {
        let image = registry.push(engine, IMAGE, &format!("lab/{}:1", unique("known")));
        let (pulled, said) = client.pull(&image).await;
        assert_eq!(pulled.unwrap().value["changed"], true);
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn who_is_not_known_is_told_what_to_do() {
    let (engine, registry) = (Engine::shared(), Registry::start_with_login());
    let address = registry.address();
    let image = registry.push(engine, IMAGE, "lab/closed:1");
    let nobody = "echo 'credentials not found in native keychain'; exit 1";
    let locked = "echo 'the keychain is locked'; exit 1";
    let odd = "echo 'hunter2-hunter2'";
    let store = || Client::new(&json!({"credsStore": "lab"}));
    for (client, help) in [
        (Client::new(&json!({})), "`docker login` it"),
        (
            Client::new(&json!({"auths": {&address: {"auth": WRONG}}})),
            "log in again",
        ),
        (store().helper("lab", nobody), "`docker login` it"),
        (store().helper("lab", locked), "the keychain is locked"),
        (store().helper("lab", odd), "is not understood"),
        (store(), "`docker-credential-lab` is not installed"),
    ] {
        let (pulled, said) = client.pull(&image).await;
        let failure = pulled.unwrap_err();
        assert_eq!(
            (failure.kind, failure.param.as_deref()),
            (ErrorKind::Auth, Some("pull")),
            "{failure}"
        );
        assert!(failure.message.contains("may not be pulled"), "{failure}");
        assert!(
            failure.help.clone().unwrap_or_default().contains(help),
            "{failure:?}"
        );
        let all = format!("{failure:?} {said}");
        assert!(
            !all.contains("hunter2") && !all.contains(RIGHT) && !all.contains("wrong\""),
            "{all}"
        );
    }
    assert_eq!(engine.field(&image, "{{.Id}}"), "", "nothing was pulled");
}

#[tokio::test]
async fn what_a_registry_does_not_have_or_cannot_say_is_told() {
    let (engine, registry) = (Engine::shared(), Registry::start());
    let image = registry.push(engine, IMAGE, "lab/tagged:1");
    let client = Client::new(&json!({}));
    for unknown in ["lab/tagged:2", "lab/none:1"] {
        let (pulled, _) = client.pull(&format!("{}/{unknown}", registry.address())).await;
        let failure = pulled.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::NotFound, "{failure}");
        assert!(
            failure.message.contains(unknown.split(':').next().unwrap()),
            "{failure}"
        );
    }
    // Whoever lets everybody in does not ask for credentials.
    let (pulled, said) = Client::new(&json!({"credsStore": "lab"})).pull(&image).await;
    assert_eq!(pulled.unwrap().value["changed"], true);
    assert!(
        said.contains("asking without credentials: `docker-credential-lab` is not installed"),
        "{said}"
    );
    let _removed = engine.docker(&["rmi", &image]);
    drop(registry);
    let (pulled, _) = client.pull(&image).await;
    let failure = pulled.unwrap_err();
    assert_eq!(
        (failure.kind, failure.param.as_deref()),
        (ErrorKind::Refused, Some("pull")),
        "{failure}"
    );
}
