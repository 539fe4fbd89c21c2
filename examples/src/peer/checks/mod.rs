//! The list of what a caller can expect of the other node, and the run through it.
//!
//! The other node may be a Go one: what its answers may look like (errors as texts without codes) is in expect.rs, and
//! nowhere else.

mod check;
mod ends;
mod expect;
mod load;
mod requests;
mod streams;
mod subroutes;

use grid::Connection;

pub use check::{Check, Outcome};

/// All checks, in the order of their run.
pub fn all() -> Vec<Check> {
    [requests::checks(), subroutes::checks(), streams::checks(), ends::checks(), load::checks()]
        .into_iter()
        .flatten()
        .collect()
}

/// Runs all checks one after the other and reports each; gives the number of those that failed.
pub async fn run_all(connection: &Connection, mut report: impl FnMut(&Outcome)) -> usize {
    let mut failed = 0;
    for check in all() {
        let outcome = check.run(connection.clone()).await;
        failed += usize::from(outcome.failure.is_some());
        report(&outcome);
    }
    failed
}
