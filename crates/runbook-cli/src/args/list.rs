//! The arguments of `runbook list`.

use clap::Args as ClapArgs;
use clap::ValueHint;

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

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write it as NAME=VALUE, such as service=api")?;
    Ok((name.to_owned(), value.to_owned()))
}
