//! The list of checks of another node, and the function that runs them.
//!
//! The other node may be a Go one. Only expect.rs knows how its answers may differ (errors are texts without codes).

mod check;
mod ends;
mod expect;
mod load;
mod requests;
mod streams;
mod subroutes;

use grid::Connection;

pub use check::{Check, Outcome};

/// All checks, in the order in which they run.
pub fn all() -> Vec<Check> {
    [requests::checks(), subroutes::checks(), streams::checks(), ends::checks(), load::checks()]
        .into_iter()
        .flatten()
        .collect()
}

/// Runs all checks one after the other and reports each. Returns the number of failed ones.
pub async fn run_all(connection: &Connection, mut report: impl FnMut(&Outcome)) -> usize {
    let mut failed = 0;
    for check in all() {
        let outcome = check.run(connection.clone()).await;
        failed += usize::from(outcome.failure.is_some());
        report(&outcome);
    }
    failed
}
