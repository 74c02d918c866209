//! `runbook explain`

use std::io::IsTerminal;

use runbook_document::{Code, codes};
use serde_json::json;

use crate::args::{Explain, Format};
use crate::error::Error;
use crate::pages;
use crate::term::{self, BOLD, DIM, styled};

/// How wide a text is set: as wide as reads well, or as the terminal is.
const WIDTH: usize = 96;

pub(crate) fn run(args: &Explain) -> Result<u8, Error> {
    let Some(given) = &args.code else {
        list(args.format);
        return Ok(0);
    };
    let code = pages::code(given).ok_or_else(|| unknown(given))?;
    match args.format {
        Format::Json => {
            let mut value = entry(code);
            value["markdown"] = json!(pages::markdown(code));
            term::print(&format!("{value:#}"));
        }
        Format::Text => {
            let terminal = std::io::stdout().is_terminal().then(term::width).flatten();
            let width = terminal.unwrap_or(WIDTH).min(WIDTH);
            term::print_raw(&pages::readable(code, width));
        }
    }
    Ok(0)
}

fn entry(code: Code) -> serde_json::Value {
    json!({"code": code.id, "title": code.title, "page": pages::path(code)})
}

fn list(format: Format) {
    match format {
        Format::Json => {
            let all: serde_json::Value = codes::ALL.iter().copied().map(entry).collect();
            term::print(&format!("{all:#}"));
        }
        Format::Text => {
            for code in codes::ALL {
                term::print(&format!("{}  {}", styled(BOLD, code.id), code.title));
            }
            term::print(&styled(DIM, "read one with `runbook explain CODE`"));
        }
    }
}

fn unknown(given: &str) -> Error {
    let meant = runbook_document::nearest(&pages::id(given), codes::ALL.iter().map(|code| code.id));
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`? `runbook explain` lists all codes"),
        None => "`runbook explain` lists all codes".to_owned(),
    };
    let given = runbook_report::visible(given);
    Error::usage_with(format!("there is no code `{given}`"), help)
}
