//! What is changed in a file: conditions, comparisons, counts, and statements that are left out.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the syntax of Rust is not ours, and grows"
)]

use std::fmt;

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{BinOp, Expr, ImplItemFn, ItemFn, ItemMod, Stmt, UnOp, parse_quote};

/// A change.
pub(crate) struct Change {
    /// Its number, from 1.
    pub(crate) number: usize,
    file: String,
    line: usize,
    function: String,
    what: String,
}

impl Change {
    /// What it is, wherever it stands in its file.
    pub(crate) fn name(&self) -> String {
        format!("{}: {}: {}", self.file, self.function, self.what)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} line {} of {}", self.number, self.line, self.name())
    }
}

/// The text of a file with all its changes in it.
pub(crate) fn changed(file: &str, text: &str, changes: &mut Vec<Change>) -> Result<String, String> {
    let mut tree = syn::parse_file(text).map_err(|error| format!("{file}: {error}"))?;
    let mut visitor = Changer {
        switch: if file.starts_with("crates/runbook-event") {
            parse_quote!(crate::mutant::on)
        } else {
            parse_quote!(runbook_event::mutant::on)
        },
        file: file.to_owned(),
        changes,
        function: String::new(),
        is_const: false,
    };
    visitor.visit_file_mut(&mut tree);
    Ok(prettyplease::unparse(&tree))
}

struct Changer<'c> {
    switch: syn::Path,
    file: String,
    changes: &'c mut Vec<Change>,
    function: String,
    is_const: bool,
}

impl Changer<'_> {
    /// Notes a change and gives its number.
    fn note(&mut self, span: Span, what: String) -> usize {
        let number = self.changes.len() + 1;
        self.changes.push(Change {
            number,
            file: self.file.clone(),
            line: span.start().line,
            function: self.function.clone(),
            what,
        });
        number
    }

    fn either(&mut self, span: Span, what: String, as_changed: &Expr, as_written: &Expr) -> Expr {
        let number = self.note(span, what);
        let switch = &self.switch;
        parse_quote!((if #switch(#number) { #as_changed } else { #as_written }))
    }

    fn binary(binary: &syn::ExprBinary) -> Vec<Expr> {
        let (left, right) = (&binary.left, &binary.right);
        // What a pattern binds is used further on.
        if has_let(left) || has_let(right) {
            return Vec::new();
        }
        match binary.op {
            BinOp::And(_) => vec![
                parse_quote!(#left || #right),
                parse_quote!(#left),
                parse_quote!(#right),
            ],
            BinOp::Or(_) => vec![
                parse_quote!(#left && #right),
                parse_quote!(#left),
                parse_quote!(#right),
            ],
            BinOp::Eq(_) => vec![parse_quote!(#left != #right)],
            BinOp::Ne(_) => vec![parse_quote!(#left == #right)],
            BinOp::Lt(_) => vec![parse_quote!(#left <= #right), parse_quote!(#left > #right)],
            BinOp::Le(_) => vec![parse_quote!(#left < #right), parse_quote!(#left > #right)],
            BinOp::Gt(_) => vec![parse_quote!(#left >= #right), parse_quote!(#left < #right)],
            BinOp::Ge(_) => vec![parse_quote!(#left > #right), parse_quote!(#left < #right)],
            BinOp::Add(_) => vec![parse_quote!(#left)],
            _ => Vec::new(),
        }
    }
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        Expr::Paren(inner) => has_let(&inner.expr),
        _ => false,
    }
}

fn text(tokens: &impl quote::ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    text.chars().take(160).collect()
}

impl VisitMut for Changer<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        let written = expr.clone();
        let changed: Vec<Expr> = match &written {
            Expr::Binary(binary) if !self.is_const => Self::binary(binary),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) && !self.is_const => {
                let inner = &unary.expr;
                // Negated twice, since `!` also takes a reference.
                vec![parse_quote!(!!#inner)]
            }
            _ => Vec::new(),
        };
        visit_mut::visit_expr_mut(self, expr);
        for changed in changed {
            let what = format!("{} -> {}", text(&written), text(&changed));
            *expr = self.either(written.span(), what, &changed, expr);
        }
    }

    fn visit_stmt_mut(&mut self, stmt: &mut Stmt) {
        let written = stmt.clone();
        visit_mut::visit_stmt_mut(self, stmt);
        let Stmt::Expr(expr, Some(_)) = &written else {
            return;
        };
        let can_be_left_out = match expr {
            Expr::MethodCall(_) | Expr::Call(_) | Expr::Assign(_) | Expr::Try(_) => true,
            Expr::Binary(binary) => matches!(
                binary.op,
                BinOp::AddAssign(_) | BinOp::SubAssign(_) | BinOp::BitOrAssign(_)
            ),
            _ => false,
        };
        if !can_be_left_out || self.is_const {
            return;
        }
        let number = self.note(written.span(), format!("without `{}`", text(&written)));
        let switch = &self.switch;
        let inner = stmt.clone();
        *stmt = parse_quote!(if !#switch(#number) { #inner });
    }

    fn visit_item_fn_mut(&mut self, item: &mut ItemFn) {
        self.is_const = item.sig.constness.is_some();
        self.function = item.sig.ident.to_string();
        visit_mut::visit_item_fn_mut(self, item);
        self.is_const = false;
    }

    fn visit_impl_item_fn_mut(&mut self, item: &mut ImplItemFn) {
        self.is_const = item.sig.constness.is_some();
        self.function = item.sig.ident.to_string();
        visit_mut::visit_impl_item_fn_mut(self, item);
        self.is_const = false;
    }

    /// Tests are as they are.
    fn visit_item_mod_mut(&mut self, item: &mut ItemMod) {
        if !item
            .attrs
            .iter()
            .any(|attr| text(attr).contains("cfg (test)") || text(attr).contains("cfg(test)"))
        {
            visit_mut::visit_item_mod_mut(self, item);
        }
    }

    fn visit_item_const_mut(&mut self, _item: &mut syn::ItemConst) {}
}
