//! What a key may hold, as data.
//!
//! One table describes the language's own keys (`runbook-document`), and one each action's parameters
//! (the plugins). Everything that needs to know a key reads that table: the checker with its suggestions,
//! the templates (which texts are filled in and which are code), and the documentation. So a key cannot be
//! accepted in one place and unknown in another.
//!
//! Nouns: a [`Shape`] is what one value may be; an [`Object`] is a mapping with named [`Field`]s.

pub mod duration;

/// What one value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Text in which each `{{ … }}` is replaced by a value.
    Template,
    /// Text that is taken as it stands: it is code (a shell script, an SQL statement) or it decides what an
    /// action does, so a value may never become part of it.
    Literal,
    /// Code in which a `{{ … }}` is allowed only where its outermost filter is one of these: they make of any value
    /// one piece of that code, such as a literal of SQL.
    Quoted(&'static [&'static str]),
    /// A bare expression, without braces.
    Expression,
    /// A short name: lower case letters, digits, `_` and `-`, beginning with a letter.
    Slug,
    /// A semantic version such as `1.2.0`.
    Version,
    /// A whole number, with optional inclusive bounds.
    Integer {
        /// The least value allowed.
        min: Option<i64>,
        /// The greatest value allowed.
        max: Option<i64>,
    },
    /// A number, with optional inclusive bounds.
    Number {
        /// The least value allowed.
        min: Option<i64>,
        /// The greatest value allowed.
        max: Option<i64>,
    },
    /// `true` or `false`.
    Boolean,
    /// A length of time with its unit, such as `90s` or `5m`.
    Duration,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A value of the inner shape, or exactly one `{{ … }}` that gives one when the run gets there.
    Dynamic(&'static Self),
    /// A list whose items have the inner shape.
    List(&'static Self),
    /// A mapping from any key to values of the inner shape.
    Map(&'static Self),
    /// A mapping from names that expressions can use (`idle_for`, see [`is_name`]) to values of the inner shape.
    Named(&'static Self),
    /// A mapping with known keys.
    Object(&'static Object),
    /// The first of these that the kind of the value (scalar, list, mapping) fits.
    OneOf(&'static [Self]),
    /// Any value; the texts in it are templates.
    Any,
}

impl Shape {
    /// A whole number without bounds.
    pub const INTEGER: Self = Self::Integer { min: None, max: None };
    /// A whole number that is not negative.
    pub const COUNT: Self = Self::Integer {
        min: Some(0),
        max: None,
    };
    /// A whole number of at least one.
    pub const POSITIVE: Self = Self::Integer {
        min: Some(1),
        max: None,
    };

    /// How a message names this shape, with its article: “a whole number”.
    #[must_use]
    pub fn noun(&self) -> String {
        match self {
            Self::Template | Self::Literal | Self::Quoted(_) => "text".to_owned(),
            Self::Expression => "an expression".to_owned(),
            Self::Slug => "a short name (lower case letters, digits, `_`, `-`)".to_owned(),
            Self::Version => "a version such as `1.2.0`".to_owned(),
            Self::Integer { min, max } => match (min, max) {
                (Some(min), Some(max)) => format!("a whole number from {min} to {max}"),
                (Some(min), None) => format!("a whole number of at least {min}"),
                (None, Some(max)) => format!("a whole number of at most {max}"),
                (None, None) => "a whole number".to_owned(),
            },
            Self::Number { min, max } => match (min, max) {
                (Some(min), Some(max)) => format!("a number from {min} to {max}"),
                (Some(min), None) => format!("a number of at least {min}"),
                (None, Some(max)) => format!("a number of at most {max}"),
                (None, None) => "a number".to_owned(),
            },
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Duration => "a length of time such as `30s` or `5m`".to_owned(),
            Self::Choice(words) => Self::one_of_words(words),
            Self::Dynamic(inner) => inner.noun(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) | Self::Named(_) | Self::Object(_) => "a mapping".to_owned(),
            Self::OneOf(shapes) => {
                let nouns: Vec<String> = shapes.iter().map(Self::noun).collect();
                nouns.join(" or ")
            }
            Self::Any => "a value".to_owned(),
        }
    }

    /// How a message names a choice: “one of `a`, `b`”.
    #[must_use]
    pub fn one_of_words(words: &[&str]) -> String {
        match words {
            [only] => format!("`{only}`"),
            _ => format!("one of `{}`", words.join("`, `")),
        }
    }
}

/// The words of the grammar of expressions.
pub const WORDS: &[&str] = &[
    "and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None",
];

/// Whether expressions can use this as a name: letters, digits and `_`, beginning with a letter or `_`, and
/// not one of the words of the grammar.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.len() <= 80
        && !WORDS.contains(&text)
}

/// A mapping with known keys.
#[derive(Debug, Clone, Copy)]
pub struct Object {
    /// What the mapping is, as a noun for messages: “step”.
    pub name: &'static str,
    /// The keys that it may have.
    pub fields: &'static [Field],
    /// Whether further keys are left for a later stage to judge, as a step's action is.
    pub open: bool,
}

/// Tables may contain themselves, so two objects are equal when they are the same table.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && std::ptr::eq(self.fields, other.fields)
    }
}

impl Eq for Object {}

impl Object {
    /// The field of this key.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }
}

/// One key of an [`Object`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The key as written.
    pub key: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// One sentence for people. What holds if the key is left out stands in it in brackets: `(1m)`.
    pub doc: &'static str,
}

impl Field {
    /// What holds if the key is left out, as written, where `doc` tells.
    #[must_use]
    pub fn default_text(&self) -> Option<&'static str> {
        let (_, rest) = self.doc.rsplit_once('(')?;
        let (text, _) = rest.split_once(')')?;
        Some(text.trim_matches('`'))
    }

    /// A key that may be left out.
    #[must_use]
    pub const fn optional(key: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            key,
            shape,
            required: false,
            doc,
        }
    }

    /// A key that must be there.
    #[must_use]
    pub const fn required(key: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            key,
            shape,
            required: true,
            doc,
        }
    }
}
