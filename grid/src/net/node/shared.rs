//! State shared by all tasks of a node.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::arrivals::Arrivals;
use super::credentials::Credentials;
use super::dial::Dial;
use super::name::Name;
use super::report::LinkLog;
use super::strangers::Strangers;
use crate::auth::Authenticate;
use crate::config::Config;
use crate::error::nearest;
use crate::net::drive::endpoint::Endpoint;
use crate::net::link::peer::Peer;
use crate::net::link::state::Instance;
use crate::net::serve::registry::Registry;
use crate::net::transport::Security;
use crate::proto::{Features, Introduction};

/// One node and its peers.
pub(super) struct Node {
    pub(super) name: Arc<str>,
    pub(super) instance: Instance,
    pub(super) config: Config,
    pub(super) features: Features,
    pub(super) auth: Arc<dyn Authenticate>,
    pub(super) dial: Arc<dyn Dial>,
    /// TLS, if the node has it.
    pub(super) security: Option<Arc<dyn Security>>,
    pub(super) registry: Arc<Registry>,
    pub(super) peers: HashMap<Arc<str>, Known>,
    /// The link of the node to itself.
    pub(super) loopback: Endpoint,
    /// Connections whose peers are not known yet.
    pub(super) strangers: Arc<Strangers>,
}

/// One other node.
pub(super) struct Known {
    pub(super) endpoint: Endpoint,
    /// The connections of a peer that dials this node; `None` if this node dials it.
    pub(super) arrivals: Option<Arc<Arrivals>>,
    pub(super) log: Arc<LinkLog>,
}

impl Node {
    /// Returns the contents of this node's handshake message.
    pub(super) fn introduction(&self) -> Introduction {
        Introduction {
            id: self.instance.0,
            name: self.name.to_string(),
            features: self.features,
            message_bytes_max: self.config.message_bytes_max,
        }
    }

    /// The authenticator, with what it needs to run.
    pub(super) fn credentials(&self) -> Credentials<'_> {
        Credentials {
            auth: &*self.auth,
            workers: &self.loopback.workers,
            limit: self.config.connect_timeout,
        }
    }

    /// The TLS of accepted streams, if this node listens with TLS: it has a certificate for that, and other nodes dial it
    /// with TLS because its name says so.
    pub(super) fn tls_of_listener(&self) -> Option<&dyn Security> {
        let security = self.security.as_deref()?;
        let is_secure = Name::parse(&self.name).is_ok_and(|name| name.is_secure());
        (is_secure && security.can_listen()).then_some(security)
    }

    /// Returns the name in the host list that a wrong one most likely stands for.
    pub(super) fn nearest(&self, wrong: &str) -> Option<String> {
        nearest(wrong, self.links().map(|peer| &*peer.name)).map(str::to_owned)
    }

    /// Returns every link. The link of the node to itself is the last one.
    pub(super) fn links(&self) -> impl Iterator<Item = &Arc<Peer>> + Clone {
        self.peers.values().map(|known| &known.endpoint.peer).chain([&self.loopback.peer])
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
