//! Closes leases that stay idle for longer than the idle timeout allows.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{self, MissedTickBehavior};

use super::{Service, leases};

const PERIOD: Duration = Duration::from_millis(100);

pub(super) async fn run(service: Arc<Service>) {
    let mut ticks = time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(seconds) = service.idle_timeout.seconds() {
            leases::close(service.leases.take_idle(Duration::from_secs(seconds))).await;
        }
    }
}
