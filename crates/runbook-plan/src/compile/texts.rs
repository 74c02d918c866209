//! Nodes to expressions and templates, with every name in them checked.

use indexmap::IndexMap;
use runbook_action::schema::Shape;
use runbook_action::{Param, Text};
use runbook_document::{Finding, Kind as NodeKind, Node, ScalarValue, Span, Spanned, codes};

use super::Compiler;
use super::names::{self, Names, Results};
use super::used::Used;
use crate::expression::{Expression, Reference};
use crate::template::{self, Kind, Part, Piece, Template};

impl Compiler<'_, '_> {
    /// A bare expression.
    pub(super) fn expression(&mut self, node: &Node, names: &Names) -> Option<Expression> {
        let text = node.text()?.to_owned();
        if text.trim_start().starts_with("{{") {
            let finding = Finding::error(
                codes::EXPRESSION,
                node.span,
                "this is a bare expression: it needs no braces",
            );
            self.findings.push(finding.help("leave out `{{` and `}}`"));
            return None;
        }
        self.lint_comment(node, "expression");
        self.expression_in(node, &text, 0, names)
    }

    /// An expression that is a part of a node's text, from a byte of that text on.
    fn expression_in(
        &mut self,
        node: &Node,
        source: &str,
        offset: usize,
        names: &Names,
    ) -> Option<Expression> {
        let locate = |compiler: &Self, from: usize, to: usize| {
            node.locate(compiler.text(node.span.source), offset + from, offset + to)
        };
        let expression = match self.memo.expression(source) {
            Ok(expression) => expression,
            Err(error) => {
                let code = if error.unknown_function {
                    codes::UNKNOWN_FILTER
                } else {
                    codes::EXPRESSION
                };
                let span = locate(self, error.from, error.to);
                let help = dashed_before(source, error.from)
                    .or(error.help)
                    .or_else(|| of_another_language(source.get(error.from..)?));
                self.findings
                    .push(Finding::error(code, span, error.message).maybe_help(help));
                return None;
            }
        };
        let mut fine = true;
        if expression.needs_instant() && matches!(names.result, Results::None) {
            let message = "there is no moment here that `age` could count to";
            let finding = Finding::error(codes::EXPRESSION, locate(self, 0, source.len()), message);
            self.findings.push(
                finding
                    .help("use it beside the action that reads the time: in `capture`, `value` or `expect`"),
            );
            fine = false;
        }
        let mut minus = None;
        for reference in expression.references() {
            if minus == Some(reference.from) {
                // The second half of a name with a dash in it, which has been reported.
                continue;
            }
            self.note_use(&reference);
            if let Err(wrong) = names::check(&reference, names, &self.global) {
                let span = locate(self, reference.from, reference.to);
                let with_dash = self.with_dash(source, &reference);
                let is_dashed = with_dash.is_some();
                let (meant, told) = with_dash.unwrap_or_default();
                let dashed = dashed(source, &reference).or(meant);
                minus = (is_dashed || dashed.is_some()).then_some(reference.to + 1);
                fine = false;
                if told {
                    continue;
                }
                self.findings
                    .push(Finding::error(wrong.code, span, wrong.message).maybe_help(dashed.or(wrong.help)));
            }
        }
        fine &= self.refuse_looking(node, offset, &expression);
        fine.then_some(expression)
    }

    /// What was meant by `inputs.pool-size`, and whether that name is declared like that, which has been reported.
    fn with_dash(&self, source: &str, reference: &Reference) -> Option<(Option<String>, bool)> {
        let (rest, [root, name]) = (source.get(reference.to..)?, reference.path.as_slice()) else {
            return None;
        };
        let known = match root.as_str() {
            "inputs" => &self.global.inputs,
            "vars" => &self.global.vars,
            "secrets" => &self.global.secrets,
            "connections" => &self.global.connections,
            _ => return None,
        };
        let is_part = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
        let more: String = rest.chars().take_while(is_part).collect();
        let whole = format!("{name}{more}");
        if !more.starts_with('-') {
            return None;
        }
        let ours = whole.replace('-', "_");
        let meant = known
            .contains(&ours)
            .then(|| format!("did you mean `{root}.{ours}`?"));
        Some((meant, known.contains(&whole)))
    }

    /// Takes down what an expression uses.
    fn note_use(&mut self, reference: &Reference) {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["lab", ..] => self.uses_lab = true,
            ["secrets", name, ..] => drop(self.used_secrets.insert((*name).to_owned())),
            ["connections", name, ..] => self.use_connection(name),
            ["inputs", name, ..] => drop(self.used.insert(Used::Input((*name).to_owned()))),
            ["steps", step, name, ..] => {
                self.used
                    .insert(Used::Step((*step).to_owned(), (*name).to_owned()));
            }
            ["checks", check, name, ..] => {
                self.used
                    .insert(Used::Check((*check).to_owned(), (*name).to_owned()));
            }
            _ => {}
        }
    }

    /// A value of a shape, with the templates that the shape allows.
    pub(super) fn template(&mut self, node: &Node, shape: &Shape, names: &Names) -> Option<Template> {
        let kind = match (&node.kind, shape) {
            (_, Shape::OneOf(shapes)) => {
                let inner = pick(node, shapes)?;
                return self.template(node, inner, names);
            }
            (NodeKind::Scalar(_), Shape::Dynamic(inner)) => {
                let is_template = node
                    .text()
                    .is_some_and(|text| text.trim_start().starts_with("{{"));
                let shape = if is_template { &Shape::Template } else { *inner };
                return self.template(node, shape, names);
            }
            (_, Shape::Dynamic(inner)) => return self.template(node, inner, names),
            (NodeKind::Scalar(_), Shape::Template) => self.text_template(node, names)?,
            (NodeKind::Scalar(scalar), Shape::Any) if scalar.value == ScalarValue::Text => {
                self.text_template(node, names)?
            }
            (NodeKind::Scalar(_), Shape::Quoted(filters)) => self.code_template(node, filters, names)?,
            (NodeKind::Scalar(_), _) => {
                if *shape == Shape::Literal {
                    self.lint_comment(node, "text");
                }
                self.refuse_template_in_code(node);
                Kind::Fixed(fixed(node))
            }
            (NodeKind::List(items), _) => {
                let inner = if let Shape::List(inner) = shape {
                    inner
                } else {
                    &Shape::Any
                };
                let items: Vec<Option<Template>> = items
                    .iter()
                    .map(|item| self.template(item, inner, names))
                    .collect();
                Kind::List(items.into_iter().collect::<Option<_>>()?)
            }
            (NodeKind::Map(entries), _) => {
                let mut map = IndexMap::new();
                let mut fine = true;
                for entry in entries {
                    fine &= self.is_written_out(&entry.key);
                    let inner = inner_of(shape, &entry.key.value);
                    match self.template(&entry.value, inner, names) {
                        Some(value) => drop(map.insert(entry.key.value.clone(), value)),
                        None => fine = false,
                    }
                }
                if !fine {
                    return None;
                }
                Kind::Map(map)
            }
        };
        Some(Template {
            kind,
            span: node.span,
        })
    }

    /// A key is never a template: one that looks so would be taken as it stands.
    pub(super) fn is_written_out(&mut self, key: &Spanned<String>) -> bool {
        if !key.value.contains("{{") {
            return true;
        }
        let finding = Finding::error(codes::TEMPLATE, key.span, "a key is not a template");
        self.findings
            .push(finding.help("write the key out; what stands behind it may be a template"));
        false
    }

    fn text_template(&mut self, node: &Node, names: &Names) -> Option<Kind> {
        let text = node
            .scalar()
            .map(|scalar| scalar.text.clone())
            .unwrap_or_default();
        self.lint_url(node, &text);
        let parts = match template::cut(&text) {
            Ok(parts) => parts,
            Err(error) => {
                let span = node.locate(self.text(node.span.source), error.from, error.to);
                self.findings
                    .push(Finding::error(codes::TEMPLATE, span, error.message).help(error.help));
                return None;
            }
        };
        let mut kind = self.pieces(node, parts, names)?;
        if let Kind::Text(pieces) = &mut kind
            && let [Piece::Expression(_)] = pieces.as_slice()
            && let Some(Piece::Expression(expression)) = pieces.pop()
        {
            kind = Kind::Whole(expression);
        }
        Some(kind)
    }

    /// Code with values in it, each of which a filter makes one piece of that code.
    fn code_template(&mut self, node: &Node, filters: &[&str], names: &Names) -> Option<Kind> {
        let text = node
            .scalar()
            .map(|scalar| scalar.text.clone())
            .unwrap_or_default();
        let mut parts = template::cut_code(&text);
        let all = parts.len();
        parts.retain(|part| self.is_quoted(node, part, filters));
        let fine = parts.len() == all;
        let kind = self.pieces(node, parts, names);
        if fine { kind } else { None }
    }

    /// Whether a part of code is written out, or made a piece of the code by one of these filters.
    fn is_quoted(&mut self, node: &Node, part: &Part<'_>, filters: &[&str]) -> bool {
        let Part::Expression { source, from } = part else {
            return true;
        };
        let expression = Expression::parse(source).ok();
        let fits = match &expression {
            Some(expression) => expression
                .outermost_filter()
                .is_some_and(|filter| filters.contains(&filter)),
            // That it cannot be read is a finding of its own, where it is meant to be one.
            None => filters.iter().any(|filter| source.contains(filter)),
        };
        if fits {
            return true;
        }
        let span: Span = node.locate(self.text(node.span.source), from - 2, from + source.len() + 2);
        let source = source.trim();
        let message =
            format!("`{source}` is not filled in here: this text is code, and no value becomes part of it");
        let filters = filters.join("` or `| ");
        let help = match expression {
            Some(_) => format!(
                "bind it: `:name` in the text and `bind: {{name: \"{{{{ {source} }}}}\"}}`; or let the last filter be `| {filters}`, where nothing can be bound"
            ),
            None => {
                "if the braces are the code's own, write them apart, as in `{ {`, or an array as `ARRAY[…]`"
                    .to_owned()
            }
        };
        self.findings
            .push(Finding::error(codes::TEMPLATE_IN_CODE, span, message).help(help));
        false
    }

    fn pieces(&mut self, node: &Node, parts: Vec<Part<'_>>, names: &Names) -> Option<Kind> {
        let mut pieces = Vec::new();
        let mut fine = true;
        for part in parts {
            match part {
                Part::Literal(text) => pieces.push(Piece::Literal(text.to_owned())),
                Part::Expression { source, from } => match self.expression_in(node, source, from, names) {
                    Some(expression) => pieces.push(Piece::Expression(expression)),
                    None => fine = false,
                },
            }
        }
        if !fine {
            return None;
        }
        Some(match pieces.as_slice() {
            [] => Kind::Fixed(Param::Text(Text::literal(""))),
            [Piece::Literal(text)] => Kind::Fixed(Param::Text(Text::literal(text.clone()))),
            _ => Kind::Text(pieces),
        })
    }

    /// Text that is code or decides an effect takes no values: what looks like one is pointed out.
    fn refuse_template_in_code(&mut self, node: &Node) {
        const ROOTS: &[&str] = &[
            "inputs.",
            "vars.",
            "secrets.",
            "steps.",
            "checks.",
            "connections.",
            "lab.",
        ];
        let Some(text) = node.text() else { return };
        for (at, _) in text.match_indices("{{") {
            let rest = text[at + 2..].trim_start();
            if let Some(root) = ROOTS.iter().find(|root| rest.starts_with(**root)) {
                let end = text[at..].find("}}").map_or(text.len(), |end| at + end + 2);
                let span: Span = node.locate(self.text(node.span.source), at, end);
                let message = format!(
                    "`{}` is not filled in here: this text is code, and no value becomes part of it",
                    root.trim_end_matches('.')
                );
                self.findings.push(
                    Finding::error(codes::TEMPLATE_IN_CODE, span, message)
                        .help("pass the value beside the code: `env: {NAME: \"{{ … }}\"}` and `\"$NAME\"`"),
                );
                return;
            }
        }
    }
}

/// A dash after a name is a minus. What was meant is often a name with a dash in it.
fn dashed(source: &str, reference: &Reference) -> Option<String> {
    let rest = source.get(reference.to..)?;
    let word: String = rest
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    match reference.path.as_slice() {
        [root, id] if matches!(root.as_str(), "steps" | "checks") && word.starts_with('-') => {
            Some(format!("a `-` is a minus here: write `{root}['{id}{word}']`"))
        }
        _ => None,
    }
}

/// The same where what stands behind the dash cannot be read.
fn dashed_before(source: &str, from: usize) -> Option<String> {
    let before = source.get(..from)?.strip_suffix('-')?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let path = before.rsplit(|c| !is_part(c)).next()?;
    let (root, id) = path.split_once('.')?;
    let rest: String = source
        .get(from..)?
        .chars()
        .take_while(|c| is_part(*c) && *c != '.')
        .collect();
    matches!(root, "steps" | "checks")
        .then(|| format!("a `-` is a minus here: write `{root}['{id}-{rest}']`"))
}

/// The shape of a mapping's value.
fn inner_of<'s>(shape: &'s Shape, key: &str) -> &'s Shape {
    match shape {
        Shape::Map(inner) | Shape::Named(inner) => inner,
        Shape::Object(object) => object.field(key).map_or(&Shape::Any, |field| &field.shape),
        Shape::Template
        | Shape::Literal
        | Shape::Quoted(_)
        | Shape::Expression
        | Shape::Slug
        | Shape::Version
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Duration
        | Shape::Choice(_)
        | Shape::Dynamic(_)
        | Shape::List(_)
        | Shape::OneOf(_)
        | Shape::Any => &Shape::Any,
    }
}

/// The alternative that fits the kind of the node.
fn pick<'s>(node: &Node, shapes: &'s [Shape]) -> Option<&'s Shape> {
    shapes.iter().find(|shape| match node.kind {
        NodeKind::List(_) => matches!(shape, Shape::List(_) | Shape::Any),
        NodeKind::Map(_) => matches!(
            shape,
            Shape::Map(_) | Shape::Named(_) | Shape::Object(_) | Shape::Any
        ),
        NodeKind::Scalar(_) => !matches!(
            shape,
            Shape::List(_) | Shape::Map(_) | Shape::Named(_) | Shape::Object(_)
        ),
    })
}

fn fixed(node: &Node) -> Param {
    match node.scalar() {
        None => Param::Null,
        Some(scalar) => match scalar.value {
            ScalarValue::Null => Param::Null,
            ScalarValue::Bool(value) => Param::Bool(value),
            ScalarValue::Integer(value) => Param::Number(value.into()),
            ScalarValue::Float(value) => {
                serde_json::Number::from_f64(value).map_or(Param::Null, Param::Number)
            }
            ScalarValue::Text => Param::Text(Text::literal(scalar.text.clone())),
        },
    }
}

/// What operators of other languages are here.
fn of_another_language(rest: &str) -> Option<String> {
    let operators = [
        ("==", ""),
        ("=", "=="),
        ("&&", "and"),
        ("||", "or"),
        ("|", "or"),
        ("!", "not"),
    ];
    let (_, ours) = operators.iter().find(|(theirs, _)| rest.starts_with(theirs))?;
    (!ours.is_empty()).then(|| format!("did you mean `{ours}`?"))
}
