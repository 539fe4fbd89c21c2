//! Interceptors: code around the calls that a node serves or makes.
//!
//! [`Builder::intercept`](crate::Builder::intercept) and [`Builder::intercept_calls`](crate::Builder::intercept_calls) add them
//! to a node. A function that takes the call and [`Next`] is one, see [`Intercept`]. What only looks at calls that are over is
//! a recorder, see [`Record`], and is added with [`Builder::record`](crate::Builder::record). This module has those that most
//! nodes need; a call of a method that none applies to costs nothing.
//!
//! | interceptor or recorder | what it does |
//! |---|---|
//! | [`Log`], a recorder | writes a line for each call, or for those that fail or take long |
//! | [`Trace`] | opens a span for each call, and carries the trace to the other node |
//! | [`RateLimit`] | refuses calls above a rate |
//! | [`ConcurrencyLimit`] | refuses calls above a number in flight |
//! | [`Deadlines`] | bounds the time of calls |
//! | [`Faults`] | delays calls and lets them fail, for tests |
//! | [`only`] | limits another one to a service or a method |
//!
//! ```
//! use grid::intercept::{ConcurrencyLimit, Log, RateLimit, only};
//!
//! # #[grid::service]
//! # trait Files { async fn stat(&self, path: String) -> u64; async fn scan(&self, path: String) -> u64; }
//! let builder = grid::Manager::builder("http://node1:9000")
//!     .record(Log::new())
//!     .intercept(RateLimit::per_peer(1000.0, 100))
//!     .intercept(only("Files/scan", ConcurrencyLimit::per_peer(4)));
//! # let _ = builder;
//! ```

mod deadlines;
mod faults;
mod limits;
mod log;
mod scope;
mod trace;

pub use self::deadlines::Deadlines;
pub use self::faults::Faults;
pub use self::limits::{ConcurrencyLimit, RateLimit};
pub use self::log::Log;
pub use self::scope::{Only, Scope, only};
pub(crate) use self::trace::in_trace;
pub use self::trace::{Propagate, Trace};
pub use crate::net::{
    Finished, Intercept, Intercepted, Intercepting, Next, Observe, Outcome, Record, StreamEnd,
};
