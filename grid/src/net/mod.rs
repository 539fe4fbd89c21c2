//! The tokio layer: sockets, tasks, clocks, and nothing that knows a user's type.
//!
//! Who owns what: a [`Manager`] owns one task per peer (dial.rs or accept.rs), which owns the connection while there is
//! one and drives it (driver.rs). Link and waiters are in a `Peer` (peer.rs) under one mutex, shared by that task and everybody
//! who calls. Handlers run in the driver's first poll or in a task of their own, which the peer aborts (dispatch.rs).

mod accept;
mod budget;
mod builder;
mod call;
mod caught;
mod connection;
mod context;
mod dial;
mod dispatch;
mod driver;
mod halves;
mod handshake;
mod life;
mod manager;
mod name;
mod node;
mod peer;
mod registry;
mod state;
mod stats;
mod transport;
mod waiters;

pub(crate) use crate::proto::wire::join;
pub use builder::{BuildError, Builder};
pub(crate) use call::{CallOptions, call_options};
pub use call::{RawCall, RawOpening};
pub use connection::{Connection, NotConnected};
pub use context::Context;
pub use dial::{Dial, Dialing, Io};
pub use halves::{RawReceiver, RawSender};
pub use manager::{Manager, Refused, UnknownHost};
pub use name::NameError;
pub use registry::RegisterError;
pub(crate) use registry::{RawHandler, Registry, RunSingle};
pub use state::{Instance, State};
pub use stats::{ConnectionStats, Stats};
