//! An editor: it starts the YAML language server and asks what an editor asks.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Project, repository};

/// How long the server may be silent. It answers in milliseconds.
const SILENCE: Duration = Duration::from_secs(20);

/// Where the cursor is in a text.
const CURSOR: char = '‸';

/// An editor with a project open in it, whose schemas are those of the repository.
pub(crate) struct Editor {
    project: Project,
    server: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    reader: Option<JoinHandle<()>>,
    findings: HashMap<String, Vec<Value>>,
    asked: u64,
    opened: u32,
    is_set_up: bool,
}

/// A text in the editor.
pub(crate) struct Opened {
    uri: String,
    text: String,
    version: u32,
    cursor: Option<Value>,
}

/// What the editor underlines: the text that is underlined, its line from 0, and the words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Squiggle {
    pub(crate) text: String,
    pub(crate) line: usize,
    pub(crate) says: String,
}

/// The program of the server, as `cargo xtask setup` installs it.
fn server() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it is below the target directory");
    let program =
        target.join("tools/yaml-language-server/node_modules/yaml-language-server/bin/yaml-language-server");
    assert!(
        program.exists(),
        "there is no YAML language server at {}: run `cargo xtask setup`",
        program.display()
    );
    program
}

/// Which files have which schemas, as the book tells users of VS Code.
fn settings_of_the_book() -> Value {
    let page = fs::read_to_string(repository().join("book/src/editors.md")).expect("there is a page");
    let block = page
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let settings: Value = serde_json::from_str(block.unwrap_or_default()).expect("the page has settings");
    settings["yaml.schemas"].clone()
}

impl Editor {
    pub(crate) fn start() -> Self {
        let project = Project::empty().with_copy("schemas");
        let program = server();
        let mut command = project.command("node", &[&program.to_string_lossy(), "--stdio"]);
        command.stdin(Stdio::piped()).stderr(Stdio::inherit());
        let started = command.spawn();
        let mut server = started.expect("node is there: `cargo xtask setup` says how to get it");
        let input = server.stdin.take().expect("it is piped");
        let output = server.stdout.take().expect("it is piped");
        let (sender, messages) = channel();
        let reader = std::thread::spawn(move || read(BufReader::new(output), &sender));
        let mut editor = Self {
            project,
            server,
            input,
            messages,
            reader: Some(reader),
            findings: HashMap::new(),
            asked: 0,
            opened: 0,
            is_set_up: false,
        };
        editor.introduce();
        editor
    }

    fn introduce(&mut self) {
        let root = format!("file://{}", self.project.path("").display());
        self.ask(
            "initialize",
            &json!({
                "processId": std::process::id(), "rootUri": root,
                "workspaceFolders": [{"uri": root, "name": "project"}],
                "capabilities": {
                    "workspace": {"configuration": true},
                    "textDocument": {
                        "completion": {
                            "completionItem": {"snippetSupport": true, "documentationFormat": ["markdown"]},
                        },
                        "hover": {"contentFormat": ["markdown"]},
                    },
                },
            }),
        );
        self.tell("initialized", &json!({}));
        // It asks for its settings, and looks at nothing before it has them.
        while !self.is_set_up {
            let message = self.next("its question for settings");
            self.take(&message);
        }
    }

    /// The settings of a section. Nothing is fetched: a schema is one that the text names, or that the settings of
    /// the book name.
    fn settings(section: &str) -> Value {
        match section {
            "yaml" => json!({
                "schemaStore": {"enable": false}, "kubernetesCRDStore": {"enable": false},
                "validate": true, "hover": true, "completion": true, "schemas": settings_of_the_book(),
            }),
            _ => Value::Null,
        }
    }

    /// Opens a runbook whose first line names its schema. A `‸` in it is the cursor, and no part of it.
    pub(crate) fn runbook(&mut self, text: &str) -> Opened {
        self.opened += 1;
        let name = format!("texts/number-{}.yaml", self.opened);
        let line = "# yaml-language-server: $schema=../schemas/runbook.schema.json";
        self.open(&name, &format!("{line}\n{text}"))
    }

    /// Opens a project file whose first line names its schema.
    pub(crate) fn config(&mut self, text: &str) -> Opened {
        self.opened += 1;
        let name = format!("texts/number-{}.yaml", self.opened);
        let line = "# yaml-language-server: $schema=../schemas/config.schema.json";
        self.open(&name, &format!("{line}\n{text}"))
    }

    /// Opens a text as it is.
    pub(crate) fn open(&mut self, path: &str, text: &str) -> Opened {
        let path = self.project.path(path);
        let cursor = text.split_once(CURSOR).map(|(before, _)| {
            let line = before.rsplit('\n').next().unwrap_or_default();
            json!({"line": before.matches('\n').count(), "character": line.encode_utf16().count()})
        });
        let opened = Opened {
            uri: format!("file://{}", path.display()),
            text: text.replace(CURSOR, ""),
            version: 1,
            cursor,
        };
        self.tell(
            "textDocument/didOpen",
            &json!({"textDocument": {
                "uri": opened.uri, "languageId": "yaml", "version": opened.version, "text": opened.text,
            }}),
        );
        opened
    }

    /// Replaces a part of the text, as typing does.
    pub(crate) fn replace(&mut self, opened: &mut Opened, from: &str, to: &str) {
        assert!(opened.text.contains(from), "`{from}` is in the text");
        opened.text = opened.text.replace(from, to);
        opened.version += 1;
        self.findings.remove(&opened.uri);
        self.tell(
            "textDocument/didChange",
            &json!({
                "textDocument": {"uri": opened.uri, "version": opened.version},
                "contentChanges": [{"text": opened.text}],
            }),
        );
    }

    /// What is offered at the cursor: the words, in order.
    pub(crate) fn offers(&mut self, opened: &Opened) -> Vec<String> {
        let mut offers = self.completions(opened);
        offers.sort_by_key(|(label, _)| label.clone());
        offers.into_iter().map(|(label, _)| label).collect()
    }

    /// What is offered at the cursor, with what is inserted.
    pub(crate) fn completions(&mut self, opened: &Opened) -> Vec<(String, String)> {
        let answer = self.ask_at("textDocument/completion", opened);
        let items = answer["items"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        items
            .iter()
            .map(|item| (text(&item["label"]), text(&item["insertText"])))
            .collect()
    }

    /// What is shown of the word at the cursor.
    pub(crate) fn hover(&mut self, opened: &Opened) -> String {
        let answer = self.ask_at("textDocument/hover", opened);
        answer["contents"]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Waits until what is underlined in the text is as told. The server looks at a text again whenever it likes, so
    /// only what it ends up with counts.
    #[track_caller]
    pub(crate) fn underlines(&mut self, opened: &Opened, is_so: impl Fn(&[Squiggle]) -> bool) {
        let mut found = None;
        while !found.as_deref().is_some_and(&is_so) {
            let waited = self.messages.recv_timeout(SILENCE);
            let Ok(message) = waited else {
                panic!("this is underlined: {found:#?}\nin\n{}", opened.text);
            };
            self.take(&message);
            if let Some(findings) = self.findings.get(&opened.uri) {
                found = Some(
                    findings
                        .iter()
                        .map(|finding| opened.squiggle(finding))
                        .collect::<Vec<_>>(),
                );
            }
        }
    }

    fn ask_at(&mut self, method: &str, opened: &Opened) -> Value {
        let cursor = opened.cursor.clone().expect("there is a cursor in the text");
        self.ask(
            method,
            &json!({"textDocument": {"uri": opened.uri}, "position": cursor}),
        )
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.next(method);
            if message["id"] == id && message.get("method").is_none() {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.take(&message);
        }
    }

    fn tell(&mut self, method: &str, params: &Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let sent = write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len());
        sent.and_then(|()| self.input.flush())
            .expect("the language server reads");
    }

    fn next(&self, what: &str) -> Value {
        let waited = self.messages.recv_timeout(SILENCE);
        waited.unwrap_or_else(|error| panic!("the language server does not answer, {error}: {what}"))
    }

    /// Takes what the server says by itself: findings, and questions that no test depends on.
    fn take(&mut self, message: &Value) {
        match message["method"].as_str() {
            Some("textDocument/publishDiagnostics") => {
                let params = &message["params"];
                let uri = params["uri"].as_str().unwrap_or_default().to_owned();
                let findings = params["diagnostics"].as_array().cloned().unwrap_or_default();
                self.findings.insert(uri, findings);
            }
            Some("workspace/configuration") => {
                let asked = message["params"]["items"].as_array().cloned().unwrap_or_default();
                let sections = asked
                    .iter()
                    .map(|item| item["section"].as_str().unwrap_or_default());
                let settings: Vec<Value> = sections.map(Self::settings).collect();
                self.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": settings}));
                self.is_set_up = true;
            }
            Some(_) if message.get("id").is_some() => {
                self.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": null}));
            }
            Some(_) | None => {}
        }
    }
}

impl Opened {
    fn squiggle(&self, finding: &Value) -> Squiggle {
        let number = |value: &Value| usize::try_from(value.as_u64().unwrap_or_default()).unwrap_or_default();
        let [start, end] = ["start", "end"].map(|side| &finding["range"][side]);
        let line = number(&start["line"]);
        let whole = self.text.lines().nth(line).unwrap_or_default();
        let last = if end["line"] == start["line"] {
            number(&end["character"])
        } else {
            whole.len()
        };
        Squiggle {
            text: whole
                .get(number(&start["character"])..last)
                .unwrap_or_default()
                .to_owned(),
            line,
            says: finding["message"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ended = self.server.kill().and_then(|()| self.server.wait());
        let _read = self.reader.take().map(JoinHandle::join);
    }
}

/// Hands on the messages of the server, until it ends.
fn read(mut from: BufReader<ChildStdout>, to: &Sender<Value>) {
    loop {
        let mut length = None;
        loop {
            let mut line = String::new();
            if from.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim();
            if line.is_empty() {
                break;
            }
            let (key, value) = line.split_once(':').unwrap_or_default();
            if key.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            }
        }
        let mut body = vec![0; length.unwrap_or(0)];
        let message = from
            .read_exact(&mut body)
            .ok()
            .and_then(|()| serde_json::from_slice(&body).ok());
        let Some(message) = message else { return };
        if to.send(message).is_err() {
            return;
        }
    }
}
