//! The project file in types.

use std::time::Duration;

use runbook_schema::Shape;

use crate::check::check;
use crate::document::{
    Connection, SecretFrom, SecretSource, connections, one_of, secret_from, secrets, sections,
};
use crate::language::{CHANNEL, CHANNEL_KINDS, CONFIG};
use crate::lint::{Level, Levels, lint};
use crate::{Finding, Findings, Kind, Node, ScalarValue, Spanned, codes, nearest};

/// `runbook.config.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// `default_environment`
    pub default_environment: Option<Spanned<String>>,
    /// `environments`
    pub environments: Vec<Environment>,
    /// `severities`
    pub severities: Vec<Severity>,
    /// `escalations`
    pub escalations: Vec<(Spanned<String>, Vec<EscalationStep>)>,
    /// `channels`
    pub channels: Vec<Channel>,
    /// `on_call`
    pub on_call: Vec<OnCall>,
    /// `roles`: users by role
    pub roles: Vec<(Spanned<String>, Vec<String>)>,
    /// `policy`
    pub policy: Policy,
    /// `report.template`
    pub report_template: Option<Spanned<String>>,
    /// `report.sections`: title and template
    pub sections: Vec<(String, Node)>,
    /// `report.keep`
    pub keep_runs: Option<Duration>,
    /// `seal`
    pub seal: Seal,
    /// `state`
    pub state: Option<String>,
}

/// What vouches for the journals of runs.
#[derive(Debug, Clone, Default)]
pub struct Seal {
    /// `key`
    pub key: Option<SecretFrom>,
    /// `public`
    pub public: Vec<String>,
    /// `git_notes`
    pub git_notes: bool,
    /// `required`
    pub required: bool,
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
    /// `policy`
    pub policy: Policy,
    /// `lab`
    pub lab: Option<Spanned<String>>,
}

/// How bad an incident can be.
#[derive(Debug, Clone)]
pub struct Severity {
    /// Its name.
    pub name: Spanned<String>,
    /// `title`
    pub title: Option<String>,
    /// `respond_within`
    pub respond_within: Option<Duration>,
    /// `resolve_within`
    pub resolve_within: Option<Duration>,
    /// `escalation`
    pub escalation: Option<Spanned<String>>,
}

/// One step of an escalation.
#[derive(Debug, Clone)]
pub struct EscalationStep {
    /// `after`
    pub after: Duration,
    /// `to`
    pub to: Vec<Spanned<String>>,
    /// `message`
    pub message: Option<String>,
    /// Whether an acknowledgement is enough to make it unnecessary.
    pub until_acknowledged: bool,
}

/// Where messages go.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its name.
    pub name: Spanned<String>,
    /// Its kind: the key that names it.
    pub kind: String,
    /// Its mapping.
    pub node: Node,
    /// `secrets`
    pub secrets: Vec<SecretSource>,
}

/// Who is on call.
#[derive(Debug, Clone)]
pub struct OnCall {
    /// Its name.
    pub name: Spanned<String>,
    /// `people`
    pub people: Vec<String>,
    /// `rotate`
    pub rotate: Option<Duration>,
    /// `start`
    pub start: Option<Spanned<String>>,
    /// `via`
    pub via: Vec<Spanned<String>>,
}

/// What is demanded of runbooks.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// `lints`
    pub levels: Levels,
    /// `approve.change`
    pub change: Option<Demand>,
    /// `approve.destructive`
    pub destructive: Option<Demand>,
    /// `as`
    pub may_act_as: bool,
}

/// What an approval must ask for at least.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demand {
    /// `by`
    pub by: Vec<Spanned<String>>,
    /// `count`
    pub count: u32,
    /// `separate`
    pub separate: bool,
}

impl Config {
    /// Reads the project file from its tree.
    pub fn read(root: &Node, findings: &mut Findings) -> Self {
        check(root, &Shape::Object(&CONFIG), findings);
        let environments = root
            .named_of("environments")
            .into_iter()
            .map(|(name, node)| environment(name, &node, findings))
            .collect();
        let channels = root
            .named_of("channels")
            .into_iter()
            .filter_map(|(name, node)| channel(name, node, findings))
            .collect();
        let report = root.get("report");
        let config = Self {
            default_environment: root.text_of("default_environment"),
            environments,
            severities: root.named_of("severities").into_iter().map(severity).collect(),
            escalations: root
                .named_of("escalations")
                .into_iter()
                .map(|(name, node)| (name, node.items().iter().filter_map(escalation).collect()))
                .collect(),
            channels,
            on_call: root.named_of("on_call").into_iter().map(on_call).collect(),
            roles: root
                .named_of("roles")
                .into_iter()
                .map(|(name, node)| {
                    let people = node
                        .items()
                        .iter()
                        .filter_map(|item| item.text().map(str::to_owned));
                    (name, people.collect())
                })
                .collect(),
            policy: policy(root, findings),
            report_template: report.and_then(|report| report.text_of("template")),
            sections: sections(report),
            keep_runs: report.and_then(|report| report.duration_of("keep")),
            seal: seal(root, findings),
            state: root.text_of("state").map(|text| text.value),
        };
        config.check_names(findings);
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

    /// The names that a message can be sent to: channels, on-call lists and roles.
    #[must_use]
    pub fn recipients(&self) -> Vec<&str> {
        let channels = self.channels.iter().map(|channel| channel.name.value.as_str());
        let on_call = self.on_call.iter().map(|list| list.name.value.as_str());
        channels.chain(on_call).chain(self.role_names()).collect()
    }

    /// The names of all roles.
    pub fn role_names(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(|(name, _)| name.value.as_str())
    }

    /// The names of all escalations.
    pub fn escalation_names(&self) -> impl Iterator<Item = &str> {
        self.escalations.iter().map(|(name, _)| name.value.as_str())
    }

    /// The levels of lints, in an environment if one is given.
    #[must_use]
    pub fn levels(&self, environment: Option<&str>) -> Levels {
        let own = environment.and_then(|name| self.environment(name));
        let mut levels = self.policy.levels.clone();
        levels.extend(own.into_iter().flat_map(|environment| &environment.policy.levels));
        levels
    }

    fn check_names(&self, findings: &mut Findings) {
        if let Some(name) = &self.default_environment {
            known(
                name,
                "environment",
                self.names(),
                codes::UNKNOWN_ENVIRONMENT,
                findings,
            );
        }
        let escalations = self
            .severities
            .iter()
            .filter_map(|severity| severity.escalation.as_ref());
        for name in escalations {
            self.check_escalation(name, findings);
        }
        let steps = self.escalations.iter().flat_map(|(_, steps)| steps);
        for name in steps.flat_map(|step| &step.to) {
            self.check_recipient(name, findings);
        }
        for name in self.on_call.iter().flat_map(|list| &list.via) {
            let channels = self.channels.iter().map(|channel| channel.name.value.as_str());
            known(name, "channel", channels, codes::UNKNOWN_IN_PROJECT, findings);
        }
        let own = self.environments.iter().map(|environment| &environment.policy);
        for policy in own.chain([&self.policy]) {
            for name in policy
                .change
                .iter()
                .chain(&policy.destructive)
                .flat_map(|demand| &demand.by)
            {
                self.check_role(name, findings);
            }
        }
    }

    /// A role that is named somewhere.
    pub fn check_role(&self, name: &Spanned<String>, findings: &mut Findings) {
        known(
            name,
            "role",
            self.role_names(),
            codes::UNKNOWN_IN_PROJECT,
            findings,
        );
    }

    /// A recipient that is named somewhere.
    pub fn check_recipient(&self, name: &Spanned<String>, findings: &mut Findings) {
        let what = "channel, on-call list or role";
        known(name, what, self.recipients(), codes::UNKNOWN_IN_PROJECT, findings);
    }

    /// An escalation that is named somewhere.
    pub fn check_escalation(&self, name: &Spanned<String>, findings: &mut Findings) {
        known(
            name,
            "escalation",
            self.escalation_names(),
            codes::UNKNOWN_IN_PROJECT,
            findings,
        );
    }

    /// A severity that is named somewhere. A project that lists none takes any.
    pub fn check_severity(&self, name: &Spanned<String>, findings: &mut Findings) {
        if !self.severities.is_empty() {
            let names = self
                .severities
                .iter()
                .map(|severity| severity.name.value.as_str());
            known(name, "severity", names, codes::UNKNOWN_IN_PROJECT, findings);
        }
    }
}

/// A name that must be one of some.
fn known<'n>(
    name: &Spanned<String>,
    what: &str,
    names: impl IntoIterator<Item = &'n str>,
    code: crate::Code,
    findings: &mut Findings,
) {
    let names: Vec<&str> = names.into_iter().collect();
    if names.contains(&name.value.as_str()) {
        return;
    }
    let help = match nearest(&name.value, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if names.is_empty() => format!("the project file has no {what} at all"),
        None => format!("there are `{}`", names.join("`, `")),
    };
    let message = format!("there is no {what} `{}`", name.value);
    findings.push(Finding::error(code, name.span, message).help(help));
}

fn seal(root: &Node, findings: &mut Findings) -> Seal {
    let Some(node) = root.get("seal") else {
        return Seal::default();
    };
    // What is no mapping has been reported.
    let key = node.get("key").filter(|key| matches!(key.kind, Kind::Map(_)));
    let public = node.items_of("public").iter();
    Seal {
        key: key.and_then(|key| secret_from(key, findings)),
        public: public.filter_map(|key| key.text().map(str::to_owned)).collect(),
        git_notes: node.boolean_of("git_notes").unwrap_or(false),
        required: node.boolean_of("required").unwrap_or(false),
    }
}

fn environment(name: Spanned<String>, node: &Node, findings: &mut Findings) -> Environment {
    Environment {
        name,
        help: node.text_of("help").map(|text| text.value),
        connections: connections(node),
        inputs: node.named_of("inputs"),
        secrets: secrets(node, findings),
        policy: policy(node, findings),
        lab: node.text_of("lab"),
    }
}

fn severity((name, node): (Spanned<String>, Node)) -> Severity {
    Severity {
        name,
        title: node.text_of("title").map(|text| text.value),
        respond_within: node.duration_of("respond_within"),
        resolve_within: node.duration_of("resolve_within"),
        escalation: node.text_of("escalation"),
    }
}

fn escalation(node: &Node) -> Option<EscalationStep> {
    Some(EscalationStep {
        after: node.duration_of("after")?,
        to: node.slugs_of("to"),
        message: node.text_of("message").map(|text| text.value),
        until_acknowledged: node.get("until").and_then(Node::text) == Some("acknowledged"),
    })
}

fn channel(name: Spanned<String>, node: Node, findings: &mut Findings) -> Option<Channel> {
    Some(Channel {
        name,
        kind: one_of(&node, CHANNEL_KINDS, &CHANNEL, codes::CHANNEL, findings)?.to_owned(),
        secrets: secrets(&node, findings),
        node,
    })
}

fn on_call((name, node): (Spanned<String>, Node)) -> OnCall {
    OnCall {
        name,
        people: node
            .slugs_of("people")
            .into_iter()
            .map(|name| name.value)
            .collect(),
        rotate: node.duration_of("rotate"),
        start: node.text_of("start"),
        via: node.slugs_of("via"),
    }
}

fn policy(node: &Node, findings: &mut Findings) -> Policy {
    let Some(node) = node.get("policy") else {
        return Policy::default();
    };
    let mut levels = Levels::new();
    for (code, level) in node.texts_of("lints") {
        let level = match level.value.as_str() {
            "allow" => Level::Allow,
            "warn" => Level::Warn,
            _ => Level::Error,
        };
        match lint(&code) {
            Ok(code) => drop(levels.insert(code.id, level)),
            Err(finding) => findings.push(*finding),
        }
    }
    let demanded = |effect: &str| demand(node.get("approve")?.get(effect)?);
    Policy {
        levels,
        change: demanded("change"),
        destructive: demanded("destructive"),
        may_act_as: node.boolean_of("as").unwrap_or(false),
    }
}

fn demand(node: &Node) -> Option<Demand> {
    if let Some(scalar) = node.scalar() {
        return (scalar.value == ScalarValue::Bool(true)).then(|| Demand {
            count: 1,
            ..Demand::default()
        });
    }
    Some(Demand {
        by: node.slugs_of("by"),
        count: node.count_of("count").unwrap_or(1),
        separate: node.boolean_of("separate").unwrap_or(false),
    })
}
