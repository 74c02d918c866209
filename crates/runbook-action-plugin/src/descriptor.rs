//! What a plugin says of itself: what it accepts, what it would do, what it answers.

use indexmap::IndexMap;
use runbook_action::{Args, Effect, ErrorKind, Failure, Param, Recognised, Undoing};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::PROTOCOL;
use crate::params::{self, Declared, is_given};

/// What a plugin says of itself. It is data, so what a use would do is known without starting anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    /// The version of the protocol that it speaks.
    pub protocol: u64,
    /// One sentence for people.
    pub doc: String,
    /// Its parameters, which stand under `with`.
    #[serde(default)]
    pub params: IndexMap<String, Declared>,
    /// The names in its result, each with a sentence.
    #[serde(default)]
    pub result: IndexMap<String, String>,
    /// What a use does, unless one of `effects` says otherwise.
    pub effect: Effect,
    /// What undoing that takes.
    #[serde(default)]
    pub undo: Undo,
    /// Whether it answers `preview`. One that does not say so is never asked: it may know no such request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preview: bool,
    /// What uses with certain parameters do. The first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Rule>,
    /// The kinds of connections that it can go through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<String>,
}

/// What it takes to undo something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// Only the author can say.
    #[default]
    ByAuthor,
    /// It answers `prepare` and `undo`.
    Automatic,
    /// There is nothing to put back.
    Needless,
}

impl From<Undo> for Undoing {
    fn from(undo: Undo) -> Self {
        match undo {
            Undo::ByAuthor => Self::ByAuthor,
            Undo::Automatic => Self::Automatic,
            Undo::Needless => Self::Needless,
        }
    }
}

/// What a use with a certain parameter does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The parameter that is given.
    pub param: String,
    /// The text that it has; any, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
    /// What it does then.
    pub effect: Effect,
    /// What undoing that takes.
    #[serde(default)]
    pub undo: Undo,
}

impl Descriptor {
    /// Reads what a plugin answered.
    pub fn read(value: &Value) -> Result<Self, Failure> {
        let wrong = |message: String| Err(Failure::new(ErrorKind::Protocol, message));
        match value.get("protocol").and_then(Value::as_u64) {
            Some(PROTOCOL) => {}
            Some(other) => {
                let message =
                    format!("it speaks version {other} of the protocol, and this is version {PROTOCOL}");
                return wrong(message);
            }
            None => return wrong("its description has no `protocol`".to_owned()),
        }
        let this: Self = serde_json::from_value(value.clone()).map_err(|error| {
            Failure::new(ErrorKind::Protocol, format!("its description is wrong: {error}"))
        })?;
        if !this.doc.ends_with('.') {
            return wrong("its `doc` is not a sentence".to_owned());
        }
        for rule in &this.effects {
            if !this.params.contains_key(&rule.param) {
                return wrong(format!(
                    "an effect depends on `{}`, which is no parameter",
                    rule.param
                ));
            }
        }
        Ok(this)
    }

    /// What a use with these parameters would do; `with` is what stands under that key.
    pub(crate) fn recognise(&self, name: &str, with: Option<&Args<'_>>) -> Result<Recognised, Failure> {
        params::check(&self.params, with)?;
        let (effect, undo) = self.effect_of(with)?;
        Ok(Recognised {
            effect,
            certain: true,
            summary: summary(name, with.map(Args::param)),
            undoing: undo.into(),
        })
    }

    fn effect_of(&self, with: Option<&Args<'_>>) -> Result<(Effect, Undo), Failure> {
        for rule in &self.effects {
            let Some(given) = with.and_then(|with| with.get(&rule.param)) else {
                continue;
            };
            let fits = match &rule.is {
                None => is_given(given.param()),
                // What decides an effect is literal.
                Some(word) => matches!(given.param(), Param::Text(_)) && given.literal()? == word,
            };
            if fits {
                return Ok((rule.effect, rule.undo));
            }
        }
        Ok((self.effect, self.undo))
    }
}

/// The longest summary of parameters, in characters.
const SHOWN: usize = 100;

/// On one line, with its secrets masked.
fn summary(name: &str, with: Option<&Param>) -> String {
    let Some(with) = with else {
        return name.to_owned();
    };
    let text = with.masked().to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{name} {}…", text.get(..end).unwrap_or_default()),
        None => format!("{name} {text}"),
    }
}
