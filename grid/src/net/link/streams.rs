//! [`StreamInFlight`]: the streams of a link with the names of their methods, for operators.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use super::peer::{Peer, now};
use crate::descriptor::ServiceDescriptor;
use crate::proto::{StreamLook, StreamOf};

/// A stream that has not ended.
#[derive(Debug)]
pub(crate) struct StreamInFlight {
    pub(crate) peer: Arc<str>,
    /// As tasks of the node name it: `Service/method`, or `handler` with its id.
    pub(crate) method: Arc<str>,
    pub(crate) look: StreamLook,
    /// Bytes of the whole link that wait for the socket.
    pub(crate) queued_bytes: usize,
}

impl StreamInFlight {
    /// The streams of a link, at most this many, in the order of [`trim`](Self::trim). Those of the service `without` are left
    /// out.
    ///
    /// Holds the lock of the link for as long as a look at all of its calls takes.
    pub(in crate::net) fn of(
        peer: &Peer,
        at_most: usize,
        without: &ServiceDescriptor,
    ) -> Vec<Self> {
        let is_wanted = |of: StreamOf| match of {
            StreamOf::Served(route) => {
                let service = peer.label(route).and_then(|label| label.method.split_once('/'));
                service.is_none_or(|(service, _)| service != without.name())
            }
            StreamOf::Made(id) => !without.methods().iter().any(|method| method.id() == id),
        };
        let (looks, queued_bytes) = peer.link(|link| {
            let mut looks = Vec::new();
            for look in link.streams(now()).filter(|look| is_wanted(look.of)) {
                looks.push(look);
                // A link can have a hundred thousand streams; this sorts each of them a few times.
                if looks.len() >= 2 * at_most {
                    first(&mut looks, at_most, |look| look);
                }
            }
            first(&mut looks, at_most, |look| look);
            (looks, link.outbox_bytes())
        });
        // The names have a lock of their own.
        let named = looks.into_iter().map(|look| Self {
            peer: Arc::clone(&peer.name),
            method: peer.lints.method(look.of),
            look,
            queued_bytes,
        });
        named.collect()
    }

    /// Keeps this many: those that wait first, of them those that have waited longest, then the oldest.
    pub(in crate::net) fn trim(streams: &mut Vec<Self>, at_most: usize) {
        first(streams, at_most, |stream| &stream.look);
    }
}

/// Whether nobody waits, for how long somebody has waited, and the age: the smallest first.
type Urgency = (bool, Reverse<Option<Duration>>, Reverse<Option<Duration>>);

fn first<T>(all: &mut Vec<T>, at_most: usize, look: impl Fn(&T) -> &StreamLook) {
    let urgency = |one: &T| -> Urgency {
        let look = look(one);
        (!look.waits(), Reverse(look.waited()), Reverse(look.age))
    };
    all.sort_by_key(urgency);
    all.truncate(at_most);
}
