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
    let shell = runbook_action_shell::Environment { vars: environment.vars.clone(), root: root.to_owned() };
    let mut catalogue = Catalogue::new();
    catalogue.add(Arc::new(Shell::new(shell.clone())));
    catalogue.add(Arc::new(Exec::new(shell)));
    catalogue.add(Arc::new(Http::new()));
    catalogue.add(Arc::new(Sql::new(root.to_owned())));
    catalogue
}
