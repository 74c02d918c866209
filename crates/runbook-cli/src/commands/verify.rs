//! `runbook verify`

use serde_json::json;

use super::not_ended;
use crate::args::{Format, Verify};
use crate::error::Error;
use crate::project::Project;
use crate::term::{self, GOOD, WARN, styled};

pub(crate) fn run(project: &Project, args: &Verify) -> Result<u8, Error> {
    let dir = runbook_journal::find(&project.runs(), &args.run)?;
    if let Some(head) = args.head.as_deref().filter(|head| !is_hash(head)) {
        return Err(Error::usage_with(
            format!("`{head}` is not the head of a journal"),
            "it has 64 hexadecimal digits: take it from the end of a report",
        ));
    }
    let name = dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let verified = match runbook_journal::verify(&dir, args.head.as_deref()) {
        Ok(verified) => verified,
        Err(error) => {
            if args.format == Format::Json {
                let bad = error.bad();
                let value = json!({"run": name, "intact": false, "line": bad.map(|bad| bad.line), "error": error.to_string()});
                term::print(&value.to_string());
                return Ok(1);
            }
            return Err(error.into());
        }
    };
    match args.format {
        Format::Json => {
            let value = json!({
                "run": name, "intact": true, "records": verified.records, "head": verified.head,
                "ended": verified.ended, "torn": verified.torn, "lost": verified.lost,
            });
            term::print(&value.to_string());
        }
        Format::Text => {
            let records = verified.records;
            term::print(&format!(
                "{} {name}: {records} records, none changed, removed, inserted or moved",
                styled(GOOD, "✓")
            ));
            term::print(&format!("  head {}", verified.head));
            if args.head.is_none() {
                term::print(
                    "  a tail that was cut off is found only with `--head`, from a report or a message kept elsewhere",
                );
            }
            if !verified.ended {
                term::print(&styled(WARN, &format!("  {}", not_ended(&dir))));
            }
            if verified.torn {
                term::print(&styled(WARN, "  the last line is torn, as a crash leaves it"));
            }
            for lost in &verified.lost {
                term::print(&styled(WARN, &format!("  lost: {lost}")));
            }
        }
    }
    Ok(0)
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
