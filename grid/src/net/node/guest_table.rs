//! [`GuestTable`]: the guests that are connected to this node, or about to be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::guest_policy::Guests;
use super::known::Known;
use crate::auth::Authenticate;
use crate::error::LinkError;
use crate::net::link::state::Instance;
use crate::proto::NodeBytes;

/// See the module.
pub(super) struct GuestTable {
    max: usize,
    /// Who may connect as a guest, if it differs from who may connect as a node.
    auth: Option<Arc<dyn Authenticate>>,
    /// What all guests make the node hold.
    bytes: Arc<NodeBytes>,
    seats: Mutex<BTreeMap<Arc<str>, Seat>>,
}

struct Seat {
    known: Arc<Known>,
    instance: Instance,
    /// The number of the dial.
    dial: u64,
}

impl GuestTable {
    /// The guests of a node that may hold so much memory for its peers.
    pub(super) fn new(policy: Option<Guests>, bytes_per_node_max: usize) -> Self {
        let policy = policy.unwrap_or_else(|| Guests::up_to(0));
        let bytes_max = policy.bytes_max.unwrap_or(bytes_per_node_max);
        let bytes = NodeBytes::limited_by("Guests::bytes_max", bytes_max);
        Self { max: policy.connected_max, auth: policy.auth, bytes, seats: Mutex::default() }
    }

    /// The counter of the memory that all guests share.
    pub(super) fn bytes(&self) -> Arc<NodeBytes> {
        Arc::clone(&self.bytes)
    }

    /// The authenticator of guests, if they have one of their own.
    pub(super) fn auth(&self) -> Option<&dyn Authenticate> {
        self.auth.as_deref()
    }

    /// Whether the node takes guests at all.
    pub(super) fn takes_any(&self) -> bool {
        self.max > 0
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Known>> {
        self.lock().get(name).map(|seat| Arc::clone(&seat.known))
    }

    pub(super) fn all(&self) -> Vec<Arc<Known>> {
        self.lock().values().map(|seat| Arc::clone(&seat.known)).collect()
    }

    /// Takes a seat for a guest, whose end of the link `create` makes. Also returns the earlier connection of the same guest,
    /// which this one replaces.
    pub(super) fn enter(
        &self,
        name: &str,
        instance: Instance,
        dial: u64,
        create: impl FnOnce() -> Arc<Known>,
    ) -> Result<(Arc<Known>, Option<Arc<Known>>), LinkError> {
        let mut seats = self.lock();
        match seats.get(name) {
            Some(seat) if seat.instance != instance => {
                // Without the id of that one, with which it could be replaced.
                let detail = format!("another guest is connected as {name}");
                return Err(LinkError::NameTaken { detail });
            }
            Some(seat) if dial <= seat.dial => {
                return Err(LinkError::StaleDial { dial, latest: seat.dial });
            }
            None if seats.len() >= self.max => {
                return Err(LinkError::GuestsFull { max: self.max });
            }
            Some(_) | None => {}
        }
        let known = create();
        let seat = Seat { known: Arc::clone(&known), instance, dial };
        let earlier = seats.insert(Arc::clone(known.name()), seat);
        Ok((known, earlier.map(|seat| seat.known)))
    }

    /// Frees the seat of this connection, if another one has not taken it.
    pub(super) fn leave(&self, known: &Arc<Known>) {
        let mut seats = self.lock();
        if seats.get(known.name()).is_some_and(|seat| Arc::ptr_eq(&seat.known, known)) {
            seats.remove(known.name());
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Seat>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
