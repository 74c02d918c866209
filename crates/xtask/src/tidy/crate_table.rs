//! The table of ARCHITECTURE.md: which crates there are, and which of ours each may use.
//!
//! Its first column, titled `crate`, names one crate or several; its last one says `nothing`, `all`, `dev only`, or
//! which crates, with or without the prefix that all our libraries share.

use std::collections::{BTreeMap, BTreeSet};

use crate::markdown;

/// Where the table is.
pub(super) const MAP: &str = "ARCHITECTURE.md";

/// What the third column of the table says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// These, without the prefix that all our libraries share.
    Only(BTreeSet<String>),
    /// Everything but what is for development only.
    All,
    /// Everything; and nothing that is shipped may depend on it.
    DevOnly,
}

impl Allowed {
    fn parse(cell: &str) -> Self {
        match markdown::plain(cell).as_str() {
            "nothing" => Self::Only(BTreeSet::new()),
            "all" => Self::All,
            "dev only" => Self::DevOnly,
            names => Self::Only(
                names
                    .split(',')
                    .map(|name| short(name.trim()).to_owned())
                    .collect(),
            ),
        }
    }
}

/// One line of the table for each crate: where it stands and what it allows.
pub(super) type Table = BTreeMap<String, (usize, Allowed)>;

/// Reads the table.
pub(super) fn parse(map: &str) -> Table {
    let mut table = Table::new();
    for (line, row) in markdown::table(map, "crate") {
        if let [names, .., allowed] = row.as_slice() {
            for name in markdown::plain(names).split(',') {
                table.insert(short(name.trim()).to_owned(), (line, Allowed::parse(allowed)));
            }
        }
    }
    table
}

/// The name of a crate without the prefix that all our libraries share.
pub(super) fn short(name: &str) -> &str {
    name.strip_prefix("runbook-").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_column_is_read() {
        let table = parse(
            "| crate | what | depends |\n|-|-|-|\n| [`runbook-a`](crates/a), `b` | x | `runbook-c`, d |\n\
             | `c` | x | nothing |\n| `d` | x | all |\n| `e` | x | dev only |\n",
        );
        let names = || BTreeSet::from(["c", "d"].map(str::to_owned));
        let expected = [
            ("a", (3, Allowed::Only(names()))),
            ("b", (3, Allowed::Only(names()))),
            ("c", (4, Allowed::Only(BTreeSet::new()))),
            ("d", (5, Allowed::All)),
            ("e", (6, Allowed::DevOnly)),
        ];
        assert_eq!(table, expected.map(|(name, row)| (name.to_owned(), row)).into());
    }
}
