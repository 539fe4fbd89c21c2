//! State shared by all tasks of a node.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::arrivals::Arrivals;
use super::changes::Changes;
use super::credentials::Credentials;
use super::dial::Dial;
use super::guest_table::GuestTable;
use super::known::Known;
use super::latch::Latch;
use super::member_event::MemberHub;
use super::name::Name;
use super::peers::Peers;
use super::report::LinkLog;
use super::strangers::Strangers;
use super::wall_clock::WallClock;
use crate::auth::Authenticate;
use crate::config::Config;
use crate::error::LinkError;
use crate::net::drive::endpoint::Endpoint;
use crate::net::link::neighbours::Neighbours;
use crate::net::link::peer::Peer;
use crate::net::link::state::Instance;
use crate::net::serve::registry::Registry;
use crate::net::transport::Security;
use crate::proto::{Features, Introduction, Limits, dials, is_guest_name, requests_bytes_of};

/// The source of members that a node follows.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// Counts the sources.
    pub(super) number: u64,
    pub(super) task: Option<AbortHandle>,
}

/// One node and its peers.
pub(super) struct Node {
    pub(super) name: Arc<str>,
    pub(super) instance: Instance,
    pub(super) started: Instant,
    /// Whether the names of services are in the handshakes of guests: not if the application decides what a guest may call,
    /// because then it decides what a guest may know.
    pub(super) tells_guests_services: bool,
    pub(super) config: Config,
    pub(super) clock: WallClock,
    pub(super) features: Features,
    pub(super) auth: Arc<dyn Authenticate>,
    pub(super) dial: Arc<dyn Dial>,
    /// TLS, if the node has it.
    pub(super) security: Option<Arc<dyn Security>>,
    /// Whether the user has set who may connect. Otherwise the node has no peers.
    pub(super) has_authenticator: bool,
    /// Whether the user has set how to dial.
    pub(super) has_dialer: bool,
    pub(super) registry: Arc<Registry>,
    /// Its clones share the node's counter of bytes.
    pub(super) limits: Limits,
    pub(super) peers: Peers,
    pub(super) guests: GuestTable,
    /// Lets handlers find the other nodes.
    pub(super) neighbours: Arc<Neighbours<Peer>>,
    /// The link of the node to itself.
    pub(super) loopback: Endpoint,
    /// Connections whose peers are not known yet.
    pub(super) strangers: Arc<Strangers>,
    /// Held while the list of members changes; `true` when it cannot change any more, because the node shuts down.
    pub(super) changing: Mutex<bool>,
    /// Changes of that list whose effects have not happened yet.
    pub(super) changes: Changes,
    pub(super) events: MemberHub,
    /// Connections that were refused in their handshake, by the word for the reason.
    pub(super) refused: Mutex<BTreeMap<&'static str, u64>>,
    pub(super) following: Mutex<Following>,
    /// Set when the node is shut down or dropped.
    pub(super) over: Latch,
    /// Has a receiver for each task that must end before a shutdown is complete.
    pub(super) alive: watch::Sender<bool>,
    /// The runtime on which everything runs.
    pub(super) runtime: Handle,
    /// The number of the last dial. One counter for all peers: a node that is removed and added again must not see a
    /// number twice.
    pub(super) dials: AtomicU64,
}

impl Node {
    /// Returns the contents of this node's handshake message.
    pub(super) fn introduction(&self) -> Introduction {
        Introduction {
            id: self.instance.0,
            name: self.name.to_string(),
            features: self.features,
            message_bytes_max: self.config.message_bytes_max,
            requests_bytes_max: requests_bytes_of(
                self.config.bytes_per_peer_max,
                self.config.message_bytes_max,
            ),
        }
    }

    /// The authenticator, with what it needs to run.
    pub(super) fn credentials(&self) -> Credentials<'_> {
        Credentials {
            auth: &*self.auth,
            guests: self.guests.auth(),
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

    /// Returns this node's end of a new link. Must be called on the node's runtime.
    fn new_endpoint(&self, peer: &str, limits: Limits) -> Endpoint {
        let (local, registry) = (Arc::clone(&self.name), Arc::clone(&self.registry));
        let endpoint = Endpoint::new(local, Arc::from(peer), limits, registry);
        endpoint.peer.introduce(&self.neighbours);
        endpoint
    }

    /// Returns this node's end of a new link to a guest. Must be called on the node's runtime.
    pub(super) fn new_endpoint_of_guest(&self, peer: &str) -> Endpoint {
        self.new_endpoint(peer, Limits { node_bytes: self.guests.bytes(), ..self.limits.clone() })
    }

    /// Returns a new peer, whose link is not started yet. Must be called on the node's runtime.
    pub(super) fn new_member(&self, host: &str) -> Arc<Known> {
        let endpoint = self.new_endpoint(host, self.limits.clone());
        // A guest always dials.
        let dials = is_guest_name(&self.name) || dials(&self.name, host);
        let arrivals = (!dials).then(|| Arrivals::new(host.into()));
        if arrivals.is_some() {
            let reason = Arc::new(LinkError::NotDialed { refused: None });
            endpoint.peer.link(|link| link.set_down_reason(reason));
        }
        let log = Arc::new(LinkLog::new(&endpoint.peer, self.events.clone()));
        Known::new(endpoint, arrivals, log)
    }

    /// Returns the name in the host list that a wrong one most likely stands for.
    pub(super) fn nearest(&self, wrong: &str) -> Option<String> {
        self.neighbours.nearest(wrong)
    }

    /// Returns the number of the next attempt to dial a node.
    pub(super) fn next_dial(&self) -> u64 {
        self.dials.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Returns all peers: members, leaving nodes, and guests.
    pub(super) fn all(&self) -> Vec<Arc<Known>> {
        let mut all = self.peers.all();
        all.extend(self.guests.all());
        all
    }

    /// Returns every link, those of leaving nodes and of guests included. The link of the node to itself is the last one.
    pub(super) fn links(&self) -> Vec<Arc<Peer>> {
        let mut links: Vec<_> =
            self.all().iter().map(|known| Arc::clone(&known.endpoint.peer)).collect();
        links.push(Arc::clone(&self.loopback.peer));
        links
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peers: Vec<_> = self.peers.members().iter().map(|known| known.name().clone()).collect();
        f.debug_struct("Node")
            .field("name", &self.name)
            .field("instance", &self.instance)
            .field("peers", &peers)
            .field("handlers", &self.registry)
            .finish_non_exhaustive()
    }
}
