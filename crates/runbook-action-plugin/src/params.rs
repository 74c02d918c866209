//! The parameters of a plugin: what it declares, and whether a use keeps to it.

use indexmap::IndexMap;
use runbook_action::schema::duration::parse_duration;
use runbook_action::{Args, Failure, Param, Text};
use serde::{Deserialize, Serialize};

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: Type,
    /// One sentence for people.
    pub doc: String,
    /// Whether it must be there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Whether no value may become part of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub literal: bool,
    /// The texts that it may be; any, if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// What a parameter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Text; a number or a boolean is its text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A length of time with its unit.
    Duration,
    /// A list of anything.
    List,
    /// A mapping from anything to anything.
    Map,
    /// Anything.
    Any,
}

/// Whether something is given.
pub(crate) fn is_given(param: &Param) -> bool {
    *param != Param::Null
}

/// Whether a use keeps to what is declared, as far as that is known.
pub(crate) fn check(declared: &IndexMap<String, Declared>, with: Option<&Args<'_>>) -> Result<(), Failure> {
    let entries = with.map(Args::entries).transpose()?.unwrap_or_default();
    for (key, entry) in &entries {
        let Some(known) = declared.get(*key) else {
            let whole = with.cloned().unwrap_or_else(|| entry.clone());
            let failure = whole.wrong(format!("there is no parameter `{key}`"));
            return Err(match nearest(key, declared.keys()) {
                Some(meant) => failure.help(format!("did you mean `{meant}`?")),
                None => failure,
            });
        };
        if is_given(entry.param()) {
            known.check(entry)?;
        }
    }
    let missing = declared.iter().find(|(key, known)| {
        let is_there = entries
            .iter()
            .any(|(given, entry)| given == key && is_given(entry.param()));
        known.required && !is_there
    });
    match missing {
        None => Ok(()),
        Some((key, _)) => {
            let message = format!("`{key}` is missing");
            Err(match with {
                Some(with) => with.wrong(message),
                None => Args::new(&Param::Null).wrong(format!("`with` has no `{key}`")),
            })
        }
    }
}

impl Declared {
    fn check(&self, args: &Args<'_>) -> Result<(), Failure> {
        if let Param::Text(text) = args.param()
            && text.is_unknown()
        {
            return if self.literal {
                args.literal().map(drop)
            } else {
                Ok(())
            };
        }
        if self.literal && matches!(args.param(), Param::Text(_)) {
            args.literal()?;
        }
        let expected = |what: &str| args.wrong(format!("expected {what}, found {}", args.param().noun()));
        match self.kind {
            Type::Any => {}
            Type::Text => {
                let text = args.text()?.reveal();
                if !self.values.is_empty() && !self.values.contains(&text) {
                    return Err(args.wrong(format!("expected one of `{}`", self.values.join("`, `"))));
                }
            }
            Type::Integer => drop(args.integer()?),
            Type::Number => {
                if !matches!(args.param(), Param::Number(_)) {
                    return Err(expected("a number"));
                }
            }
            Type::Boolean => drop(args.boolean()?),
            Type::Duration => {
                let text: Text = args.text()?;
                if parse_duration(&text.reveal()).is_none() {
                    return Err(args.wrong("expected a length of time such as `30s`"));
                }
            }
            Type::List => drop(args.items()?),
            Type::Map => drop(args.entries()?),
        }
        Ok(())
    }
}

fn nearest<'a>(word: &str, all: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    all.map(|known| (strsim::damerau_levenshtein(word, known), known.as_str()))
        .filter(|(distance, known)| *distance <= known.len() / 3 + 1)
        .min()
        .map(|(_, known)| known)
}
