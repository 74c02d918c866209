//! A guard: asked again and again beside the steps. So many bad readings in a row, and it trips.

use indexmap::IndexMap;
use runbook_event::{CheckRole, CheckSite, Event, Verdict};

use super::{Context, Halt, gate};
use crate::brake::Urgency;

/// Asks a guard until it trips, or nothing is left to be guarded. Its first reading must pass.
pub(super) async fn run(context: &Context, number: usize) -> Result<(), Halt> {
    let course = std::sync::Arc::clone(&context.course);
    let Some(guard) = course.plan.guards().get(number) else {
        return Ok(());
    };
    let site = CheckSite {
        within: context.within.clone(),
        role: CheckRole::Guard,
        step: None,
        check: guard.id.clone(),
    };
    let stop = &context.stops.reads;
    context
        .record(Event::CheckStarted { site: site.clone() }, false)
        .await?;
    let begun = context.clock().monotonic();
    let (mut readings, mut bad, mut passed) = (0_u32, 0_u32, false);
    let mut last = Verdict::Pass;
    while !stop.is_raised() {
        let (mut reading, _) = gate::read(context, &site, guard, None, stop).await?;
        if stop.is_raised() {
            // It was cut short, and says nothing.
            break;
        }
        readings += 1;
        reading.number = readings;
        let good = reading.verdict == Verdict::Pass;
        reading.streak = u32::from(good);
        bad = if good { 0 } else { bad + 1 };
        let trips = bad >= guard.fails || (!good && !passed);
        let is_event = readings == 1 || reading.verdict != last || trips;
        last = reading.verdict;
        passed |= good;
        if is_event {
            let site = site.clone();
            context.record(Event::CheckRead { site, reading }, false).await?;
        } else {
            context.reading(&site, reading);
        }
        if trips {
            return ended(context, site, last, readings, begun).await;
        }
        let next = context.clock().monotonic() + guard.every.max(gate::LEAST_PAUSE);
        tokio::select! {
            biased;
            () = stop.reached(Urgency::Stop) => {}
            () = context.clock().wait_until(next) => {}
        }
    }
    // One that was never read says nothing of the run, and nothing began under it.
    ended(context, site, Verdict::Pass, readings, begun).await
}

async fn ended(
    context: &Context,
    site: CheckSite,
    verdict: Verdict,
    readings: u32,
    begun: std::time::Duration,
) -> Result<(), Halt> {
    let elapsed = context.clock().monotonic().saturating_sub(begun);
    let ended = Event::CheckEnded {
        site,
        verdict,
        readings,
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        values: IndexMap::new(),
        sealed: None,
    };
    context.record(ended, false).await
}
