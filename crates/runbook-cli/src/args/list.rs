//! The arguments of `runbook list` and of `runbook plugins`.

use clap::Args as ClapArgs;
use clap::{Subcommand, ValueHint};

use super::Format;

#[derive(Debug, ClapArgs)]
pub(crate) struct List {
    /// Only those with this in their name, title or path
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) pattern: Option<String>,
    /// Only those of this severity
    #[arg(long, value_hint = ValueHint::Other)]
    pub(crate) severity: Option<String>,
    /// Only those of this owner
    #[arg(long, value_hint = ValueHint::Other)]
    pub(crate) owner: Option<String>,
    /// Only those with this label; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = label, value_hint = ValueHint::Other)]
    pub(crate) label: Vec<(String, String)>,
    /// Only those with this in the words for what calls for them, such as `alert` or `HubDown`
    #[arg(long, value_name = "WORD", value_hint = ValueHint::Other)]
    pub(crate) trigger: Option<String>,
    /// How to print them
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Plugins {
    #[command(subcommand)]
    pub(crate) what: Option<PluginsWhat>,
    /// How to print them
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginsWhat {
    /// Ask plugins what they do, and write that into `runbook.lock` with their digests
    Pin {
        /// Their names; without one, all that are pinned already and all in the folder `plugins`
        #[arg(value_hint = ValueHint::Other)]
        names: Vec<String>,
    },
}

pub(super) fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write it as NAME=VALUE, such as service=api")?;
    Ok((name.to_owned(), value.to_owned()))
}
