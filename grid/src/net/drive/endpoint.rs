//! [`Endpoint`]: this node's end of a link.

use std::sync::Arc;

use super::budget::limits_of;
use crate::certificate::PeerCertificate;
use crate::net::link::contracts::LinkContracts;
use crate::net::link::peer::Peer;
use crate::net::serve::registry::Registry;
use crate::net::serve::workers::Workers;
use crate::proto::Limits;

/// A peer, the handlers that serve its calls, and the workers that run them. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::net) struct Endpoint {
    pub(in crate::net) peer: Arc<Peer>,
    pub(in crate::net) registry: Arc<Registry>,
    pub(in crate::net) workers: Arc<Workers>,
    /// The certificate of the peer on the current connection.
    pub(in crate::net) certificate: Option<PeerCertificate>,
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
        let contracts = LinkContracts::new(Arc::clone(&local), Arc::clone(&name), served);
        let peer = Peer::new(local, name, limits, routes, labels, contracts, blocking);
        Self { peer, registry, workers, certificate: None }
    }

    /// The same end, for a connection on which the peer has proved itself with this certificate.
    pub(in crate::net) fn certified(&self, certificate: Option<PeerCertificate>) -> Self {
        Self { certificate, ..self.clone() }
    }
}
