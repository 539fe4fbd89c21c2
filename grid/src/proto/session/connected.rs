//! The connection that is up: what its handshake agreed on, and its pings.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::proto::error::ProtocolError;
use crate::proto::input::Coverage;
use crate::proto::output::header::HeaderTemplate;
use crate::proto::session::Session;
use crate::proto::session::features::{Feature, Features};
use crate::proto::session::keepalive::Keepalive;
use crate::proto::wire::{Message, MuxId, Op, Ping, Pong, Timestamp};

/// A message about the connection itself.
#[derive(Debug)]
pub(in crate::proto) struct ConnectionMessage {
    pub(in crate::proto) header: HeaderTemplate,
    pub(in crate::proto) payload: Bytes,
}

/// See the module.
#[derive(Debug)]
pub(in crate::proto) struct Connected {
    since: Instant,
    session: Session,
    ping_every: Duration,
    keepalive: Keepalive,
}

impl Connected {
    /// A connection whose handshake is done.
    pub(in crate::proto) fn new(now: Instant, session: Session, ping_every: Duration) -> Self {
        let probes = session.features != Features::NONE;
        let keepalive = Keepalive::new(now, session.wall, ping_every, probes);
        Self { since: now, session, ping_every, keepalive }
    }

    pub(in crate::proto) fn since(&self) -> Instant {
        self.since
    }

    /// Whether it is the link of a node to itself.
    pub(in crate::proto) fn is_loopback(&self) -> bool {
        self.session.loopback
    }

    /// Which messages must have a checksum.
    pub(in crate::proto) fn coverage(&self) -> Coverage {
        match (self.session.checksum, self.has(Feature::Crc)) {
            (false, _) => Coverage::None,
            (true, false) => Coverage::Base,
            (true, true) => Coverage::Everything,
        }
    }

    pub(in crate::proto) fn has(&self, feature: Feature) -> bool {
        self.session.features.has(feature)
    }

    /// Whether the peer knows at least one extension, so that it is not a node of the Go implementation.
    pub(in crate::proto) fn peer_has_extensions(&self) -> bool {
        self.session.features != Features::NONE
    }

    /// When the last pong was received, and the round-trip time.
    pub(in crate::proto) fn last_pong(&self) -> (Instant, Option<Duration>) {
        (self.keepalive.last_pong(), self.keepalive.rtt())
    }

    /// Answers a ping of the connection.
    pub(in crate::proto) fn on_ping(ping: &Message) -> Result<ConnectionMessage, ProtocolError> {
        let pong = Pong::to(Ping::decode(ping.payload.as_ref())?);
        let header = HeaderTemplate::answering(Op::Pong, &ping.header);
        Ok(ConnectionMessage { header, payload: pong.encode() })
    }

    /// Bytes were received.
    pub(in crate::proto) fn heard(&mut self, now: Instant) {
        self.keepalive.heard(now);
    }

    /// Handles a pong of the connection.
    pub(in crate::proto) fn on_pong(
        &mut self,
        now: Instant,
        pong: &Message,
    ) -> Result<(), ProtocolError> {
        let pong = Pong::decode(pong.payload_or_empty())?;
        self.keepalive.pong(now, pong.time.to_system_time());
        Ok(())
    }

    /// When [`tick`](Self::tick) must be called next.
    pub(in crate::proto) fn next_timeout(&self) -> Instant {
        self.keepalive.next_timeout()
    }

    /// Returns a ping if one is due. Fails if the peer has been silent for too long.
    pub(in crate::proto) fn tick(
        &mut self,
        now: Instant,
    ) -> Result<Option<ConnectionMessage>, ProtocolError> {
        if !self.keepalive.tick(now)? {
            return Ok(None);
        }
        let ping = Ping { time: Timestamp::from(self.keepalive.wall(now)) };
        let interval_ms = u32::try_from(self.ping_every.as_millis()).unwrap_or(u32::MAX);
        let header = HeaderTemplate::new(Op::Ping, MuxId::CONNECTION).deadline_ms(interval_ms);
        let header = if self.has(Feature::Crc) { header } else { header.without_checksum() };
        Ok(Some(ConnectionMessage { header, payload: ping.encode() }))
    }
}
