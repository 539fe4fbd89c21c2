//! What is checked of a run, apart from processes and sockets: each check is told facts, and says what is wrong.

mod flat;
mod ledger;
mod promptness;
mod recoveries;
mod tally;
mod troubles;

pub(crate) use flat::{Flatness, Growth, Sample, check_idle_threads, sample_every};
pub(crate) use ledger::Ledger;
pub(crate) use promptness::Promptness;
pub(crate) use recoveries::{Recoveries, Summary};
pub(crate) use tally::{Row, Tally};
pub(crate) use troubles::{Outcome, Troubles};
