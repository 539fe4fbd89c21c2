//! Grids of real nodes inside a test, with the feature `testing`.
//!
//! A [`TestGrid`] starts several nodes in one process. They are the nodes of production, with their handshakes, services and
//! settings; only the byte streams between them are pipes in memory, so that a test decides what these do.
//!
//! | item | what it is for |
//! |---|---|
//! | [`TestGrid`] | several nodes: faults between them, crashes, restarts, and assertions |
//! | [`CallLog`] | the calls of all nodes: method, from, to, outcome |
//! | [`Spy`] | the calls of one method of a [`Mock`](crate::Mock): how many, and with which arguments |
//! | [`Seeded`] | random numbers from a seed, so that each run is the same |
//! | [`wire_lock!`], [`WireLock`] | whether a change of a service breaks nodes of another version |
//! | [`Network`] | only the network, for nodes that the test builds itself |
//!
//! | what happens in production | in a test |
//! |---|---|
//! | a cable is pulled, a rule of a firewall rejects | [`TestGrid::cut`], [`isolate`](TestGrid::isolate), [`partition`](TestGrid::partition) |
//! | a firewall drops what it receives, a computer hangs | [`TestGrid::freeze`], [`freeze_one_way`](TestGrid::freeze_one_way) |
//! | a firewall forgets the connections that are open | [`TestGrid::freeze_open`] |
//! | a proxy closes connections | [`TestGrid::reset`] |
//! | two sites, a mobile network | [`TestGrid::delay`], [`loss`](TestGrid::loss), [`bandwidth`](TestGrid::bandwidth) |
//! | a process crashes, or is deployed again | [`TestGrid::kill`], [`shutdown`](TestGrid::shutdown), [`restart`](TestGrid::restart) |
//! | a clock is wrong | [`TestGrid::skew`] |
//!
//! # Time
//!
//! With `#[tokio::test(start_paused = true)]` the time is virtual: whenever all tasks wait, the clock jumps to the next timer. So
//! a delay of a minute takes a millisecond, and a test has the same result on a slow computer. Everything works in real time
//! as well, and on several threads.
//!
//! ```
//! use std::time::Duration;
//! use grid::testing::TestGrid;
//! use tokio::time::Instant;
//!
//! #[grid::service]
//! trait Clock {
//!     async fn now(&self) -> u64;
//! }
//!
//! struct Fixed;
//!
//! impl Clock for Fixed {
//!     async fn now(&self) -> u64 {
//!         42
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // In a test: #[tokio::test(start_paused = true)]
//! let grid = TestGrid::builder(2)
//!     .configure(|_node, builder| builder.service(ClockServer::new(Fixed)))
//!     .start();
//! grid.all_connected().await;
//!
//! grid.delay(0, 1, Duration::from_secs(3));
//! let began = Instant::now();
//! assert_eq!(ClockClient::new(grid.connection(0, 1)).now().await.unwrap(), 42);
//! assert_eq!(began.elapsed().as_secs(), 6);
//! # }
//! ```

mod assertions;
mod call_log;
mod conditions;
mod grid;
mod network;
mod random;
mod seeded;
mod setup;
mod spy;
mod wire;
mod wire_lock;

pub use self::call_log::{CallLog, RecordedCall};
pub use self::grid::TestGrid;
pub use self::network::{Network, NetworkDial};
pub use self::seeded::Seeded;
pub use self::setup::TestGridBuilder;
pub use self::spy::{Notes, Spy};
#[doc(hidden)]
pub use self::wire_lock::check as __wire_lock;
pub use self::wire_lock::{WireLock, WireLockError};
#[doc(inline)]
pub use crate::__wire_lock as wire_lock;
pub use crate::net::Skew;
