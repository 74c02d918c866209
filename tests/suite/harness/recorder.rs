//! A server that writes down each request byte by byte, and answers with the body that it was sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path with its query, as sent.
    pub(crate) target: String,
    /// The lines of its headers.
    pub(crate) headers: Vec<Vec<u8>>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The header of this name, without the blanks around it.
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find_map(|line| {
            let (found, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
            found
                .eq_ignore_ascii_case(name.as_bytes())
                .then(|| value[1..].trim_ascii())
        })
    }
}

/// A server on a port of its own, until the test ends.
pub(crate) struct Recorder {
    url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Recorder {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let to = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(request) = answer(stream) {
                    to.lock().expect("no test panicked with it").push(request);
                }
            }
        });
        Self { url, seen }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// All requests so far, in order.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("no test panicked with it").clone()
    }
}

fn answer(stream: TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).ok()?;
        line.strip_suffix(b"\r\n").map(<[u8]>::to_vec)
    };
    let first = String::from_utf8(line()?).ok()?;
    let mut headers = Vec::new();
    loop {
        let header = line()?;
        if header.is_empty() {
            break;
        }
        headers.push(header);
    }
    let mut request = Request {
        method: first.split(' ').next()?.to_owned(),
        target: first.split(' ').nth(1)?.to_owned(),
        headers,
        body: Vec::new(),
    };
    let length = request
        .header("content-length")
        .and_then(|length| std::str::from_utf8(length).ok()?.parse().ok());
    request.body.resize(length.unwrap_or(0), 0);
    reader.read_exact(&mut request.body).ok()?;
    let mut stream = reader.into_inner();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        request.body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&request.body).ok()?;
    Some(request)
}
