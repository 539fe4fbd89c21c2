//! Administration: a service with which those who operate a grid look into a running node.
//!
//! It reports the state of each link, who waits for whom in streams, past events, and, while an operator watches, calls. It never
//! reports payloads.
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
//! | `mod.rs` | how a node gets the service |
//! | `service.rs`, `handlers.rs` | the service, and what its handlers do |
//! | `operators.rs` | who may call it, and the filter of the log |
//! | `status.rs`, `streams.rs` | nodes and links, and single streams, as they are sent |
//! | `event.rs`, `timeline.rs` | what has happened: as it is sent, and how it is kept |
//! | `watch.rs`, `watcher.rs` | the recorder of calls, which is on while somebody watches, and its watchers |
//! | `tap.rs`, `activity.rs`, `durations.rs` | what watchers see: single calls, or counts and durations by method |
//! | `pace.rs` | how many calls are looked at |

mod activity;
mod durations;
mod event;
mod handlers;
mod operators;
mod pace;
mod rate;
mod service;
mod status;
mod streams;
mod tap;
mod timeline;
mod watch;
mod watcher;

use std::sync::Arc;

pub use self::activity::{Activity, MethodActivity};
pub use self::durations::Durations;
pub use self::event::AdminEvent;
use self::handlers::{Handlers, Node};
pub use self::operators::{LogFilter, Operators};
pub use self::service::{Admin, AdminClient, AdminServer};
pub use self::status::{LinkStatus, NodeStatus};
pub use self::streams::{StreamStatus, StreamWindow};
pub use self::tap::{TapFilter, TappedCall};
use self::watch::Watch;
use crate::Builder;
use crate::net::{Registry, guard_service};
use crate::rpc::{Registrar, Service as _};

impl Builder {
    /// Adds the service [`Admin`], and says who may call it. Default: no node has it.
    ///
    /// While nobody watches calls, it costs a call the look at one flag at each end.
    pub fn admin(self, operators: Operators) -> Self {
        let Operators { permit, log } = operators;
        let watch = Watch::default();
        let node = Arc::new(Node::new(watch.clone(), log));
        let (handlers, sampling) = (Handlers(Arc::clone(&node)), watch.sampling());
        let add = move |_: &Arc<str>, registry: &mut Registry| {
            AdminServer::new(handlers).register(&mut Registrar::new(registry))?;
            guard_service(registry, AdminClient::DESCRIPTOR.name(), &permit);
            Ok(())
        };
        self.with_built_in(AdminClient::DESCRIPTOR.name(), Some(Box::new(add)))
            .record_some(sampling, Arc::new(watch))
            .at_start(move |manager| node.start(manager))
    }
}
