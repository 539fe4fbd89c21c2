//! Messages of the caller on an open stream.

use std::time::Instant;

use super::served::{CalleeStream, Served, ServedState};
use crate::proto::error::ProtocolError;
use crate::proto::event::{Half, Side};
use crate::proto::link::Link;
use crate::proto::muxes::{Key, Muxes};
use crate::proto::output::header::HeaderTemplate;
use crate::proto::session::features::Feature;
use crate::proto::session::flood::Waste;
use crate::proto::stream::core::item_bytes;
use crate::proto::wire::{Flags, Header, Message, MuxId, Op, Pong, Timestamp};

impl Link {
    pub(in crate::proto) fn on_client_msg(&mut self, now: Instant, message: Message) {
        let Header { mux, seq, flags, .. } = message.header;
        let Some((key, stream)) = served_stream(&mut self.served, mux) else {
            self.ignore_as(Waste::StaleAnswered);
            self.output.push(HeaderTemplate::new(Op::DisconnectClientMux, mux), None);
            return;
        };
        if let Err(mismatch) = stream.core.check(seq) {
            return self.reset_served_stream(key, mismatch.to_string());
        }
        stream.last_heard = now;
        // The handler has returned, which the caller cannot know yet. What it has returned is sent in any case.
        let is_over = stream.finish.is_some();
        if stream.input_ended {
            return self.reject_item(is_over, key, "did not expect inbound message");
        }
        if let Some(over) = message.over {
            return self.reject_item(is_over, key, &self.over_text(over));
        }
        let ends = flags.contains(Flags::EOF);
        let item = match message.payload {
            None if ends => None,
            // A message without payload is an empty item, even without the flag EMPTY.
            item => Some(item.unwrap_or_default()),
        };
        if let Some(item) = item {
            if !ends && !stream.core.receive(item.len(), flags.contains(Flags::WAITED)) {
                return self.reject_item(is_over, key, "handler blocked");
            }
            let held = item_bytes(message.pins);
            if let Err(over) = self.account.hold(held as usize) {
                return self.reject_item(is_over, key, &self.over_text(over));
            }
            stream.core.keep(item, held, message.handover);
        }
        stream.input_ended |= ends;
        if ends {
            self.windows.give_back(stream.core.give_up_window());
        }
        if stream.core.discards() {
            self.discard_items(Side::Callee, key);
        } else {
            self.wake(Side::Callee, key, Half::Reader);
        }
    }

    /// The caller has sent what it may not send. Only counted if the stream is over at this node.
    fn reject_item(&mut self, is_over: bool, key: Key, text: &str) {
        if is_over {
            self.flood.note(Waste::Stale, 1);
        } else {
            self.reset_served_stream(key, text.to_owned());
        }
    }

    pub(in crate::proto) fn on_unblock_server(
        &mut self,
        now: Instant,
        message: &Message,
    ) -> Result<(), ProtocolError> {
        let returned = self.returned_in(message)?;
        let Some((key, stream)) = self.served_stream_of(message.header.mux) else {
            self.ignore();
            return Ok(());
        };
        if let Err(mismatch) = stream.core.check(message.header.seq) {
            self.reset_served_stream(key, mismatch.to_string());
            return Ok(());
        }
        stream.last_heard = now;
        if !stream.core.take_back(returned) {
            self.flood.note(Waste::Stale, 1);
        } else if stream.finish.is_some() {
            self.try_finish(key);
        } else {
            self.wake(Side::Callee, key, Half::Writer);
        }
        Ok(())
    }

    pub(in crate::proto) fn on_stream_ping(&mut self, now: Instant, ping: &Message) {
        self.flood.note(Waste::StreamPing, 1);
        let Some((key, stream)) = self.served_stream_of(ping.header.mux) else {
            return self.pong(&ping.header, true, None);
        };
        match stream.core.check(ping.header.seq) {
            Ok(()) => {
                stream.last_heard = now;
                self.pong(&ping.header, false, None);
            }
            Err(mismatch) => {
                self.reset_served_stream(key, mismatch.to_string());
                self.pong(&ping.header, false, Some(mismatch.to_string()));
            }
        }
    }

    fn pong(&mut self, ping: &Header, not_found: bool, error: Option<String>) {
        let pong = Pong { not_found, error, time: Timestamp::GO_ZERO }.encode();
        self.output.push(HeaderTemplate::answering(Op::Pong, ping), Some(&pong));
    }

    pub(in crate::proto) fn on_disconnect_server(&mut self, message: &Message) {
        let mux = message.header.mux;
        let Some(key) = self.served.key_of(mux) else {
            // The handler has returned, but its large messages may still be queued. The caller no longer needs them.
            self.output.withdraw(Side::Callee, mux);
            return self.ignore();
        };
        match self.served.get(key).map(|served| &served.state) {
            Some(ServedState::Stream(_)) => {
                self.flood.note(Waste::CancelledStream, 1);
                self.cancel_served(key);
                self.output.push(HeaderTemplate::new(Op::DisconnectClientMux, mux), None);
            }
            Some(ServedState::Single | ServedState::Replied(_)) if self.has(Feature::Cancel) => {
                self.flood.note(Waste::Cancelled, 1);
                self.cancel_served(key);
            }
            Some(ServedState::Single | ServedState::Replied(_)) | None => self.ignore(),
        }
    }

    /// A part of an item was received.
    pub(in crate::proto) fn hear_caller(&mut self, now: Instant, id: MuxId) {
        if let Some((_, stream)) = self.served_stream_of(id) {
            stream.last_heard = now;
        }
    }

    fn served_stream_of(&mut self, id: MuxId) -> Option<(Key, &mut CalleeStream)> {
        served_stream(&mut self.served, id)
    }
}

/// The open stream with this id. Borrows the table only, so that the rest of the link can be used beside it.
fn served_stream(served: &mut Muxes<Served>, id: MuxId) -> Option<(Key, &mut CalleeStream)> {
    let key = served.key_of(id)?;
    Some((key, served.get_mut(key)?.stream_mut()?))
}
