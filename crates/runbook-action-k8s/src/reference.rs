//! What a verb is about: `deployment/web`, or a kind with a selector.
//!
//! The kind is the author's word, since it decides what a verb does. A name can come from a value, and is then
//! all of what follows the slash: no value can lead to another kind, to another path of the server, or from one
//! object to all of them.

use runbook_action::{Args, Failure, Param, Segment, Text};

/// Characters that no name can hold: they would make a path of the server mean something else.
const OUTSIDE_NAMES: &[char] = &['/', '%', '?', '#', '\\'];

/// What a verb is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The kind, in lower case, as the author wrote it otherwise: `pods`, `deployment`, `deployments.apps`.
    pub(crate) kind: String,
    /// Whether one object is named.
    pub(crate) is_named: bool,
}

impl Reference {
    /// Reads `KIND` or `KIND/NAME`.
    pub(crate) fn read(args: &Args<'_>) -> Result<Self, Failure> {
        let text = args.text()?;
        let (first, rest) = match text.segments().split_first() {
            Some((Segment::Literal(first), rest)) => (first.as_str(), rest),
            None => ("", [].as_slice()),
            Some((Segment::Value(_) | Segment::Secret(_) | Segment::Unknown(_), _)) => {
                return Err(args
                    .wrong("the kind must be written out, since it decides what is done")
                    .help("write the kind and a slash before the value: `deployment/{{ … }}`"));
            }
        };
        let Some((kind, name)) = first.split_once('/') else {
            if !rest.is_empty() {
                return Err(args
                    .wrong("the kind must be written out, since it decides what is done")
                    .help(format!("did you mean `{first}/{{{{ … }}}}`?")));
            }
            return Ok(Self {
                kind: kind_of(args, first)?,
                is_named: false,
            });
        };
        let mut name = vec![Segment::Literal(name.to_owned())];
        name.extend_from_slice(rest);
        is_name(args, &Text::from_segments(name))?;
        Ok(Self {
            kind: kind_of(args, kind)?,
            is_named: true,
        })
    }

    /// Whether it is of one of these kinds, given in singular, plural and short: `["pod", "pods", "po"]`. An API
    /// group may follow a dot, and must then be this one.
    pub(crate) fn is_of(&self, group: &str, names: &[&str]) -> bool {
        let (name, named_group) = self.kind.split_once('.').unwrap_or((&self.kind, group));
        named_group == group && names.contains(&name)
    }
}

fn kind_of(args: &Args<'_>, kind: &str) -> Result<String, Failure> {
    let fine = kind.starts_with(|c: char| c.is_ascii_alphabetic())
        && kind
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    if fine {
        return Ok(kind.to_ascii_lowercase());
    }
    let failure = args.wrong("does not begin with a kind");
    Err(if kind.contains(',') {
        failure.help("name one kind, and make a step for each")
    } else {
        failure.help("write `pods`, `pod/web-0`, `deployment/web`")
    })
}

/// Whether this can be the name of one object, as far as it is known.
pub(crate) fn is_name(args: &Args<'_>, name: &Text) -> Result<(), Failure> {
    let mut all = String::new();
    for segment in name.segments() {
        let part = match segment {
            Segment::Literal(text) | Segment::Value(text) => text.as_str(),
            Segment::Secret(secret) => secret.reveal(),
            Segment::Unknown(_) => "",
        };
        if part.contains(OUTSIDE_NAMES) || part.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(args.wrong("holds a character that no name has"));
        }
        all.push_str(part);
    }
    if name.is_unknown() {
        return Ok(());
    }
    match all.as_str() {
        "" => Err(args.wrong("names nothing after the slash")),
        "." | ".." => Err(args.wrong("is made of dots, which no name is")),
        _ => Ok(()),
    }
}

/// The name of a node, alone or after `node/`.
pub(crate) fn is_node(args: &Args<'_>) -> Result<(), Failure> {
    let text = args.text()?;
    let mut segments = text.segments().to_vec();
    if let Some(Segment::Literal(first)) = segments.first_mut() {
        for prefix in ["node/", "nodes/"] {
            if let Some(name) = first.strip_prefix(prefix) {
                *first = name.to_owned();
                break;
            }
        }
    }
    let name = Text::from_segments(segments);
    if name.as_literal() == Some("") {
        return Err(args.wrong("names no node"));
    }
    is_name(args, &name).map_err(|failure| failure.help("write the name of one node"))
}

/// Whether a selector chooses something: text of the author's, or a mapping of labels in which values may stand.
pub(crate) fn is_selector(args: &Args<'_>) -> Result<(), Failure> {
    let entries = match args.param() {
        Param::Map(_) => args.entries()?,
        Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) | Param::List(_) => {
            return if args.literal()?.trim().is_empty() {
                Err(args.wrong("chooses nothing, and so everything"))
            } else {
                Ok(())
            };
        }
    };
    if entries.is_empty() {
        return Err(args.wrong("chooses nothing, and so everything"));
    }
    for (_, entry) in entries {
        is_label(&entry)?;
    }
    Ok(())
}

/// A value in a selector is compared as it stands, and never becomes part of the selector's own language.
fn is_label(args: &Args<'_>) -> Result<(), Failure> {
    let text = args.text()?;
    let known = text.segments().iter().map(|segment| match segment {
        Segment::Literal(text) | Segment::Value(text) => text.as_str(),
        Segment::Secret(secret) => secret.reveal(),
        Segment::Unknown(_) => "",
    });
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    for part in known {
        if !part.chars().all(fine) {
            return Err(args
                .wrong("holds a character that no label has")
                .help("a mapping compares whole values: write `!=`, `in` and the like as text"));
        }
    }
    Ok(())
}
