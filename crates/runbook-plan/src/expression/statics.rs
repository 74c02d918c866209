//! What an expression tells of itself before anything runs.

use super::kind::{Kind, kind};
use super::tree::{Compare, Node, Reference, Tree};
use super::{Expression, Val, filters, reading};

impl Expression {
    /// Its value, if it refers to nothing and so always has the same.
    #[must_use]
    pub fn constant(&self) -> Option<Val> {
        if !self.tree.is_constant() {
            return None;
        }
        reading::value(&self.tree)?.ok()
    }

    /// The kind of every value that it can have, where its text tells.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        kind(&self.tree)
    }

    /// The outermost filter: `upper` of `a ~ b | upper` it is not, and of `(a ~ b) | upper` it is.
    #[must_use]
    pub fn outermost_filter(&self) -> Option<&str> {
        if let Node::Filter { name, .. } = &self.tree.node {
            Some(name)
        } else {
            None
        }
    }

    /// Whether it counts from the moment at which a result was read, by `age`.
    #[must_use]
    pub fn needs_instant(&self) -> bool {
        self.tree.any(&|tree| uses_age(&tree.node))
    }

    /// Whether it passes for every error that an action can end with: a `not ok` without a look at `error`.
    /// What it asks beside that of inputs, steps and checks does not count as a look.
    #[must_use]
    pub fn passes_on_any_error(&self) -> bool {
        let names_ok = |tree: &Tree| matches!(&tree.node, Node::Name(name) if name == "ok");
        self.tree.any(&names_ok) && matches!(on_error(&self.tree), OnError::Passes | OnError::Open)
    }

    /// What flows into a comparison, a test, a condition or a filter that tells something of it. A secret there is an
    /// error when the run gets there.
    #[must_use]
    pub fn revealed(&self) -> Vec<Reference> {
        let mut revealed = Vec::new();
        let _passed_on = flow(&self.tree, &mut revealed);
        revealed.sort_by_key(|reference| (reference.from, reference.to));
        revealed.dedup();
        revealed
    }
}

/// Whether this filter is `age`, or applies it.
pub(super) fn uses_age(node: &Node) -> bool {
    let Node::Filter { name, args, .. } = node else {
        return false;
    };
    let inner = args.first().map(|arg| &arg.node);
    name == "age"
        || (name == "map" && matches!(inner, Some(Node::Const(Val::Text(inner))) if &**inner == "age"))
}

/// What an expression comes to when its action has ended with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnError {
    Passes,
    Fails,
    /// It depends on which error it is.
    Looks,
    /// It depends on something else.
    Open,
    /// It has no value, since there is no result.
    Breaks,
}

fn on_error(tree: &Tree) -> OnError {
    match &tree.node {
        Node::Const(Val::Bool(true)) => OnError::Passes,
        Node::Const(Val::Bool(false)) => OnError::Fails,
        Node::Name(name) if name == "ok" => OnError::Fails,
        Node::Not(inner) => inverse(on_error(inner)),
        Node::And(left, right) => both(on_error(left), on_error(right)),
        Node::Or(left, right) => inverse(both(inverse(on_error(left)), inverse(on_error(right)))),
        Node::If(test, yes, no) => match on_error(test) {
            OnError::Passes => on_error(yes),
            OnError::Fails => on_error(no),
            OnError::Breaks => OnError::Breaks,
            OnError::Looks => OnError::Looks,
            OnError::Open => {
                let (yes, no) = (on_error(yes), on_error(no));
                if yes == no { yes } else { OnError::Open }
            }
        },
        Node::Compare(left, rest) => match rest.as_slice() {
            [(op @ (Compare::Eq | Compare::Ne), right)] => {
                let equal = equality(left, right).or_else(|| equality(right, left));
                match (equal, op) {
                    (Some(equal), Compare::Ne) => inverse(equal),
                    (Some(equal), _) => equal,
                    (None, _) => by_names(tree),
                }
            }
            _ => by_names(tree),
        },
        Node::Test { name, subject, .. } => match (name.as_str(), &subject.node) {
            ("true", _) => on_error(subject),
            ("false", _) => inverse(on_error(subject)),
            // There is always an error then, so this is no look at which.
            ("none", Node::Name(root)) if root == "error" => OnError::Fails,
            ("defined", Node::Name(root)) if root == "error" => OnError::Passes,
            _ => by_names(tree),
        },
        Node::Const(_)
        | Node::Name(_)
        | Node::StepValue { .. }
        | Node::CheckValue { .. }
        | Node::Attr(..)
        | Node::Item(..)
        | Node::Neg(_)
        | Node::Math(..)
        | Node::Concat(..)
        | Node::Filter { .. }
        | Node::List(_)
        | Node::Map(_) => by_names(tree),
    }
}

/// `ok == false`, `error == none` and their kin.
fn equality(left: &Tree, right: &Tree) -> Option<OnError> {
    match (&left.node, &right.node) {
        (_, Node::Const(Val::Bool(true))) => Some(on_error(left)),
        (_, Node::Const(Val::Bool(false))) => Some(inverse(on_error(left))),
        (Node::Name(root), Node::Const(Val::Null)) if root == "error" => Some(OnError::Fails),
        _ => None,
    }
}

/// What is left to say of a part: whether it looks at the error, or at a result that is not there.
fn by_names(tree: &Tree) -> OnError {
    const EVERYWHERE: [&str; 11] = [
        "inputs",
        "vars",
        "secrets",
        "connections",
        "checks",
        "steps",
        "run",
        "environment",
        "lab",
        "item",
        "ok",
    ];
    let names = |wanted: &dyn Fn(&str) -> bool| {
        tree.any(&|tree| matches!(&tree.node, Node::Name(name) if wanted(name)))
    };
    if names(&|name| name == "error") {
        OnError::Looks
    } else if names(&|name| !EVERYWHERE.contains(&name)) {
        OnError::Breaks
    } else {
        OnError::Open
    }
}

const fn inverse(value: OnError) -> OnError {
    match value {
        OnError::Passes => OnError::Fails,
        OnError::Fails => OnError::Passes,
        OnError::Looks | OnError::Open | OnError::Breaks => value,
    }
}

/// `and`, which looks at its second part only if the first holds.
const fn both(left: OnError, right: OnError) -> OnError {
    let decided = match left {
        OnError::Fails | OnError::Breaks => true,
        OnError::Passes => false,
        OnError::Looks => !matches!(right, OnError::Fails),
        OnError::Open => matches!(right, OnError::Passes),
    };
    if decided { left } else { right }
}

/// What flows out of a part as it is. What is told of on the way is added to `revealed`.
fn flow(tree: &Tree, revealed: &mut Vec<Reference>) -> Vec<Reference> {
    if let Some(path) = tree.path() {
        return vec![Reference {
            path,
            from: tree.from,
            to: tree.to,
            lenient: false,
        }];
    }
    let (told, passed_on): (Vec<&Tree>, Vec<&Tree>) = match &tree.node {
        Node::Concat(left, right) => (vec![], vec![left, right]),
        Node::List(items) => (vec![], items.iter().collect()),
        Node::Map(entries) => (
            entries.iter().map(|(key, _)| key).collect(),
            entries.iter().map(|(_, value)| value).collect(),
        ),
        Node::If(test, yes, no) => (vec![test], vec![yes, no]),
        Node::Attr(inner, _) => (vec![], vec![inner]),
        // An item of a list is passed on; an item of a secret would be a part of it.
        Node::Item(inner, key) if is_secret(inner) => (vec![inner, key], vec![]),
        Node::Item(inner, key) => (vec![key], vec![inner]),
        Node::Filter { name, .. } if filters::keeps_secrets(name) => (vec![], tree.children()),
        Node::Test { name, .. } if matches!(name.as_str(), "defined" | "none") => return Vec::new(),
        Node::Const(_)
        | Node::Name(_)
        | Node::StepValue { .. }
        | Node::CheckValue { .. }
        | Node::Not(_)
        | Node::Neg(_)
        | Node::And(..)
        | Node::Or(..)
        | Node::Math(..)
        | Node::Compare(..)
        | Node::Filter { .. }
        | Node::Test { .. } => (tree.children(), vec![]),
    };
    for part in told {
        let flowing = flow(part, revealed);
        revealed.extend(flowing);
    }
    passed_on
        .into_iter()
        .flat_map(|part| flow(part, revealed))
        .collect()
}

fn is_secret(tree: &Tree) -> bool {
    tree.path()
        .is_some_and(|path| path.first().is_some_and(|root| root == "secrets") && path.len() > 1)
}
