//! Actions: kind, parameters, connection, effect.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::schema::Shape;
use runbook_action::{Action as Runnable, ConnectionNeed, Effect, Failure, Param, Recognised, Text};
use runbook_document::{ActionNode, Finding, Node, Span, Spanned, check, codes, language, nearest};

use super::Compiler;
use super::names::{Names, Results};
use crate::plan::{Action, Connection, Part};
use crate::service::SERVICE;
use crate::template::{Kind as TemplateKind, Template};

/// What surrounds an action.
pub(super) struct Around<'a> {
    pub(super) target: Option<&'a Spanned<String>>,
    pub(super) timeout: Duration,
    pub(super) env: &'a [(Spanned<String>, Node)],
    pub(super) uses_connections: &'a [Spanned<String>],
    pub(super) names: &'a Names,
    pub(super) known: &'a [Connection],
}

/// An action that was read, and what it is known to do.
pub(super) struct Read {
    pub(super) action: Action,
    pub(super) recognised: Recognised,
    pub(super) results: Results,
    pub(super) takes_env: bool,
}

impl Compiler<'_, '_> {
    pub(super) fn action(&mut self, node: &ActionNode, around: &Around<'_>) -> Option<Read> {
        let catalogue = self.request.catalogue;
        let Some(kind) = catalogue.kind(&node.kind.value) else {
            self.unknown_action(node);
            return None;
        };
        let spec = kind.spec();
        let params = if spec.kind == "uses" {
            self.plugin_params(node, around.names)
        } else {
            self.no_with(node);
            let fine = check(&node.params, &spec.params, self.findings);
            let params = self.template(&node.params, &spec.params, around.names);
            params.filter(|_| fine)
        };
        let connection = self.pick_connection(node, spec.connection, around);
        let env = self.environment_variables(around, spec.takes_env);
        let uses_connections = self.used_by_program(around, spec.takes_env);
        let params = params?;
        let recognised = match self.memo.recognised(kind, node, &params) {
            Ok(recognised) => recognised,
            Err(failure) => {
                self.refused(node, &failure);
                return None;
            }
        };
        let connection = connection?;
        let service = match spec.kind {
            SERVICE => self.service(connection.as_deref(), around),
            _ => None,
        };
        // What a service becomes through its connection says what it does in its own words, and refuses what it does
        // not know.
        let recognised = service.map_or(Ok(recognised), |service| service.recognise(&params.sketch()));
        let means = match service {
            Some(service) => service.means(&params.sketch()),
            None => kind.means(&params.sketch()),
        };
        let recognised = match recognised {
            Ok(recognised) => recognised,
            Err(failure) => {
                self.refused(node, &failure);
                return None;
            }
        };
        self.lint_arguments(&params);
        let action = Action {
            kind: spec.kind,
            params,
            connection,
            env: env?,
            uses_connections,
            effect: recognised.effect,
            summary: recognised.summary.clone(),
            means,
            timeout: around.timeout,
            span: node.kind.span,
        };
        let results = if spec.kind == "uses" {
            Results::Anything
        } else {
            Results::Fields(spec.result)
        };
        Some(Read {
            action,
            recognised,
            results,
            takes_env: spec.takes_env,
        })
    }

    /// What a service becomes through its connection.
    fn service(&self, connection: Option<&str>, around: &Around<'_>) -> Option<&Arc<dyn Runnable>> {
        let known = around
            .known
            .iter()
            .find(|known| Some(known.name.as_str()) == connection)?;
        self.request.catalogue.service(known.kind)
    }

    /// The parameters of a plugin: its name, and what stands under `with`.
    fn plugin_params(&mut self, node: &ActionNode, names: &Names) -> Option<Template> {
        if !check(&node.params, &Shape::Slug, self.findings) {
            return None;
        }
        let name = Param::Text(Text::literal(node.params.text().unwrap_or_default()));
        let mut map = IndexMap::from([("uses".to_owned(), Template::fixed(name, node.params.span))]);
        if let Some(with) = &node.with {
            map.insert("with".to_owned(), self.template(with, &Shape::Any, names)?);
        }
        Some(Template {
            kind: TemplateKind::Map(map),
            span: node.params.span,
        })
    }

    /// `with` belongs to `uses`.
    pub(super) fn no_with(&mut self, node: &ActionNode) {
        if let Some(with) = &node.with {
            let message = format!("`with` belongs to `uses`, and this is `{}`", node.kind.value);
            let finding = Finding::error(codes::USELESS_KEY, with.span, message);
            self.findings
                .push(finding.help(format!("put the parameters under `{}:`", node.kind.value)));
        }
    }

    /// The kinds of `defaults.target`.
    pub(super) fn default_targets(&mut self) {
        let kinds: Vec<&str> = self.request.catalogue.kinds().collect();
        for (kind, _) in &self.request.document.targets {
            if !kinds.contains(&kind.value.as_str()) {
                let help = match nearest(&kind.value, kinds.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "name a kind of action, such as `http`".to_owned(),
                };
                let message = format!("there is no action `{}`", kind.value);
                self.findings
                    .push(Finding::error(codes::UNKNOWN_ACTION, kind.span, message).help(help));
            }
        }
    }

    fn unknown_action(&mut self, node: &ActionNode) {
        let word = node.kind.value.as_str();
        if language::is_node(word) {
            let message = format!("`{word}` has no place here");
            let help = format!("it is a step of its own: `- {{id: …, {word}: …}}`");
            self.findings
                .push(Finding::error(codes::UNKNOWN_ACTION, node.kind.span, message).help(help));
            return;
        }
        let tables = [&language::STEP, &language::CHECK];
        let keys = tables
            .iter()
            .flat_map(|table| table.fields)
            .map(|field| field.key);
        let mut kinds: Vec<&str> = self.request.catalogue.kinds().collect();
        kinds.extend(language::NODES.iter().map(|node| node.key));
        kinds.sort_unstable();
        kinds.dedup();
        let meant = OTHERS
            .iter()
            .find(|(other, _)| *other == word)
            .map(|(_, ours)| *ours)
            .or_else(|| nearest(word, kinds.iter().copied().chain(keys)));
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the actions are {}", kinds.join(", ")),
        };
        let finding = Finding::error(
            codes::UNKNOWN_ACTION,
            node.kind.span,
            format!("there is no action `{word}`"),
        );
        self.findings.push(finding.help(help));
    }

    fn refused(&mut self, node: &ActionNode, failure: &Failure) {
        let span = failure
            .param
            .as_deref()
            .map_or(node.params.span, |path| span_of(&node.params, path));
        let finding = Finding::error(
            codes::WRONG_PARAMETER,
            span,
            match failure.param {
                Some(_) => format!("`{}`: {failure}", node.kind.value),
                None => format!("`{}` {failure}", node.kind.value),
            },
        );
        self.findings.push(finding.maybe_help(failure.help.clone()));
    }

    fn environment_variables(
        &mut self,
        around: &Around<'_>,
        takes_env: bool,
    ) -> Option<Vec<(String, Template)>> {
        if !takes_env {
            if let Some((name, _)) = around.env.first() {
                let message = "`env` is for programs, and this action starts none";
                let help = "put the value where the action takes it, or leave `env` out";
                self.findings
                    .push(Finding::error(codes::USELESS_KEY, name.span, message).help(help));
            }
            return Some(Vec::new());
        }
        let request = self.request;
        let defaults = &request.document.env;
        let kept = defaults
            .iter()
            .filter(|(name, _)| around.env.iter().all(|(own, _)| own.value != name.value));
        let env: Vec<Option<(String, Template)>> = kept
            .chain(around.env)
            .map(|(name, node)| {
                if name.value.is_empty() || name.value.contains(['=', '\0']) {
                    let message = format!(
                        "`{}` is no name of an environment variable",
                        name.value.escape_debug()
                    );
                    let finding = Finding::error(codes::UNUSABLE_NAME, name.span, message);
                    self.findings
                        .push(finding.help("a name has at least one character, and no `=` in it"));
                }
                let is_name = self.is_written_out(name);
                let value = self.template(node, &Shape::Template, around.names)?;
                is_name.then(|| (name.value.clone(), value))
            })
            .collect();
        env.into_iter().collect()
    }

    /// The connections whose settings a program gets.
    fn used_by_program(&mut self, around: &Around<'_>, takes_env: bool) -> Vec<String> {
        if let (Some(first), false) = (around.uses_connections.first(), takes_env) {
            let message = "`uses_connections` is for programs, and this action starts none";
            self.findings
                .push(Finding::error(codes::USELESS_KEY, first.span, message).help("leave it out"));
        }
        let mut used = Vec::new();
        for name in around.uses_connections {
            self.ask(Part::Key("uses_connections"), name.span);
            let kinds: Vec<&str> = around.known.iter().map(|known| known.kind).collect();
            if self.named_connection(name, &kinds, around.known).is_some() {
                used.push(name.value.clone());
            }
        }
        used
    }

    /// The connection of an action: the one that is named, else the only one of its kind. The outer `None`
    /// says that a finding was made.
    #[expect(
        clippy::option_option,
        reason = "the outer level is a failure that was reported, the inner an answer"
    )]
    fn pick_connection(
        &mut self,
        node: &ActionNode,
        need: ConnectionNeed,
        around: &Around<'_>,
    ) -> Option<Option<String>> {
        let default = self
            .request
            .document
            .targets
            .iter()
            .find(|(kind, _)| kind.value == node.kind.value);
        let named = around.target.or(default.map(|(_, target)| target));
        let (kinds, required) = match need {
            ConnectionNeed::Named(_) if named.is_none() => return Some(None),
            ConnectionNeed::None => {
                return match around.target {
                    None => Some(None),
                    Some(target) => {
                        let message = format!("`{}` goes through no connection", node.kind.value);
                        self.findings.push(
                            Finding::error(codes::USELESS_KEY, target.span, message)
                                .help("leave `target` out"),
                        );
                        None
                    }
                };
            }
            ConnectionNeed::Named(kinds) | ConnectionNeed::Optional(kinds) => (kinds, false),
            ConnectionNeed::Required(kinds) => (kinds, true),
        };
        if let Some(named) = named {
            return self.named_connection(named, kinds, around.known);
        }
        let own: Vec<&str> = around
            .known
            .iter()
            .filter(|known| kinds.contains(&known.kind))
            .map(|known| known.name.as_str())
            .filter(|name| {
                self.request
                    .document
                    .connections
                    .iter()
                    .any(|own| own.name.value == **name)
            })
            .collect();
        match own.as_slice() {
            [only] => {
                self.use_connection(only);
                Some(Some((*only).to_owned()))
            }
            // One that could not be read has been reported, and may be the one.
            [] if required && around.known.len() < self.global.connections.len() => None,
            [] if required => {
                self.no_connection(node, kinds);
                None
            }
            [] => Some(None),
            several => {
                let message = format!(
                    "`{}` could go through `{}`",
                    node.kind.value,
                    several.join("` or `")
                );
                let finding = Finding::error(codes::AMBIGUOUS_CONNECTION, node.kind.span, message);
                self.findings.push(finding.help("name one with `target`"));
                None
            }
        }
    }

    fn no_connection(&mut self, node: &ActionNode, kinds: &[&str]) {
        let message = format!(
            "`{}` needs a connection, and there is none of kind `{}`",
            node.kind.value,
            kinds.join("`, `")
        );
        let help = format!(
            "add one: `connections: {{NAME: {{{}: \"…\"}}}}`",
            kinds.first().unwrap_or(&"")
        );
        self.findings
            .push(Finding::error(codes::NO_CONNECTION, node.kind.span, message).help(help));
    }

    #[expect(clippy::option_option, reason = "as in `pick_connection`")]
    fn named_connection(
        &mut self,
        named: &Spanned<String>,
        kinds: &[&str],
        known: &[Connection],
    ) -> Option<Option<String>> {
        let fitting = || {
            known
                .iter()
                .filter(|known| kinds.contains(&known.kind))
                .map(|known| known.name.as_str())
        };
        match known.iter().find(|known| known.name == named.value) {
            Some(found) if kinds.contains(&found.kind) => {
                self.use_connection(&named.value);
                Some(Some(named.value.clone()))
            }
            Some(found) => {
                let message = format!(
                    "connection `{}` is of kind `{}`, and `{}` is needed",
                    named.value,
                    found.kind,
                    kinds.join("` or `")
                );
                let finding = Finding::error(codes::UNKNOWN_CONNECTION, named.span, message);
                self.findings.push(finding.related(found.span, "it is this one"));
                None
            }
            None if self.global.connections.contains(&named.value) => {
                self.use_connection(&named.value);
                None
            }
            None => {
                let known: Vec<&str> = fitting().collect();
                let help = match nearest(&named.value, fitting()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if known.is_empty() => "declare it under `connections:`".to_owned(),
                    None => format!("those that would do are `{}`", known.join("`, `")),
                };
                let message = format!("there is no connection `{}`", named.value);
                self.findings
                    .push(Finding::error(codes::UNKNOWN_CONNECTION, named.span, message).help(help));
                None
            }
        }
    }

    /// An action that must only look: of a check, or of `before`.
    pub(super) fn reading_action(
        &mut self,
        node: &ActionNode,
        around: &Around<'_>,
        what: &str,
    ) -> Option<Read> {
        let mut read = self.action(node, around)?;
        let refused = match (read.recognised.effect, read.recognised.certain) {
            (Effect::Read, _) | (Effect::Change, false) => false,
            (Effect::Change, true) | (Effect::Destructive, _) => true,
        };
        if refused {
            let message = format!("{what} only looks, and this {}", changes(read.recognised.effect));
            let finding = Finding::error(codes::CHECK_CHANGES, node.kind.span, message);
            self.findings
                .push(finding.help("make it a step, with its own `rollback` and `verify`"));
            return None;
        }
        read.action.effect = Effect::Read;
        Some(read)
    }
}

const fn changes(effect: Effect) -> &'static str {
    match effect {
        Effect::Read | Effect::Change => "changes something",
        Effect::Destructive => "may destroy something",
    }
}

/// The words of other tools, with ours.
const OTHERS: &[(&str, &str)] = &[
    ("cmd", "shell"),
    ("command", "exec"),
    ("run", "shell"),
    ("script", "shell"),
    ("bash", "shell"),
    ("sh", "shell"),
    ("kubectl", "k8s"),
    ("query", "sql"),
    ("request", "http"),
    ("get", "http"),
    ("curl", "http"),
    ("sleep", "wait"),
    ("pause", "wait"),
    ("set", "let"),
    ("loop", "for_each"),
    ("while", "repeat"),
    ("switch", "choose"),
    ("if", "when"),
    ("depends_on", "needs"),
];

/// The place of a parameter, from a path such as `json.max_size` or `argv[0]`.
fn span_of(params: &Node, path: &str) -> Span {
    let mut node = params;
    for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
        let next = node
            .get(part)
            .or_else(|| part.parse::<usize>().ok().and_then(|at| node.items().get(at)));
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    node.span
}
