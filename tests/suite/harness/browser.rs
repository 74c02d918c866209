//! A browser without a window, driven by its own protocol: pages are opened, measured and printed in it.
//!
//! It speaks through two pipes, so it needs no port, and it ends when they close, whatever becomes of the test.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long an answer may take. A machine that is busy with other tests is slow, and one that hangs is not forever.
const ANSWER: Duration = Duration::from_secs(90);

/// A browser. Dropping it ends it.
pub(crate) struct Browser {
    child: Child,
    commands: ChildStdin,
    said: Receiver<Value>,
    last: u64,
    /// Its profile and what it writes. It goes with it.
    folder: TempDir,
}

/// A page in a browser, loaded.
pub(crate) struct Page<'a> {
    browser: &'a mut Browser,
    target: String,
    session: String,
    /// What the page did while it loaded and since, as the protocol tells it.
    events: VecDeque<Value>,
}

/// How a page is seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) width: u32,
    pub(crate) dark: bool,
}

impl Browser {
    /// Starts one.
    #[expect(
        clippy::disallowed_methods,
        reason = "the suite starts the browser, whose name is in no list"
    )]
    pub(crate) fn start() -> Self {
        let folder = TempDir::with_prefix("runbook-browser-").expect("there is room");
        let flags = [
            "--headless",
            // The tests may run as root, where its sandbox does not work.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-extensions",
            "--no-first-run",
            "--remote-debugging-pipe",
        ];
        // It reads what it is told from descriptor 3 and answers on 4.
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                "exec \"$@\" 3<&0 4>&1 0</dev/null 1>&2",
                "sh",
                program(),
                "about:blank",
            ])
            .args(flags)
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .env("HOME", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("stderr")).expect("there is room"))
            .process_group(0);
        let mut child = command.spawn().expect("there is a shell");
        let commands = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let (send, said) = channel();
        std::thread::spawn(move || {
            for message in answers.split(0).map_while(Result::ok) {
                let told = serde_json::from_slice(&message).expect("it speaks JSON");
                if send.send(told).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            commands,
            said,
            last: 0,
            folder,
        }
    }

    /// Opens a file and waits until it is loaded.
    pub(crate) fn open(&mut self, file: &Path, seen: Seen) -> Page<'_> {
        let made = self.call(
            None,
            "Target.createTarget",
            &json!({"url": "about:blank"}),
            &mut VecDeque::new(),
        );
        let target = made["targetId"].as_str().expect("it has a name").to_owned();
        let wanted = json!({"targetId": target, "flatten": true});
        let attached = self.call(None, "Target.attachToTarget", &wanted, &mut VecDeque::new());
        let session = attached["sessionId"].as_str().expect("it has a name").to_owned();
        let mut page = Page {
            browser: self,
            target,
            session,
            events: VecDeque::new(),
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page.see(seen);
        page.call(
            "Page.navigate",
            &json!({"url": format!("file://{}", file.display())}),
        );
        page.wait_for("Page.loadEventFired");
        page
    }

    fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        params: &Value,
        events: &mut VecDeque<Value>,
    ) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let mut line = message.to_string().into_bytes();
        line.push(0);
        let sent = self.commands.write_all(&line);
        assert!(
            sent.is_ok(),
            "{method}: the browser is gone: {}",
            self.complaints()
        );
        loop {
            let said = self.next(method);
            if said["id"] == json!(self.last) {
                assert!(said["error"].is_null(), "{method}: {}", said["error"]);
                return said["result"].clone();
            }
            events.push_back(said);
        }
    }

    fn next(&self, wanted: &str) -> Value {
        let said = self.said.recv_timeout(ANSWER);
        said.unwrap_or_else(|error| panic!("{wanted}: {error}: {}", self.complaints()))
    }

    fn complaints(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            kill_process_group(group, Signal::KILL).ok();
        }
        self.child.wait().ok();
    }
}

impl Page<'_> {
    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.browser
            .call(Some(&self.session), method, params, &mut self.events)
    }

    fn wait_for(&mut self, method: &str) {
        let is_it = |said: &Value| said["method"] == json!(method);
        while !self.events.iter().any(is_it) {
            let said = self.browser.next(method);
            self.events.push_back(said);
        }
    }

    /// Shows it otherwise.
    pub(crate) fn see(&mut self, seen: Seen) {
        let size =
            json!({"width": seen.width, "height": 900, "deviceScaleFactor": 1, "mobile": seen.width < 600});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        self.medium("", seen.dark);
    }

    /// Shows it as on this medium, for somebody who likes it dark or not.
    pub(crate) fn medium(&mut self, medium: &str, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let wanted =
            json!({"media": medium, "features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &wanted);
    }

    /// What an expression is in the page.
    pub(crate) fn ask(&mut self, script: &str) -> Value {
        let wanted = json!({"expression": script, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", &wanted);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].clone()
    }

    /// What was asked of the network, and what went wrong, so far.
    pub(crate) fn traffic(&mut self) -> (Vec<String>, Vec<String>) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (mut asked, mut wrong) = (Vec::new(), Vec::new());
        for event in &self.events {
            let params = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Network.requestWillBeSent" => asked.push(text(&params["request"]["url"])),
                "Log.entryAdded" => wrong.push(text(&params["entry"]["text"])),
                "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Page.javascriptDialogOpening" => {
                    wrong.push(params.to_string());
                }
                _ => {}
            }
        }
        (asked, wrong)
    }

    /// Prints it as the page says.
    pub(crate) fn print(&mut self) -> Vec<u8> {
        let wanted = json!({"preferCSSPageSize": true, "printBackground": true});
        let printed = self.call("Page.printToPDF", &wanted);
        STANDARD
            .decode(printed["data"].as_str().expect("it is a text"))
            .expect("it is Base64")
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let wanted = json!({"targetId": self.target});
            self.browser
                .call(None, "Target.closeTarget", &wanted, &mut VecDeque::new());
        }
    }
}

/// The browser by the name that it has here.
#[expect(
    clippy::disallowed_methods,
    reason = "the suite starts the browser, whose name is in no list"
)]
fn program() -> &'static str {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let is_there = |name: &&str| {
        let found = Command::new("sh")
            .args(["-c", "command -v \"$1\"", "sh", name])
            .output();
        found.is_ok_and(|found| found.status.success())
    };
    names
        .into_iter()
        .find(is_there)
        .expect("`cargo xtask setup` installs Chromium")
}
