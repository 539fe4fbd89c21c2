//! What all tasks of a node share.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::accept::Arrival;
use super::dial::Dial;
use super::peer::Peer;
use super::registry::Registry;
use super::state::Instance;
use crate::auth::Authenticate;
use crate::config::Config;
use crate::proto::{Features, Introduction};

/// One node and the others it knows.
pub(super) struct Node {
    pub(super) name: Arc<str>,
    pub(super) instance: Instance,
    pub(super) config: Config,
    pub(super) features: Features,
    pub(super) auth: Arc<dyn Authenticate>,
    pub(super) dial: Arc<dyn Dial>,
    pub(super) registry: Arc<Registry>,
    pub(super) peers: HashMap<Arc<str>, Known>,
    /// The link to itself.
    pub(super) loopback: Arc<Peer>,
}

/// One other node.
pub(super) struct Known {
    pub(super) peer: Arc<Peer>,
    /// Where its connections go, if it is the one that dials. One may wait while the one before it is being taken down.
    pub(super) arrivals: Option<mpsc::Sender<Arrival>>,
}

impl Node {
    /// What this node says of itself.
    pub(super) fn introduction(&self) -> Introduction {
        Introduction { id: self.instance.0, name: self.name.to_string(), features: self.features }
    }

    /// Every link, the one to itself last.
    pub(super) fn links(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.peers.values().map(|known| &known.peer).chain([&self.loopback])
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.name)
            .field("instance", &self.instance)
            .field("peers", &self.peers.keys())
            .field("handlers", &self.registry)
            .finish_non_exhaustive()
    }
}
