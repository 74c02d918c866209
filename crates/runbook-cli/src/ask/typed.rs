//! What is typed on the standard input, for the question that is open.
//!
//! One thread for the whole program. It reads only while a question is open, and waits for a line rather than
//! for a read to come back: so a question that was withdrawn leaves no read behind that would take the next
//! answer, and a program in the background is not stopped for reading from its terminal.

use std::io::stdin;
use std::sync::mpsc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{QueueSelector, tcflush};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How soon it is noticed that a question was withdrawn.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// No answer is longer. What is typed without an end does not fill the memory.
const LONGEST: usize = 4096;

/// A line, or none at the end of the input.
type Line = Option<String>;

/// Where questions ask for what is typed.
pub(super) struct Typed {
    questions: mpsc::Sender<UnboundedSender<Line>>,
}

impl Typed {
    pub(super) fn start() -> Self {
        let (questions, asked) = mpsc::channel::<UnboundedSender<Line>>();
        std::thread::spawn(move || asked.iter().for_each(|to| attend(&to)));
        Self { questions }
    }

    /// What is typed from now on, until this is dropped. What was typed before is forgotten.
    pub(super) fn open(&self) -> UnboundedReceiver<Line> {
        // What is no terminal has nothing that was typed too early.
        let _no_terminal = tcflush(stdin(), QueueSelector::IFlush);
        let (to, lines) = unbounded_channel();
        // Without the thread the question is told at once that nothing comes.
        drop(self.questions.send(to));
        lines
    }
}

/// Hands lines to one question, until it is closed or the input ends.
fn attend(to: &UnboundedSender<Line>) {
    let mut line = Vec::new();
    while !to.is_closed() {
        let input = stdin();
        let mut waiting = [PollFd::new(&input, PollFlags::IN)];
        match poll(&mut waiting, Some(&LOOK)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) if to.is_closed() => return,
            Ok(_) | Err(_) => {}
        }
        let mut buffer = [0; 1024];
        let read = match rustix::io::read(&input, &mut buffer) {
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(Errno::INTR | Errno::AGAIN) => continue,
            Err(_) => &[],
        };
        line.extend(read.iter().take(LONGEST.saturating_sub(line.len())));
        let ended = read.is_empty();
        if read.contains(&b'\n') || (ended && !line.is_empty()) {
            let text = String::from_utf8_lossy(&std::mem::take(&mut line)).into_owned();
            for answer in text.lines() {
                drop(to.send(Some(answer.to_owned())));
            }
        } else if ended {
            drop(to.send(None));
            return;
        }
    }
}
