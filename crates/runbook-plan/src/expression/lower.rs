//! minijinja's syntax tree to ours: what is not part of the language is refused here.

use minijinja::machinery::{Span, ast, parse_expr};
use minijinja::value::ValueKind;

use super::tree::{Compare, Math, Node, Tree};
use super::{Val, filters, reading};

/// An expression that cannot be read, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Where it begins.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// Whether it is about an unknown filter, test or function.
    pub unknown_function: bool,
}

impl SyntaxError {
    pub(super) fn over((from, to): (usize, usize), message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            from,
            to,
            unknown_function: false,
        }
    }

    pub(super) fn at(tree: &Tree, message: impl Into<String>) -> Self {
        Self::over((tree.from, tree.to), message)
    }

    /// That there is no filter or test of this name.
    pub(super) fn unknown(
        place: (usize, usize),
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'static str> + Clone,
    ) -> Self {
        let help = match runbook_document::nearest(name, known.clone()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the {what}s are {}", known.collect::<Vec<_>>().join(", ")),
        };
        Self {
            unknown_function: true,
            help: Some(help),
            ..Self::over(place, format!("there is no {what} `{name}`"))
        }
    }
}

/// The greatest length of an expression, in bytes.
const MAX_LENGTH: usize = 8192;

/// The greatest number of operators, brackets and words that join in an expression. Trees are walked by
/// recursion, and each of these can make a tree one level deeper.
const MAX_PARTS: usize = 256;

/// An upper bound of the operators, brackets and joining words in a source; what stands in quotes counts too.
fn parts(source: &str) -> usize {
    let signs = source
        .bytes()
        .filter(|byte| {
            matches!(
                byte,
                b'|' | b'.'
                    | b'-'
                    | b'+'
                    | b'*'
                    | b'/'
                    | b'%'
                    | b'~'
                    | b'['
                    | b'('
                    | b'{'
                    | b'='
                    | b'<'
                    | b'>'
                    | b'!'
                    | b','
                    | b':'
            )
        })
        .count();
    let words = source
        .split_whitespace()
        .filter(|word| matches!(*word, "not" | "and" | "or" | "if" | "in" | "is"));
    signs + words.count()
}

pub(super) fn parse(source: &str) -> Result<Tree, SyntaxError> {
    let whole = |message: String| SyntaxError {
        message,
        help: None,
        from: 0,
        to: source.len(),
        unknown_function: false,
    };
    if source.trim().is_empty() {
        return Err(whole("the expression is empty".to_owned()));
    }
    if source.len() > MAX_LENGTH {
        return Err(whole(format!("the expression is longer than {MAX_LENGTH} bytes")));
    }
    if parts(source) > MAX_PARTS {
        return Err(SyntaxError {
            help: Some("give parts of it names under `vars` or `capture`".to_owned()),
            ..whole(format!("the expression has more than {MAX_PARTS} operators"))
        });
    }
    let parsed = parse_expr(source).map_err(|error| {
        let range = error.range().unwrap_or(0..source.len());
        let message = error.detail().map_or_else(|| error.to_string(), str::to_owned);
        SyntaxError {
            from: range.start,
            to: range.end,
            ..whole(message)
        }
    })?;
    let tree = lower(&parsed)?;
    if tree.depth() > MAX_PARTS {
        return Err(whole(format!(
            "the expression is more than {MAX_PARTS} levels deep"
        )));
    }
    reading::check(&tree)?;
    Ok(tree)
}

fn lower(expr: &ast::Expr<'_>) -> Result<Tree, SyntaxError> {
    let span = expr.span();
    let node = match expr {
        ast::Expr::Var(var) => Node::Name(var.id.to_owned()),
        ast::Expr::Const(value) => Node::Const(constant(&value.value, span)?),
        ast::Expr::Slice(_) => {
            return Err(refuse(
                span,
                "slices are not part of the language",
                "use `first` or `last`",
            ));
        }
        ast::Expr::UnaryOp(op) => {
            let inner = lower(&op.expr)?;
            match (&op.op, &inner.node) {
                (ast::UnaryOpKind::Not, _) => Node::Not(Box::new(inner)),
                (ast::UnaryOpKind::Neg, Node::Const(Val::Int(value))) => Node::Const(Val::Int(-value)),
                (ast::UnaryOpKind::Neg, Node::Const(Val::Float(value))) => Node::Const(Val::Float(-value)),
                (ast::UnaryOpKind::Neg, _) => Node::Neg(Box::new(inner)),
            }
        }
        ast::Expr::BinOp(op) => binary(op)?,
        ast::Expr::Compare(compare) => lower_compare(compare)?,
        ast::Expr::IfExpr(choice) => lower_if(choice, span)?,
        ast::Expr::Filter(filter) => lower_filter(filter, span)?,
        ast::Expr::Test(test) => lower_test(test, span)?,
        ast::Expr::GetAttr(attr) => return Ok(attribute(lower(&attr.expr)?, attr.name, span)),
        ast::Expr::GetItem(item) => {
            let inner = lower(&item.expr)?;
            let key = lower(&item.subscript_expr)?;
            if let Node::Const(Val::Text(name)) = key.node {
                return Ok(attribute(inner, &name, span));
            }
            Node::Item(Box::new(inner), Box::new(key))
        }
        ast::Expr::Call(_) => {
            return Err(SyntaxError {
                unknown_function: true,
                ..refuse(
                    span,
                    "expressions call no functions",
                    "use a filter: `rows | length`",
                )
            });
        }
        ast::Expr::List(list) => Node::List(list.items.iter().map(lower).collect::<Result<_, _>>()?),
        ast::Expr::Tuple(tuple) => Node::List(tuple.items.iter().map(lower).collect::<Result<_, _>>()?),
        ast::Expr::Map(map) => {
            let entries = map.keys.iter().zip(&map.values);
            Node::Map(
                entries
                    .map(|(key, value)| Ok((lower(key)?, lower(value)?)))
                    .collect::<Result<_, SyntaxError>>()?,
            )
        }
    };
    Ok(enclosing(node, span))
}

fn lower_compare(compare: &ast::Compare<'_>) -> Result<Node, SyntaxError> {
    let rest = compare
        .ops
        .iter()
        .map(|op| Ok((comparison(op.op), lower(&op.expr)?)));
    Ok(Node::Compare(
        Box::new(lower(&compare.expr)?),
        rest.collect::<Result<_, SyntaxError>>()?,
    ))
}

fn lower_if(choice: &ast::IfExpr<'_>, span: Span) -> Result<Node, SyntaxError> {
    let Some(no) = &choice.false_expr else {
        return Err(refuse(
            span,
            "this `if` has no `else`",
            "say what the value is otherwise",
        ));
    };
    Ok(Node::If(
        Box::new(lower(&choice.test_expr)?),
        Box::new(lower(&choice.true_expr)?),
        Box::new(lower(no)?),
    ))
}

fn lower_test(test: &ast::Test<'_>, span: Span) -> Result<Node, SyntaxError> {
    let (args, named) = arguments(&test.args, span)?;
    let subject = Box::new(lower(&test.expr)?);
    if let Some((name, value)) = named.first() {
        let message = format!("a test takes no argument by its name, as `{name}` here");
        return Err(SyntaxError::at(value, message));
    }
    filters::check_test(test.name, Some(&subject), &args, range(span))?;
    Ok(Node::Test {
        name: test.name.to_owned(),
        subject,
        args,
    })
}

/// A node with the range from its first part to its last: minijinja's own range of a postfix operator begins
/// at the operator.
fn enclosing(node: Node, span: Span) -> Tree {
    let (from, to) = range(span);
    let mut tree = Tree { node, from, to };
    let starts = tree.children().into_iter().map(|child| child.from).min();
    let ends = tree.children().into_iter().map(|child| child.to).max();
    tree.from = starts.map_or(from, |start| start.min(from));
    tree.to = ends.map_or(to, |end| end.max(to));
    tree
}

/// `steps.ID.NAME` and `checks.ID.NAME` become one node each, so that nothing else of a run is reachable.
fn attribute(inner: Tree, name: &str, span: Span) -> Tree {
    let from = inner.from;
    let mut tree = enclosing(attribute_node(inner, name), span);
    tree.from = from.min(tree.from);
    tree
}

fn attribute_node(inner: Tree, name: &str) -> Node {
    if let Node::Attr(root, id) = &inner.node
        && let Node::Name(root) = &root.node
    {
        match root.as_str() {
            "steps" => {
                return Node::StepValue {
                    step: id.clone(),
                    name: name.to_owned(),
                };
            }
            "checks" => {
                return Node::CheckValue {
                    check: id.clone(),
                    name: name.to_owned(),
                };
            }
            _ => {}
        }
    }
    Node::Attr(Box::new(inner), name.to_owned())
}

fn binary(op: &ast::BinOp<'_>) -> Result<Node, SyntaxError> {
    let left = Box::new(lower(&op.left)?);
    let right = lower(&op.right)?;
    let compare = |kind, right| Node::Compare(left.clone(), vec![(kind, right)]);
    Ok(match op.op {
        ast::BinOpKind::Eq => compare(Compare::Eq, right),
        ast::BinOpKind::Ne => compare(Compare::Ne, right),
        ast::BinOpKind::Lt => compare(Compare::Lt, right),
        ast::BinOpKind::Lte => compare(Compare::Le, right),
        ast::BinOpKind::Gt => compare(Compare::Gt, right),
        ast::BinOpKind::Gte => compare(Compare::Ge, right),
        ast::BinOpKind::In => compare(Compare::In, right),
        ast::BinOpKind::ScAnd => Node::And(left, Box::new(right)),
        ast::BinOpKind::ScOr => Node::Or(left, Box::new(right)),
        ast::BinOpKind::Add => Node::Math(Math::Add, left, Box::new(right)),
        ast::BinOpKind::Sub => Node::Math(Math::Sub, left, Box::new(right)),
        ast::BinOpKind::Mul => Node::Math(Math::Mul, left, Box::new(right)),
        ast::BinOpKind::Div => Node::Math(Math::Div, left, Box::new(right)),
        ast::BinOpKind::FloorDiv => Node::Math(Math::FloorDiv, left, Box::new(right)),
        ast::BinOpKind::Rem => Node::Math(Math::Rem, left, Box::new(right)),
        ast::BinOpKind::Pow => Node::Math(Math::Pow, left, Box::new(right)),
        ast::BinOpKind::Concat => Node::Concat(left, Box::new(right)),
    })
}

const fn comparison(op: ast::CompareOpKind) -> Compare {
    match op {
        ast::CompareOpKind::Eq => Compare::Eq,
        ast::CompareOpKind::Ne => Compare::Ne,
        ast::CompareOpKind::Lt => Compare::Lt,
        ast::CompareOpKind::Lte => Compare::Le,
        ast::CompareOpKind::Gt => Compare::Gt,
        ast::CompareOpKind::Gte => Compare::Ge,
        ast::CompareOpKind::In => Compare::In,
        ast::CompareOpKind::NotIn => Compare::NotIn,
    }
}

fn lower_filter(filter: &ast::Filter<'_>, span: Span) -> Result<Node, SyntaxError> {
    let Some(subject) = &filter.expr else {
        return Err(refuse(
            span,
            "this filter has nothing to work on",
            "write a value before the `|`",
        ));
    };
    let subject = Box::new(lower(subject)?);
    let (args, named) = arguments(&filter.args, span)?;
    filters::check_filter(filter.name, &subject, &args, &named, range(span))?;
    Ok(Node::Filter {
        name: filter.name.to_owned(),
        subject,
        args,
        named,
    })
}

type Arguments = (Vec<Tree>, Vec<(String, Tree)>);

fn arguments(args: &[ast::CallArg<'_>], span: Span) -> Result<Arguments, SyntaxError> {
    let (mut positional, mut named) = (Vec::new(), Vec::new());
    for arg in args {
        match arg {
            ast::CallArg::Pos(expr) => positional.push(lower(expr)?),
            ast::CallArg::Kwarg(name, expr) => named.push(((*name).to_owned(), lower(expr)?)),
            ast::CallArg::PosSplat(_) | ast::CallArg::KwargSplat(_) => {
                return Err(refuse(
                    span,
                    "`*` arguments are not part of the language",
                    "write the arguments out",
                ));
            }
        }
    }
    Ok((positional, named))
}

fn constant(value: &minijinja::Value, span: Span) -> Result<Val, SyntaxError> {
    let too_large = || {
        refuse(
            span,
            "this constant is not a value of the language",
            "use a smaller number",
        )
    };
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "constants of the grammar are scalars or lists of them"
    )]
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => Ok(Val::Null),
        ValueKind::Bool => Ok(Val::Bool(value.is_true())),
        ValueKind::Number if value.is_integer() => value.as_i64().map(Val::Int).ok_or_else(too_large),
        ValueKind::Number => f64::try_from(value.clone())
            .map(Val::Float)
            .map_err(|_| too_large()),
        ValueKind::String => Ok(Val::text(value.as_str().unwrap_or_default())),
        ValueKind::Seq => {
            let items = value.try_iter().map_err(|_| too_large())?;
            Ok(Val::list(
                items
                    .map(|item| constant(&item, span))
                    .collect::<Result<_, _>>()?,
            ))
        }
        _ => Err(too_large()),
    }
}

fn range(span: Span) -> (usize, usize) {
    (span.start_offset as usize, span.end_offset as usize)
}

fn refuse(span: Span, message: &str, help: &str) -> SyntaxError {
    let (from, to) = range(span);
    SyntaxError {
        message: message.to_owned(),
        help: Some(help.to_owned()),
        from,
        to,
        unknown_function: false,
    }
}
