//! `runbook watch`: a run that goes on elsewhere, or one of the past, as if it were here.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use runbook_event::{Observer as _, Outcome, Progress};
use runbook_journal::Follower;

use crate::args::Watch;
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::session::{self, next};
use crate::term;
use crate::view::{Screen, View};

/// How often it is looked whether there is more.
const LOOK: Duration = Duration::from_millis(100);

/// The longest that a replay waits for what comes next, since nobody wants to watch others wait.
const LONGEST: Duration = Duration::from_secs(2);

pub(crate) fn run(project: &Project, environment: &Environment, args: &Watch) -> Result<u8, Error> {
    let dir = runbook_journal::find(&project.runs(), &args.run)?;
    let screen = session::screen_of_text(environment);
    let outcome = if args.replay {
        replay(&dir, &screen, args.speed)?
    } else {
        follow(&dir, &screen)?
    };
    let run = runbook_journal::read(&dir)?;
    for line in next::lines(outcome, &run.state) {
        term::print(&line);
    }
    Ok(outcome.map_or(1, Outcome::exit_code))
}

/// Shows a run up to its end. Nothing if its process is gone before that.
fn follow(dir: &Path, screen: &Screen) -> Result<Option<Outcome>, Error> {
    let mut follower = Follower::open(dir)?;
    let mut view = View::new(screen.clone(), false, false);
    loop {
        // Whether somebody still writes is asked before the rest is read, so nothing is missed.
        let is_live = runbook_journal::is_running(dir);
        while let Some(record) = follower.advance()? {
            view.event(&record, follower.state());
        }
        for timed in follower.readings() {
            view.progress(&Progress::Reading {
                site: &timed.site,
                reading: &timed.reading,
            });
        }
        if !is_live {
            screen.leave_quietly();
            return Ok(follower.state().outcome());
        }
        std::thread::sleep(LOOK);
    }
}

/// Shows a run once more, so many times as fast. Where nobody watches, at once.
fn replay(dir: &Path, screen: &Screen, speed: f64) -> Result<Option<Outcome>, Error> {
    let mut follower = Follower::open(dir)?;
    let mut view = View::new(screen.clone(), false, false).replaying();
    let waits = std::io::stdout().is_terminal();
    let mut readings = follower.readings().into_iter().peekable();
    let mut last: Option<Timestamp> = None;
    let mut wait_until = |at: Timestamp| {
        if let Some(last) = last.filter(|_| waits) {
            let passed = Duration::try_from(at.duration_since(last)).unwrap_or_default();
            std::thread::sleep(passed.div_f64(speed).min(LONGEST));
        }
        last = Some(at);
    };
    while let Some(record) = follower.advance()? {
        while let Some(timed) = readings.next_if(|timed| timed.at < record.at) {
            wait_until(timed.at);
            view.progress(&Progress::Reading {
                site: &timed.site,
                reading: &timed.reading,
            });
        }
        wait_until(record.at);
        view.event(&record, follower.state());
    }
    screen.leave_quietly();
    Ok(follower.state().outcome())
}
