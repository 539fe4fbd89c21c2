//! Calls of the peer that this node serves.
//!
//! ```text
//!  Request ────► Event::Serve ──► reply ──► Response
//!  ConnectMux ─► AckMux, Event::Serve ──► send, recv … finish_stream ──► MuxServerMsg EOF, DisconnectClientMux
//!       └─► MuxConnectError where there is no such handler
//!  cancel, deadline, silence, broken rules, lost connection ──► Event::Abandon, and the call is gone from the table
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::credits::SendCredits;
use super::error::ProtocolError;
use super::event::{Event, Half, Side};
use super::fault::{ErrorCode, Fault};
use super::features::Feature;
use super::link::{Link, Post};
use super::muxes::Key;
use super::routes::{RouteIndex, RouteKind};
use super::stream::{Capacities, StreamCore};
use super::timers::Timer;
use super::wire::{
    ErrorMeta, Flags, HandlerId, Header, Message, Meta, MuxId, Op, Pong, Refusal, Timestamp,
};

/// One call in the table.
#[derive(Debug)]
pub(super) struct Served {
    id: MuxId,
    /// Of the request; its answer has the same.
    seq: u32,
    has_deadline: bool,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Single,
    /// Answered, but the answer waits for room in the outbox. The call counts as in flight until then, so that a peer
    /// that asks without reading runs into `served_max` and not into our memory.
    Replied(Result<Option<Bytes>, Fault>),
    Stream(Box<CalleeStream>),
}

/// A stream that the peer opened.
#[derive(Debug)]
pub(super) struct CalleeStream {
    pub(super) core: StreamCore,
    pub(super) input: Input,
    /// When the caller last pinged, or sent anything.
    last_heard: Instant,
    /// The handler has failed, but the error must wait for a credit: a Go caller has no place for it before.
    finish: Option<Fault>,
    idle_check: bool,
}

/// What may come from the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Open,
    /// The caller has ended it, or the handler takes none.
    Ended,
}

impl Link {
    // ---- calls come in ----------------------------------------------------------------------------------------------

    pub(super) fn on_request(
        &mut self,
        now: Instant,
        message: Message,
    ) -> Result<(), ProtocolError> {
        if self.served.key_of(message.header.mux).is_some() {
            self.ignore();
            return Ok(());
        }
        let route = match self.route_of(&message) {
            Some((route, RouteKind::Single)) => route,
            Some((_, RouteKind::Stream(_))) | None => {
                self.refuse_unknown(&message);
                return Ok(());
            }
        };
        if let Some(fault) = self.refuses() {
            let Header { mux, seq, .. } = message.header;
            self.post_fault(Post::new(Op::Response, mux).seq(seq).flags(Flags::EOF), &fault);
            return Ok(());
        }
        self.serve(now, message, route, Body::Single)
    }

    pub(super) fn on_connect_mux(
        &mut self,
        now: Instant,
        message: Message,
    ) -> Result<(), ProtocolError> {
        let Header { mux, seq, deadline_ms, .. } = message.header;
        if self.served.key_of(mux).is_some() {
            self.ignore();
            return Ok(());
        }
        if message.header.flags.contains(Flags::STATELESS) {
            self.refuse_connect(
                &message.header,
                &Fault::new(ErrorCode::UnknownHandler, "Stateless streams not supported"),
            );
            return Ok(());
        }
        let (route, capacities) = match self.route_of(&message) {
            Some((route, RouteKind::Stream(capacities))) => (route, capacities),
            Some((_, RouteKind::Single)) | None => {
                self.refuse_unknown(&message);
                return Ok(());
            }
        };
        if let Some(fault) = self.refuses() {
            self.refuse_connect(&message.header, &fault);
            return Ok(());
        }
        let idle_check = deadline_ms == 0
            || Duration::from_millis(deadline_ms.into()) > self.limits.stream_idle_max;
        let mut stream = CalleeStream::new(now, seq, capacities, idle_check);
        if message.header.flags.contains(Flags::EOF) {
            stream.input = Input::Ended;
        }
        let ack = stream.core.next_seq();
        self.post(Post::new(Op::AckMux, mux).seq(ack), None);
        self.serve(now, message, route, Body::Stream(Box::new(stream)))
    }

    fn serve(
        &mut self,
        now: Instant,
        message: Message,
        route: RouteIndex,
        body: Body,
    ) -> Result<(), ProtocolError> {
        let meta = self.meta_of(&message)?;
        let header = message.header;
        let idle_check = matches!(&body, Body::Stream(stream) if stream.idle_check);
        let key = self.served.insert(Served::new(&header, body));
        let bound = self.served.bind(key, header.mux);
        debug_assert!(bound, "looked up before");
        let deadline = (header.deadline_ms > 0)
            .then(|| now + Duration::from_millis(header.deadline_ms.into()));
        if let Some(at) = deadline {
            self.timers.arm(at, Timer::ServedDeadline(key));
        }
        if idle_check {
            self.timers.arm(now + self.limits.stream_idle_max, Timer::ServedIdle(key));
        }
        self.counters.served += 1;
        self.emit(Event::Serve { key, route, payload: message.payload, deadline, meta });
        Ok(())
    }

    fn route_of(&self, message: &Message) -> Option<(RouteIndex, RouteKind)> {
        self.routes.find(HandlerId::new(message.header.handler), message.subroute)
    }

    /// Why no call is taken at the moment, if so.
    fn refuses(&self) -> Option<Fault> {
        if self.closing {
            return Some(Fault::new(ErrorCode::ShuttingDown, "the node is shutting down"));
        }
        let max = self.limits.served_max;
        (self.served.len() >= max).then(|| {
            Fault::new(ErrorCode::Overloaded, format!("overloaded: {max} calls in flight"))
        })
    }

    fn refuse_unknown(&mut self, message: &Message) {
        let subroute = if message.subroute.is_some() { " under this subroute" } else { "" };
        let text = format!(
            "Invalid Handler: no handler {} of this kind{subroute}",
            message.header.handler
        );
        self.refuse_connect(&message.header, &Fault::new(ErrorCode::UnknownHandler, text));
    }

    fn refuse_connect(&mut self, header: &Header, fault: &Fault) {
        let flags = header.flags.only(Flags::EOF.with(Flags::STATELESS));
        let payload = Refusal { error: fault.message.clone() }.encode();
        let meta = self.fault_meta(fault);
        self.post_with(Post::echo(Op::MuxConnectError, header, flags), Some(&payload), &meta, None);
    }

    // ---- the handler's verbs ----------------------------------------------------------------------------------------

    /// Whether somebody still waits for this call's outcome.
    pub(crate) fn is_served(&self, key: Key) -> bool {
        self.served.contains(key)
    }

    /// The outcome of a single request. A call that is over by now takes none.
    pub(crate) fn reply(&mut self, key: Key, outcome: Result<Option<Bytes>, Fault>) {
        if self.has_room() {
            return self.post_reply(key, outcome);
        }
        if let Some(served) = self.served.get_mut(key) {
            served.body = Body::Replied(outcome);
            self.replies.push_back(key);
        }
    }

    /// Sends answers that wait in line, as far as there is room.
    pub(super) fn admit_replies(&mut self) {
        while self.has_room() {
            let Some(key) = self.replies.pop_front() else { return };
            let Some(served) = self.served.get_mut(key) else { continue };
            if let Body::Replied(outcome) = std::mem::replace(&mut served.body, Body::Single) {
                self.post_reply(key, outcome);
            }
        }
    }

    fn post_reply(&mut self, key: Key, outcome: Result<Option<Bytes>, Fault>) {
        let Some(Served { id, seq, .. }) = self.remove_served(key) else { return };
        let post = Post::new(Op::Response, id).seq(seq).flags(Flags::EOF);
        match outcome {
            Ok(payload)
                if payload.as_ref().map_or(0, Bytes::len) < self.limits.message_bytes_max =>
            {
                self.post(post, payload.as_deref());
            }
            Ok(payload) => {
                let len = payload.as_ref().map_or(0, Bytes::len);
                self.post_fault(
                    post,
                    &Fault::new(
                        ErrorCode::Handler,
                        format!("the answer of {len} bytes is too large"),
                    ),
                );
            }
            Err(fault) => {
                self.post_fault(post, &fault);
            }
        }
    }

    /// The handler of a stream has returned.
    pub(crate) fn finish_stream(&mut self, key: Key, outcome: Result<(), Fault>) {
        let Some(stream) = self.callee_stream(key) else { return };
        match outcome {
            Ok(()) => {
                let seq = stream.core.next_seq();
                let Some(Served { id, .. }) = self.remove_served(key) else { return };
                self.post(Post::new(Op::MuxServerMsg, id).seq(seq).flags(Flags::EOF), None);
                self.post(Post::new(Op::DisconnectClientMux, id), None);
            }
            Err(fault) if stream.core.credits.take() => self.end_with_fault(key, &fault),
            Err(fault) => {
                stream.core.clear();
                stream.finish = Some(fault);
            }
        }
    }

    fn end_with_fault(&mut self, key: Key, fault: &Fault) {
        let Some(seq) = self.callee_stream(key).map(|stream| stream.core.next_seq()) else {
            return;
        };
        let Some(Served { id, .. }) = self.remove_served(key) else { return };
        self.post_fault(Post::new(Op::MuxServerMsg, id).seq(seq).flags(Flags::EOF), fault);
        self.post(Post::new(Op::DisconnectClientMux, id), None);
    }

    // ---- messages of a stream ---------------------------------------------------------------------------------------

    pub(super) fn on_client_msg(&mut self, message: Message) {
        let Header { mux, seq, flags, .. } = message.header;
        let Some((key, stream)) = self.served_stream_of(mux) else {
            self.ignore();
            self.post(Post::new(Op::DisconnectClientMux, mux), None);
            return;
        };
        if let Err(mismatch) = stream.core.check(seq) {
            return self.violated(key, mismatch.to_string());
        }
        if stream.input == Input::Ended {
            return self.violated(key, "did not expect inbound message".to_owned());
        }
        let ends = flags.contains(Flags::EOF);
        match message.payload {
            Some(item) if ends => stream.core.receive_last(item),
            None if ends => {}
            // Without flag 16 an empty message is still a message.
            item => {
                if !stream.core.receive(item.unwrap_or_default()) {
                    return self.violated(key, "handler blocked".to_owned());
                }
            }
        }
        if ends {
            stream.input = Input::Ended;
        }
        self.wake(Side::Callee, key, Half::Reader);
    }

    pub(super) fn on_unblock_server(&mut self, message: &Message) -> Result<(), ProtocolError> {
        let count = self.credits_in(message)?;
        let Some((key, stream)) = self.served_stream_of(message.header.mux) else {
            self.ignore();
            return Ok(());
        };
        if let Err(mismatch) = stream.core.check(message.header.seq) {
            self.violated(key, mismatch.to_string());
            return Ok(());
        }
        stream.core.credits.grant(count);
        match stream.finish.take() {
            Some(fault) => self.end_with_fault(key, &fault),
            None => self.wake(Side::Callee, key, Half::Writer),
        }
        Ok(())
    }

    pub(super) fn on_stream_ping(&mut self, now: Instant, ping: &Message) {
        let Some((key, stream)) = self.served_stream_of(ping.header.mux) else {
            return self.pong(&ping.header, true, None);
        };
        match stream.core.check(ping.header.seq) {
            Ok(()) => {
                stream.last_heard = now;
                self.pong(&ping.header, false, None);
            }
            Err(mismatch) => {
                self.violated(key, mismatch.to_string());
                self.pong(&ping.header, false, Some(mismatch.to_string()));
            }
        }
    }

    fn pong(&mut self, ping: &Header, not_found: bool, error: Option<String>) {
        let pong = Pong { not_found, error, time: Timestamp::GO_ZERO }.encode();
        self.post(Post::echo(Op::Pong, ping, Flags::NONE), Some(&pong));
    }

    pub(super) fn on_disconnect_server(&mut self, message: &Message) {
        let mux = message.header.mux;
        let Some(key) = self.served.key_of(mux) else { return self.ignore() };
        match self.served.get(key).map(|served| &served.body) {
            Some(Body::Stream(_)) => {
                self.abandon(key);
                self.post(Post::new(Op::DisconnectClientMux, mux), None);
            }
            Some(Body::Single | Body::Replied(_)) if self.has(Feature::Cancel) => self.abandon(key),
            Some(Body::Single | Body::Replied(_)) | None => self.ignore(),
        }
    }

    // ---- ends -------------------------------------------------------------------------------------------------------

    pub(super) fn on_served_deadline(&mut self, key: Key) {
        let Some(id) = self.served.id_of(key) else { return };
        let is_stream = self.callee_stream(key).is_some();
        self.abandon(key);
        if is_stream {
            self.post(Post::new(Op::DisconnectClientMux, id), None);
        }
    }

    pub(super) fn on_served_idle(&mut self, now: Instant, key: Key) {
        let max = self.limits.stream_idle_max;
        let Some(id) = self.served.id_of(key) else { return };
        let Some(stream) = self.callee_stream(key) else { return };
        if now.saturating_duration_since(stream.last_heard) < max {
            let next = stream.last_heard + max;
            return self.timers.arm(next, Timer::ServedIdle(key));
        }
        self.abandon(key);
        self.post(Post::new(Op::DisconnectClientMux, id), None);
    }

    /// The caller broke the rules of the stream: it is told why, and the handler is cancelled.
    fn violated(&mut self, key: Key, text: String) {
        self.end_with_fault(key, &Fault::new(ErrorCode::BadRequest, text));
        self.emit(Event::Abandon { key });
    }

    pub(super) fn lose_served(&mut self) {
        for key in self.served.keys() {
            self.abandon(key);
        }
    }

    /// Nobody waits for this call any more.
    fn abandon(&mut self, key: Key) {
        if self.remove_served(key).is_some() {
            self.emit(Event::Abandon { key });
        }
    }

    // ---- small ------------------------------------------------------------------------------------------------------

    fn remove_served(&mut self, key: Key) -> Option<Served> {
        let served = self.served.remove(key)?;
        let idle_check = matches!(&served.body, Body::Stream(stream) if stream.idle_check);
        self.forget_timers(usize::from(served.has_deadline) + usize::from(idle_check));
        Some(served)
    }

    fn served_stream_of(&mut self, id: MuxId) -> Option<(Key, &mut CalleeStream)> {
        let key = self.served.key_of(id)?;
        Some((key, self.callee_stream(key)?))
    }

    pub(super) fn callee_stream(&mut self, key: Key) -> Option<&mut CalleeStream> {
        match &mut self.served.get_mut(key)?.body {
            Body::Stream(stream) => Some(stream),
            Body::Single | Body::Replied(_) => None,
        }
    }

    fn post_fault(&mut self, post: Post, fault: &Fault) {
        let meta = self.fault_meta(fault);
        let flags = post.flags.with(Flags::ERROR);
        self.post_with(post.flags(flags), Some(fault.message.as_bytes()), &meta, None);
    }

    /// Code and body of a fault, where the peer can read them.
    fn fault_meta(&self, fault: &Fault) -> Bytes {
        if !self.has(Feature::Meta) {
            return Bytes::new();
        }
        let error = ErrorMeta { code: fault.code.into(), body: fault.body.clone() };
        Meta { error: Some(error), ..Meta::default() }.encode()
    }
}

impl Served {
    fn new(header: &Header, body: Body) -> Self {
        Self { id: header.mux, seq: header.seq, has_deadline: header.deadline_ms > 0, body }
    }
}

impl CalleeStream {
    fn new(now: Instant, seq: u32, capacities: Capacities, idle_check: bool) -> Self {
        let credits = SendCredits::opened(capacities.outgoing.max(1));
        Self {
            // The AckMux has the number of the ConnectMux; the caller goes on with the one after it.
            core: StreamCore::new(seq, seq.wrapping_add(1), credits, capacities.incoming),
            input: if capacities.incoming == 0 { Input::Ended } else { Input::Open },
            last_heard: now,
            finish: None,
            idle_check,
        }
    }
}
