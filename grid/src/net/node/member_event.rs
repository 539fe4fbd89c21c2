//! [`MemberEvent`]: what happens to the members of a grid, for programs that react to it.

use std::sync::Arc;

use crate::error::LinkError;
use crate::net::link::state::Instance;
use crate::net::notice::hub::{Event, Events, Hub};

/// What has happened to a member of the grid, from [`Members::events`](crate::Members::events).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberEvent {
    /// The node was added to the host list.
    #[non_exhaustive]
    Added {
        /// Its name.
        host: Arc<str>,
    },
    /// The link to the node is up.
    #[non_exhaustive]
    Up {
        /// Its name.
        host: Arc<str>,
        /// Identifies the run of the node. It changes when the node is restarted.
        instance: Instance,
    },
    /// The node takes no new calls: it shuts down, or it was removed from the host list and its running calls may finish.
    #[non_exhaustive]
    Draining {
        /// Its name.
        host: Arc<str>,
    },
    /// The link to the node has ended.
    #[non_exhaustive]
    Down {
        /// Its name.
        host: Arc<str>,
        /// Why it has ended.
        reason: Arc<LinkError>,
    },
    /// The node was removed from the host list, its link has ended, and nothing of it is left.
    #[non_exhaustive]
    Removed {
        /// Its name.
        host: Arc<str>,
    },
    /// The reader was too slow, and events were dropped. [`Members::list`](crate::Members::list) and
    /// [`Connection::state`](crate::Connection::state) say what is now.
    #[non_exhaustive]
    Lagged {
        /// How many events were dropped.
        missed: u64,
    },
}

impl Event for MemberEvent {
    fn lagged(missed: u64) -> Self {
        Self::Lagged { missed }
    }
}

/// The events of all members, from [`Members::events`](crate::Members::events).
pub type MemberEvents = Events<MemberEvent>;

/// Passes events of members to all readers.
pub(super) type MemberHub = Hub<MemberEvent>;
