//! Signals as the engine wants them.

use runbook_engine::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::error::Error;

/// A file has reached the largest size that the system lets this program write.
const SIGXFSZ: i32 = 25;

/// The terminal is gone.
pub(crate) const HANGUP: &str = "SIGHUP";

/// Listens for Ctrl-C, SIGTERM and SIGHUP. SIGXFSZ is taken and ignored: the write that caused it fails, and that is
/// told like every other failure to write.
pub(crate) fn listen() -> Result<mpsc::UnboundedReceiver<Signal>, Error> {
    arriving().map_err(|error| Error::usage(format!("cannot listen for signals: {error}")))
}

/// The next signal that is to end something. That the terminal is gone ends nothing.
pub(crate) async fn to_end(signals: &mut mpsc::UnboundedReceiver<Signal>) -> Option<Signal> {
    loop {
        match signals.recv().await {
            Some(signal) if signal.name == HANGUP => {}
            signal => return signal,
        }
    }
}

fn arriving() -> std::io::Result<mpsc::UnboundedReceiver<Signal>> {
    let (to, from) = mpsc::unbounded_channel();
    for (kind, name) in [
        (SignalKind::interrupt(), "SIGINT"),
        (SignalKind::terminate(), "SIGTERM"),
        (SignalKind::hangup(), HANGUP),
    ] {
        let mut arriving = signal(kind)?;
        let to = to.clone();
        tokio::spawn(async move {
            while arriving.recv().await.is_some() {
                if to
                    .send(Signal {
                        name: name.to_owned(),
                    })
                    .is_err()
                {
                    break;
                }
            }
        });
    }
    let mut too_large = signal(SignalKind::from_raw(SIGXFSZ))?;
    tokio::spawn(async move { while too_large.recv().await.is_some() {} });
    Ok(from)
}
