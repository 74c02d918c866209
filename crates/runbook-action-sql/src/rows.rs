//! The rows that were read, as far as expressions may see them.

use runbook_action::{Failure, Host, Output, Stream};
use serde_json::{Map, Value, json};

/// How many rows expressions may see.
const ROWS: usize = 10_000;

/// How much of them, written as JSON.
const BYTES: usize = 1024 * 1024;

/// Rows as they come: those of the last result that has any columns.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    columns: Vec<String>,
    kept: Vec<Value>,
    bytes: usize,
    is_cut: bool,
    /// Whether the columns are those of the result that is read now.
    is_named: bool,
    /// How many came of the result that is read now.
    pub(crate) count: u64,
    /// How many the database says were affected, by all statements.
    pub(crate) affected: u64,
}

impl Rows {
    /// What follows is another result.
    pub(crate) const fn begin_result(&mut self) {
        self.is_named = false;
        self.count = 0;
    }

    /// Names the columns of a result. Of several with one name, the later ones get a number: `id`, `id_2`.
    pub(crate) fn name_columns<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let mut names = names.peekable();
        if names.peek().is_none() {
            return;
        }
        self.is_named = true;
        self.is_cut = false;
        self.bytes = 0;
        self.kept.clear();
        self.columns.clear();
        for name in names {
            let mut unique = name.to_owned();
            let mut number = 2;
            while self.columns.contains(&unique) {
                unique = format!("{name}_{number}");
                number += 1;
            }
            self.columns.push(unique);
        }
    }

    pub(crate) const fn has_columns(&self) -> bool {
        self.is_named
    }

    /// The name of a column.
    pub(crate) fn column(&self, index: usize) -> &str {
        self.columns.get(index).map_or("", String::as_str)
    }

    /// Takes one row: passes it on as a line of JSON, and keeps it if there is room.
    pub(crate) async fn push(&mut self, values: Vec<Value>, host: &dyn Host) -> Result<(), Failure> {
        let row: Map<String, Value> = self.columns.iter().cloned().zip(values).collect();
        let row = Value::Object(row);
        let mut line = row.to_string();
        line.push('\n');
        host.write(Stream::Stdout, line.as_bytes()).await?;
        self.count += 1;
        self.bytes += line.len();
        if self.kept.len() < ROWS && self.bytes <= BYTES {
            self.kept.push(row);
        } else {
            self.is_cut = true;
        }
        Ok(())
    }

    /// The result.
    pub(crate) fn into_output(self) -> Output {
        Output {
            value: json!({
                "rows": self.kept,
                "rows_affected": self.affected,
                "columns": self.columns,
            }),
            cut: if self.is_cut {
                vec!["rows".to_owned()]
            } else {
                Vec::new()
            },
            ..Output::default()
        }
    }
}
