//! The actions that this program knows.

use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use runbook_action_docker::{Compose, Containers, Docker, Places as Programs, Services};
use runbook_action_http::{Http, Promql};
use runbook_action_plugin::{Lock, Places, Uses};
use runbook_action_shell::{Exec, File, Local, LocalServices, Shell, Ssh, Systemd};
use runbook_action_sql::Sql;
use runbook_plan::Catalogue;

use crate::identity::Environment;

/// All actions. Nobody else knows a plugin by name.
pub(crate) fn catalogue(environment: &Environment, root: &Path) -> Catalogue {
    with_plugins(environment, root, plugins(environment, root))
}

/// The same for a run that goes on: its plugins are those that it began with, whatever the project has pinned since.
pub(crate) fn catalogue_of_run(environment: &Environment, root: &Path, lock: Option<&str>) -> Catalogue {
    let plugins = Uses::of_run(places(environment, root), lock);
    with_plugins(environment, root, plugins)
}

fn with_plugins(environment: &Environment, root: &Path, plugins: Uses) -> Catalogue {
    let shell = runbook_action_shell::Environment {
        vars: environment.vars.clone(),
        root: root.to_owned(),
    };
    let here = Arc::new(Local::new(shell.clone()));
    let ssh = Arc::new(Ssh::new(shell.clone()));
    let engines = runbook_action_docker::Environment {
        vars: environment.vars.clone(),
        root: root.to_owned(),
        places: Programs::new(here.clone(), ssh.clone()),
    };
    let mut catalogue = Catalogue::new();
    catalogue.add_transport(Arc::new(Local::new(shell.clone())));
    catalogue.add(Arc::new(Shell::new(shell.clone())));
    catalogue.add_transport(ssh);
    catalogue.add_transport(Arc::new(Containers::new(engines.clone())));
    catalogue.add(Arc::new(Exec::new(shell.clone())));
    catalogue.add(Arc::new(File::new(shell.clone())));
    catalogue.add_service("systemd", Arc::new(Systemd::new(shell.clone())));
    let services = Arc::new(Services::new(engines.clone(), here.clone()));
    catalogue.add_service("docker", services.clone());
    catalogue.add_service("compose", services);
    catalogue.add_service("local", Arc::new(LocalServices::new(shell)));
    catalogue.add(Arc::new(Http::new(root.to_owned())));
    catalogue.add(Arc::new(Sql::new(root.to_owned())));
    catalogue.add(Arc::new(Promql::new(root.to_owned())));
    catalogue.add(Arc::new(plugins));
    #[cfg(feature = "k8s")]
    {
        let clusters = runbook_action_k8s::Environment {
            vars: environment.vars.clone(),
            root: root.to_owned(),
            account: None,
        };
        catalogue.add_transport(Arc::new(runbook_action_k8s::Pods::new(
            clusters.clone(),
            here.clone(),
        )));
        let k8s = runbook_action_k8s::K8s::new(clusters, here.clone());
        let services = runbook_action_k8s::Services::new(k8s.clone());
        catalogue.add_service("k8s", Arc::new(services));
        catalogue.add(Arc::new(k8s));
    }
    // Without the feature this is checked and planned, and cannot be run.
    #[cfg(not(feature = "k8s"))]
    catalogue.declare(Arc::new(runbook_action_k8s::Language));
    catalogue.add(Arc::new(Docker::new(engines.clone())));
    catalogue.add(Arc::new(Compose::new(engines, here)));
    catalogue
}

/// Whatever the project has pinned. A lock that cannot be read is one that cannot be trusted.
fn plugins(environment: &Environment, root: &Path) -> Uses {
    let lock = match fs::read_to_string(root.join(Lock::FILE)) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(_unreadable) => Some(String::new()),
    };
    Uses::new(places(environment, root), lock.as_deref())
}

/// Where plugins are looked for.
pub(crate) fn places(environment: &Environment, root: &Path) -> Places {
    Places {
        root: root.to_owned(),
        vars: environment.vars.clone(),
    }
}

/// The kinds of the actions in the catalogue, for reading a document before there is one.
pub(crate) const KINDS: &[&str] = &[
    "shell", "exec", "file", "http", "sql", "promql", "k8s", "docker", "compose",
];

#[cfg(test)]
mod tests {
    use runbook_action::Via;

    use super::*;

    #[test]
    fn the_kinds_are_those_of_the_catalogue() {
        let environment = Environment {
            vars: Vec::new(),
            directory: "/".into(),
        };
        let own: Vec<&str> = Catalogue::new().kinds().collect();
        let added: Vec<&str> = catalogue(&environment, Path::new("/"))
            .kinds()
            .filter(|kind| !own.contains(kind))
            .collect();
        assert_eq!(added, KINDS);
    }

    /// What a connection goes through, and what an action goes through, is of a kind that there is.
    #[test]
    fn every_kind_of_connection_that_is_named_is_known() {
        let environment = Environment {
            vars: Vec::new(),
            directory: "/".into(),
        };
        let catalogue = catalogue(&environment, Path::new("/"));
        let known: Vec<&str> = catalogue.connections().iter().map(|spec| spec.kind).collect();
        let through = catalogue
            .connections()
            .into_iter()
            .flat_map(|spec| match spec.via {
                Via::Never => &[] as &[&str],
                Via::Named(kinds) | Via::Required(kinds) => kinds,
            });
        let needed = KINDS
            .iter()
            .filter_map(|kind| catalogue.kind(kind))
            .flat_map(|kind| kind.spec().connection.kinds());
        for kind in through.chain(needed) {
            assert!(known.contains(kind), "there is no connection of kind `{kind}`");
        }
    }
}
