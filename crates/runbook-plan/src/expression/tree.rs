//! The tree of an expression.

use super::Val;
use super::statics::uses_age;

/// A node and its place in the source, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub(crate) node: Node,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Const(Val),
    Name(String),
    /// `steps.ID.NAME`
    StepValue {
        step: String,
        name: String,
    },
    /// `checks.ID.NAME`
    CheckValue {
        check: String,
        name: String,
    },
    Attr(Box<Tree>, String),
    Item(Box<Tree>, Box<Tree>),
    Not(Box<Tree>),
    Neg(Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
    Math(Math, Box<Tree>, Box<Tree>),
    Concat(Box<Tree>, Box<Tree>),
    Compare(Box<Tree>, Vec<(Compare, Tree)>),
    If(Box<Tree>, Box<Tree>, Box<Tree>),
    Filter {
        name: String,
        subject: Box<Tree>,
        args: Vec<Tree>,
        named: Vec<(String, Tree)>,
    },
    Test {
        name: String,
        subject: Box<Tree>,
        args: Vec<Tree>,
    },
    List(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Math {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

/// What an expression refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The root and what follows it, as far as it is written out: `["inputs", "size"]`.
    pub path: Vec<String>,
    /// Where it begins in the source.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// Whether the expression says what to do if the last part is missing.
    pub lenient: bool,
}

impl Tree {
    /// The path that this is, if it is one: a name and what follows it.
    pub(crate) fn path(&self) -> Option<Vec<String>> {
        match &self.node {
            Node::Name(name) => Some(vec![name.clone()]),
            Node::StepValue { step, name } => Some(vec!["steps".to_owned(), step.clone(), name.clone()]),
            Node::CheckValue { check, name } => Some(vec!["checks".to_owned(), check.clone(), name.clone()]),
            Node::Attr(inner, name) => {
                let mut path = inner.path()?;
                path.push(name.clone());
                Some(path)
            }
            Node::Const(_)
            | Node::Item(..)
            | Node::Not(_)
            | Node::Neg(_)
            | Node::And(..)
            | Node::Or(..)
            | Node::Math(..)
            | Node::Concat(..)
            | Node::Compare(..)
            | Node::If(..)
            | Node::Filter { .. }
            | Node::Test { .. }
            | Node::List(_)
            | Node::Map(_) => None,
        }
    }

    pub(crate) fn collect(&self, out: &mut Vec<Reference>) {
        self.collect_with(out, false);
    }

    /// Shows each path in it, with its tree.
    pub(crate) fn each_path(&self, show: &mut impl FnMut(&Self, Vec<String>)) {
        match self.path() {
            Some(path) => show(self, path),
            None => self
                .children()
                .into_iter()
                .for_each(|child| child.each_path(show)),
        }
    }

    fn collect_with(&self, out: &mut Vec<Reference>, lenient: bool) {
        if let Some(path) = self.path() {
            out.push(Reference {
                path,
                from: self.from,
                to: self.to,
                lenient,
            });
            return;
        }
        match &self.node {
            Node::Filter {
                name,
                subject,
                args,
                named,
            } => {
                subject.collect_with(out, name == "default");
                args.iter()
                    .chain(named.iter().map(|(_, tree)| tree))
                    .for_each(|tree| tree.collect(out));
            }
            Node::Test { name, subject, args } => {
                subject.collect_with(out, name == "defined");
                for tree in args {
                    tree.collect(out);
                }
            }
            Node::Const(_)
            | Node::Name(_)
            | Node::StepValue { .. }
            | Node::CheckValue { .. }
            | Node::Attr(..)
            | Node::Item(..)
            | Node::Not(_)
            | Node::Neg(_)
            | Node::And(..)
            | Node::Or(..)
            | Node::Math(..)
            | Node::Concat(..)
            | Node::Compare(..)
            | Node::If(..)
            | Node::List(_)
            | Node::Map(_) => self.children().into_iter().for_each(|tree| tree.collect(out)),
        }
    }

    /// Whether this holds for it or a part of it.
    pub(crate) fn any(&self, holds: &dyn Fn(&Self) -> bool) -> bool {
        holds(self) || self.children().into_iter().any(|child| child.any(holds))
    }

    /// Whether it refers to nothing, not even to the moment.
    pub(crate) fn is_constant(&self) -> bool {
        !self.any(&|tree| {
            matches!(
                tree.node,
                Node::Name(_) | Node::StepValue { .. } | Node::CheckValue { .. }
            ) || uses_age(&tree.node)
        })
    }

    /// How many levels it has.
    pub(crate) fn depth(&self) -> usize {
        1 + self.children().into_iter().map(Self::depth).max().unwrap_or(0)
    }

    /// The direct parts.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match &self.node {
            Node::Const(_) | Node::Name(_) | Node::StepValue { .. } | Node::CheckValue { .. } => Vec::new(),
            Node::Attr(inner, _) | Node::Not(inner) | Node::Neg(inner) => vec![inner],
            Node::Item(a, b)
            | Node::And(a, b)
            | Node::Or(a, b)
            | Node::Math(_, a, b)
            | Node::Concat(a, b) => {
                vec![a, b]
            }
            Node::Compare(first, rest) => std::iter::once(first.as_ref())
                .chain(rest.iter().map(|(_, tree)| tree))
                .collect(),
            Node::If(test, yes, no) => vec![test, yes, no],
            Node::Filter {
                subject, args, named, ..
            } => std::iter::once(subject.as_ref())
                .chain(args)
                .chain(named.iter().map(|(_, tree)| tree))
                .collect(),
            Node::Test { subject, args, .. } => std::iter::once(subject.as_ref()).chain(args).collect(),
            Node::List(items) => items.iter().collect(),
            Node::Map(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
        }
    }
}
