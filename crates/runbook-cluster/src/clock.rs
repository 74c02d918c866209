//! The time of the cluster, which is that of the machine: it meets programs that look at their own clocks.

use jiff::Timestamp;

/// Now.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the cluster is a server of its own, which clients meet in real time"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// A time as objects say it: whole seconds.
#[must_use]
pub(crate) fn stamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The present time as objects say it.
#[must_use]
pub(crate) fn now_stamp() -> String {
    stamp(now())
}

/// The seconds since a time that an object says; none if it says none.
#[must_use]
pub(crate) fn seconds_since(stamp: &str) -> Option<i64> {
    let then: Timestamp = stamp.parse().ok()?;
    Some(now().as_second() - then.as_second())
}
