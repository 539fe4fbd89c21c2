//! The names of all metrics, and what is said about them.

use metrics::Unit;

pub(super) const SERVER_CALLS: &str = "rpc.server.call.duration";
pub(super) const CLIENT_CALLS: &str = "rpc.client.call.duration";
pub(super) const FIRST_POLL: &str = "grid.server.first_poll.duration";
pub(super) const CALLS: &str = "grid.calls";
pub(super) const IN_FLIGHT: &str = "grid.calls.in_flight";
pub(super) const UP: &str = "grid.link.up";
pub(super) const UPS: &str = "grid.link.ups";
pub(super) const DOWNS: &str = "grid.link.downs";
pub(super) const RTT: &str = "grid.link.rtt";
pub(super) const BYTES: &str = "grid.link.bytes";
pub(super) const MESSAGES: &str = "grid.link.messages";
pub(super) const QUEUE: &str = "grid.link.queue.bytes";
pub(super) const HELD: &str = "grid.link.held.bytes";
pub(super) const STALLS: &str = "grid.stream.stalls";
pub(super) const REFUSED: &str = "grid.handshakes.refused";
pub(super) const GUESTS: &str = "grid.guests";

/// Describes all metrics to the recorder.
pub(super) fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_histogram!(SERVER_CALLS, Unit::Seconds, "Duration of calls that the node serves");
    describe_histogram!(CLIENT_CALLS, Unit::Seconds, "Duration of calls that the node makes");
    describe_histogram!(FIRST_POLL, Unit::Seconds, "Duration of the first polls of handlers");
    describe_counter!(CALLS, "Calls and streams");
    describe_gauge!(IN_FLIGHT, "Calls and streams in flight");
    describe_gauge!(UP, "Whether the link to the peer is up");
    describe_counter!(UPS, "Connections to the peer that have been up");
    describe_counter!(DOWNS, "Connections to the peer that have ended");
    describe_gauge!(RTT, Unit::Seconds, "Round-trip time of the last ping");
    describe_counter!(BYTES, Unit::Bytes, "Bytes of messages");
    describe_counter!(MESSAGES, "Messages of the protocol");
    describe_gauge!(QUEUE, Unit::Bytes, "Bytes that wait for the socket");
    describe_gauge!(HELD, Unit::Bytes, "Memory that the peer makes the node hold");
    describe_counter!(STALLS, "Streams that have begun to wait for their readers at the peer");
    describe_counter!(REFUSED, "Connections that were refused in their handshake");
    describe_gauge!(GUESTS, "Guests that are connected");
}
