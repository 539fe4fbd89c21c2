//! The tables in docs/guide/evolution.md, section "Changing a service".

use grid::reflection::{Breaks, Change};

const GUIDE: &str = include_str!("../../../docs/guide/evolution.md");

/// The row that begins with this text: its columns.
fn row(text: &str) -> Vec<&'static str> {
    let mut rows = GUIDE.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let begins = |row: &&str| row.strip_prefix(text).is_some_and(|rest| rest.starts_with(" | "));
    let row = rows.find(begins).unwrap_or_else(|| panic!("the guide has no row `{text}`"));
    row.split(" | ").collect()
}

fn word(breaks: Breaks) -> &'static str {
    match breaks {
        Breaks::Nothing => "nobody",
        Breaks::OldCallers => "old callers",
        Breaks::NewCallers => "new callers",
        Breaks::Both => "both",
        other => panic!("{other:?} is in no table"),
    }
}

/// The guide says of this change what the library says of it: who is broken, in a column, and what to do, in the last one.
pub(crate) fn agrees(change: &Change, column: usize) {
    let row = row(change.row);
    // A row about methods has one column for both directions.
    let column = column.min(row.len() - 2);
    assert_eq!(row[column], word(change.breaks), "column {column} of {row:?}, {change}");
    assert_eq!(*row.last().unwrap(), change.advice.replace('|', "\\|"), "{row:?}");
}
