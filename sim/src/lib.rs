//! Whole grids, simulated from a seed: real nodes on one thread, in virtual time, over a network that the seed breaks.
//!
//! [`run()`] simulates one grid. The files:
//!
//! - plan.rs decides from the seed which nodes there are, their settings, and which faults happen when;
//! - world.rs starts the nodes and carries the plan out;
//! - call_spec.rs decides which calls are made; calls.rs makes them, handlers.rs answers them, service.rs is their service;
//! - ledger.rs records the result of each call and what its handler saw, and compares both; faults.rs knows which calls a fault
//!   can have affected;
//! - checks.rs checks the rest: memory, links, tables, and that everything is possible again when the faults have ended;
//! - sweep.rs simulates many seeds; scale.rs measures a grid of hundreds of nodes, and usage.rs what that takes;
//! - without_faults.rs checks what is promised where no fault is;
//! - trace.rs notes all that happens. It is the same, to the byte, whenever the seed is.

mod call_spec;
mod calls;
mod checks;
mod faults;
mod handlers;
mod ledger;
mod panics;
mod plan;
mod random;
mod run;
mod scale;
mod service;
mod sweep;
mod trace;
mod usage;
mod without_faults;
mod world;

pub use self::panics::watch_panics;
pub use self::run::{Options, Report, run};
pub use self::scale::{Event, scale};
pub use self::sweep::{Failed, Totals, sweep};
pub use self::trace::Lines;
pub use self::usage::Usage;
