//! What all tasks of a node share.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::auth::Authenticate;
use crate::config::Config;
use crate::net::link::peer::Peer;
use crate::net::link::state::Instance;
use crate::net::node::accept::Arrival;
use crate::net::node::dial::Dial;
use crate::net::serve::registry::Registry;
use crate::proto::{Features, Introduction};

/// One node and the others it knows.
pub(in crate::net) struct Node {
    pub(in crate::net) name: Arc<str>,
    pub(in crate::net) instance: Instance,
    pub(in crate::net) config: Config,
    pub(in crate::net) features: Features,
    pub(in crate::net) auth: Arc<dyn Authenticate>,
    pub(in crate::net) dial: Arc<dyn Dial>,
    pub(in crate::net) registry: Arc<Registry>,
    pub(in crate::net) peers: HashMap<Arc<str>, Known>,
    /// The link to itself.
    pub(in crate::net) loopback: Arc<Peer>,
}

/// One other node.
pub(in crate::net) struct Known {
    pub(in crate::net) peer: Arc<Peer>,
    /// Where its connections go, if it is the one that dials. One may wait while the one before it is being taken down.
    pub(in crate::net) arrivals: Option<mpsc::Sender<Arrival>>,
}

impl Node {
    /// What this node says of itself.
    pub(in crate::net) fn introduction(&self) -> Introduction {
        Introduction { id: self.instance.0, name: self.name.to_string(), features: self.features }
    }

    /// Every link, the one to itself last.
    pub(in crate::net) fn links(&self) -> impl Iterator<Item = &Arc<Peer>> {
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
