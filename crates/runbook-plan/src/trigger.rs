//! What calls for a runbook.

use indexmap::IndexMap;

use crate::expression::Expression;

/// What calls for a runbook, and the inputs that it fills.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// When.
    pub on: TriggerOn,
    /// Inputs by expressions over what arrived.
    pub inputs: IndexMap<String, Expression>,
}

/// When a runbook is called for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriggerOn {
    /// An alert with these labels arrives.
    Alert(IndexMap<String, String>),
    /// A time comes.
    Schedule {
        /// Five fields of cron.
        cron: String,
        /// A name of the IANA time zone database.
        timezone: String,
    },
    /// A request with this name arrives.
    Webhook(String),
}
