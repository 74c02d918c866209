//! The project file in types.

use runbook_schema::Shape;

use crate::check::check;
use crate::document::{Connection, SecretSource, connections, secrets};
use crate::language::CONFIG;
use crate::{Finding, Findings, Node, Spanned, codes, nearest};

/// `runbook.config.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// `default_environment`
    pub default_environment: Option<Spanned<String>>,
    /// `environments`
    pub environments: Vec<Environment>,
    /// `state`
    pub state: Option<String>,
}

/// An environment: what of a runbook is different there.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Its name.
    pub name: Spanned<String>,
    /// `help`
    pub help: Option<String>,
    /// `connections`
    pub connections: Vec<Connection>,
    /// `inputs`
    pub inputs: Vec<(Spanned<String>, Node)>,
    /// `secrets`
    pub secrets: Vec<SecretSource>,
    /// `lab`
    pub lab: Option<Spanned<String>>,
}

impl Config {
    /// Reads the project file from its tree.
    pub fn read(root: &Node, findings: &mut Findings) -> Self {
        check(root, &Shape::Object(&CONFIG), findings);
        let environments = root
            .named_of("environments")
            .into_iter()
            .map(|(name, node)| Environment {
                name,
                help: node.text_of("help").map(|text| text.value),
                connections: connections(&node),
                inputs: node.named_of("inputs"),
                secrets: secrets(&node),
                lab: node.text_of("lab"),
            })
            .collect();
        let config = Self {
            default_environment: root.text_of("default_environment"),
            environments,
            state: root.text_of("state").map(|text| text.value),
        };
        if let Some(name) = &config.default_environment
            && config.environment(&name.value).is_none()
        {
            let message = format!("there is no environment `{}`", name.value);
            let help = nearest(&name.value, config.names()).map(|meant| format!("did you mean `{meant}`?"));
            findings.push(Finding::error(codes::UNKNOWN_ENVIRONMENT, name.span, message).maybe_help(help));
        }
        config
    }

    /// The environment of this name.
    #[must_use]
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.environments
            .iter()
            .find(|environment| environment.name.value == name)
    }

    /// The names of all environments.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.environments
            .iter()
            .map(|environment| environment.name.value.as_str())
    }
}
