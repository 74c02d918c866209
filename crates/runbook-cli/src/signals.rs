//! Signals as the engine wants them.

use runbook_engine::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// A file has reached the largest size that the system lets this program write.
const SIGXFSZ: i32 = 25;

/// Listens for Ctrl-C and SIGTERM. SIGHUP is taken and ignored: the run goes on without its terminal. So is SIGXFSZ:
/// the write that caused it fails, and that is told like every other failure to write.
pub(crate) fn listen() -> std::io::Result<mpsc::UnboundedReceiver<Signal>> {
    let (to, from) = mpsc::unbounded_channel();
    for (kind, name) in [
        (SignalKind::interrupt(), "SIGINT"),
        (SignalKind::terminate(), "SIGTERM"),
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
    for kind in [SignalKind::hangup(), SignalKind::from_raw(SIGXFSZ)] {
        let mut arriving = signal(kind)?;
        tokio::spawn(async move { while arriving.recv().await.is_some() {} });
    }
    Ok(from)
}
