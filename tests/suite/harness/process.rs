//! Programs that are still running.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Ended, Project, until};

type Text = Arc<Mutex<Vec<u8>>>;

/// A program that runs while the test goes on. What it prints is read as it comes. Dropping it ends it.
pub(crate) struct Running {
    child: Child,
    outputs: [Text; 2],
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let outputs = [Text::default(), Text::default()];
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let readers = vec![
            collect(stdout, Arc::clone(&outputs[0])),
            collect(stderr, Arc::clone(&outputs[1])),
        ];
        Self {
            child,
            outputs,
            readers,
        }
    }

    fn text(&self, output: usize) -> String {
        let bytes = self.outputs[output].lock().expect("no reader panicked");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn stdout(&self) -> String {
        self.text(0)
    }

    /// Waits until it has printed this.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let printed = until(&format!("`{text}` is printed"), || {
            // In this order: what it printed before its end is seen.
            let over = self.child.try_wait().expect("it is our child").is_some();
            let printed = self.stdout().contains(text);
            (over || printed).then_some(printed)
        });
        assert!(
            printed,
            "it never printed `{text}`\n{}\n{}",
            self.text(0),
            self.text(1)
        );
    }

    /// Types on its standard input.
    pub(crate) fn type_in(&mut self, text: &str) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        input.write_all(text.as_bytes()).expect("it reads");
        input.flush().expect("it reads");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("it has an id");
        kill_process(id, signal).expect("it is still there");
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let status = until("the program ends", || {
            self.child.try_wait().expect("it is our child")
        });
        for reader in self.readers.drain(..) {
            reader.join().expect("no reader panicked");
        }
        Ended {
            code: status.code().unwrap_or(-1),
            stdout: self.text(0),
            stderr: self.text(1),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn collect(mut from: impl std::io::Read + Send + 'static, to: Text) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            to.lock()
                .expect("no test panicked with it")
                .extend_from_slice(&buffer[..length]);
        }
    })
}

/// A practice system in a process of its own.
pub(crate) struct Lab {
    process: Running,
    url: String,
}

impl Lab {
    pub(super) fn start(project: &Project, args: &[&str]) -> Self {
        let args: Vec<&str> = ["lab"].iter().chain(args).copied().collect();
        let mut process = project.start(&args);
        process.wait_for("end it with Ctrl-C");
        let stdout = process.stdout();
        let url = stdout
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .expect("it prints its URL");
        let url = url.to_owned();
        Self { process, url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        get(&self.url, path)
    }

    /// Ends it as a person does.
    pub(crate) fn stop(self) -> Ended {
        self.process.signal(Signal::INT);
        self.process.end()
    }
}

/// The JSON that a GET request is answered with.
fn get(url: &str, path: &str) -> Value {
    let address = url.strip_prefix("http://").expect("the URL is one of HTTP");
    let mut stream = TcpStream::connect(address).expect("the system listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer arrives");
    let (head, body) = answer.split_once("\r\n\r\n").expect("the answer has a head");
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}
