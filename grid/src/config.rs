//! The knobs of a node. Each states its default, its unit, and what happens at both extremes.

use std::time::Duration;

use crate::net::BLOCKING_CALLS_MAX;
use crate::proto::{BYTES_PER_NODE_MAX, BYTES_PER_PEER_MESSAGES_MIN, Limits, NodeBytes};

/// Default path of the upgrade request; see [`Config::route`].
pub const ROUTE: &str = "/minio/grid/v1";

/// A message is one allocation, so a larger limit is taken for a mistake.
const BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Each running call has a thread of its own, so a larger number is taken for a mistake.
const THREADS_MAX: usize = 65_536;

/// Keeps sums of bytes from overflowing.
const HELD_BYTES_MAX: usize = usize::MAX / 4;

/// A longer interval is taken for a mistake. The bound also keeps sums of times from overflowing.
const INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);

/// Limits and intervals of a node, for [`Builder::config`](crate::Builder::config).
///
/// Start from the defaults and set what differs; each field has a setter of the same name.
/// [`Builder::build`](crate::Builder::build) checks the values and fails with
/// [`BuildError::Config`](crate::BuildError::Config) if one is out of range.
///
/// ```
/// let config = grid::Config::default().message_bytes_max(1 << 20).outbox_bytes(64 << 10);
/// assert_eq!(config.message_bytes_max, 1 << 20);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Path of the WebSocket upgrade. Default: [`ROUTE`].
    ///
    /// It starts with `/` and has no query. All nodes of a grid need the same route; a node answers other paths with
    /// 404. Several grids can share one HTTP server under several routes.
    pub route: String,
    /// Size of the largest message that is sent or received, in bytes. Default: 16 MiB; from 1 KiB to 1 GiB.
    ///
    /// If it is too small, calls with large arguments fail with [`CallError::Encode`](crate::CallError::Encode). If it
    /// is too large, a single message may use that much memory, and decoding it a multiple of that, see
    /// [`Payload`](crate::Payload). [`bytes_per_peer_max`](Self::bytes_per_peer_max) must be at least three times as
    /// large.
    ///
    /// Nodes tell each other their limits while connecting (extension `limits`), and what is too large for either node
    /// is refused by its sender: a call or an item fails with [`CallError::Encode`](crate::CallError::Encode), and in
    /// place of an answer the caller receives an error. A node of the base protocol does not know this limit: if it
    /// sends a larger message, the link ends with [`LinkError::MessageTooLarge`](crate::LinkError::MessageTooLarge).
    pub message_bytes_max: usize,
    /// Bytes of small messages that may be queued for one socket before callers and stream senders wait. Default:
    /// 256 KiB; from 1 byte to 1 GiB.
    ///
    /// If it is too small, a fast network is idle between batches. If it is too large, a small call may be queued behind
    /// that many bytes. Messages above 64 KiB have a queue of their own where the peer accepts them in parts.
    pub outbox_bytes: usize,
    /// Number of calls from one peer that may be in flight on this node. Default: 16384; at least 1.
    ///
    /// Further calls fail with [`ErrorCode::Overloaded`](crate::ErrorCode::Overloaded). If it is too small, the node
    /// refuses work that it could do. If it is too large, one peer can keep that many handlers in memory; their requests
    /// are limited by [`bytes_per_peer_max`](Self::bytes_per_peer_max) as well.
    pub calls_per_peer_max: usize,
    /// Number of handlers with `#[handler(blocking)]` that may run on this node at once, for all peers together. Default:
    /// 64; from 1 to 65536.
    ///
    /// Further calls wait in line, in the order in which they arrived from their peer, and count as in flight; one that
    /// is cancelled or reaches its deadline while it waits does not run. A peer has at most this number of calls in the
    /// line of the node, so other peers wait behind that number of its calls at most.
    ///
    /// The threads are those of `tokio::task::spawn_blocking`, of which a runtime has 512 by default. If it is too small,
    /// calls wait although the disk or the processor could do more. If it is too large, handlers occupy all threads of the
    /// runtime, and file operations and name resolution in the same process wait behind them.
    pub blocking_calls_max: usize,
    /// Memory that one peer may make this node hold, in bytes. Default: 64 MiB; at least three times
    /// [`message_bytes_max`](Self::message_bytes_max), and at most a quarter of the
    /// address space.
    ///
    /// Counted are received messages until the last slice of them is dropped, also by handlers and readers that keep a
    /// `Bytes`; large messages whose parts are still arriving; items and answers that nobody has read; and answers and
    /// items of handlers that the peer does not read. For the message that is being received, `message_bytes_max` is
    /// reserved, or 1 MiB if the peer sends large messages in parts. Not counted are this node's own calls and items that
    /// wait to be sent, and what handlers and decoded values use.
    ///
    /// Senders of this implementation wait before they reach the limit: all windows of streams have a half of it, and the
    /// requests in flight the other half, without 1 MiB. What would exceed the limit nevertheless fails by itself, and the
    /// link goes on: a call of the peer with [`ErrorCode::Overloaded`](crate::ErrorCode::Overloaded), before its handler
    /// runs; a stream with an error at both ends; an answer to this node with
    /// [`CallError::LimitReached`](crate::CallError::LimitReached); an answer of a handler by an error in its place, unless
    /// half of [`bytes_per_node_max`](Self::bytes_per_node_max) is free. If it is too small, large calls wait that the node
    /// could serve. If it is too large, each peer can use that much memory.
    pub bytes_per_peer_max: usize,
    /// Memory that all peers together may make this node hold, in bytes. Default: 512 MiB; at least
    /// [`bytes_per_peer_max`](Self::bytes_per_peer_max), and at most a quarter of the
    /// address space.
    ///
    /// Counted as for one peer, in steps of 256 KiB for each, and with the same effects. A peer that is idle counts with one
    /// step, so a node with more than 2000 peers needs more. Guests have a limit of their own,
    /// [`Guests::bytes_max`](crate::Guests::bytes_max). If it is too small, one peer that
    /// uses its share takes room from the others. If it is too large, many peers at once can exhaust the memory of the
    /// machine.
    pub bytes_per_node_max: usize,
    /// Largest window of a stream: bytes of its items that may wait for a reader on this node, or be under way to it, beside
    /// one item. Default: 16 MiB, enough for 1 Gbit/s with a round trip of 100 ms; from 1 KiB to 1 GiB.
    ///
    /// A window starts with at most 128 KiB, and is doubled while the reader keeps up and the sender has to wait. All streams
    /// of a peer together have half of [`bytes_per_peer_max`](Self::bytes_per_peer_max); when little is left, new windows are
    /// smaller, but not below 32 KiB, and large ones shrink. If it is too small, a stream over a long distance carries one
    /// window per round trip. If it is too large, a reader that has been fast and stops reading holds that much.
    ///
    /// A node of the base protocol has no windows: its streams are limited by [`Capacities`](crate::Capacities) alone.
    pub stream_window_max: usize,
    /// Memory of the [posts](crate::Call::post) to one peer that are not over, in bytes: those that wait to be sent, and those
    /// that the peer has not answered. Default: 16 MiB; from 1 byte to a quarter of the address space.
    ///
    /// Each post counts with its request and 1 KiB. A further one fails with
    /// [`CallError::PostsFull`](crate::CallError::PostsFull), unless it is the only one. If it is too small, bursts of posts are
    /// refused that the peer could serve. If it is too large, a slow peer makes this node hold that much.
    pub posts_bytes_max: usize,
    /// Time between two pings on a connection. Default: 10 s, as in Go nodes; above 0 and at most a day.
    ///
    /// Whatever is received is a sign of life, parts of a large message included. A peer that has died is noticed within
    /// two intervals and a round trip, and one that pauses for one and a half intervals is kept: for a death to be noticed
    /// within 8 s, set 4 s, and pauses of up to 6 s are survived. Pings are sent more often than once per interval while
    /// nothing else is received. A Go node is pinged once per interval, and its death is noticed after two to three.
    ///
    /// If it is too short, a pause of the peer is mistaken for its death. If it is too long, calls without a deadline keep
    /// waiting for a dead peer. Both nodes of a link should have the same interval.
    pub ping_interval: Duration,
    /// Time limit of one attempt to reach a peer, from connecting to the end of the WebSocket upgrade. Default: 10 s;
    /// above 0 and at most a day. A connection that this node accepts has the same time for its upgrade request, but
    /// must begin it within 3 s.
    ///
    /// If it is too short, distant peers are never reached. If it is too long, a peer that does not answer is retried
    /// late.
    pub connect_timeout: Duration,
    /// Largest difference between the clock of a node that dials this one and this node's clock. Default: 5 minutes, as in
    /// Go nodes; above 0 and at most a day.
    ///
    /// A dialer with a larger difference is refused with [`LinkError::ClockSkew`](crate::LinkError::ClockSkew). Nothing in
    /// this library depends on equal clocks: deadlines travel as durations. If it is too small, a node whose clock drifts
    /// cannot connect. If it is too large, a wrong clock is not noticed. Each node checks the ones that dial it, so all
    /// nodes of a grid should have the same limit.
    pub clock_skew_max: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            route: ROUTE.to_owned(),
            message_bytes_max: limits.message_bytes_max,
            outbox_bytes: limits.outbox_bytes,
            calls_per_peer_max: limits.served_max,
            blocking_calls_max: BLOCKING_CALLS_MAX,
            bytes_per_peer_max: limits.bytes_per_peer_max,
            bytes_per_node_max: BYTES_PER_NODE_MAX,
            stream_window_max: limits.stream_window_max,
            posts_bytes_max: limits.posts_bytes_max,
            ping_interval: limits.ping_every,
            connect_timeout: Duration::from_secs(10),
            clock_skew_max: Duration::from_secs(5 * 60),
        }
    }
}

/// A consuming setter for each knob, under the knob's name.
macro_rules! setters {
    ($($knob:ident: $Value:ty),* $(,)?) => {
        $(
            #[doc = concat!("Sets [`", stringify!($knob), "`](Self#structfield.", stringify!($knob), ").")]
            #[must_use]
            pub fn $knob(mut self, $knob: $Value) -> Self {
                self.$knob = $knob.into();
                self
            }
        )*
    };
}

impl Config {
    setters! {
        route: impl Into<String>,
        message_bytes_max: usize,
        outbox_bytes: usize,
        calls_per_peer_max: usize,
        blocking_calls_max: usize,
        bytes_per_peer_max: usize,
        bytes_per_node_max: usize,
        stream_window_max: usize,
        posts_bytes_max: usize,
        ping_interval: Duration,
        connect_timeout: Duration,
        clock_skew_max: Duration,
    }

    /// The limits of all links of one node. They share the node's counter of bytes, so this is called once per node.
    pub(crate) fn limits(&self) -> Limits {
        let defaults = Limits::default();
        Limits {
            message_bytes_max: self.message_bytes_max,
            outbox_bytes: self.outbox_bytes,
            // Errors of handlers count as control messages, and those may fill the outbox.
            backlog_bytes_max: defaults.backlog_bytes_max.max(2 * self.outbox_bytes),
            served_max: self.calls_per_peer_max,
            bytes_per_peer_max: self.bytes_per_peer_max,
            node_bytes: NodeBytes::new(self.bytes_per_node_max),
            stream_window_max: self.stream_window_max,
            posts_bytes_max: self.posts_bytes_max,
            ping_every: self.ping_interval,
            ..defaults
        }
    }

    /// Checks every knob.
    ///
    /// # Errors
    ///
    /// A text that names the first knob that is out of range.
    pub(crate) fn check(&self) -> Result<(), String> {
        let of_paths = |c: char| c.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@%".contains(c);
        if !self.route.starts_with('/') || !self.route.chars().all(of_paths) {
            let route = &self.route;
            return Err(format!(
                "`Config::route` {route:?} is not a path: it must start with `/` and contain neither a query nor spaces"
            ));
        }
        for (name, value, least, most) in [
            ("message_bytes_max", self.message_bytes_max, 1024, BYTES_MAX),
            ("outbox_bytes", self.outbox_bytes, 1, BYTES_MAX),
            ("calls_per_peer_max", self.calls_per_peer_max, 1, usize::MAX),
            ("blocking_calls_max", self.blocking_calls_max, 1, THREADS_MAX),
            ("bytes_per_peer_max", self.bytes_per_peer_max, 1, HELD_BYTES_MAX),
            ("bytes_per_node_max", self.bytes_per_node_max, 1, HELD_BYTES_MAX),
            ("stream_window_max", self.stream_window_max, 1024, BYTES_MAX),
            ("posts_bytes_max", self.posts_bytes_max, 1, HELD_BYTES_MAX),
        ] {
            if !(least..=most).contains(&value) {
                return Err(format!(
                    "`Config::{name}` is {value}, but must be from {least} to {most}"
                ));
            }
        }
        let messages = BYTES_PER_PEER_MESSAGES_MIN.saturating_mul(self.message_bytes_max);
        for (name, value, least, what) in [
            (
                "bytes_per_peer_max",
                self.bytes_per_peer_max,
                messages,
                "three times `message_bytes_max`",
            ),
            (
                "bytes_per_node_max",
                self.bytes_per_node_max,
                self.bytes_per_peer_max,
                "`bytes_per_peer_max`",
            ),
        ] {
            if value < least {
                return Err(format!(
                    "`Config::{name}` is {value}, but must be at least {what}: {least}"
                ));
            }
        }
        for (name, value) in [
            ("ping_interval", self.ping_interval),
            ("connect_timeout", self.connect_timeout),
            ("clock_skew_max", self.clock_skew_max),
        ] {
            if value.is_zero() || value > INTERVAL_MAX {
                return Err(format!(
                    "`Config::{name}` is {value:?}, but must be above 0 and at most a day"
                ));
            }
        }
        Ok(())
    }
}
