//! Programs on another machine, through a real `sshd`.

mod bad;
mod ends;
mod forward;
mod run;
mod terminal;

use std::sync::Arc;

use indexmap::IndexMap;
use runbook_action::{Connection, Failure, Opening, Param, Text, Transport, TransportKind};
use runbook_action_shell::Ssh;
use runbook_testkit::contract::{Use, written};
use runbook_testkit::sshd::Server;
use serde_json::{Value, json};

use crate::{Place, environment};

/// A server, and the way to it.
struct There {
    server: Server,
    place: Place,
    ssh: Ssh,
}

impl There {
    fn new() -> Self {
        let place = Place::new();
        let ssh = Ssh::new(environment(place.root.path(), "/usr/local/bin:/usr/bin:/bin"));
        Self {
            server: Server::start(),
            place,
            ssh,
        }
    }

    fn connection(&self) -> Connection {
        Connection {
            name: "box".to_owned(),
            params: written(&json!({"ssh": "box", "config": self.server.config()})),
        }
    }

    async fn open(&self) -> Arc<dyn Transport> {
        self.open_through(&self.connection(), None).await.unwrap()
    }

    async fn open_through(
        &self,
        connection: &Connection,
        through: Option<Arc<dyn Transport>>,
    ) -> Result<Arc<dyn Transport>, Failure> {
        let opening = Opening {
            kind: "ssh",
            connection,
            via: None,
            behind: None,
            through,
        };
        self.ssh.open(opening).await
    }
}

/// A use of an action there.
fn there(open: &Arc<dyn Transport>, connection: Connection, params: &Value) -> Use {
    Use {
        params: written(params),
        connection: Some(connection),
        transport: Some(Arc::clone(open)),
        ..Use::default()
    }
}

fn with(case: Use, env: &[(&str, Param)]) -> Use {
    let env: IndexMap<String, Text> = env
        .iter()
        .filter_map(|(name, value)| match value {
            Param::Text(text) => Some(((*name).to_owned(), text.clone())),
            Param::Null | Param::Bool(_) | Param::Number(_) | Param::List(_) | Param::Map(_) => None,
        })
        .collect();
    Use { env, ..case }
}
