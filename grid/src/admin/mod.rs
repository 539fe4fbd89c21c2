//! Administration: a service with which those who operate a grid look into a running node.
//!
//! It tells the state of each link, what has happened, and while somebody asks, which calls are made. It never tells payloads.
//! A node has it if [`Builder::admin`](crate::Builder::admin) says who may call it. The command `grid` calls it.
//!
//! ```
//! use grid::admin::{AdminClient, Operators};
//! use grid::{Denied, Manager};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let operators = Operators::permit(|call| match call.identity().subject() {
//!     "operator" => Ok(()),
//!     _ if call.peer() == "http://node1:9000" => Ok(()),
//!     _ => Err(Denied::new("only operators may look into nodes")),
//! });
//! let node = Manager::builder("http://node1:9000").admin(operators).build()?;
//! let admin = AdminClient::new(node.connection("http://node1:9000")?);
//! let links = admin.links().await?;
//! assert_eq!((&*links[0].peer, &*links[0].state), ("http://node1:9000", "connected"));
//! # Ok(())
//! # }
//! ```
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the service, and how a node gets it |
//! | `handlers.rs` | its handlers |
//! | `operators.rs` | who may call it, and the filter of the log |
//! | `status.rs` | nodes and links, as they are sent |
//! | `event.rs`, `timeline.rs` | what has happened: as it is sent, and how it is kept |
//! | `watch.rs` | the recorder of calls, which is on while somebody watches |
//! | `tap.rs`, `activity.rs`, `durations.rs` | what watchers see: single calls, or counts and durations by method |

mod activity;
mod durations;
mod event;
mod handlers;
mod operators;
mod status;
mod tap;
mod timeline;
mod watch;

use std::sync::Arc;
use std::time::SystemTime;

pub use self::activity::{Activity, MethodActivity};
pub use self::durations::Durations;
pub use self::event::AdminEvent;
use self::handlers::{Handlers, Node};
pub use self::operators::{LogFilter, Operators};
pub use self::status::{LinkStatus, NodeStatus};
pub use self::tap::{TapFilter, TappedCall};
use self::watch::Watch;
use crate::net::{Registry, guard_service};
use crate::rpc::{Registrar, Service as _};
use crate::{Builder, Outgoing, RemoteError};

/// Looks into a running node.
///
/// `grid.Admin` is its name on the wire. Its methods, and the fields of what they return, are never removed; new ones may be
/// added. Words such as those for states and events may become more.
#[grid_macros::service(name = "grid.Admin", crate = crate)]
pub trait Admin {
    /// The node itself.
    #[handler(idempotent)]
    async fn node(&self) -> Result<NodeStatus, RemoteError>;
    /// The links of the node: to itself, to other nodes in the order of their names, and to guests.
    #[handler(idempotent)]
    async fn links(&self) -> Result<Vec<LinkStatus>, RemoteError>;
    /// What has happened: up to this many of the latest events, at most 256, the oldest of them first.
    #[handler(idempotent)]
    async fn recent_events(&self, at_most: u32) -> Result<Vec<AdminEvent>, RemoteError>;
    /// What has happened: up to this many of the latest events, at most 256, and then each one when it happens.
    async fn events(&self, recent: u32, out: Outgoing<AdminEvent>) -> Result<(), RemoteError>;
    /// Counts the calls that the node serves and makes, by method and peer, and reports them at this interval in
    /// milliseconds, from 100 to 60 000. A report has what has ended since the one before it.
    async fn activity(&self, every_ms: u32, out: Outgoing<Activity>) -> Result<(), RemoteError>;
    /// The calls that the node serves and makes, when they are over.
    async fn tap(&self, filter: TapFilter, out: Outgoing<TappedCall>) -> Result<(), RemoteError>;
    /// What of the log is written. An error if the node has no filter, see
    /// [`Operators::log_filter`](crate::admin::Operators::log_filter).
    #[handler(idempotent)]
    async fn log_filter(&self) -> Result<String, RemoteError>;
    /// Sets what of the log is written.
    #[handler(idempotent)]
    async fn set_log_filter(&self, filter: String) -> Result<(), RemoteError>;
}

impl Builder {
    /// Adds the service [`Admin`], and says who may call it. Default: no node has it.
    ///
    /// While nobody watches calls, it costs a call the look at one flag at each end.
    pub fn admin(self, operators: Operators) -> Self {
        let Operators { permit, log } = operators;
        let watch = Arc::<Watch>::default();
        let node = Arc::new(Node::new(Arc::clone(&watch), log));
        let (handlers, switch) = (Handlers(Arc::clone(&node)), watch.switch());
        let add = move |_: &Arc<str>, registry: &mut Registry| {
            AdminServer::new(handlers).register(&mut Registrar::new(registry))?;
            guard_service(registry, AdminClient::DESCRIPTOR.name(), &permit);
            Ok(())
        };
        self.with_built_in(AdminClient::DESCRIPTOR.name(), Some(Box::new(add)))
            .record_while(switch, watch)
            .at_start(move |manager| node.start(manager))
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
