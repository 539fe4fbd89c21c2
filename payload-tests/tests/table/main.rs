//! Which values can be sent: shapes of types, in both layouts, at every place of a signature.
//!
//! The test prints the table of docs/guide/payloads.md, and fails if a value changes on its way, or is lost after it has
//! been sent.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod places;
mod print;
mod shapes;
mod types;

use places::{Outcome, PLACES};

#[tokio::test]
async fn the_guide_says_what_can_be_sent() {
    let sections = shapes::sections().await;
    let mut wrong = Vec::new();
    for row in sections.iter().flat_map(|section| &section.rows) {
        for (layout, outcomes) in ["named", "compact"].iter().zip(&row.outcomes) {
            for (place, outcome) in PLACES.iter().zip(outcomes) {
                if matches!(outcome, Outcome::Changed(_) | Outcome::Lost(_)) {
                    wrong.push(format!(
                        "{} {}, {layout}, {place}: {outcome:?}",
                        row.shape, row.value
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    print::check(&print::table(&sections));
}
