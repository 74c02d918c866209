//! The arguments of the commands for those who write runbooks.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args as ClapArgs, Command, Error, ValueHint};
use runbook_document::codes;

use super::Format;

#[derive(Debug, ClapArgs)]
pub(crate) struct Explain {
    /// The code, such as `RB0101`; `101` will do. Without it all are listed
    #[arg(value_parser = CodeParser, hide_possible_values = true)]
    pub(crate) code: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct New {
    /// Its name, with the folder under `runbooks/` that it goes into: `incident/disk-full`
    #[arg(value_name = "FOLDER/NAME", value_hint = ValueHint::Other)]
    pub(crate) name: String,
    /// What it is for, in a few words; without it the name in words
    #[arg(long, value_hint = ValueHint::Other)]
    pub(crate) title: Option<String>,
    /// How grave the incident is; without it one that the project knows, or P3
    #[arg(long, value_hint = ValueHint::Other)]
    pub(crate) severity: Option<String>,
    /// Who keeps it true; without it who owns most of the project's runbooks, or you
    #[arg(long, value_hint = ValueHint::Other)]
    pub(crate) owner: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Fmt {
    /// Files or folders, or `-` for the standard input; without them all of `runbooks/` and the project file
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// Change nothing; list what would change, with the difference, and end with 1 if something would
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Man {
    /// Write a page for each command into this folder, which is made if it is not there
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

/// Takes any text, since the command has more to say about a wrong one, and lets a shell complete the codes.
#[derive(Debug, Clone)]
struct CodeParser;

impl TypedValueParser for CodeParser {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values = codes::ALL
            .iter()
            .map(|code| PossibleValue::new(code.id).help(code.title));
        Some(Box::new(values))
    }
}
