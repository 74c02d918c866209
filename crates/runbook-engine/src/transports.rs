//! The places where programs of a run are run, each opened once, by the action that first needs it.

use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use runbook_action::{Connection, ErrorKind, Failure, Opening, PLACES, Param, Transport};
use runbook_plan::{Catalogue, Plan};
use tokio::sync::OnceCell;

use crate::courses::CourseRun;

/// What an action is handed of the way to its connection.
#[derive(Default)]
pub(crate) struct Way<'a> {
    /// The connection that its own one goes through, unless that one is a place.
    pub(crate) via: Option<&'a Connection>,
    /// The nearest place on the way; nothing is this machine.
    pub(crate) place: Option<Arc<dyn Transport>>,
}

/// A place that is open, or is being opened.
struct Place {
    kind: &'static str,
    /// Two connections that are written alike lead to one place.
    params: Param,
    /// What it goes through.
    ways: Vec<Param>,
    through: Option<Arc<dyn Transport>>,
    cell: Arc<OnceCell<Arc<dyn Transport>>>,
}

/// The places of a run.
#[derive(Default)]
pub(crate) struct Transports {
    places: Mutex<Vec<Place>>,
}

impl Transports {
    /// The way that a connection leads. What it goes through is opened first, from this machine on.
    pub(crate) async fn way<'a>(
        &self,
        catalogue: &Catalogue,
        course: &'a CourseRun,
        name: &str,
    ) -> Result<Way<'a>, Failure> {
        let chain = chain(&course.plan, name);
        let mut through: Option<Arc<dyn Transport>> = None;
        let mut via: Option<&Connection> = None;
        let mut behind: Option<&Connection> = None;
        let mut is_place = false;
        for link in chain.iter().rev() {
            let connection = value(&course.connections, &link.name)?;
            // A carrier stands before what it carries; the last of the chain is the connection itself.
            let own = link.name == name;
            is_place = PLACES.contains(&link.kind);
            if is_place && let Some(kind) = catalogue.transport(link.kind) {
                let opening = Opening {
                    kind: link.kind,
                    connection,
                    via,
                    behind,
                    through: through.clone(),
                };
                let ways = via.into_iter().chain(behind).map(|way| way.params.clone());
                let cell = self.cell(link.kind, connection, ways.collect(), through.as_ref());
                let opened = cell.get_or_try_init(|| kind.open(opening)).await?;
                through = Some(Arc::clone(opened));
            } else if is_place {
                return Err(Failure::new(
                    ErrorKind::Other,
                    format!(
                        "this version cannot run anything through a connection of kind `{}`",
                        link.kind
                    ),
                ));
            }
            if !own {
                behind = via;
                via = Some(connection);
            }
        }
        Ok(Way {
            via: via.filter(|_| !is_place),
            place: through,
        })
    }

    fn cell(
        &self,
        kind: &'static str,
        connection: &Connection,
        ways: Vec<Param>,
        through: Option<&Arc<dyn Transport>>,
    ) -> Arc<OnceCell<Arc<dyn Transport>>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |place: &&Place| {
            let same_way = match (&place.through, through) {
                (None, None) => true,
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                (Some(_), None) | (None, Some(_)) => false,
            };
            same_way && place.kind == kind && place.params == connection.params && place.ways == ways
        };
        if let Some(known) = places.iter().find(is_same) {
            return Arc::clone(&known.cell);
        }
        let cell = Arc::new(OnceCell::new());
        places.push(Place {
            kind,
            params: connection.params.clone(),
            ways,
            through: through.cloned(),
            cell: Arc::clone(&cell),
        });
        cell
    }

    /// Lets go of all of them; those that go through others first.
    pub(crate) async fn close(&self) {
        let places = std::mem::take(&mut *self.places.lock().unwrap_or_else(PoisonError::into_inner));
        for place in places.into_iter().rev() {
            if let Some(open) = place.cell.get() {
                open.close().await;
            }
        }
    }
}

/// A connection, what it goes through, and so on.
pub(crate) fn chain<'p>(plan: &'p Plan, name: &str) -> Vec<&'p runbook_plan::Connection> {
    let mut chain: Vec<&runbook_plan::Connection> = Vec::new();
    let mut next = Some(name);
    while let Some(name) = next {
        let found = plan.connections().iter().find(|known| known.name == name);
        // A compiled plan has no circles.
        next = found.and_then(|found| found.via.as_deref());
        chain.extend(found);
    }
    chain
}

fn value<'a>(connections: &'a IndexMap<String, Connection>, name: &str) -> Result<&'a Connection, Failure> {
    connections
        .get(name)
        .ok_or_else(|| Failure::new(ErrorKind::Other, format!("connection `{name}` has no value")))
}
