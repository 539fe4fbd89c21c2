//! [`StreamStatus`]: single streams, and who waits for whom, as operators see them.

use serde::{Deserialize, Serialize};

use super::event::{cut, millis};
use crate::Manager;
use crate::descriptor::ServiceDescriptor;
use crate::net::StreamInFlight;
use crate::proto::{RecvLook, SendLook, SendWait, StreamOf, WindowLook};

/// Streams in one answer, at most: of 300 bytes or so each, 300 KB. Somebody who looks for one that waits looks at the first few.
const STREAMS_MAX: usize = 1000;

/// With this much in the queue of the socket, which the alert `GridQueueGrows` has as well, the items of a stream may not have left
/// the node, so that their reader need not be the one that is slow.
const QUEUED_BYTES: usize = 64 * 1024;

/// A stream that has not ended, as one of its ends sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StreamStatus {
    /// Name of the other node.
    pub peer: String,
    /// The method as `Service/method`; at the byte level, `handler` with its id.
    pub method: String,
    /// Whether the node serves it. Otherwise it has opened it.
    pub is_served: bool,
    /// How long ago the node has sent or received its opening, in milliseconds and as exact as ten of them. `None` if that has
    /// not been sent.
    pub age_ms: Option<u64>,
    /// Who is slow, in a word for each direction; empty if nobody waits:
    ///
    /// - `reader_at_peer`: this node has something to send, and the reader at the peer makes no room for it.
    /// - `reader_here`: the peer can send nothing before the reader at this node has taken some of the items that wait here.
    /// - `socket`: an item waits until what is queued before it was written to the socket. Beside `reader_at_peer`: 64 KiB or more
    ///   are queued, perhaps with what the reader would have to take.
    /// - `opening`: the peer has not accepted the stream yet.
    ///
    /// Between two items, a stream that is not slow can wait for the time of a round trip: see `waits_ms`, or look twice.
    pub waits_for: Vec<String>,
    /// The same as a sentence that names who waits; empty if nobody does.
    pub text: String,
    /// For how long this node has waited for the reader at the peer at least, in milliseconds. `None` if it does not wait, or
    /// has begun after its last ping to the peer: the node looks for such streams with each ping.
    pub waits_ms: Option<u64>,
    /// The window of what the node sends; `None` if it sends nothing more, or cannot yet.
    pub sends: Option<StreamWindow>,
    /// The window of what the node receives; `None` if there is nothing more to be received.
    pub receives: Option<StreamWindow>,
}

/// How much may be sent in one direction of a stream before its reader takes something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StreamWindow {
    /// Items that may still be sent. `None`: only their bytes are limited.
    pub items: Option<u64>,
    /// Items that may be sent when all have been read.
    pub items_max: Option<u64>,
    /// Bytes that may still be sent. `None`: only the number of items is limited.
    pub bytes: Option<u64>,
    /// Bytes that may be sent when all have been read, which only the end that receives knows.
    pub bytes_max: Option<u64>,
    /// Items that have been received, and wait for the reader; 0 of what the node sends.
    pub unread: u64,
}

impl StreamStatus {
    /// The streams of the node but those of one service, that of operators: those that wait first, then the oldest.
    pub(super) fn all(node: &Manager, at_most: u32, without: &ServiceDescriptor) -> Vec<Self> {
        let at_most = STREAMS_MAX.min(at_most as usize);
        node.streams(at_most, without).iter().map(Self::of).collect()
    }

    fn of(stream: &StreamInFlight) -> Self {
        let look = &stream.look;
        let waits = Waits::of(stream);
        Self {
            peer: stream.peer.to_string(),
            method: stream.method.to_string(),
            is_served: matches!(look.of, StreamOf::Served(_)),
            age_ms: look.age.map(millis),
            waits_for: waits.words().into_iter().map(str::to_owned).collect(),
            text: cut(waits.text()),
            waits_ms: look.waited().map(millis),
            sends: look.sends.map(|sends| StreamWindow::of(sends.window, 0)),
            receives: look
                .receives
                .map(|receives| StreamWindow::of(receives.window, receives.unread)),
        }
    }

    /// Whether anybody waits, at either end.
    pub fn waits(&self) -> bool {
        !self.waits_for.is_empty()
    }
}

impl StreamWindow {
    fn of(window: WindowLook, unread: usize) -> Self {
        Self {
            items: window.items.map(u64::from),
            items_max: window.items_max.map(u64::from),
            bytes: window.bytes,
            bytes_max: window.bytes_max.map(u64::from),
            unread: unread as u64,
        }
    }
}

/// Who waits for whom.
struct Waits<'a> {
    of: &'a StreamInFlight,
    is_opening: bool,
    for_reader: bool,
    for_socket: bool,
    /// How many items the peer waits for until they are read.
    reading: Option<usize>,
}

impl<'a> Waits<'a> {
    fn of(of: &'a StreamInFlight) -> Self {
        let look = &of.look;
        let wait = look.sends.and_then(|SendLook { wait, .. }| wait);
        let for_reader = matches!(wait, Some(SendWait::Reader(_)));
        let blocked = |of: RecvLook| of.is_blocked.then_some(of.unread);
        Self {
            of,
            is_opening: !look.is_open,
            for_reader,
            for_socket: wait == Some(SendWait::Socket)
                || (for_reader && of.queued_bytes >= QUEUED_BYTES),
            reading: look.receives.and_then(blocked),
        }
    }

    fn words(&self) -> Vec<&'static str> {
        let words = [
            (self.is_opening, "opening"),
            (self.for_reader, "reader_at_peer"),
            (self.for_socket, "socket"),
            (self.reading.is_some(), "reader_here"),
        ];
        words.into_iter().filter(|(is_said, _)| *is_said).map(|(_, word)| word).collect()
    }

    fn text(&self) -> String {
        let StreamInFlight { peer, look, queued_bytes, .. } = self.of;
        let (own, other) = match look.of {
            StreamOf::Served(_) => ("handler", "caller"),
            StreamOf::Made(_) => ("caller", "handler"),
        };
        let opening = self.is_opening.then(|| match look.age {
            Some(_) => format!("waits until {peer} accepts it"),
            None => format!("waits for a connection to {peer}, or for room to be sent"),
        });
        let reader = self
            .for_reader
            .then(|| format!("the {own} here waits until the {other} at {peer} reads"));
        let socket = self.for_socket.then(|| {
            let what = if self.for_reader { "or what it has sent waits" } else { "an item waits" };
            format!("{what} for the socket to {peer}: {queued_bytes} bytes are queued")
        });
        let reading = self.reading.map(|unread| {
            format!("the {other} at {peer} waits until the {own} here reads: {unread} unread")
        });
        let all = [opening, reader, socket, reading].into_iter().flatten();
        all.collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::proto::{RouteIndex, StreamLook};

    fn waiting(wait: SendWait, queued_bytes: usize) -> StreamStatus {
        let sends = Some(SendLook { window: WindowLook::default(), wait: Some(wait) });
        let of = StreamOf::Served(RouteIndex(0));
        let look = StreamLook { of, age: None, is_open: true, sends, receives: None };
        StreamStatus::of(&StreamInFlight {
            peer: "http://b:1".into(),
            method: "Clock/ticks".into(),
            look,
            queued_bytes,
        })
    }

    #[test]
    fn a_reader_is_not_blamed_alone_for_what_may_not_have_left() {
        let slow = waiting(SendWait::Reader(Some(Duration::from_secs(12))), QUEUED_BYTES - 1);
        assert_eq!((slow.waits_for, slow.waits_ms), (vec!["reader_at_peer".into()], Some(12_000)));
        assert_eq!(slow.text, "the handler here waits until the caller at http://b:1 reads");
        let both = waiting(SendWait::Reader(None), QUEUED_BYTES);
        assert_eq!(both.waits_for, ["reader_at_peer", "socket"]);
        assert!(
            both.text.ends_with(
                "reads; or what it has sent waits for the socket to http://b:1: 65536 bytes are queued"
            ),
            "{}",
            both.text
        );
        let socket = waiting(SendWait::Socket, 7);
        assert_eq!((socket.waits(), socket.waits_for), (true, vec!["socket".into()]));
        assert_eq!(socket.text, "an item waits for the socket to http://b:1: 7 bytes are queued");
    }
}
