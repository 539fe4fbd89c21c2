//! What is received: decoded messages, and what each of them is for.

use std::time::{Duration, Instant};

use super::Link;
use crate::proto::error::ProtocolError;
use crate::proto::input::Inbound;
use crate::proto::session::connected::{Connected, ConnectionMessage};
use crate::proto::session::flood::Waste;
use crate::proto::wire::{Message, MuxId, Op};

impl Link {
    /// Handles decoded messages. An error means that the connection must be closed.
    pub(crate) fn handle_messages(
        &mut self,
        now: Instant,
        inbound: &mut Inbound,
    ) -> Result<(), ProtocolError> {
        if self.up.is_none() {
            self.counters.ignored += 1;
            inbound.discard();
            return Ok(());
        }
        let bytes = inbound.take_bytes();
        self.counters.bytes_in += bytes;
        self.hear(now, bytes > 0, inbound);
        for message in inbound.take_messages() {
            self.handle_message(now, message)?;
        }
        self.count_output();
        self.flood.note(Waste::Tiny, inbound.take_tiny());
        self.flood.note(Waste::Cancelled, inbound.take_abandoned());
        self.check_flood(now)?;
        inbound.take_error().map_or(Ok(()), Err)
    }

    /// Notes what was received as signs of life: of the peer, and of the streams of which parts of an item were received.
    fn hear(&mut self, now: Instant, is_message: bool, inbound: &mut Inbound) {
        let is_incomplete = inbound.take_progress();
        if is_incomplete {
            self.last_incomplete = Some(now);
        }
        if let Some(up) = self.up.as_mut().filter(|_| is_message || is_incomplete) {
            up.heard(now);
        }
        for (op, mux) in inbound.take_heard() {
            match op {
                Op::MuxClientMsg => self.hear_caller(now, mux),
                _ => self.hear_callee(now, mux),
            }
        }
    }

    /// The time since the last sign of life of a stream. While a large message is being received that does not travel in
    /// parts, nothing else can be, so that time does not count.
    pub(in crate::proto) fn silence(&self, now: Instant, last_heard: Instant) -> Duration {
        let last = self.last_incomplete.map_or(last_heard, |last| last.max(last_heard));
        now.saturating_duration_since(last)
    }

    /// Fails if the peer has sent more of what is of no use than it may.
    #[inline]
    pub(super) fn check_flood(&mut self, now: Instant) -> Result<(), ProtocolError> {
        if !self.flood.is_noted() {
            return Ok(());
        }
        if self.up.as_ref().is_none_or(Connected::is_loopback) {
            self.flood.forgive();
            return Ok(());
        }
        Ok(self.flood.settle(now, self.output.messages_pushed())?)
    }

    /// Credits, pongs and refusals that the peer makes this node send have no other bound.
    fn check_backlog(&self) -> Result<(), ProtocolError> {
        let (waiting, max) = (self.output.control_bytes(), self.limits.backlog_bytes_max);
        if waiting > max { Err(ProtocolError::NotReading { waiting, max }) } else { Ok(()) }
    }

    fn handle_message(&mut self, now: Instant, message: Message) -> Result<(), ProtocolError> {
        self.check_backlog()?;
        self.counters.messages_in += 1;
        if message.over.is_some() && !fails_alone(message.header.op) {
            self.ignore();
            return Ok(());
        }
        let on_connection = message.header.mux == MuxId::CONNECTION;
        match message.header.op {
            Op::Ping if on_connection => {
                self.flood.note(Waste::Ping, 1);
                self.push_on_connection(Connected::on_ping(&message)?);
            }
            Op::Pong if on_connection => {
                // Each ping of this node pays for one.
                self.flood.note(Waste::Stale, 1);
                self.up.as_mut().map_or(Ok(()), |up| up.on_pong(now, &message))?;
            }
            Op::Request => self.on_request(now, message)?,
            Op::ConnectMux => self.on_connect_mux(now, message)?,
            Op::MuxClientMsg => self.on_client_msg(now, message),
            Op::UnblockSrvMux => self.on_unblock_server(now, &message)?,
            Op::Ping => self.on_stream_ping(now, &message),
            Op::DisconnectServerMux => self.on_disconnect_server(&message),
            Op::Response => self.on_response(message)?,
            Op::MuxConnectError => self.on_connect_error(&message)?,
            Op::AckMux => self.on_ack(now, &message)?,
            Op::MuxServerMsg => self.on_server_msg(now, message)?,
            Op::UnblockClMux => self.on_unblock_client(now, &message)?,
            Op::Pong => self.on_stream_pong(now, &message)?,
            Op::DisconnectClientMux => self.on_disconnect_client(now, &message),
            Op::Drain => self.on_drain(&message),
            // `Inbound` has taken merged messages apart, and parts where the session has them.
            Op::Connect
            | Op::ConnectResponse
            | Op::Disconnect
            | Op::Merged
            | Op::Chunk
            | Op::Unknown(_) => self.ignore_as(Waste::Unknown),
        }
        Ok(())
    }

    pub(super) fn push_on_connection(&mut self, message: ConnectionMessage) {
        self.output.push(message.header, Some(&message.payload));
    }

    /// Counts a received message for a call that is over, and the like.
    pub(in crate::proto) fn ignore(&mut self) {
        self.ignore_as(Waste::Stale);
    }

    /// Counts a received message that has no meaning here and does no harm.
    pub(in crate::proto) fn ignore_as(&mut self, waste: Waste) {
        self.counters.ignored += 1;
        self.flood.note(waste, 1);
    }
}

/// Whether a message that was dropped because of a memory limit belongs to a call or stream that fails then.
fn fails_alone(op: Op) -> bool {
    matches!(
        op,
        Op::Request
            | Op::ConnectMux
            | Op::MuxClientMsg
            | Op::Response
            | Op::MuxConnectError
            | Op::MuxServerMsg
    )
}
