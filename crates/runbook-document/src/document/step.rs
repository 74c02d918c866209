//! Steps as written, and what stands within them.

use std::time::Duration;

use runbook_schema::Object;

use super::action::further;
use super::{ActionNode, Check, Named, OnFailureWord, Reader};
use crate::check::unknown_key;
use crate::language::{ALTERNATIVE, BEFORE, BRANCH, ROLLBACK, STEP, THEN, UNDO_STEP};
use crate::{Entry, Finding, Node, ScalarValue, Span, Spanned, codes};

/// A step as written, or something like one: a branch, an alternative, a step of an undo.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its place.
    pub span: Span,
    /// `id`, or what stands for it where none need be given
    pub id: Spanned<String>,
    /// The keys that it has, for what is judged by kind.
    pub keys: Vec<Spanned<String>>,
    /// `title`
    pub title: Option<String>,
    /// `description`
    pub description: Option<String>,
    /// `phase`
    pub phase: Option<String>,
    /// `needs`
    pub needs: Option<Vec<Spanned<String>>>,
    /// `when`
    pub when: Option<Node>,
    /// `else`, of a branch
    pub otherwise: bool,
    /// `within`, of an alternative
    pub within: Option<Duration>,
    /// `target`
    pub target: Option<Spanned<String>>,
    /// What it does, if that is one thing.
    pub body: Option<Body>,
    /// `for_each`
    pub for_each: Option<ForEach>,
    /// `repeat`
    pub repeat: Option<Repeat>,
    /// `effect`
    pub effect: Option<Spanned<String>>,
    /// `before`
    pub before: Option<Before>,
    /// `rollback`
    pub rollback: Option<Rollback>,
    /// `irreversible`
    pub irreversible: Option<String>,
    /// `then`
    pub then: Vec<Then>,
    /// `require`
    pub require: Vec<Check>,
    /// `verify`
    pub verify: Vec<Check>,
    /// `approve`
    pub approve: Option<Approve>,
    /// `capture`
    pub capture: Vec<Capture>,
    /// `save`
    pub save: Named,
    /// `idempotent`
    pub idempotent: bool,
    /// `verify_decides`
    pub verify_decides: Option<Span>,
    /// `timeout`
    pub timeout: Option<Duration>,
    /// `retry`
    pub retry: Option<Retry>,
    /// `on_failure`
    pub on_failure: Option<OnFailureWord>,
    /// `may_fail`
    pub may_fail: Option<Span>,
    /// `escalate`
    pub escalate: Option<Escalate>,
    /// `env`
    pub env: Named,
    /// `uses_connections`
    pub uses_connections: Vec<Spanned<String>>,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Body {
    /// An action, or what the engine does in place of one.
    Action(ActionNode),
    /// `steps`
    Steps(Vec<Step>),
    /// `choose`
    Choose(Vec<Step>),
    /// `first_of`
    FirstOf(Vec<Step>),
}

/// `for_each`
#[derive(Debug, Clone)]
pub struct ForEach {
    /// `item`
    pub item: Spanned<String>,
    /// `in`
    pub list: Node,
    /// `batch`
    pub batch: u32,
    /// `max_failures`
    pub max_failures: u32,
}

/// `repeat`
#[derive(Debug, Clone)]
pub struct Repeat {
    /// `until`
    pub until: Node,
    /// `at_most`
    pub at_most: u32,
    /// `every`
    pub every: Option<Duration>,
}

/// A captured value.
#[derive(Debug, Clone)]
pub struct Capture {
    /// Its name.
    pub name: Spanned<String>,
    /// The expression.
    pub value: Node,
    /// Whether it is a secret from then on.
    pub secret: bool,
}

/// `before`
#[derive(Debug, Clone)]
pub struct Before {
    /// Its place.
    pub span: Span,
    /// The action, if there is just one.
    pub action: Option<ActionNode>,
    /// `target`
    pub target: Option<Spanned<String>>,
    /// `timeout`
    pub timeout: Option<Duration>,
    /// `env`
    pub env: Named,
    /// `capture`
    pub capture: Vec<Capture>,
}

/// `rollback`
#[derive(Debug, Clone)]
pub enum Rollback {
    /// `not_needed`
    NotNeeded,
    /// `auto`
    Auto(Span),
    /// An action.
    Action(Box<Undo>),
    /// Several steps.
    Steps(Vec<Step>),
}

/// An action that undoes a step.
#[derive(Debug, Clone)]
pub struct Undo {
    /// Its place.
    pub span: Span,
    /// The action, if there is just one.
    pub action: Option<ActionNode>,
    /// `target`
    pub target: Option<Spanned<String>>,
    /// `timeout`
    pub timeout: Option<Duration>,
    /// `env`
    pub env: Named,
    /// `retry`
    pub retry: Option<Retry>,
    /// `idempotent`
    pub idempotent: bool,
    /// `verify`
    pub verify: Vec<Check>,
    /// `uses_connections`
    pub uses_connections: Vec<Spanned<String>>,
}

/// An action that makes a change take effect.
#[derive(Debug, Clone)]
pub struct Then {
    /// Its place.
    pub span: Span,
    /// The action, if there is just one.
    pub action: Option<ActionNode>,
    /// `target`
    pub target: Option<Spanned<String>>,
    /// `timeout`
    pub timeout: Option<Duration>,
    /// `env`
    pub env: Named,
    /// `retry`
    pub retry: Option<Retry>,
    /// `uses_connections`
    pub uses_connections: Vec<Spanned<String>>,
}

/// `approve`
#[derive(Debug, Clone)]
pub struct Approve {
    /// Its place.
    pub span: Span,
    /// The keys that it has.
    pub keys: Vec<Spanned<String>>,
    /// `message`
    pub message: Option<Node>,
    /// `by`
    pub by: Vec<Spanned<String>>,
    /// `count`
    pub count: u32,
    /// `within`
    pub within: Option<Duration>,
    /// Whether `on_timeout` says to skip the step.
    pub timeout_skips: bool,
    /// Whether `on_reject` says to skip the step.
    pub reject_skips: bool,
    /// `remind`
    pub remind: Option<Duration>,
    /// `separate`
    pub separate: bool,
}

/// `retry`
#[derive(Debug, Clone)]
pub struct Retry {
    /// Its place.
    pub span: Span,
    /// `attempts`
    pub attempts: u32,
    /// `delay`
    pub delay: Option<Duration>,
    /// `backoff`
    pub backoff: Option<f64>,
    /// `max_delay`
    pub max_delay: Option<Duration>,
    /// `jitter`
    pub jitter: Option<f64>,
    /// `on`
    pub on: Vec<String>,
}

/// `escalate` of a step
#[derive(Debug, Clone)]
pub struct Escalate {
    /// `after`
    pub after: Duration,
    /// `to`
    pub to: Vec<Spanned<String>>,
}

impl Step {
    /// This step and those within it, in the author's order.
    #[must_use]
    pub fn flat(&self) -> Vec<&Self> {
        let mut all = vec![self];
        all.extend(self.within().iter().flat_map(Self::flat));
        if let Some(Rollback::Steps(steps)) = &self.rollback {
            all.extend(steps.iter().flat_map(Self::flat));
        }
        all
    }

    /// The steps that it holds.
    #[must_use]
    pub fn within(&self) -> &[Self] {
        match &self.body {
            Some(Body::Steps(steps) | Body::Choose(steps) | Body::FirstOf(steps)) => steps,
            Some(Body::Action(_)) | None => &[],
        }
    }

    /// The key of this name, if the step has it.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&Spanned<String>> {
        self.keys.iter().find(|key| key.value == name)
    }
}

impl Reader<'_> {
    /// Steps, or what is like them. Where no id need be given, it is that of `parent` and a number.
    pub(super) fn steps(&mut self, nodes: &[Node], object: &Object, parent: Option<&str>) -> Vec<Step> {
        let numbered = nodes.iter().enumerate();
        numbered
            .filter_map(|(at, node)| {
                let place = node.entries().first().map_or(node.span, |entry| entry.key.span);
                let derived = |parent| Spanned::new(format!("{parent}-{}", at + 1), place);
                let id = node.text_of("id").or_else(|| parent.map(derived))?;
                Some(self.step(node, object, id))
            })
            .collect()
    }

    fn step(&mut self, node: &Node, object: &Object, id: Spanned<String>) -> Step {
        Step {
            span: node.span,
            keys: node.entries().iter().map(|entry| entry.key.clone()).collect(),
            title: node.text_of("title").map(|text| text.value),
            description: node.text_of("description").map(|text| text.value),
            phase: node.text_of("phase").map(|text| text.value),
            needs: node.get("needs").map(|_| needs(node)),
            when: node.get("when").cloned(),
            otherwise: node.get("else").is_some(),
            within: node.duration_of("within"),
            target: node.text_of("target"),
            body: self.body(node, object, &id),
            for_each: node.get("for_each").and_then(for_each),
            repeat: node.get("repeat").and_then(repeat),
            effect: node.text_of("effect"),
            before: node.get("before").map(|before| self.before(before)),
            rollback: node
                .get("rollback")
                .and_then(|rollback| self.rollback(rollback, &id.value)),
            irreversible: node
                .text_of("irreversible")
                .map(|text| text.value.trim().to_owned()),
            then: self.then(node),
            require: self.checks(node.items_of("require")),
            verify: self.checks(node.items_of("verify")),
            approve: approve(node),
            capture: captures(node),
            save: node.named_of("save"),
            idempotent: node.boolean_of("idempotent").unwrap_or(false),
            verify_decides: node.flag_of("verify_decides"),
            timeout: node.duration_of("timeout"),
            retry: retry(node),
            on_failure: on_failure(node),
            may_fail: node.flag_of("may_fail"),
            escalate: node.get("escalate").and_then(escalate),
            env: node.named_of("env"),
            uses_connections: node.slugs_of("uses_connections"),
            id,
        }
    }

    /// What a step does: its action, or the steps that it holds.
    fn body(&mut self, node: &Node, object: &Object, id: &Spanned<String>) -> Option<Body> {
        const HOLDING: [&str; 3] = ["steps", "choose", "first_of"];
        let holding: Vec<_> = HOLDING.iter().filter_map(|key| node.entry(key)).collect();
        let entries = further(node, object);
        self.repeated(node, &holding);
        let Some((first, more)) = holding.split_first() else {
            return self.action(node, object, id.span).map(Body::Action);
        };
        for entry in more.iter().chain(&entries) {
            if self.can_be_action(&entry.key.value) {
                self.second(object, &first.key, &entry.key);
            } else {
                self.findings
                    .push(unknown_key(&entry.key.value, entry.key.span, object));
            }
        }
        let items = first.value.items();
        if matches!(&first.value.kind, crate::Kind::List(items) if items.is_empty()) {
            let message = format!("`{}` is empty", first.key.value);
            self.findings.push(
                Finding::error(codes::EMPTY_VALUE, first.key.span, message)
                    .help("add a step to it, or leave it out"),
            );
        }
        Some(match first.key.value.as_str() {
            "steps" => Body::Steps(self.steps(items, &STEP, None)),
            "choose" => Body::Choose(self.steps(items, &BRANCH, Some(&id.value))),
            _ => Body::FirstOf(self.steps(items, &ALTERNATIVE, Some(&id.value))),
        })
    }

    /// `for_each` and `repeat` repeat `steps`, and nothing else.
    fn repeated(&mut self, node: &Node, holding: &[&Entry]) {
        let what = match holding.first().map(|entry| entry.key.value.as_str()) {
            Some("steps") => return,
            Some(other) => format!("`{other}`"),
            None => "action".to_owned(),
        };
        for entry in ["for_each", "repeat"].iter().filter_map(|key| node.entry(key)) {
            let message = format!(
                "`{}` repeats steps, and there are no `steps` here",
                entry.key.value
            );
            let help = format!("put the {what} into a step of `steps:`");
            self.findings
                .push(Finding::error(codes::COMPOSITION, entry.key.span, message).help(help));
        }
    }

    fn before(&mut self, node: &Node) -> Before {
        Before {
            span: node.span,
            action: self.action(node, &BEFORE, node.span),
            target: node.text_of("target"),
            timeout: node.duration_of("timeout"),
            env: node.named_of("env"),
            capture: captures(node),
        }
    }

    fn rollback(&mut self, node: &Node, id: &str) -> Option<Rollback> {
        match node.text() {
            Some("not_needed") => return Some(Rollback::NotNeeded),
            Some("auto") => return Some(Rollback::Auto(node.span)),
            // What else is written there has been reported.
            Some(_) => return None,
            None if node.is_null() => return None,
            None => {}
        }
        if !node.items().is_empty() {
            let parent = format!("{id}-undo");
            return Some(Rollback::Steps(self.steps(
                node.items(),
                &UNDO_STEP,
                Some(&parent),
            )));
        }
        Some(Rollback::Action(Box::new(Undo {
            span: node.span,
            action: self.action(node, &ROLLBACK, node.span),
            target: node.text_of("target"),
            timeout: node.duration_of("timeout"),
            env: node.named_of("env"),
            retry: retry(node),
            idempotent: node.boolean_of("idempotent").unwrap_or(false),
            verify: self.checks(node.items_of("verify")),
            uses_connections: node.slugs_of("uses_connections"),
        })))
    }

    fn then(&mut self, node: &Node) -> Vec<Then> {
        let nodes = node.one_or_more("then");
        let read = |node: &Node| Then {
            span: node.span,
            action: self.action(node, &THEN, node.span),
            target: node.text_of("target"),
            timeout: node.duration_of("timeout"),
            env: node.named_of("env"),
            retry: retry(node),
            uses_connections: node.slugs_of("uses_connections"),
        };
        nodes.iter().map(read).collect()
    }
}

pub(super) fn on_failure(node: &Node) -> Option<OnFailureWord> {
    match node.get("on_failure")?.text()? {
        "rollback" => Some(OnFailureWord::Rollback),
        "hold" => Some(OnFailureWord::Hold),
        "continue" => Some(OnFailureWord::Continue),
        _ => None,
    }
}

pub(super) fn captures(node: &Node) -> Vec<Capture> {
    node.named_of("capture")
        .into_iter()
        .filter_map(|(name, node)| match node.get("value") {
            Some(value) => Some(Capture {
                name,
                value: value.clone(),
                secret: node.boolean_of("secret").unwrap_or(false),
            }),
            None => node.scalar().is_some().then(|| Capture {
                name,
                value: node.clone(),
                secret: false,
            }),
        })
        .collect()
}

/// What has blanks or commas in it is a list that was written as a text, and has been reported.
fn needs(node: &Node) -> Vec<Spanned<String>> {
    let mut needs = node.slugs_of("needs");
    needs.retain(|need| !need.value.contains([' ', ',']));
    needs
}

fn for_each(node: &Node) -> Option<ForEach> {
    Some(ForEach {
        item: node.text_of("item")?,
        list: node.get("in")?.clone(),
        batch: node.count_of("batch").unwrap_or(1),
        max_failures: node.count_of("max_failures").unwrap_or(0),
    })
}

fn repeat(node: &Node) -> Option<Repeat> {
    Some(Repeat {
        until: node.get("until")?.clone(),
        at_most: node.count_of("at_most")?,
        every: node.duration_of("every"),
    })
}

fn retry(node: &Node) -> Option<Retry> {
    let node = node.get("retry")?;
    Some(Retry {
        span: node.span,
        attempts: node.count_of("attempts")?,
        delay: node.duration_of("delay"),
        backoff: node.number_of("backoff"),
        max_delay: node.duration_of("max_delay"),
        jitter: node.number_of("jitter"),
        on: node.slugs_of("on").into_iter().map(|word| word.value).collect(),
    })
}

fn escalate(node: &Node) -> Option<Escalate> {
    Some(Escalate {
        after: node.duration_of("after")?,
        to: node.slugs_of("to"),
    })
}

fn approve(node: &Node) -> Option<Approve> {
    let approve = node.get("approve")?;
    match approve.scalar().map(|scalar| &scalar.value) {
        Some(ScalarValue::Bool(true)) | None => {}
        Some(_) => return None,
    }
    let skips = |key: &str| approve.get(key).and_then(Node::text) == Some("skip");
    Some(Approve {
        span: node.entry("approve").map_or(approve.span, |entry| entry.key.span),
        keys: approve.entries().iter().map(|entry| entry.key.clone()).collect(),
        message: approve.get("message").cloned(),
        by: approve.slugs_of("by"),
        count: approve.count_of("count").unwrap_or(1).max(1),
        within: approve.duration_of("within"),
        timeout_skips: skips("on_timeout"),
        reject_skips: skips("on_reject"),
        remind: approve.duration_of("remind"),
        separate: approve.boolean_of("separate").unwrap_or(false),
    })
}
