//! The knobs of a node. Each says its default, its unit, and what too little and too much of it do.

use std::time::Duration;

use crate::proto::Limits;

/// Path of the upgrade request where none is configured.
pub const ROUTE: &str = "/minio/grid/v1";

/// A message is one allocation; more than this is a mistake.
const BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Intervals above a day are mistakes as well, and times of day would not be far from overflowing.
const INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);

/// Bounds and intervals of a node; [`Builder::config`](crate::Builder::config) takes it.
///
/// New knobs come with minor releases, so a literal should end in `..Config::default()`.
///
/// ```
/// let config = grid::Config { message_bytes_max: 1024 * 1024, ..grid::Config::default() };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Path of the WebSocket upgrade, beginning with `/`. Default: [`ROUTE`].
    ///
    /// All nodes of a grid need the same. Several grids can live on one server under several routes.
    pub route: String,
    /// Largest message in bytes, sent or received. Default: 16 MiB.
    ///
    /// Too small, and large arguments fail with [`CallError::Encode`](crate::CallError::Encode); a larger message of a
    /// peer ends the connection, so all nodes need the same. Too large, and one message may take that much memory;
    /// sixteen of those above 64 KiB may be on their way from a peer at once.
    pub message_bytes_max: usize,
    /// Bytes of output in small messages that may wait for one socket before callers and stream senders wait. Default:
    /// 256 KiB. Large messages wait for each other only, where the peer takes them in parts.
    ///
    /// Too small, and a fast network idles between batches; too large, and small calls queue behind that much.
    pub outbox_bytes: usize,
    /// Calls of one peer that may be in flight here. Default: 16384.
    ///
    /// More are answered with [`ErrorCode::Overloaded`](crate::ErrorCode::Overloaded). Too small refuses work that could
    /// be done; too large lets one peer hold that many handlers and their requests in memory.
    pub calls_per_peer_max: usize,
    /// How often a connection is pinged. Default: 10 s, which is what Go nodes do.
    ///
    /// A connection without a pong for two intervals is closed. Too short takes a pause of the peer for its death, too
    /// long leaves calls without a deadline waiting for a dead peer.
    pub ping_interval: Duration,
    /// Time for each attempt to reach a peer: connecting, and upgrading to a WebSocket. Default: 10 s.
    ///
    /// Too short and distant peers are never reached; too long and a peer that hangs is not tried again soon.
    pub connect_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            route: ROUTE.to_owned(),
            message_bytes_max: limits.message_bytes_max,
            outbox_bytes: limits.outbox_bytes,
            calls_per_peer_max: limits.served_max,
            ping_interval: limits.ping_every,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

impl Config {
    pub(crate) fn limits(&self) -> Limits {
        let defaults = Limits::default();
        let needed = 2 * (self.message_bytes_max + self.outbox_bytes + defaults.transfer_bytes);
        Limits {
            message_bytes_max: self.message_bytes_max,
            outbox_bytes: self.outbox_bytes,
            backlog_bytes_max: defaults.backlog_bytes_max.max(needed),
            served_max: self.calls_per_peer_max,
            ping_every: self.ping_interval,
            ..defaults
        }
    }

    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        let of_paths = |c: char| c.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@%".contains(c);
        if !self.route.starts_with('/') || !self.route.chars().all(of_paths) {
            let route = &self.route;
            return Err(format!(
                "route {route:?} is not a path: it begins with `/` and has no query, spaces or the like"
            ));
        }
        for (name, value, least, most) in [
            ("message_bytes_max", self.message_bytes_max, 1024, BYTES_MAX),
            ("outbox_bytes", self.outbox_bytes, 1, BYTES_MAX),
            ("calls_per_peer_max", self.calls_per_peer_max, 1, usize::MAX),
        ] {
            if !(least..=most).contains(&value) {
                return Err(format!("{name} is {value}, and must be from {least} to {most}"));
            }
        }
        for (name, value) in
            [("ping_interval", self.ping_interval), ("connect_timeout", self.connect_timeout)]
        {
            if value.is_zero() || value > INTERVAL_MAX {
                return Err(format!("{name} is {value:?}, and must be above 0 and at most a day"));
            }
        }
        Ok(())
    }
}
