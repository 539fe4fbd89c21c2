//! [`Endpoint`]: this node's end of a link.

use std::sync::Arc;

use super::budget::limits_here;
use crate::net::link::peer::Peer;
use crate::net::serve::registry::Registry;
use crate::proto::Limits;

/// A peer, and the handlers that serve its calls. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::net) struct Endpoint {
    pub(in crate::net) peer: Arc<Peer>,
    pub(in crate::net) registry: Arc<Registry>,
}

impl Endpoint {
    /// Creates the end of a link from node `local` to node `name`. The link's task must run on the current runtime.
    pub(in crate::net) fn new(
        local: Arc<str>,
        name: Arc<str>,
        limits: Limits,
        registry: Arc<Registry>,
    ) -> Self {
        let (routes, labels) = (Arc::clone(registry.routes()), Arc::clone(registry.labels()));
        let blocking = registry.blocking_slots();
        let peer = Peer::new(local, name, limits_here(limits), routes, labels, blocking);
        Self { peer, registry }
    }
}
