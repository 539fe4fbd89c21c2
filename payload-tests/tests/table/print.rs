//! Prints the table, and compares it with the one in the guide.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::places::{Outcome, PLACES};

/// One line of the table: a value of a shape, and what became of it.
pub(crate) struct Row {
    pub(crate) shape: &'static str,
    pub(crate) value: String,
    pub(crate) outcomes: [[Outcome; 6]; 2],
}

/// The rows of one heading.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// What the table says of one place.
fn cell(named: &Outcome, compact: &Outcome) -> &'static str {
    match (named, compact) {
        (Outcome::Same, Outcome::Same) => "✓",
        (Outcome::Same, _) => "named",
        (_, Outcome::Same) => "compact",
        (Outcome::Text, Outcome::Text) => "text",
        _ => "refused",
    }
}

/// The table and, below it, the errors that it refers to by number.
pub(crate) fn table(sections: &[Section]) -> String {
    let mut text = String::new();
    let mut errors: Vec<String> = Vec::new();
    for Section { title, rows } in sections {
        write!(text, "\n### {title}\n\n| type | value |").unwrap();
        PLACES.iter().for_each(|place| write!(text, " {place} |").unwrap());
        text.push_str(" error |\n|---|---|");
        text.push_str(&"---|".repeat(PLACES.len() + 1));
        text.push('\n');
        for row in rows {
            write!(text, "| {} | {} |", row.shape, row.value).unwrap();
            let [named, compact] = &row.outcomes;
            for (named, compact) in named.iter().zip(compact) {
                write!(text, " {} |", cell(named, compact)).unwrap();
            }
            text.push_str(&match refusal(row) {
                Some(error) => format!(" [{}] |\n", number(&error, &mut errors)),
                None => "  |\n".to_owned(),
            });
        }
    }
    text.push_str("\n### The errors\n\n");
    for (index, error) in errors.iter().enumerate() {
        writeln!(text, "{}. {error}.", index + 1).unwrap();
    }
    text
}

/// The error of a value that was refused, without the names of the test's types.
fn refusal(row: &Row) -> Option<String> {
    row.outcomes.iter().flatten().find_map(|outcome| match outcome {
        Outcome::Refused(error) => {
            // The type follows, where in it, the method and the peer.
            let end = error.find(" (in `").or_else(|| error.find(" (at `")).expect("a type");
            let error = &error[..end];
            Some(error.to_owned())
        }
        _ => None,
    })
}

fn number(error: &str, errors: &mut Vec<String>) -> usize {
    let known = errors.iter().position(|known| known == error);
    1 + known.unwrap_or_else(|| {
        errors.push(error.to_owned());
        errors.len() - 1
    })
}

const BEGIN: &str = "<!-- The table begins: written by the tests of payload-tests. -->\n";
const END: &str = "\n<!-- The table ends. -->";

/// Compares the table with the guide's, or replaces that if `GRID_PAYLOADS_UPDATE` is set.
pub(crate) fn check(table: &str) {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/payloads.md");
    let text = fs::read_to_string(&guide).expect("the chapter exists");
    let (before, rest) = text.split_once(BEGIN).expect("the begin of the table");
    let (printed, after) = rest.split_once(END).expect("the end of the table");
    if std::env::var_os("GRID_PAYLOADS_UPDATE").is_some() {
        fs::write(&guide, [before, BEGIN, table, END, after].concat()).expect("it can be written");
        return;
    }
    let differs = table.lines().zip(printed.lines()).find(|(now, before)| now != before);
    assert!(
        table == printed,
        "the table of docs/guide/payloads.md is not what the test finds, from this line on: {differs:?}; \
        run this test with GRID_PAYLOADS_UPDATE=1 and read the difference"
    );
}
