//! What goes wrong because a test says so.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::failure::Failure;
use crate::shared::lock;

/// Something that goes wrong with requests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// 429, with the seconds after which to come again.
    TooManyRequests {
        /// What `Retry-After` says.
        retry_after: u32,
    },
    /// 500.
    InternalError,
    /// 503, as a server answers that is starting or ending.
    Unavailable,
    /// 409 for a change, as if somebody had been faster.
    Conflict,
    /// The connection ends before there is an answer.
    Cut,
}

/// Which requests a fault is for, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faulty {
    /// What goes wrong.
    pub fault: Fault,
    /// The verb: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`; any unless given.
    pub verb: Option<String>,
    /// The kind of things: `deployments.apps`, `pods/eviction`; any unless given.
    pub resource: Option<String>,
    /// How many requests it is for.
    pub times: u32,
}

impl Faulty {
    /// The next request of any kind.
    #[must_use]
    pub const fn next(fault: Fault) -> Self {
        Self {
            fault,
            verb: None,
            resource: None,
            times: 1,
        }
    }

    /// Only requests with this verb.
    #[must_use]
    pub fn verb(mut self, verb: &str) -> Self {
        self.verb = Some(verb.to_owned());
        self
    }

    /// Only requests about this kind of things.
    #[must_use]
    pub fn resource(mut self, resource: &str) -> Self {
        self.resource = Some(resource.to_owned());
        self
    }

    /// So many requests.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// What is to go wrong.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pending: Mutex<Vec<Faulty>>,
    gone: AtomicU64,
}

impl Faults {
    pub(crate) fn add(&self, faulty: Faulty) {
        lock(&self.pending).push(faulty);
    }

    pub(crate) fn clear(&self) {
        lock(&self.pending).clear();
    }

    /// The fault that this request meets.
    pub(crate) fn meet(&self, verb: &str, resource: &str) -> Option<Fault> {
        let mut pending = lock(&self.pending);
        let index = pending.iter().position(|faulty| {
            let changes = matches!(verb, "create" | "update" | "patch" | "delete");
            (faulty.fault != Fault::Conflict || changes)
                && faulty.verb.as_deref().is_none_or(|wanted| wanted == verb)
                && faulty.resource.as_deref().is_none_or(|wanted| wanted == resource)
        })?;
        let fault = pending[index].fault.clone();
        pending[index].times = pending[index].times.saturating_sub(1);
        if pending[index].times == 0 {
            pending.remove(index);
        }
        Some(fault)
    }

    /// Every watch that is under way is told that its version is gone.
    pub(crate) fn end_watches(&self) {
        self.gone.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn watches_gone(&self) -> u64 {
        self.gone.load(Ordering::SeqCst)
    }
}

impl Fault {
    /// The answer; none where there is to be no answer at all.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self {
            Self::TooManyRequests { retry_after } => Some(Failure::too_many_requests(
                "Too many requests, please try again later.",
                Some(*retry_after),
            )),
            Self::InternalError => Some(Failure::internal("etcdserver: request timed out")),
            Self::Unavailable => Some(Failure::new(
                503,
                "ServiceUnavailable",
                "the server is currently unable to handle the request",
            )),
            Self::Conflict => Some(Failure::new(
                409,
                "Conflict",
                "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again",
            )),
            Self::Cut => None,
        }
    }
}
