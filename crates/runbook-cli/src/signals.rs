//! Signals as the engine wants them.

use runbook_engine::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Listens for Ctrl-C and SIGTERM. SIGHUP is taken and ignored: the run goes on without its terminal.
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
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move { while hangup.recv().await.is_some() {} });
    Ok(from)
}
