//! Values as pieces of SQL, for statements that take no parameters.
//!
//! What comes out is one literal or one name in every dialect. What could be read in two ways is refused.

use runbook_action::{Secret, Segment, Text};

use super::super::Val;
use super::super::error::{EvalError, Evaluated};
use super::super::evaluation::Evaluation;
use super::super::tree::Tree;

/// The longest name that PostgreSQL keeps whole, in bytes.
const MAX_NAME: usize = 63;

/// A literal: text in quotes, a number, true, false or null.
pub(super) fn literal(evaluation: &Evaluation<'_>, tree: &Tree, subject: &Val) -> Evaluated {
    match subject {
        Val::Null => Ok(Val::text("NULL")),
        Val::Bool(value) => Ok(Val::text(if *value { "TRUE" } else { "FALSE" })),
        // A minus begins with a blank: `5 -` before it would else begin a comment.
        Val::Int(value) if *value < 0 => Ok(Val::text(format!(" {value}"))),
        Val::Int(value) => Ok(Val::text(value.to_string())),
        Val::Float(value) if value.is_sign_negative() => Ok(Val::text(format!(" {value:?}"))),
        Val::Float(value) => Ok(Val::text(format!("{value:?}"))),
        Val::Text(text) => {
            let quoted = quoted(tree, text)?;
            evaluation.budget.text(tree, quoted.len())?;
            Ok(Val::text(quoted))
        }
        Val::Secret(text) => {
            let quoted = quoted(tree, &text.reveal())?;
            evaluation.budget.text(tree, quoted.len())?;
            let names = text.segments().iter().find_map(|segment| match segment {
                Segment::Secret(secret) => Some(secret.name()),
                Segment::Literal(_) | Segment::Value(_) | Segment::Unknown(_) => None,
            });
            let secret = Secret::new(names.unwrap_or_default(), quoted);
            Ok(Val::Secret(Text::from_segments(vec![Segment::Secret(secret)])))
        }
        Val::List(_) | Val::Map(_) => Err(EvalError::new(
            tree,
            format!(
                "{} is no literal of SQL: bind it as `:name` under `bind`",
                subject.noun()
            ),
        )),
    }
}

fn quoted(tree: &Tree, text: &str) -> Result<String, EvalError> {
    let refuse = |what: &str| {
        let message = format!("{what}: bind it as `:name` under `bind`");
        Err(EvalError::new(tree, message))
    };
    if text.contains('\0') {
        return Err(EvalError::new(
            tree,
            "a text with a NUL character is no literal of SQL",
        ));
    }
    if text.contains('\\') {
        return refuse("a text with a backslash means different things to different databases");
    }
    Ok(format!("'{}'", text.replace('\'', "''")))
}

/// A name in quotes.
pub(super) fn ident(evaluation: &Evaluation<'_>, tree: &Tree, text: &str) -> Evaluated {
    let refuse = |what: String| Err(EvalError::new(tree, what));
    if text.is_empty() {
        return refuse("the empty text is no name in SQL".to_owned());
    }
    if text.contains('\0') {
        return refuse("a text with a NUL character is no name in SQL".to_owned());
    }
    if text.len() > MAX_NAME {
        return refuse(format!(
            "a name in SQL has at most {MAX_NAME} bytes, and this has {}: a database would cut it off",
            text.len()
        ));
    }
    let quoted = format!("\"{}\"", text.replace('"', "\"\""));
    evaluation.budget.text(tree, quoted.len())?;
    Ok(Val::text(quoted))
}
