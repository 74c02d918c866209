//! The actions that this program knows.

use std::path::Path;
use std::sync::Arc;

use runbook_action_http::Http;
use runbook_action_shell::{Exec, Shell};
use runbook_action_sql::Sql;
use runbook_plan::Catalogue;

use crate::identity::Environment;

/// All actions. Nobody else knows a plugin by name.
pub(crate) fn catalogue(environment: &Environment, root: &Path) -> Catalogue {
    let shell = runbook_action_shell::Environment {
        vars: environment.vars.clone(),
        root: root.to_owned(),
    };
    let mut catalogue = Catalogue::new();
    catalogue.add(Arc::new(Shell::new(shell.clone())));
    catalogue.add(Arc::new(Exec::new(shell)));
    catalogue.add(Arc::new(Http::new()));
    catalogue.add(Arc::new(Sql::new(root.to_owned())));
    catalogue
}

/// The kinds of the actions in the catalogue, for reading a document before there is one.
pub(crate) const KINDS: &[&str] = &["shell", "exec", "http", "sql"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_those_of_the_catalogue() {
        let environment = Environment {
            vars: Vec::new(),
            directory: "/".into(),
        };
        let kinds: Vec<&str> = catalogue(&environment, Path::new("/")).kinds().collect();
        assert_eq!(kinds, KINDS);
    }
}
