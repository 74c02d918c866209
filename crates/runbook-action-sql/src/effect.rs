//! What a statement would do, from its text alone.
//!
//! The whole tree counts: a SELECT whose CTE deletes is a deletion, and one that calls `pg_terminate_backend` ends
//! sessions. What does not parse is taken for the worst.

use std::ops::ControlFlow;

use runbook_action::Effect;
use sqlparser::ast::{
    AlterTableOperation, Expr, MergeAction, MergeClause, ObjectName, Query, Select, SetExpr, Statement,
    TableFactor, UtilityOption, Visit, Visitor,
};
use sqlparser::dialect::{Dialect, GenericDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

use crate::function;
use crate::query::PLACE;
use crate::token::{Kind, tokens};

/// What is known of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Analysis {
    /// What it does.
    pub(crate) effect: Effect,
    /// Whether that is known.
    pub(crate) certain: bool,
    /// A function in it that acts at once, outside the transaction.
    pub(crate) acts: Option<String>,
    /// Whether the database counts all rows that it changes.
    pub(crate) counts: bool,
}

impl Analysis {
    /// What is said of a statement that does not parse.
    pub(crate) const UNKNOWN: Self = Self {
        effect: Effect::Destructive,
        certain: false,
        acts: None,
        counts: false,
    };

    /// Whether it certainly leaves all as it was.
    pub(crate) fn only_reads(&self) -> bool {
        self.effect == Effect::Read && self.certain
    }
}

/// Analyses a statement whose binds are numbered, from texts of it that differ only in what stands for its values.
pub(crate) fn analyse(readings: impl Iterator<Item = String>) -> Analysis {
    readings
        .filter_map(|sql| read(&sql))
        .reduce(|one, other| Analysis {
            effect: one.effect.max(other.effect),
            certain: one.certain && other.certain,
            acts: one.acts.or(other.acts),
            counts: one.counts && other.counts,
        })
        .unwrap_or(Analysis::UNKNOWN)
}

/// What one text tells, if it can be read.
fn read(sql: &str) -> Option<Analysis> {
    if let Some(known) = pragma(sql)
        .or_else(|| alter_system(sql))
        .or_else(|| reset_replication(sql))
    {
        return Some(known);
    }
    let dialects: [&dyn Dialect; 4] = [
        &PostgreSqlDialect {},
        &GenericDialect {},
        &SQLiteDialect {},
        &MySqlDialect {},
    ];
    let parsed = dialects
        .iter()
        .find_map(|dialect| Parser::parse_sql(*dialect, sql).ok());
    match parsed.as_deref() {
        Some([statement]) => Some(of_statement(statement)),
        Some(_) | None => None,
    }
}

/// What several statements do together: the worst of them decides.
pub(crate) fn together(each: impl IntoIterator<Item = Analysis>) -> Analysis {
    each.into_iter()
        .reduce(|all, one| Analysis {
            effect: all.effect.max(one.effect),
            certain: all.certain && one.certain,
            acts: all.acts.or(one.acts),
            counts: false,
        })
        .unwrap_or(Analysis::UNKNOWN)
}

fn of_statement(statement: &Statement) -> Analysis {
    if let Some(explained) = explained(statement) {
        return explained;
    }
    let mut seen = Seen {
        effect: Effect::Read,
        certain: true,
        acts: None,
        statements: 0,
    };
    let _done: ControlFlow<()> = statement.visit(&mut seen);
    let is_dml = is_dml(statement);
    Analysis {
        effect: seen.effect,
        certain: seen.certain,
        acts: seen.acts,
        counts: is_dml && seen.statements == 1,
    }
}

/// EXPLAIN shows a plan; only with ANALYZE is the statement run.
fn explained(statement: &Statement) -> Option<Analysis> {
    let Statement::Explain {
        analyze,
        statement,
        options,
        ..
    } = statement
    else {
        return None;
    };
    let asks = |option: &UtilityOption| option.name.value.eq_ignore_ascii_case("analyze");
    if *analyze || options.iter().flatten().any(asks) {
        return Some(of_statement(statement));
    }
    Some(Analysis {
        effect: Effect::Read,
        certain: true,
        acts: None,
        counts: false,
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser knows over a hundred statements"
)]
fn is_dml(statement: &Statement) -> bool {
    match statement {
        Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) | Statement::Merge(_) => true,
        // The parser wraps `WITH … INSERT` and its kin into a query.
        Statement::Query(query) => matches!(
            query.body.as_ref(),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)
        ),
        _ => false,
    }
}

/// What was seen on the way through a statement.
struct Seen {
    effect: Effect,
    certain: bool,
    acts: Option<String>,
    /// The statements that change rows.
    statements: usize,
}

impl Seen {
    fn raise(&mut self, effect: Effect) {
        self.effect = self.effect.max(effect);
    }

    fn function(&mut self, name: &ObjectName) {
        let last = name
            .0
            .last()
            .and_then(|part| part.as_ident())
            .map(|ident| ident.value.as_str());
        // A value that names a function: it may be any.
        if last == Some(PLACE) {
            self.raise(Effect::Destructive);
            self.certain = false;
            self.acts = Some("a function that a value names".to_owned());
        }
        if let Some((name, effect)) = last.and_then(|name| Some((name, function::effect(name)?))) {
            self.raise(effect);
            self.acts = Some(name.to_owned());
        }
    }
}

/// Whether a value stands in the place of this name.
fn is_place(name: &ObjectName) -> bool {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.is_some_and(|ident| ident.value == PLACE)
}

impl Visitor for Seen {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        let (effect, certain) = by_kind(statement);
        self.raise(effect);
        self.certain &= certain;
        self.statements += usize::from(is_dml(statement) && !matches!(statement, Statement::Query(_)));
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if !query.locks.is_empty() {
            self.raise(Effect::Change);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if select.into.is_some() {
            self.raise(Effect::Change);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.function(&function.name);
        }
        ControlFlow::Continue(())
    }

    /// A function in FROM is visited as a relation. What a value names there is a table, unless it is called.
    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        if !is_place(relation) {
            self.function(relation);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name, args: Some(_), ..
        }
        | TableFactor::Function { name, .. } = factor
        {
            self.function(name);
        }
        ControlFlow::Continue(())
    }
}

/// What a statement of this kind does, apart from what is in it, and whether that is known.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser knows over a hundred statements"
)]
fn by_kind(statement: &Statement) -> (Effect, bool) {
    match statement {
        Statement::Query(_)
        | Statement::ShowVariable { .. }
        | Statement::ShowVariables { .. }
        | Statement::ShowStatus { .. }
        | Statement::ShowCreate { .. }
        | Statement::ShowFunctions { .. }
        | Statement::ShowCollation { .. }
        | Statement::ShowProcessList { .. }
        | Statement::ShowCharset(_)
        | Statement::ShowTables { .. }
        | Statement::ShowDatabases { .. }
        | Statement::ShowSchemas { .. }
        | Statement::ShowColumns { .. }
        | Statement::Explain { .. }
        | Statement::ExplainTable { .. } => (Effect::Read, true),
        Statement::Update(update) => (destroys(update.selection.is_none()), true),
        Statement::Merge(merge) => (destroys(merge.clauses.iter().any(deletes)), true),
        Statement::AlterTable(alter) => (destroys(alter.operations.iter().any(drops_data)), true),
        Statement::Delete(_)
        | Statement::Truncate(_)
        | Statement::Drop { .. }
        | Statement::DropFunction(_)
        | Statement::DropDomain(_)
        | Statement::DropProcedure { .. }
        | Statement::DropPolicy(_)
        | Statement::DropExtension(_)
        | Statement::DropTrigger(_) => (Effect::Destructive, true),
        Statement::Call(_) => (Effect::Change, false),
        statement if changes(statement) => (Effect::Change, true),
        _ => (Effect::Destructive, false),
    }
}

const fn destroys(it_does: bool) -> Effect {
    if it_does {
        Effect::Destructive
    } else {
        Effect::Change
    }
}

const fn deletes(clause: &MergeClause) -> bool {
    matches!(clause.action, MergeAction::Delete { .. })
}

const fn drops_data(operation: &AlterTableOperation) -> bool {
    matches!(
        operation,
        AlterTableOperation::DropColumn { .. } | AlterTableOperation::DropPartitions { .. }
    )
}

/// The kinds that change what can be changed back, whatever is in them.
const fn changes(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Insert(_)
            | Statement::Analyze(_)
            | Statement::Vacuum(_)
            | Statement::Set(_)
            | Statement::Reset(_)
            | Statement::Comment { .. }
            | Statement::Grant(_)
            | Statement::Revoke(_)
            | Statement::Lock(_)
            | Statement::LISTEN { .. }
            | Statement::UNLISTEN { .. }
            | Statement::NOTIFY { .. }
            | Statement::CreateTable(_)
            | Statement::CreateView(_)
            | Statement::CreateVirtualTable { .. }
            | Statement::CreateIndex(_)
            | Statement::CreateRole(_)
            | Statement::CreatePolicy(_)
            | Statement::CreateExtension(_)
            | Statement::CreateSchema { .. }
            | Statement::CreateDatabase { .. }
            | Statement::CreateFunction(_)
            | Statement::CreateTrigger(_)
            | Statement::CreateProcedure { .. }
            | Statement::CreateSequence { .. }
            | Statement::CreateDomain(_)
            | Statement::CreateType { .. }
            | Statement::AlterSchema(_)
            | Statement::AlterIndex { .. }
            | Statement::AlterView { .. }
            | Statement::AlterFunction(_)
            | Statement::AlterType(_)
            | Statement::AlterRole { .. }
            | Statement::AlterPolicy(_)
    )
}

/// Settings of a PostgreSQL server, which the parser does not know: `ALTER SYSTEM SET work_mem = '8MB'`.
fn alter_system(sql: &str) -> Option<Analysis> {
    let is_known = matches!(system_verb(sql).as_deref(), Some("SET" | "RESET"));
    is_known.then_some(Analysis {
        effect: Effect::Change,
        certain: true,
        acts: None,
        counts: false,
    })
}

/// What `MySQL` and MariaDB forget of replication, their log of changes included. Elsewhere the same word sets a
/// setting back, and so the parser reads it.
fn reset_replication(sql: &str) -> Option<Analysis> {
    let tokens = tokens(sql);
    let mut words = tokens
        .iter()
        .filter(|token| token.kind != Kind::Blank)
        .map(|token| token.text.to_ascii_uppercase());
    if words.next()? != "RESET" {
        return None;
    }
    let forgets = matches!(words.next()?.as_str(), "MASTER" | "BINARY" | "SLAVE" | "REPLICA");
    forgets.then_some(Analysis {
        effect: Effect::Destructive,
        certain: true,
        acts: None,
        counts: false,
    })
}

/// What follows `ALTER SYSTEM`, in upper case.
fn system_verb(sql: &str) -> Option<String> {
    let tokens = tokens(sql);
    let mut words = tokens
        .iter()
        .filter(|token| token.kind != Kind::Blank)
        .map(|token| token.text.to_ascii_uppercase());
    let begins = words.next()? == "ALTER" && words.next()? == "SYSTEM";
    if begins { words.next() } else { None }
}

/// Pragmas of SQLite, of whose values the parser knows only some: `PRAGMA journal_mode = WAL` sets,
/// `PRAGMA journal_mode` asks, and of those with a value in parentheses some only take the name of a table.
fn pragma(sql: &str) -> Option<Analysis> {
    const READ: [&str; 10] = [
        "table_info",
        "table_xinfo",
        "table_list",
        "index_list",
        "index_info",
        "index_xinfo",
        "foreign_key_list",
        "foreign_key_check",
        "integrity_check",
        "quick_check",
    ];
    const ACT: [&str; 4] = [
        "optimize",
        "wal_checkpoint",
        "incremental_vacuum",
        "shrink_memory",
    ];
    let tokens = tokens(sql);
    let said: Vec<&str> = tokens
        .iter()
        .filter(|token| !matches!(token.kind, Kind::Blank | Kind::End))
        .map(|token| token.text)
        .collect();
    let (first, rest) = said.split_first()?;
    if !first.eq_ignore_ascii_case("PRAGMA") {
        return None;
    }
    let (name, rest) = match rest {
        [_, ".", name, rest @ ..] | [name, rest @ ..] => (name.to_lowercase(), rest),
        [] => return None,
    };
    let name = name.trim_matches(['"', '`', '[', ']']).to_owned();
    if name == PLACE {
        return Some(Analysis::UNKNOWN);
    }
    let reads = match rest {
        [] => !ACT.contains(&name.as_str()),
        ["(", ..] => READ.contains(&name.as_str()),
        _ => false,
    };
    Some(Analysis {
        effect: if reads { Effect::Read } else { Effect::Change },
        certain: true,
        acts: None,
        counts: false,
    })
}
