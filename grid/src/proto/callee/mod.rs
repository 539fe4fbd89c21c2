//! Calls of the peer that this node serves.
//!
//! ```text
//!  Request ────► Event::Serve ──► reply ──► Response
//!  ConnectMux ─► AckMux, Event::Serve ──► send, recv … finish_stream ──► MuxServerMsg EOF, DisconnectClientMux
//!       └─► MuxConnectError where there is no such handler
//!  cancel, deadline, silence, broken rules, lost connection ──► Event::Cancel, and the call is gone from the table
//! ```
//!
//! | file | what |
//! |---|---|
//! | `served.rs` | the table's entries |
//! | `mod.rs` | what a handler asks, time, ends |
//! | `start.rs` | accepting a call, or refusing it |
//! | `messages.rs` | messages of the caller on an open stream |
//! | `look.rs` | what operators see |

mod look;
mod messages;
pub(super) mod served;
mod start;

use std::time::Instant;

use bytes::Bytes;

use self::served::{Answer, CalleeStream, Served, ServedState};
use super::body::Body;
use super::event::{Event, Side};
use super::limits::CALL_BYTES;
use super::link::Link;
use super::muxes::Key;
use super::output::header::HeaderTemplate;
use super::output::queue::{Lane, PendingSend};
use super::routes::RouteIndex;
use super::session::features::Feature;
use super::session::flood::Waste;
use super::timers::Timer;
use super::wire::{ErrorMeta, Flags, META_LEN_MAX, Op};
use crate::error::{ErrorCode, Fault};

impl Link {
    // ---- the handler ------------------------------------------------------------------------------------------------

    /// Whether the caller still waits for the outcome of this call.
    pub(crate) fn is_served(&self, key: Key) -> bool {
        self.served.contains(key)
    }

    /// Sends the outcome of a single request. Ignored if the call is over.
    ///
    /// The outcome is only borrowed. What must wait is retained as by [`start_call`](Self::start_call).
    pub(crate) fn reply(&mut self, key: Key, outcome: &Result<Option<Body>, Fault>) {
        debug_assert!(self.callee_stream(key).is_none(), "a stream has `finish_stream`");
        let len = match outcome {
            Ok(payload) => payload.as_ref().map_or(0, Body::len),
            Err(fault) => fault.message.len(),
        };
        let lane = self.output.lane_of(len);
        let at_once = self.output.has_capacity(lane);
        if at_once && len <= self.limits.large_bytes {
            return self.push_reply(key, outcome, len);
        }
        self.reply_late(key, outcome, at_once.then_some(lane));
    }

    /// Sends or queues an answer that uses memory until the peer has read it. `free` is its lane, if that has room.
    fn reply_late(&mut self, key: Key, outcome: &Result<Option<Body>, Fault>, free: Option<Lane>) {
        let Some(served) = self.served.get_mut(key).filter(|served| !served.is_replied()) else {
            return;
        };
        let route = served.route;
        let bytes = match outcome {
            Ok(payload) => payload.as_ref().map_or(0, Body::len),
            Err(fault) => fault.bytes(),
        };
        // The handler has returned, so the request is not held any more.
        let freed = std::mem::replace(&mut served.held, CALL_BYTES) - CALL_BYTES;
        self.account.release(freed);
        if let Err(over) = self.check_output(bytes) {
            let method = self.routes.name(route);
            let text = format!("the answer of {method} cannot be sent: {}", self.over_text(over));
            let fault = Err(Fault::new(ErrorCode::Handler, text));
            // It must not be queued where there is room: then nothing would have to leave before it.
            if self.output.has_capacity(Lane::Small) {
                return self.push_reply(key, &fault, 0);
            }
            return self.queue_reply(key, fault, Lane::Small, 0);
        }
        if free.is_some() {
            return self.push_reply(key, outcome, bytes);
        }
        let (len, outcome) = match outcome {
            Ok(None) => (0, Ok(None)),
            Ok(Some(payload)) => (payload.len(), Ok(Some(self.output.retain(payload)))),
            Err(fault) => (fault.message.len(), Err(copy_fault(fault))),
        };
        self.queue_reply(key, outcome, self.output.lane_of(len), bytes);
    }

    fn queue_reply(
        &mut self,
        key: Key,
        outcome: Result<Option<Body>, Fault>,
        lane: Lane,
        bytes: usize,
    ) {
        let Some(served) = self.served.get_mut(key) else { return };
        served.state = ServedState::Replied(Answer { outcome, bytes });
        self.output.count_waiting(Side::Callee, bytes);
        self.count_output();
        self.enqueue(lane, PendingSend::Reply(key));
    }

    /// There is room for a queued answer, if its caller still waits for it.
    pub(super) fn admit_reply(&mut self, key: Key) {
        let Some(served) = self.served.get_mut(key).filter(|served| served.is_replied()) else {
            return;
        };
        let state = std::mem::replace(&mut served.state, ServedState::Single);
        if let ServedState::Replied(Answer { outcome, bytes }) = state {
            self.output.count_sent(Side::Callee, bytes);
            self.push_reply(key, &outcome, bytes);
            self.output.release(outcome.ok().flatten());
        }
    }

    /// Sends an answer, of which `bytes` are counted until the peer has read it.
    fn push_reply(&mut self, key: Key, outcome: &Result<Option<Body>, Fault>, bytes: usize) {
        let Some(Served { id, seq, route, .. }) = self.remove_served(key) else { return };
        self.emit(Event::Finished { key });
        let header = HeaderTemplate::new(Op::Response, id).seq(seq).flags(Flags::EOF);
        let len = outcome.as_ref().map_or(0, |payload| payload.as_ref().map_or(0, Body::len));
        match outcome {
            Ok(_) if len > self.payload_bytes_max() => {
                self.push_fault(header, &self.answer_too_large(route, len));
            }
            Ok(payload) => {
                self.output.push_shared(header, payload.as_ref(), &[], None, bytes);
            }
            Err(fault) => self.push_fault(header, fault),
        }
    }

    /// The handler of a stream has returned. The outcome is only borrowed.
    pub(crate) fn finish_stream(&mut self, key: Key, outcome: &Result<(), Fault>) {
        let Some(stream) = self.callee_stream(key) else { return };
        if stream.finish.is_none() {
            // The caller may go on sending until it learns that the handler has returned.
            let leftovers = if stream.expects_items() { stream.core.items_under_way() } else { 0 };
            self.flood.allow(leftovers);
            // The end may have to wait, for an item or a credit.
            let outcome = outcome.as_ref().copied().map_err(|fault| self.hold_fault(key, fault));
            if let Some(stream) = self.callee_stream(key) {
                stream.finish = Some(outcome);
            }
        }
        self.try_finish(key);
        // If the outcome must wait until the caller has read an item, the caller may still be sending.
        self.stop_reading(Side::Callee, key);
    }

    /// Copies the error of a stream, and counts it until the stream is removed. Without room for it, the result is an
    /// error that says so.
    fn hold_fault(&mut self, key: Key, fault: &Fault) -> Fault {
        let bytes = fault.bytes();
        match self.account.hold(bytes) {
            Ok(()) => {
                if let Some(served) = self.served.get_mut(key) {
                    served.held += bytes;
                }
                copy_fault(fault)
            }
            Err(over) => {
                let text = format!("the error cannot be sent: {}", self.over_text(over));
                Fault::new(ErrorCode::Handler, text)
            }
        }
    }

    /// Ends a stream whose handler has returned, unless its end must wait for an item or a credit.
    pub(super) fn try_finish(&mut self, key: Key) {
        let Some(stream) = self.callee_stream(key) else { return };
        if stream.core.has_queued_item() {
            return;
        }
        match stream.finish.take() {
            None => {}
            // A clean end has no payload, and needs no credit.
            Some(Ok(())) => {
                let seq = stream.core.next_seq();
                let Some(Served { id, .. }) = self.remove_served(key) else { return };
                let end = HeaderTemplate::new(Op::MuxServerMsg, id).seq(seq).flags(Flags::EOF);
                self.output.push(end, None);
                self.output.push(HeaderTemplate::new(Op::DisconnectClientMux, id), None);
                self.emit(Event::Finished { key });
            }
            Some(Err(fault)) if stream.core.spend_for_error() => {
                self.end_with_fault(key, &fault);
                self.emit(Event::Finished { key });
            }
            // Without a credit: `on_unblock_server` calls this again.
            Some(Err(fault)) => stream.finish = Some(Err(fault)),
        }
    }

    fn end_with_fault(&mut self, key: Key, fault: &Fault) {
        let Some(seq) = self.callee_stream(key).map(|stream| stream.core.next_seq()) else {
            return;
        };
        let Some(Served { id, .. }) = self.remove_served(key) else { return };
        let end = HeaderTemplate::new(Op::MuxServerMsg, id).seq(seq).flags(Flags::EOF);
        self.push_fault(end, fault);
        self.output.push(HeaderTemplate::new(Op::DisconnectClientMux, id), None);
    }

    // ---- time and ends ----------------------------------------------------------------------------------------------

    pub(super) fn on_served_deadline(&mut self, key: Key) {
        let Some(id) = self.served.id_of(key) else { return };
        let is_stream = self.callee_stream(key).is_some();
        // Calls with a deadline of a millisecond cost as much as those that are cancelled.
        self.flood.note(if is_stream { Waste::CancelledStream } else { Waste::Cancelled }, 1);
        self.cancel_served(key);
        // A node of the base protocol ends the stream by its own timer. If it were told a moment before, and the reader
        // had not taken all items, it would end the stream without an error.
        if is_stream && self.peer_has_extensions() {
            self.output.push(HeaderTemplate::new(Op::DisconnectClientMux, id), None);
        }
    }

    pub(super) fn on_served_idle(&mut self, now: Instant, key: Key) {
        let max = self.limits.stream_idle_max;
        let Some(id) = self.served.id_of(key) else { return };
        let Some(stream) = self.callee_stream(key) else { return };
        let last_heard = stream.last_heard;
        let silent = self.silence(now, last_heard);
        if silent < max {
            return self.timers.arm(now + (max - silent), Timer::ServedIdle(key));
        }
        self.cancel_served(key);
        self.output.push(HeaderTemplate::new(Op::DisconnectClientMux, id), None);
    }

    /// The caller broke the rules of the stream: tells it how, and cancels the handler.
    pub(super) fn reset_served_stream(&mut self, key: Key, text: String) {
        // Without a code, as the Go implementation sends it: the handler has been running, and every other code for a
        // refusal means that it has not.
        self.flood.note(Waste::Violation, 1);
        self.end_with_fault(key, &Fault::new(ErrorCode::Text, text));
        self.emit(Event::Cancel { key });
    }

    /// The connection is lost: cancels all handlers.
    pub(super) fn cancel_served_on_disconnect(&mut self) {
        for key in self.served.keys() {
            self.cancel_served(key);
        }
    }

    /// Removes a call whose outcome the caller does not wait for, and cancels its handler. Tells the peer nothing.
    fn cancel_served(&mut self, key: Key) {
        if let Some(id) = self.served.id_of(key) {
            self.output.withdraw(Side::Callee, id);
        }
        if self.remove_served(key).is_some() {
            self.emit(Event::Cancel { key });
        }
    }

    // ---- the table --------------------------------------------------------------------------------------------------

    /// Removes a call with its timers, and releases its payload. Messages of it that are in the output stay there; to
    /// drop them, withdraw them first, while the mux id is bound.
    fn remove_served(&mut self, key: Key) -> Option<Served> {
        let mut served = self.served.remove(key)?;
        self.account.release(served.held_bytes());
        self.windows.give_back(served.window());
        self.output.count_sent(Side::Callee, served.waiting_bytes());
        self.output.release(served.state.take_retained());
        let idle_check = matches!(&served.state, ServedState::Stream(stream) if stream.idle_check);
        self.forget_timers(usize::from(served.has_deadline) + usize::from(idle_check));
        Some(served)
    }

    pub(super) fn callee_stream(&mut self, key: Key) -> Option<&mut CalleeStream> {
        self.served.get_mut(key)?.stream_mut()
    }

    // ---- errors -----------------------------------------------------------------------------------------------------

    fn push_fault(&mut self, header: HeaderTemplate, fault: &Fault) {
        let meta = self.fault_meta(fault);
        let text = clip(&fault.message, self.payload_bytes_max().saturating_sub(meta.len()));
        self.output.push_with(header.flags(Flags::ERROR), Some(text.as_bytes()), &meta);
    }

    /// Encodes code and body of a fault, where the peer can read them.
    fn fault_meta(&self, fault: &Fault) -> Bytes {
        // A text without a code stays one when a handler passes it on from a third node.
        if !self.has(Feature::Meta) || fault.code == ErrorCode::Text {
            return Bytes::new();
        }
        let meta = ErrorMeta::encode(fault.code.into(), &fault.body);
        // The peer closes the connection on metadata above its limit. The text and the code matter more than the body.
        if meta.len() > META_LEN_MAX.min(self.payload_bytes_max()) {
            return ErrorMeta::encode(fault.code.into(), &[]);
        }
        meta
    }

    /// The error that replaces an answer that is too large. Its reader is the caller.
    fn answer_too_large(&self, route: RouteIndex, len: usize) -> Fault {
        let max = self.payload_bytes_max();
        let node: &str =
            if self.is_limited_by_peer() { &self.peer } else { "the node that answers" };
        let method = self.routes.name(route);
        let text = format!(
            "the answer of {method} is too large: it has {len} bytes, and `Config::message_bytes_max` of {node} \
            allows {max}"
        );
        Fault::new(ErrorCode::Handler, text)
    }
}

/// Copies a fault that must wait. The body's buffer may be the user's, and the copy is dropped under a lock.
fn copy_fault(fault: &Fault) -> Fault {
    let Fault { code, message, body } = fault;
    // A larger body is not sent, see `fault_meta`.
    let body = if body.len() > META_LEN_MAX { &[] } else { &body[..] };
    Fault { code: *code, message: message.clone(), body: Bytes::copy_from_slice(body) }
}

/// The longest prefix of a text that has at most `max` bytes and ends at a character.
fn clip(text: &str, max: usize) -> &str {
    let boundary = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    boundary.and_then(|end| text.get(..end)).unwrap_or_default()
}
