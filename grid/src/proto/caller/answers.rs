//! Messages of the callee about a call: its answer, its items, its refusal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::{Call, CallState, CallerStream, Deadline};
use super::text_fault;
use crate::error::{CallFailure, ErrorCode, Fault, LinkError, Sent};
use crate::proto::error::ProtocolError;
use crate::proto::event::{Half, Side};
use crate::proto::link::Link;
use crate::proto::muxes::{Key, Muxes};
use crate::proto::output::header::HeaderTemplate;
use crate::proto::session::features::Feature;
use crate::proto::session::flood::Waste;
use crate::proto::stream::control::Returned;
use crate::proto::stream::core::item_bytes;
use crate::proto::wire::{Flags, Grant, Message, Meta, MuxId, Op, Pong, Refusal, decode_credits};

/// A callee counts the deadline in whole milliseconds and often ends a stream slightly before its caller would. An end
/// this close to the deadline is reported as the deadline.
const DEADLINE_SLACK: Duration = Duration::from_millis(10);

impl Link {
    pub(in crate::proto) fn on_response(&mut self, message: Message) -> Result<(), ProtocolError> {
        let key = match self.call_of(message.header.mux) {
            Some((key, CallState::Single)) => key,
            Some((key, CallState::Posted(share))) => {
                let share = *share;
                self.carried_calls = true;
                self.complete_post(key, share, None);
                return Ok(());
            }
            _ => {
                self.ignore();
                return Ok(());
            }
        };
        let outcome = if let Some(over) = message.over {
            CallState::Failed(self.over_failure(over))
        } else if message.header.flags.contains(Flags::ERROR) {
            CallState::Failed(CallFailure::Handler(self.fault_of(&message)?))
        } else {
            self.hold_answer(key, message)
        };
        self.carried_calls = true;
        self.complete_request(key, outcome);
        Ok(())
    }

    /// Counts an answer until its call is removed.
    fn hold_answer(&mut self, key: Key, message: Message) -> CallState {
        let bytes = message.pins as usize;
        if let Err(over) = self.account.hold(bytes) {
            return CallState::Failed(self.over_failure(over));
        }
        if let Some(call) = self.calls.get_mut(key) {
            call.held += bytes;
        }
        CallState::Answered(message.payload, message.handover)
    }

    pub(in crate::proto) fn on_connect_error(
        &mut self,
        message: &Message,
    ) -> Result<(), ProtocolError> {
        let Some((key, _)) = self.call_of(message.header.mux) else {
            self.ignore();
            return Ok(());
        };
        if let Some(over) = message.over {
            self.fail_call(key, self.over_failure(over));
            return Ok(());
        }
        let text = Refusal::decode(message.payload_or_empty())?.error;
        let fault = match self.fault_of(message)? {
            Fault { code: ErrorCode::Text, .. } if text.starts_with("Invalid Handler") => {
                Fault::new(ErrorCode::UnknownHandler, text)
            }
            fault => Fault { message: text, ..fault },
        };
        self.fail_call(key, CallFailure::Handler(fault));
        Ok(())
    }

    pub(in crate::proto) fn on_ack(
        &mut self,
        now: Instant,
        message: &Message,
    ) -> Result<(), ProtocolError> {
        let Some((key, stream)) = self.stream_of(message.header.mux) else {
            self.on_unknown_stream(message.header.mux);
            return Ok(());
        };
        if let Err(mismatch) = stream.core.check(message.header.seq) {
            self.reset_stream(key, mismatch.to_string());
            return Ok(());
        }
        stream.last_heard = now;
        stream.opened = true;
        if std::mem::replace(&mut stream.acked, true) {
            self.ignore();
            return Ok(());
        }
        let announced = self.meta_of(message)?.and_then(|meta| meta.window);
        if let Some(stream) = self.caller_stream(key) {
            stream.core.open(announced);
        }
        self.wake(Side::Caller, key, Half::Both);
        Ok(())
    }

    pub(in crate::proto) fn on_server_msg(
        &mut self,
        now: Instant,
        message: Message,
    ) -> Result<(), ProtocolError> {
        let ends = message.header.flags.contains(Flags::EOF);
        let Some((key, stream)) = open_stream(&mut self.calls, message.header.mux) else {
            if ends {
                self.flood.note(Waste::Stale, 1);
            } else {
                self.on_unknown_stream(message.header.mux);
            }
            return Ok(());
        };
        stream.last_heard = now;
        if let Some(over) = message.over {
            self.cancel_stream(key, self.over_failure(over));
            return Ok(());
        }
        if message.header.flags.contains(Flags::ERROR) {
            // Delivered even out of sequence: it tells why the stream is over.
            let fault = self.fault_of(&message)?;
            self.end_stream(key, Err(CallFailure::Handler(fault)));
            return Ok(());
        }
        if let Some(item) = message.payload {
            if let Err(mismatch) = stream.core.check(message.header.seq) {
                self.reset_stream(key, mismatch.to_string());
                return Ok(());
            }
            stream.opened = true;
            let waited = message.header.flags.contains(Flags::WAITED);
            if !ends && !stream.core.receive(item.len(), waited) {
                self.reset_stream(key, "the peer sent more than this node allows".to_owned());
                return Ok(());
            }
            let held = item_bytes(message.pins);
            if let Err(over) = self.account.hold(held as usize) {
                self.cancel_stream(key, self.over_failure(over));
                return Ok(());
            }
            stream.core.keep(item, held, message.handover);
            self.wake(Side::Caller, key, Half::Reader);
        } else if !ends {
            self.flood.note(Waste::Stale, 1);
        }
        if ends {
            self.end_stream(key, Ok(()));
        }
        Ok(())
    }

    pub(in crate::proto) fn on_unblock_client(
        &mut self,
        now: Instant,
        message: &Message,
    ) -> Result<(), ProtocolError> {
        let returned = self.returned_in(message)?;
        let Some((key, stream)) = self.stream_of(message.header.mux) else {
            self.ignore();
            return Ok(());
        };
        stream.last_heard = now;
        match stream.core.check(message.header.seq) {
            Ok(()) => {
                if stream.core.take_back(returned) {
                    self.wake(Side::Caller, key, Half::Writer);
                } else {
                    self.flood.note(Waste::Stale, 1);
                }
            }
            Err(mismatch) => self.reset_stream(key, mismatch.to_string()),
        }
        Ok(())
    }

    pub(in crate::proto) fn on_stream_pong(
        &mut self,
        now: Instant,
        message: &Message,
    ) -> Result<(), ProtocolError> {
        let pong = Pong::decode(message.payload_or_empty())?;
        let Some((key, stream)) = self.stream_of(message.header.mux) else {
            self.on_unknown_stream(message.header.mux);
            return Ok(());
        };
        stream.last_heard = now;
        // Each ping of this node pays for one.
        self.flood.note(Waste::Stale, 1);
        if pong.not_found {
            self.end_stream(key, Err(text_fault("the peer does not know this stream any more")));
        } else if let Some(error) = pong.error {
            self.end_stream(key, Err(text_fault(error)));
        }
        Ok(())
    }

    pub(in crate::proto) fn on_disconnect_client(&mut self, now: Instant, message: &Message) {
        // Only for streams: a single request ends with a Response, or not at all.
        let Some((key, _)) = self.stream_of(message.header.mux) else { return self.ignore() };
        let deadline = self.calls.get(key).and_then(|call| call.deadline);
        let failure = match (deadline, &message.payload) {
            (_, Some(text)) if message.header.flags.contains(Flags::ERROR) => {
                text_fault(String::from_utf8_lossy(text).into_owned())
            }
            (Some(Deadline { at, after }), _)
                if at.saturating_duration_since(now) <= DEADLINE_SLACK =>
            {
                self.late(after, Sent::Maybe)
            }
            _ => self.disconnected(Sent::Maybe, Arc::new(LinkError::CallDropped)),
        };
        self.end_stream(key, Err(failure));
    }

    /// A message of the callee for a stream that is over here. Towards a peer without extensions it is answered with
    /// DisconnectClientMux, as the Go implementation does. Otherwise it is not answered, because that message could end
    /// a call of the peer that has the same id.
    fn on_unknown_stream(&mut self, id: MuxId) {
        if self.peer_has_extensions() {
            self.ignore();
        } else {
            self.ignore_as(Waste::StaleAnswered);
            self.output.push(HeaderTemplate::new(Op::DisconnectClientMux, id), None);
        }
    }

    /// A part of an item was received.
    pub(in crate::proto) fn hear_callee(&mut self, now: Instant, id: MuxId) {
        if let Some((_, stream)) = self.stream_of(id) {
            stream.last_heard = now;
        }
    }

    fn call_of(&self, id: MuxId) -> Option<(Key, &CallState)> {
        let key = self.calls.key_of(id)?;
        Some((key, &self.calls.get(key)?.state))
    }

    fn stream_of(&mut self, id: MuxId) -> Option<(Key, &mut CallerStream)> {
        open_stream(&mut self.calls, id)
    }

    /// Reads the error in a message: its text, and code and body if the peer sends them.
    fn fault_of(&self, message: &Message) -> Result<Fault, ProtocolError> {
        let text = message
            .payload
            .as_ref()
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .unwrap_or_default();
        let meta = if self.has(Feature::Meta) { self.meta_of(message)? } else { None };
        Ok(match meta.and_then(|meta| meta.error) {
            Some(error) => {
                Fault { code: ErrorCode::from(error.code), message: text, body: error.body }
            }
            None => Fault::new(ErrorCode::Text, text),
        })
    }

    /// Decodes the metadata of a message, if the session has the extension `meta`.
    pub(in crate::proto) fn meta_of(
        &self,
        message: &Message,
    ) -> Result<Option<Box<Meta>>, ProtocolError> {
        if !message.header.flags.contains(Flags::META) || !self.has(Feature::Meta) {
            return Ok(None);
        }
        Ok(Some(Box::new(Meta::decode(&message.trailer)?)))
    }

    /// What a message returns: one credit, with the extension `credits` the number in its payload, and with the extension
    /// `windows` a part of a window.
    pub(in crate::proto) fn returned_in(
        &mut self,
        message: &Message,
    ) -> Result<Returned, ProtocolError> {
        if self.has(Feature::Windows) {
            // A window can be opened by a byte at a time. Each item of this node pays for one such message.
            self.flood.note(Waste::Stale, 1);
            return Ok(Returned::Window(Grant::decode(message.payload_or_empty())?));
        }
        let is_batch = self.has(Feature::Credits);
        let payload = message.payload.as_ref().filter(|_| is_batch);
        Ok(Returned::Credits(decode_credits(payload)?))
    }
}

/// The open stream with this id. Borrows the table only, so that the rest of the link can be used beside it.
fn open_stream(calls: &mut Muxes<Call>, id: MuxId) -> Option<(Key, &mut CallerStream)> {
    let key = calls.key_of(id)?;
    Some((key, calls.get_mut(key)?.stream_mut()?))
}
