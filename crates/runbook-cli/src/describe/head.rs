//! What a runbook is for, and what it needs before its steps and tells after them.

use runbook_plan::{Plan, Template};

use super::line::{Line, Tone};
use super::words::{self, list};
use super::{Told, inputs, item, part};

/// Its title, and who keeps it for what.
pub(super) fn title(told: &Told<'_>) -> Vec<Line> {
    let about = told.plan.about();
    let mut lines = vec![Line::heading(&about.title)];
    let mut words = vec![format!("{} {}", about.name, about.version)];
    words.extend(about.severity.clone());
    words.extend(about.owner.clone());
    words.push(told.path.to_owned());
    lines.push(Line::at(0).detail(&words.join(" · ")));
    let place = match (told.plan.environment(), told.plan.lab()) {
        (Some(environment), Some(lab)) => {
            format!("in the environment {environment}, which starts the practice system {lab}")
        }
        (Some(environment), None) => format!("in the environment {environment}"),
        (None, _) => String::new(),
    };
    if !place.is_empty() {
        lines.push(Line::at(0).detail(&place));
    }
    if let Some(summary) = &about.summary {
        lines.push(Line::empty());
        // An author's paragraphs stay paragraphs.
        lines.extend(summary.split('\n').map(|paragraph| Line::at(0).plain(paragraph)));
    }
    lines
}

/// What calls for it, what it takes, what it talks to, what it owns.
pub(super) fn declared(told: &Told<'_>) -> Vec<Line> {
    let plan = told.plan;
    let mut lines = Vec::new();
    let triggers = plan.about().triggers.iter().map(|trigger| {
        let line = item().plain(&words::trigger(&trigger.on));
        let filled: Vec<String> = trigger
            .inputs
            .iter()
            .map(|(name, value)| format!("{name} = {}", value.source()))
            .collect();
        match filled.as_slice() {
            [] => line,
            filled => line.detail(", with ").code(&filled.join(", ")),
        }
    });
    part(&mut lines, "What calls for it", triggers.collect());
    part(&mut lines, "Inputs", inputs::lines(plan.inputs(), told.foreseen));
    let vars = plan
        .vars()
        .iter()
        .map(|(name, value)| item().code(name).detail(" = ").code(value.source()));
    part(&mut lines, "Values", vars.collect());
    part(&mut lines, "What it talks to", connections(plan));
    let secrets = plan.secrets().iter().map(|secret| {
        item()
            .code(&secret.name)
            .detail(", ")
            .plain(&words::secret(&secret.from))
    });
    part(&mut lines, "Secrets", secrets.collect());
    let lock = plan.lock().iter().map(|lock| item().code(&words::template(lock)));
    part(&mut lines, "What it owns while it runs", lock.collect());
    lines
}

fn connections(plan: &Plan) -> Vec<Line> {
    let connections = plan.connections().iter();
    connections
        .map(|connection| {
            let line = item()
                .code(&connection.name)
                .detail(", ")
                .plain(connection.kind)
                .plain(" ");
            let line = line.code(&address(&connection.params, connection.kind));
            match &connection.via {
                Some(via) => line.plain(" through ").code(via),
                None => line,
            }
        })
        .collect()
}

/// Where a connection leads. What else is in its mapping may be no business of a terminal.
pub(super) fn address(params: &Template, kind: &str) -> String {
    params.sketch().get(kind).map(words::param).unwrap_or_default()
}

/// What it gives back, and who hears of it.
pub(super) fn afterwards(plan: &Plan) -> Vec<Line> {
    let mut lines = Vec::new();
    let outputs = plan
        .outputs()
        .iter()
        .map(|(name, value)| item().code(name).detail(" = ").code(value.source()));
    part(&mut lines, "What a caller receives", outputs.collect());
    let about = plan.about();
    let mut hearers: Vec<Line> = about
        .notifications
        .iter()
        .map(|notification| {
            let who = list(&notification.to, "and");
            let line = item()
                .plain(&who)
                .detail(" on ")
                .plain(&list(&notification.on, "or"));
            match &notification.message {
                Some(message) => line.detail(": ").plain(&words::template(message)),
                None => line,
            }
        })
        .collect();
    if let Some(escalation) = &about.escalate {
        hearers.push(item().plain(&format!("the escalation {escalation}, while nobody takes it on")));
    }
    part(&mut lines, "Who hears of it", hearers);
    let more = about.links.iter().map(|(title, address)| match title {
        Some(title) => item().plain(title).detail(", ").add(Tone::Code, address),
        None => item().add(Tone::Code, address),
    });
    part(&mut lines, "Links", more.collect());
    lines
}
