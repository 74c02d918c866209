//! Inputs: what a caller may set, with types.

use indexmap::IndexMap;
use regex::Regex;
use runbook_document::{Finding, Findings, Input, Node, Span, codes, nearest};
use runbook_schema::duration::parse_duration;
use serde_json::Value;

/// The type of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A length of time with its unit.
    Duration,
    /// An address with its scheme.
    Url,
    /// One of some values.
    Enum,
    /// A list.
    List,
    /// A mapping.
    Map,
}

impl InputKind {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "string" => Self::Text,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "duration" => Self::Duration,
            "url" => Self::Url,
            "enum" => Self::Enum,
            "list" => Self::List,
            "map" => Self::Map,
            _ => return None,
        })
    }

    /// How a message names it.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "`true` or `false`",
            Self::Duration => "a length of time such as `30s` or `5m`",
            Self::Url => "a URL such as `https://host/path`",
            Self::Enum => "one of its values",
            Self::List => "a list, as JSON",
            Self::Map => "a mapping, as JSON",
        }
    }
}

/// An input's declaration.
#[derive(Debug, Clone)]
pub struct InputDecl {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: InputKind,
    /// What it is for.
    pub help: Option<String>,
    /// The value if none is given.
    pub default: Option<Value>,
    /// Whether its value is a secret.
    pub secret: bool,
    /// Where it is declared.
    pub span: Span,
    minimum: Option<Value>,
    maximum: Option<Value>,
    pattern: Option<Regex>,
    values: Vec<Value>,
    items: Option<InputKind>,
}

/// Where a given value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line: text that is read by the input's type.
    Argument,
    /// A file of inputs.
    File(String),
}

/// A value that a caller gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The input's name.
    pub name: String,
    /// The value: text from the command line, any value from a file.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
}

/// A value that does not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// The input.
    pub name: String,
    /// What is wrong with it.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl InputDecl {
    /// The least value that will do.
    #[must_use]
    pub const fn minimum(&self) -> Option<&Value> {
        self.minimum.as_ref()
    }

    /// The greatest value that will do.
    #[must_use]
    pub const fn maximum(&self) -> Option<&Value> {
        self.maximum.as_ref()
    }

    /// The expression that all of a text must match, as the author wrote it.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        let text = self.pattern.as_ref()?.as_str();
        text.strip_prefix("^(?:")?.strip_suffix(")$")
    }

    /// The values of an `enum`.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The type of a list's items.
    #[must_use]
    pub const fn items(&self) -> Option<InputKind> {
        self.items
    }

    /// Reads a declaration. A contradiction in it is a finding.
    pub(crate) fn read(input: &Input, findings: &mut Findings) -> Option<Self> {
        let node = &input.node;
        let kind = InputKind::read(node.get("type")?.text()?)?;
        let mut decl = Self {
            name: input.name.value.clone(),
            kind,
            help: node.get("help").and_then(Node::text).map(str::to_owned),
            default: None,
            secret: node.get("secret").and_then(Node::text) == Some("true"),
            span: input.name.span,
            minimum: node.get("minimum").map(Node::to_json),
            maximum: node.get("maximum").map(Node::to_json),
            pattern: None,
            values: node
                .get("values")
                .map(|values| values.items().iter().map(Node::to_json).collect())
                .unwrap_or_default(),
            items: node.get("items").and_then(Node::text).and_then(InputKind::read),
        };
        let mut wrong = |span: Span, message: String| {
            findings.push(Finding::error(codes::INPUT_DECLARATION, span, message));
        };
        if let Some(pattern) = node.get("pattern") {
            let text = pattern.text().unwrap_or_default();
            // The author's own text must be a whole expression before it is put between anchors.
            match Regex::new(text).and_then(|_| Regex::new(&format!("^(?:{text})$"))) {
                Ok(regex) => decl.pattern = Some(regex),
                Err(_) => wrong(pattern.span, "this is not a regular expression".to_owned()),
            }
            let of_texts = matches!(
                kind,
                InputKind::Text | InputKind::Duration | InputKind::Url | InputKind::List
            );
            if !of_texts {
                let message = format!("`pattern` is for texts, and this input is {}", kind.noun());
                wrong(pattern.span, message);
            }
        }
        if kind == InputKind::Enum && decl.values.is_empty() {
            wrong(input.name.span, "an `enum` needs `values`".into());
        }
        for (key, bound) in [("minimum", &decl.minimum), ("maximum", &decl.maximum)] {
            if let (Some(bound), Some(at)) = (bound, node.get(key))
                && measure(kind, bound).is_none()
            {
                wrong(at.span, format!("`{key}` does not fit {}", kind.noun()));
            }
        }
        let limits = decl
            .minimum
            .iter()
            .chain(&decl.maximum)
            .filter_map(|bound| measure(kind, bound));
        if let [low, high] = limits.collect::<Vec<f64>>().as_slice()
            && low > high
        {
            wrong(
                input.name.span,
                "`minimum` is above `maximum`, so no value will do".to_owned(),
            );
        }
        if let Some(default) = node.get("default") {
            match decl.accept(&default.to_json()) {
                Ok(value) => decl.default = Some(value),
                Err(reason) => wrong(
                    default.span,
                    format!("the default of `{}` is refused: {reason}", decl.name),
                ),
            }
        }
        Some(decl)
    }

    /// The default is replaced by one of an environment.
    pub(crate) fn replace_default(&mut self, node: &Node, findings: &mut Findings) {
        match self.accept(&node.to_json()) {
            Ok(value) => self.default = Some(value),
            Err(reason) => findings.push(Finding::error(
                codes::INPUT_DECLARATION,
                node.span,
                format!(
                    "the value of `{}` in this environment is refused: {reason}",
                    self.name
                ),
            )),
        }
    }

    fn parse_text(&self, text: &str) -> Result<Value, String> {
        let wrong = || format!("expected {}, found `{text}`", self.kind.noun());
        let value = match self.kind {
            InputKind::Text | InputKind::Duration | InputKind::Url => Value::from(text),
            InputKind::Integer => text.parse::<i64>().map(Value::from).map_err(|_| wrong())?,
            InputKind::Number => text
                .parse::<f64>()
                .ok()
                .filter(|n| n.is_finite())
                .map(Value::from)
                .ok_or_else(wrong)?,
            InputKind::Boolean => text.parse::<bool>().map(Value::from).map_err(|_| wrong())?,
            InputKind::Enum => self
                .values
                .iter()
                .find(|value| value.as_str().map_or_else(|| *value == text, |word| word == text))
                .cloned()
                .unwrap_or_else(|| Value::from(text)),
            InputKind::List | InputKind::Map => serde_json::from_str(text).map_err(|_| wrong())?,
        };
        self.accept(&value)
    }

    /// Why a value is refused, if it is.
    pub(crate) fn refuses(&self, value: &Value) -> Option<String> {
        self.accept(value).err()
    }

    fn accept(&self, value: &Value) -> Result<Value, String> {
        if !fits(self.kind, value) && self.kind != InputKind::Enum {
            return Err(format!("expected {}, found {value}", self.kind.noun()));
        }
        if self.kind == InputKind::Enum && !self.values.contains(value) {
            let words: Vec<String> = self
                .values
                .iter()
                .map(|value| format!("`{}`", plain(value)))
                .collect();
            return Err(format!(
                "expected one of {}, found `{}`",
                words.join(", "),
                plain(value)
            ));
        }
        if let (Some(kind), Value::Array(items)) = (self.items, value)
            && let Some(item) = items.iter().find(|item| !fits(kind, item))
        {
            return Err(format!("expected items that are {}, found {item}", kind.noun()));
        }
        let size = measure(self.kind, value);
        for (bound, is_minimum) in [(&self.minimum, true), (&self.maximum, false)] {
            if let (Some(bound), Some(size)) = (bound, size)
                && let Some(limit) = measure(self.kind, bound)
                && (if is_minimum { size < limit } else { size > limit })
            {
                let beyond = if is_minimum {
                    "below the minimum of"
                } else {
                    "above the maximum of"
                };
                return Err(format!("`{}` is {beyond} {}", plain(value), plain(bound)));
            }
        }
        let texts: Vec<&str> = match value {
            Value::String(text) => vec![text],
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
        };
        match &self.pattern {
            Some(pattern) => match texts.iter().find(|text| !pattern.is_match(text)) {
                Some(text) => Err(format!("`{text}` does not match `{}`", pattern.as_str())),
                None => Ok(value.clone()),
            },
            None => Ok(value.clone()),
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn fits(kind: InputKind, value: &Value) -> bool {
    match kind {
        InputKind::Text => value.is_string(),
        InputKind::Integer => value.is_i64(),
        InputKind::Number => value.is_number(),
        InputKind::Boolean => value.is_boolean(),
        InputKind::Duration => value.as_str().and_then(parse_duration).is_some(),
        InputKind::Url => value.as_str().is_some_and(is_url),
        InputKind::Enum => !value.is_null(),
        InputKind::List => value.is_array(),
        InputKind::Map => value.is_object(),
    }
}

/// A scheme, `://` and something behind it, without blanks or control characters.
fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty()
            && !rest.is_empty()
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            && !text.chars().any(|c| c.is_whitespace() || c.is_control())
    })
}

/// What `minimum` and `maximum` measure: a number, or the seconds of a duration.
fn measure(kind: InputKind, value: &Value) -> Option<f64> {
    match kind {
        InputKind::Duration => value
            .as_str()
            .and_then(parse_duration)
            .map(|length| length.as_secs_f64()),
        InputKind::Integer | InputKind::Number => value.as_f64(),
        InputKind::Text
        | InputKind::Boolean
        | InputKind::Url
        | InputKind::Enum
        | InputKind::List
        | InputKind::Map => None,
    }
}

/// The value of every input, or all that is wrong with what was given.
pub(crate) fn resolve(
    declared: &[InputDecl],
    given: &[Given],
) -> Result<IndexMap<String, Value>, Vec<InputError>> {
    let mut errors = Vec::new();
    for unknown in given
        .iter()
        .filter(|given| declared.iter().all(|decl| decl.name != given.name))
    {
        let names = || declared.iter().map(|decl| decl.name.as_str());
        let help = match nearest(&unknown.name, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if declared.is_empty() => "this runbook has no inputs".to_owned(),
            None => format!("its inputs are {}", names().collect::<Vec<_>>().join(", ")),
        };
        let message = "there is no such input".to_owned();
        errors.push(InputError {
            name: unknown.name.clone(),
            message,
            help: Some(help),
        });
    }
    let mut values = IndexMap::new();
    for decl in declared {
        let last = given.iter().rev().find(|given| given.name == decl.name);
        let value = match (last, &decl.default) {
            (
                Some(Given {
                    value: Value::String(text),
                    origin: Origin::Argument,
                    ..
                }),
                _,
            ) => decl.parse_text(text),
            (Some(given), _) => decl.accept(&given.value),
            (None, Some(default)) => Ok(default.clone()),
            (None, None) => Err(format!("it is required: expected {}", decl.kind.noun())),
        };
        match value {
            Ok(value) => {
                values.insert(decl.name.clone(), value);
            }
            Err(message) => {
                let help = match last {
                    Some(_) => decl.help.clone(),
                    None => Some(format!("give it with `-i {}=…`", decl.name)),
                };
                errors.push(InputError {
                    name: decl.name.clone(),
                    message,
                    help,
                });
            }
        }
    }
    if errors.is_empty() {
        Ok(values)
    } else {
        Err(errors)
    }
}
