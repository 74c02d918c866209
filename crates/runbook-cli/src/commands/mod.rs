//! The commands, one file each.

mod again;
mod agreed;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod exec;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod lab;
pub(crate) mod list;
pub(crate) mod locks;
pub(crate) mod man;
pub(crate) mod new;
pub(crate) mod note;
pub(crate) mod plan;
pub(crate) mod plugins;
pub(crate) mod report;
pub(crate) mod resume;
pub(crate) mod review;
pub(crate) mod rollback;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod seal;
pub(crate) mod show;
pub(crate) mod stats;
pub(crate) mod timeline;
pub(crate) mod unlock;
pub(crate) mod verify;
pub(crate) mod watch;

/// What to say of a run that has not ended.
fn not_ended(dir: &std::path::Path) -> String {
    if runbook_journal::is_running(dir) {
        return "the run has not ended: it is still going on".to_owned();
    }
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "the run has not ended: it was killed or left; what it had started may still be at work, and nothing was undone: \
         `runbook resume {name}` goes on, `runbook rollback {name}` undoes it"
    )
}
