//! [`Endpoint`]: this node's end of a link.

use std::sync::Arc;

use super::budget::limits_of;
use crate::auth::Identity;
use crate::certificate::PeerCertificate;
use crate::net::call::caller::Caller;
use crate::net::call::connection::Connection;
use crate::net::call::intercept::Chain;
use crate::net::link::contracts::LinkContracts;
use crate::net::link::peer::Peer;
use crate::net::serve::registry::Registry;
use crate::net::serve::workers::Workers;
use crate::proto::Limits;

/// A peer, the handlers that serve its calls, and the workers that run them. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::net) struct Endpoint {
    pub(in crate::net) peer: Arc<Peer>,
    /// The peer as the present connection has proven it.
    pub(in crate::net) caller: Arc<Caller>,
    pub(in crate::net) registry: Arc<Registry>,
    pub(in crate::net) workers: Arc<Workers>,
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
        let workers = Workers::here();
        let limits = limits_of(&workers, limits);
        let blocking = registry.blocking_slots();
        let served = registry.services().iter().map(|service| service.descriptor).collect();
        let contracts = LinkContracts::new(
            Arc::clone(&local),
            Arc::clone(&name),
            served,
            Arc::clone(registry.warnings()),
        );
        // The link of a node to itself keeps this identity.
        let identity = Identity::of_node(&name).with_subject("this node");
        let peer = Peer::new(local, name, limits, routes, labels, contracts, blocking);
        let caller = Arc::new(Caller {
            peer: Arc::clone(&peer),
            identity,
            certificate: None,
            calls: Arc::clone(registry.calls()) as _,
        });
        Self { peer, caller, registry, workers }
    }

    /// The same end for a connection whose peer has proven this identity, and has this certificate.
    pub(in crate::net) fn identified(
        &self,
        identity: Identity,
        certificate: Option<PeerCertificate>,
    ) -> Self {
        let (peer, calls) = (Arc::clone(&self.peer), Arc::clone(self.registry.calls()) as _);
        let caller = Arc::new(Caller { peer, identity, certificate, calls });
        Self { caller, ..self.clone() }
    }

    /// A handle to call the peer.
    pub(in crate::net) fn connection(&self) -> Connection {
        Connection::new(Arc::clone(&self.peer), Chain::clone(self.registry.calls()))
    }
}
