//! The duration of calls, by method and outcome.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Histogram, Label, histogram};

use super::names::{CLIENT_CALLS, FIRST_POLL, SERVER_CALLS};
use crate::intercept::{Finished, Record};
use crate::net::address_of;
use crate::proto::is_guest_name;

/// Methods of one peer, at most. Only calls at the byte level can have more; the others count as one method.
const METHODS_MAX: usize = 1024;

/// What such methods are called, by the OpenTelemetry conventions, and such peers as well.
const OTHER: &str = "_OTHER";

/// Peers that are measured apart, at most. More than this are called only if the host list changes all the time.
const PEERS_MAX: usize = 1024;

/// The peer of all calls to guests, who have a new name with each connection.
const GUESTS: &str = "guests";

/// Measures the calls that a node serves or makes.
#[derive(Debug)]
pub(super) struct Calls {
    served: Series,
    made: Series,
    /// Calls of different peers are measured apart, if this node makes them.
    has_peers: bool,
}

/// The series of one metric.
#[derive(Debug)]
struct Series {
    name: &'static str,
    known: RwLock<Known>,
}

/// The methods that were called so far: of all peers together, or of each.
#[derive(Debug, Default)]
struct Known {
    of_all: Methods,
    by_peer: HashMap<String, Methods>,
}

/// The methods of one peer, by service and name. Two maps, so that a look-up allocates nothing.
#[derive(Debug, Default)]
struct Methods {
    by_service: HashMap<String, HashMap<String, Arc<OneMethod>>>,
    count: usize,
}

/// One method of one peer.
#[derive(Debug)]
struct OneMethod {
    name: &'static str,
    labels: Vec<Label>,
    /// The histogram of calls that succeed. Others are looked up in the recorder.
    ok: OnceLock<Histogram>,
}

impl Calls {
    pub(super) fn new(has_peers: bool) -> Self {
        let of = |name| Series { name, known: RwLock::default() };
        Self { served: of(SERVER_CALLS), made: of(CLIENT_CALLS), has_peers }
    }
}

impl Record for Calls {
    fn record(&self, call: &Finished<'_>) {
        let (series, has_peers) = match call.is_served() {
            true => (&self.served, false),
            false => (&self.made, self.has_peers),
        };
        let peer = has_peers.then(|| if is_guest_name(call.peer()) { GUESTS } else { call.peer() });
        // After the lock is released: the recorder is the user's.
        series.of(peer, call).record(call);
    }
}

impl Series {
    fn of(&self, peer: Option<&str>, call: &Finished<'_>) -> Arc<OneMethod> {
        let (service, method) = (call.service(), call.method());
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let methods = peer.map_or(Some(&known.of_all), |peer| known.by_peer.get(peer));
        if let Some(found) = methods.and_then(|methods| methods.get(service, &method)) {
            return found;
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let has_room = peer
            .is_none_or(|peer| known.by_peer.contains_key(peer) || known.by_peer.len() < PEERS_MAX);
        let peer = peer.map(|peer| if has_room { peer } else { OTHER });
        let methods = match peer {
            Some(peer) => known.by_peer.entry(peer.to_owned()).or_default(),
            None => &mut known.of_all,
        };
        if methods.count < METHODS_MAX {
            let new = || OneMethod::new(self.name, &call.full_method(), peer);
            methods.entry(service, &method, new)
        } else {
            methods.entry("", OTHER, || OneMethod::new(self.name, OTHER, peer))
        }
    }
}

impl Methods {
    fn get(&self, service: &str, method: &str) -> Option<Arc<OneMethod>> {
        self.by_service.get(service)?.get(method).cloned()
    }

    fn entry(
        &mut self,
        service: &str,
        method: &str,
        new: impl FnOnce() -> OneMethod,
    ) -> Arc<OneMethod> {
        let methods = self.by_service.entry(service.to_owned()).or_default();
        let method = methods.entry(method.to_owned()).or_insert_with(|| {
            self.count += 1;
            Arc::new(new())
        });
        Arc::clone(method)
    }
}

impl OneMethod {
    fn new(name: &'static str, method: &str, peer: Option<&str>) -> Self {
        let mut labels = vec![
            Label::from_static_parts("rpc.system.name", "grid"),
            Label::new("rpc.method", method.to_owned()),
        ];
        if let Some(peer) = peer {
            let (address, port) = address_of(peer);
            labels.push(Label::new("server.address", address.to_owned()));
            labels.extend(port.map(|port| Label::new("server.port", port.to_string())));
        }
        Self { name, labels, ok: OnceLock::new() }
    }

    fn record(&self, call: &Finished<'_>) {
        match call.label() {
            "ok" => self.ok.get_or_init(|| self.histogram("ok")).record(call.took()),
            failed => self.histogram(failed).record(call.took()),
        }
    }

    fn histogram(&self, outcome: &'static str) -> Histogram {
        let mut labels = self.labels.clone();
        labels.push(Label::from_static_parts("rpc.response.status_code", outcome));
        if outcome != "ok" {
            labels.push(Label::from_static_parts("error.type", outcome));
        }
        histogram!(self.name, labels)
    }
}

/// The first poll of a handler has taken this long.
pub(super) fn first_poll(method: &str, took: Duration) {
    histogram!(FIRST_POLL, "rpc.method" => method.to_owned()).record(took);
}
