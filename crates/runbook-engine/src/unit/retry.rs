//! When there is another attempt, and how long is waited before it.

use std::time::Duration;

use runbook_action::{ErrorKind, Failure};
use runbook_plan::Retry;
use sha2::{Digest as _, Sha256};

use super::Context;
use crate::brake::{Brake, Urgency};

/// How long to wait before the next attempt; none if there is none.
pub(super) fn delay(retry: Option<&Retry>, failure: &Failure, attempt: u32, seed: &str) -> Option<Duration> {
    let retry = retry?;
    let worth = retry.on.is_empty() || retry.on.iter().any(|kind| kind == failure.kind.word());
    if attempt >= retry.attempts || failure.kind == ErrorKind::Cancelled || !worth {
        return None;
    }
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let longest = retry.max_delay.as_secs_f64();
    let grown = (retry.delay.as_secs_f64() * retry.backoff.powi(exponent)).min(longest);
    let spread = 1.0 - retry.jitter * share(seed, attempt);
    let own = Duration::try_from_secs_f64(grown * spread).unwrap_or(retry.max_delay);
    // Who asks to be left alone is, for as long as the author waits at most.
    let asked = failure.retry_after.unwrap_or_default().min(retry.max_delay);
    Some(own.max(asked))
}

/// A share between 0 and 1 that is another one for each run, step and attempt, and the same for each telling.
fn share(seed: &str, attempt: u32) -> f64 {
    let digest = Sha256::digest(format!("{seed} {attempt}"));
    let number = digest
        .iter()
        .take(4)
        .fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    f64::from(number) / f64::from(u32::MAX)
}

/// Waits. False: the run stopped meanwhile.
pub(super) async fn wait(context: &Context, length: Duration, stop: &Brake) -> bool {
    let until = context.clock().monotonic() + length;
    tokio::select! {
        biased;
        () = stop.reached(Urgency::Stop) => false,
        () = context.clock().wait_until(until) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(jitter: f64) -> Retry {
        Retry {
            attempts: 5,
            delay: Duration::from_secs(1),
            backoff: 2.0,
            max_delay: Duration::from_secs(5),
            jitter,
            on: vec!["timeout".to_owned()],
        }
    }

    #[test]
    fn delays_grow_to_a_bound() {
        let failure = Failure::new(ErrorKind::Timeout, "late");
        let delays: Vec<Option<u64>> = (1..=5)
            .map(|attempt| delay(Some(&retry(0.0)), &failure, attempt, "a").map(|delay| delay.as_secs()))
            .collect();
        assert_eq!(delays, [Some(1), Some(2), Some(4), Some(5), None]);
    }

    #[test]
    fn who_asks_to_be_left_alone_is_within_the_bound() {
        for (asked, waited) in [(0, 1), (1, 1), (3, 3), (3600, 5)] {
            let failure = Failure::new(ErrorKind::Timeout, "busy").retry_after(Duration::from_secs(asked));
            let expected = Some(Duration::from_secs(waited));
            assert_eq!(delay(Some(&retry(0.0)), &failure, 1, "a"), expected);
        }
    }

    #[test]
    fn only_what_is_worth_it_is_tried_again() {
        let failure = Failure::new(ErrorKind::Auth, "wrong password");
        assert_eq!(delay(Some(&retry(0.0)), &failure, 1, "a"), None);
        assert_eq!(delay(None, &failure, 1, "a"), None);
    }

    #[test]
    fn jitter_only_shortens() {
        let failure = Failure::new(ErrorKind::Timeout, "late");
        for seed in ["a", "b", "c", "d"] {
            let delay = delay(Some(&retry(0.5)), &failure, 1, seed).unwrap();
            assert!(delay <= Duration::from_secs(1) && delay >= Duration::from_millis(500));
        }
    }
}
