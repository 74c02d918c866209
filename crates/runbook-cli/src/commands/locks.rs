//! `runbook locks`

use runbook_journal::{LockInfo, Locks};
use runbook_report::visible;
use serde_json::json;

use crate::args::{Format, LocksArgs};
use crate::error::Error;
use crate::project::Project;
use crate::table::{self, Column};
use crate::term::{self, BOLD, DIM, WARN, styled};

const COLUMNS: [Column; 5] = [
    column("LOCK", Some(16)),
    column("RUN", None),
    column("BY", Some(8)),
    column("SINCE (UTC)", None),
    column("STATE", None),
];

const fn column(heading: &'static str, least: Option<usize>) -> Column {
    Column {
        heading,
        least,
        spare: 0,
    }
}

/// Where in the table what has a style stands.
const STATE: usize = 4;

pub(crate) fn run(project: &Project, args: &LocksArgs) -> Result<u8, Error> {
    let dir = project.locks();
    let listing = Locks::at(&dir)
        .list()
        .map_err(|error| Error::file("list", &dir, &error))?;
    match args.format {
        Format::Json => {
            let unreadable = listing.unreadable.iter();
            let value = json!({
                "locks": listing.locks.iter().map(json_of).collect::<Vec<_>>(),
                "unreadable": unreadable
                    .map(|one| json!({"path": one.path, "reason": one.reason}))
                    .collect::<Vec<_>>(),
            });
            term::print(&serde_json::to_string_pretty(&value).unwrap_or_default());
        }
        Format::Text => {
            if listing.locks.is_empty() {
                term::print("no run owns a lock");
            } else {
                show(&listing.locks);
            }
            for one in &listing.unreadable {
                let text = format!("`{}` cannot be read: {}", one.path.display(), one.reason);
                term::print(&styled(WARN, &visible(&text)));
            }
        }
    }
    Ok(0)
}

fn show(locks: &[LockInfo]) {
    let rows: Vec<Vec<String>> = locks.iter().map(row).collect();
    let widths = table::widths(&COLUMNS, &rows, term::width());
    let headings = COLUMNS.map(|column| column.heading);
    term::print(&table::line(&headings, &widths, |_, cell| styled(BOLD, cell)));
    for (row, lock) in rows.iter().zip(locks) {
        let style = if lock.alive { DIM } else { WARN };
        term::print(&table::line(row, &widths, |at, cell| {
            if at == STATE {
                styled(style, cell)
            } else {
                cell.to_owned()
            }
        }));
    }
    if let Some(left) = locks.iter().find(|lock| !lock.alive) {
        let run = visible(&left.owner.run);
        term::print(&styled(
            DIM,
            &format!(
                "`runbook resume {run}` goes on with a run that left its lock; `runbook unlock {run} --reason …` takes it away"
            ),
        ));
    }
}

fn row(lock: &LockInfo) -> Vec<String> {
    let owner = &lock.owner;
    let state = if lock.alive {
        format!("held by process {}", owner.pid)
    } else {
        "left: killed, or waiting".to_owned()
    };
    vec![
        visible(&lock.lock),
        visible(&owner.run),
        visible(&format!("{}@{}", owner.user, owner.host)),
        owner.since.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        state,
    ]
}

fn json_of(lock: &LockInfo) -> serde_json::Value {
    let owner = &lock.owner;
    json!({
        "lock": lock.lock,
        "run": owner.run,
        "user": owner.user,
        "host": owner.host,
        "process": owner.pid,
        "since": owner.since.to_string(),
        "alive": lock.alive,
    })
}
