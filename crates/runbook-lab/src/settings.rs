//! What a practice system is started with, and the sizes that follow from it.

use std::fmt;
use std::net::SocketAddr;

use crate::{Error, Fault};

/// The largest pool that the service accepts.
pub(crate) const POOL_SIZE_MAX: u32 = 500;

/// The share of the pool that the leak takes, in percent: above the 0.95 that alerts watch for.
const LEAK_PERCENT: u32 = 97;

/// Sessions that the leak leaves free on a database server, so that an operator can still come in.
const SESSIONS_KEPT: u32 = 1;

/// The database behind a practice system.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file in a temporary directory that the system owns and removes.
    Sqlite,
    /// A PostgreSQL database that exists, by its URL. The table `code_chunks` is made in it if it is not there.
    Postgres(String),
}

impl fmt::Debug for Database {
    /// The URL may carry a password and is not shown.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite => formatter.write_str("Sqlite"),
            Self::Postgres(_) => formatter.write_str("Postgres(…)"),
        }
    }
}

/// What a practice system is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database behind it.
    pub database: Database,
    /// What is broken in it.
    pub faults: Vec<Fault>,
    /// The limit of the pool; 20 on SQLite and 100 on PostgreSQL if not given, there less if the server is small.
    pub pool_size: Option<u32>,
    /// Connections held by the leak; if not given so many that the utilisation exceeds 0.95. Only
    /// [`Fault::ConnectionsLeaked`] uses it.
    pub leaked: Option<u32>,
    /// Sessions that really work and must be left alone; none on SQLite and 2 on PostgreSQL if not given.
    pub busy: Option<u32>,
    /// Where to listen; a free port of 127.0.0.1 if not given.
    pub listen: Option<SocketAddr>,
}

impl Settings {
    /// A healthy system with the default sizes.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self {
            database,
            faults: Vec::new(),
            pool_size: None,
            leaked: None,
            busy: None,
            listen: None,
        }
    }

    /// The same with one more fault.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }
}

/// The sizes of a system, all defaults decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) pool: u32,
    pub(crate) leaked: u32,
    pub(crate) busy: u32,
}

impl Sizes {
    /// Decides the sizes. `free` is the number of sessions that a database server has left, where there is one.
    pub(crate) fn of(settings: &Settings, free: Option<u32>) -> Result<Self, Error> {
        let (pool_default, busy_default) = match settings.database {
            Database::Sqlite => (20, 0),
            Database::Postgres(_) => (100, 2),
        };
        let busy = settings.busy.unwrap_or(busy_default);
        let mut pool = settings.pool_size.unwrap_or(pool_default);
        let leaked = if settings.has(Fault::ConnectionsLeaked) {
            settings.leaked.unwrap_or_else(|| {
                let room = free.map_or(u32::MAX, |free| free.saturating_sub(SESSIONS_KEPT));
                let held = (pool.saturating_mul(LEAK_PERCENT)).div_ceil(100).min(room);
                if settings.pool_size.is_none() {
                    pool = pool.min((held * 100 / LEAK_PERCENT).max(1));
                }
                held.saturating_sub(busy)
            })
        } else {
            0
        };
        if !(1..=POOL_SIZE_MAX).contains(&pool) {
            return Err(Error::PoolSize(pool));
        }
        let wanted = leaked.saturating_add(busy);
        match free {
            Some(free) if wanted > free => Err(Error::ServerTooFull { wanted, free }),
            _ if wanted > pool => Err(Error::PoolTooSmall {
                wanted,
                pool_size: pool,
            }),
            _ => Ok(Self { pool, leaked, busy }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &Settings, free: Option<u32>, expect: (u32, u32, u32)) {
        let sizes = Sizes::of(settings, free).expect("the settings are good");
        assert_eq!((sizes.pool, sizes.leaked, sizes.busy), expect);
        if settings.has(Fault::ConnectionsLeaked) {
            let utilization = f64::from(sizes.leaked + sizes.busy) / f64::from(sizes.pool);
            assert!(utilization > 0.95, "{sizes:?} is only {utilization}");
        }
    }

    fn postgres() -> Settings {
        Settings::new(Database::Postgres("postgres://localhost/lab".to_owned()))
    }

    #[test]
    fn defaults_exceed_the_alert() {
        let leaked = Settings::new(Database::Sqlite).with_fault(Fault::ConnectionsLeaked);
        check(&leaked, None, (20, 20, 0));
        check(
            &Settings {
                pool_size: Some(3),
                ..leaked
            },
            None,
            (3, 3, 0),
        );

        let leaked = postgres().with_fault(Fault::ConnectionsLeaked);
        check(&leaked, Some(99), (100, 95, 2));
        check(
            &Settings {
                pool_size: Some(40),
                ..leaked
            },
            Some(99),
            (40, 37, 2),
        );
    }

    #[test]
    fn a_smaller_server_gets_a_smaller_pool_and_keeps_a_session_free() {
        let leaked = postgres().with_fault(Fault::ConnectionsLeaked);
        check(&leaked, Some(96), (97, 93, 2));
        check(&leaked, Some(17), (16, 14, 2));
    }

    #[test]
    fn without_the_fault_nothing_is_leaked() {
        check(
            &Settings {
                leaked: Some(7),
                ..Settings::new(Database::Sqlite)
            },
            None,
            (20, 0, 0),
        );
        check(&postgres(), Some(99), (100, 0, 2));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let settings = Settings {
            leaked: Some(30),
            ..Settings::new(Database::Sqlite)
        };
        let leaked = settings.with_fault(Fault::ConnectionsLeaked);
        assert!(matches!(
            Sizes::of(&leaked, None),
            Err(Error::PoolTooSmall {
                wanted: 30,
                pool_size: 20
            })
        ));
        let leaked = Settings {
            leaked: Some(95),
            ..postgres().with_fault(Fault::ConnectionsLeaked)
        };
        assert!(matches!(
            Sizes::of(&leaked, Some(50)),
            Err(Error::ServerTooFull { wanted: 97, free: 50 })
        ));
        let settings = Settings {
            pool_size: Some(0),
            ..Settings::new(Database::Sqlite)
        };
        assert!(matches!(Sizes::of(&settings, None), Err(Error::PoolSize(0))));
    }

    #[test]
    fn a_password_is_not_shown() {
        let database = Database::Postgres("postgres://lab:hunter2@localhost/lab".to_owned());
        assert!(!format!("{:?}", Settings::new(database)).contains("hunter2"));
    }
}
