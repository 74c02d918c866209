//! What a container has printed, line by line with the time, as much of it as is kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::watch;

/// How much is kept. Kubelets turn a log over at ten mebibytes.
const KEPT: usize = 4 << 20;
/// A line that is longer is kept in pieces, as container runtimes write them.
const PIECE: usize = 16 << 10;

/// Which stream it came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Out,
    Err,
}

/// A line, with its end unless it is a piece of one.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) time: Timestamp,
    pub(crate) text: Vec<u8>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Entry>,
    /// The number of the first entry that is kept.
    first: u64,
    bytes: usize,
}

/// The log of one container's life. Copies are the same log.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    kept: Arc<Mutex<Kept>>,
    /// How many entries there were, and whether there will be no more.
    state: watch::Sender<(u64, bool)>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            kept: Arc::default(),
            state: watch::Sender::new((0, false)),
        }
    }

    /// Tells of new entries and of the end.
    pub(crate) fn follow(&self) -> watch::Receiver<(u64, bool)> {
        self.state.subscribe()
    }

    /// What is kept from the entry of this number on, and the number after the last.
    pub(crate) fn since(&self, number: u64) -> (Vec<Entry>, u64) {
        let kept = self.lock();
        let skip = usize::try_from(number.saturating_sub(kept.first)).unwrap_or(usize::MAX);
        let entries: Vec<Entry> = kept.entries.iter().skip(skip).cloned().collect();
        (entries, kept.first + kept.entries.len() as u64)
    }

    /// The end of what was printed, for messages.
    pub(crate) fn tail(&self, bytes: usize) -> String {
        let (entries, _) = self.since(0);
        let mut text: Vec<u8> = entries.into_iter().flat_map(|entry| entry.text).collect();
        let cut = text.len().saturating_sub(bytes);
        text.drain(..cut);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// There will be no more.
    pub(crate) fn close(&self) {
        self.state.send_modify(|state| state.1 = true);
    }

    pub(crate) fn append(&self, text: Vec<u8>) {
        {
            let mut kept = self.lock();
            kept.bytes += text.len();
            kept.entries.push_back(Entry {
                time: crate::clock::now(),
                text,
            });
            while kept.bytes > KEPT
                && let Some(gone) = kept.entries.pop_front()
            {
                kept.bytes -= gone.text.len();
                kept.first += 1;
            }
        }
        self.state.send_modify(|state| state.0 += 1);
    }

    /// Keeps what comes from a stream until it ends, and hands it on to `also`.
    pub(crate) async fn collect(self, mut stream: impl AsyncRead + Unpin, also: impl Fn(&[u8])) {
        let mut line = Vec::new();
        let mut buffer = vec![0; PIECE];
        while let Ok(count) = stream.read(&mut buffer).await {
            let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
                break;
            };
            also(read);
            for part in read.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(part);
                if line.ends_with(b"\n") || line.len() >= PIECE {
                    self.append(std::mem::take(&mut line));
                }
            }
        }
        if !line.is_empty() {
            self.append(line);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
