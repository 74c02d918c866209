//! Whether a statement may be tried and taken back, from its text alone.
//!
//! It is, if it is one INSERT, UPDATE, DELETE or MERGE of which every piece is known to do nothing but give a value. What
//! is not on a list is not tried: the lists are of what is known, never of what is feared. What the tables are, only the
//! database can tell.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, BinaryOperator, Delete, Expr, FromTable, Function, FunctionArguments, Ident, Insert,
    MergeAction, ObjectName, ObjectNamePart, OnInsert, Query, Select, SetExpr, Statement, TableFactor,
    TableObject, TableWithJoins, Visit, Visitor,
};
use sqlparser::dialect::{Dialect as Grammar, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

use super::pure;

/// Whose statement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Mariadb,
    Sqlite,
}

/// What a statement does with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// It adds some.
    Insert,
    /// It adds some, or changes those that are in the way.
    Upsert,
    /// It changes some.
    Update,
    /// It deletes some.
    Delete,
    /// It does several of these.
    Merge,
}

/// Which columns get what the table gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Defaults {
    /// None.
    None,
    /// All, for all that is known.
    All,
    /// All but these.
    AllBut(Vec<String>),
    /// All but so many from the first on.
    After(usize),
}

/// A table, as the statement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// As it is written, with its quotes.
    pub(crate) written: String,
    /// Its name, and before it that of its schema.
    pub(crate) path: Vec<String>,
    /// Whether a query of the statement itself has the same name.
    pub(crate) may_be_within: bool,
}

/// A statement of which nothing in its text speaks against trying it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) verb: Verb,
    /// The table that it changes.
    pub(crate) target: Table,
    /// All tables in it, the target among them.
    pub(crate) tables: Vec<Table>,
    /// The functions that it calls.
    pub(crate) functions: BTreeSet<String>,
    /// The last parts of names such as `t.name`, which may be functions too.
    pub(crate) fields: BTreeSet<String>,
    /// The columns that it sets in rows that are there.
    pub(crate) assigned: BTreeSet<String>,
    pub(crate) defaults: Defaults,
}

const NOT_TRIED: &str = "only INSERT, UPDATE, DELETE and MERGE are tried";

/// Reads one statement, as it is sent; else why it is not tried.
pub(crate) fn read(sql: &str, dialect: Dialect) -> Result<Plain, String> {
    let grammar: &dyn Grammar = match dialect {
        Dialect::Postgres => &PostgreSqlDialect {},
        Dialect::Mariadb => &MySqlDialect {},
        Dialect::Sqlite => &SQLiteDialect {},
    };
    let parsed = Parser::parse_sql(grammar, sql).map_err(|_| "its text is not understood".to_owned())?;
    let [statement] = parsed.as_slice() else {
        return Err(NOT_TRIED.to_owned());
    };
    let mut walk = Walk {
        dialect,
        functions: BTreeSet::new(),
        fields: BTreeSet::new(),
        tables: Vec::new(),
        within: Vec::new(),
        is_called: false,
        has_default: false,
        changes: 0,
    };
    if let ControlFlow::Break(why) = statement.visit(&mut walk) {
        return Err(why);
    }
    if walk.changes > 1 {
        return Err("a query within it changes rows too, which the database does not count".to_owned());
    }
    let main = main(statement).ok_or(NOT_TRIED)?;
    let (verb, target, defaults, assigned) = what(main, dialect)?;
    let is_within =
        |name: &ObjectName| matches!(name.0.as_slice(), [one] if walk.within.contains(&part(one, dialect)));
    let table = |name: &ObjectName| Table {
        written: name.to_string(),
        path: name.0.iter().map(|one| part(one, dialect)).collect(),
        may_be_within: is_within(name),
    };
    Ok(Plain {
        verb,
        target: Table {
            may_be_within: false,
            ..table(target)
        },
        tables: walk.tables.iter().map(table).collect(),
        functions: walk.functions,
        fields: walk.fields,
        assigned: assigned.into_iter().map(|name| fold(name, dialect)).collect(),
        defaults: if walk.has_default { Defaults::All } else { defaults },
    })
}

/// The statement that is run, where the parser wraps `WITH … INSERT` and its kin into a query.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser knows over a hundred statements"
)]
fn main(statement: &Statement) -> Option<&Statement> {
    match statement {
        Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) | Statement::Merge(_) => {
            Some(statement)
        }
        Statement::Query(query) => match query.body.as_ref() {
            SetExpr::Insert(inner)
            | SetExpr::Update(inner)
            | SetExpr::Delete(inner)
            | SetExpr::Merge(inner) => main(inner),
            SetExpr::Select(_)
            | SetExpr::Query(_)
            | SetExpr::SetOperation { .. }
            | SetExpr::Values(_)
            | SetExpr::Table(_) => None,
        },
        _ => None,
    }
}

type What<'s> = (Verb, &'s ObjectName, Defaults, Vec<&'s Ident>);

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser knows over a hundred statements"
)]
fn what(statement: &Statement, dialect: Dialect) -> Result<What<'_>, String> {
    match statement {
        Statement::Insert(insert) => of_insert(insert, dialect),
        Statement::Update(update) => {
            let target = only(std::slice::from_ref(&update.table))?;
            let assigned = update.assignments.iter().flat_map(|one| assigned(&one.target));
            Ok((Verb::Update, target, Defaults::None, assigned.collect()))
        }
        Statement::Delete(delete) => Ok((Verb::Delete, of_delete(delete)?, Defaults::None, Vec::new())),
        Statement::Merge(merge) => {
            let adds = merge
                .clauses
                .iter()
                .any(|clause| matches!(clause.action, MergeAction::Insert(_)));
            let defaults = if adds { Defaults::All } else { Defaults::None };
            Ok((Verb::Merge, table(&merge.table)?, defaults, Vec::new()))
        }
        _ => Err(NOT_TRIED.to_owned()),
    }
}

fn of_insert(insert: &Insert, dialect: Dialect) -> Result<What<'_>, String> {
    let TableObject::TableName(target) = &insert.table else {
        return Err("what it adds to is not a table".to_owned());
    };
    let replaces = insert.replace_into || insert.or.is_some() || insert.on.is_some();
    let is_twofold = insert.replace_into || matches!(insert.on, Some(OnInsert::DuplicateKeyUpdate(_)));
    if dialect == Dialect::Mariadb && (is_twofold || insert.priority.is_some()) {
        return Err("the rows that it replaces are not counted one by one".to_owned());
    }
    let given = insert.columns.iter().filter_map(|name| name.0.last()?.as_ident());
    let set = insert.assignments.iter().flat_map(|one| assigned(&one.target));
    let named: Vec<&Ident> = given.chain(set).collect();
    let first = insert
        .source
        .as_ref()
        .and_then(|query| match query.body.as_ref() {
            SetExpr::Values(values) => values.rows.iter().map(|row| row.content.len()).min(),
            SetExpr::Select(_)
            | SetExpr::Query(_)
            | SetExpr::SetOperation { .. }
            | SetExpr::Insert(_)
            | SetExpr::Update(_)
            | SetExpr::Delete(_)
            | SetExpr::Merge(_)
            | SetExpr::Table(_) => None,
        });
    let defaults = match first {
        _ if !named.is_empty() => {
            Defaults::AllBut(named.into_iter().map(|name| fold(name, dialect)).collect())
        }
        Some(first) => Defaults::After(first),
        None => Defaults::All,
    };
    let verb = if replaces { Verb::Upsert } else { Verb::Insert };
    Ok((verb, target, defaults, Vec::new()))
}

fn of_delete(delete: &Delete) -> Result<&ObjectName, String> {
    if !delete.tables.is_empty() {
        return Err("it changes several tables".to_owned());
    }
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    only(from)
}

/// The one table of these, without others joined to it.
fn only(tables: &[TableWithJoins]) -> Result<&ObjectName, String> {
    match tables {
        [one] if one.joins.is_empty() => table(&one.relation),
        _ => Err("it changes several tables".to_owned()),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all that is no table is the same here"
)]
fn table(factor: &TableFactor) -> Result<&ObjectName, String> {
    match factor {
        TableFactor::Table { name, args: None, .. } => Ok(name),
        _ => Err("what it changes is not a table".to_owned()),
    }
}

fn assigned(target: &sqlparser::ast::AssignmentTarget) -> Vec<&Ident> {
    use sqlparser::ast::AssignmentTarget;
    let names = match target {
        AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
        AssignmentTarget::Tuple(names) => names.as_slice(),
    };
    names
        .iter()
        .filter_map(|name| name.0.last()?.as_ident())
        .collect()
}

fn part(part: &ObjectNamePart, dialect: Dialect) -> String {
    part.as_ident()
        .map(|ident| fold(ident, dialect))
        .unwrap_or_default()
}

/// A name as the database knows it.
fn fold(ident: &Ident, dialect: Dialect) -> String {
    match (ident.quote_style, dialect) {
        (None, Dialect::Postgres) | (_, Dialect::Sqlite) => ident.value.to_lowercase(),
        (Some(_), Dialect::Postgres) | (_, Dialect::Mariadb) => ident.value.clone(),
    }
}

/// What was seen on the way through a statement.
struct Walk {
    dialect: Dialect,
    functions: BTreeSet<String>,
    fields: BTreeSet<String>,
    tables: Vec<ObjectName>,
    /// The names of queries of the statement itself.
    within: Vec<String>,
    /// Whether the next relation is a function.
    is_called: bool,
    has_default: bool,
    /// The statements that change rows.
    changes: usize,
}

fn no<T>(why: impl Into<String>) -> ControlFlow<String, T> {
    ControlFlow::Break(why.into())
}

const YES: ControlFlow<String> = ControlFlow::Continue(());

impl Walk {
    fn function(&mut self, name: &ObjectName) -> ControlFlow<String> {
        let known = match name.0.as_slice() {
            [one] => one.as_ident().map(|ident| fold(ident, Dialect::Postgres)),
            _ => None,
        };
        let known = known.map(|name| match self.dialect {
            Dialect::Postgres => name,
            Dialect::Mariadb | Dialect::Sqlite => name.to_lowercase(),
        });
        match known {
            Some(known) if pure::is_known(&known, self.dialect) => {
                self.functions.insert(known);
                YES
            }
            Some(_) | None => no(format!(
                "`{name}` is not a function that is known to change nothing"
            )),
        }
    }

    fn call(&mut self, function: &Function) -> ControlFlow<String> {
        if function.uses_odbc_syntax || !matches!(function.parameters, FunctionArguments::None) {
            return no(format!(
                "`{}` is called in a way that is not known",
                function.name
            ));
        }
        self.function(&function.name)
    }

    fn cast(written: &str) -> ControlFlow<String> {
        if pure::is_own_type(written) {
            YES
        } else {
            no(format!(
                "`{written}` is not one of the types that come with the database"
            ))
        }
    }

    fn names(&mut self, names: &[&str]) -> ControlFlow<String> {
        self.functions.extend(names.iter().map(|&name| name.to_owned()));
        YES
    }

    fn field(&mut self, name: Option<&Ident>) -> ControlFlow<String> {
        self.fields.extend(name.map(|ident| fold(ident, self.dialect)));
        YES
    }
}

fn operator(operator: &BinaryOperator) -> ControlFlow<String> {
    if matches!(
        operator,
        BinaryOperator::Custom(_) | BinaryOperator::PGCustomBinaryOperator(_)
    ) {
        return no(format!(
            "`{operator}` is not an operator that is known to change nothing"
        ));
    }
    YES
}

/// Whether a query is made of pieces that are looked into.
fn is_seen(body: &SetExpr) -> bool {
    match body {
        SetExpr::SetOperation { left, right, .. } => is_seen(left) && is_seen(right),
        SetExpr::Table(_) => false,
        SetExpr::Select(_)
        | SetExpr::Query(_)
        | SetExpr::Values(_)
        | SetExpr::Insert(_)
        | SetExpr::Update(_)
        | SetExpr::Delete(_)
        | SetExpr::Merge(_) => true,
    }
}

impl Visitor for Walk {
    type Break = String;

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser knows over a hundred statements"
    )]
    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<String> {
        match statement {
            Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) | Statement::Merge(_) => {
                self.changes += 1;
                YES
            }
            Statement::Query(_) => YES,
            _ => no(NOT_TRIED),
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        if !query.locks.is_empty() {
            return no("it locks rows");
        }
        if !is_seen(&query.body) {
            return no("it reads a table in a way that is not known");
        }
        let named = query.with.iter().flat_map(|with| &with.cte_tables);
        self.within
            .extend(named.map(|cte| fold(&cte.alias.name, self.dialect)));
        YES
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<String> {
        if select.into.is_some() {
            return no("it makes a table");
        }
        YES
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<String> {
        if !std::mem::take(&mut self.is_called) {
            self.tables.push(relation.clone());
        }
        YES
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is not on the list is not known"
    )]
    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<String> {
        match factor {
            TableFactor::Table {
                name, args, sample, ..
            } => {
                if sample.is_some() {
                    return no("it reads a sample");
                }
                self.is_called = args.is_some();
                if args.is_some() {
                    return self.function(name);
                }
                YES
            }
            TableFactor::Function { name, .. } => self.function(name),
            TableFactor::UNNEST { .. } => self.names(&["unnest"]),
            TableFactor::Derived { sample: None, .. } | TableFactor::NestedJoin { .. } => YES,
            _ => no("it reads from something that is not known"),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is not on the list is not known"
    )]
    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
        match expr {
            Expr::Identifier(ident) => {
                self.has_default |=
                    ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default");
                YES
            }
            Expr::CompoundIdentifier(names) => self.field(names.last()),
            Expr::Function(function) => self.call(function),
            Expr::Cast { data_type, .. } => Self::cast(&data_type.to_string()),
            Expr::TypedString(typed) => Self::cast(&typed.data_type.to_string()),
            Expr::BinaryOp { op, .. }
            | Expr::AnyOp { compare_op: op, .. }
            | Expr::AllOp { compare_op: op, .. } => operator(op),
            Expr::CompoundFieldAccess { access_chain, .. }
                if access_chain
                    .iter()
                    .all(|access| matches!(access, AccessExpr::Subscript(_))) =>
            {
                YES
            }
            Expr::Extract { .. } => self.names(&["extract", "date_part"]),
            Expr::Ceil { .. } => self.names(&["ceil", "ceiling"]),
            Expr::Floor { .. } => self.names(&["floor"]),
            Expr::Position { .. } => self.names(&["position"]),
            Expr::Substring { .. } => self.names(&["substr", "substring"]),
            Expr::Trim { .. } => self.names(&["btrim", "ltrim", "rtrim", "trim"]),
            Expr::Overlay { .. } => self.names(&["overlay"]),
            Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::InList { .. }
            | Expr::InSubquery { .. }
            | Expr::Between { .. }
            | Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::UnaryOp { .. }
            | Expr::AtTimeZone { .. }
            | Expr::Collate { .. }
            | Expr::Nested(_)
            | Expr::Value(_)
            | Expr::Case { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::Tuple(_)
            | Expr::Array(_)
            | Expr::Interval(_)
            | Expr::Wildcard(_)
            | Expr::QualifiedWildcard(..) => YES,
            _ => no("it has an expression that is not known to change nothing"),
        }
    }
}
