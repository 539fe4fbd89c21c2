//! Calls of the peer: finding and running their handlers, or refusing them.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::served::{CalleeStream, Served, ServedState};
use crate::error::{ErrorCode, Fault, request_too_large};
use crate::proto::error::ProtocolError;
use crate::proto::event::{Event, Finding};
use crate::proto::limits::CALL_BYTES;
use crate::proto::link::Link;
use crate::proto::memory::Over;
use crate::proto::output::header::HeaderTemplate;
use crate::proto::routes::{RouteIndex, RouteKind};
use crate::proto::session::features::Feature;
use crate::proto::session::flood::Waste;
use crate::proto::stream::capacities::Capacities;
use crate::proto::timers::Timer;
use crate::proto::wire::{Flags, Grant, HandlerId, Header, Message, Meta, Op, Refusal};

impl Link {
    pub(in crate::proto) fn on_request(
        &mut self,
        now: Instant,
        message: Message,
    ) -> Result<(), ProtocolError> {
        if self.served.key_of(message.header.mux).is_some() {
            self.ignore();
            return Ok(());
        }
        if let Some(over) = message.over {
            self.refuse_request(&message.header, &self.overloaded(over));
            return Ok(());
        }
        let route = match self.route_of(&message) {
            Some((route, RouteKind::Single)) => route,
            Some((_, RouteKind::Stream(_))) => {
                self.refuse_unknown(&message, "opens a stream, and was called as a single request");
                return Ok(());
            }
            None => {
                self.refuse_unknown(&message, UNKNOWN);
                return Ok(());
            }
        };
        let meta = self.meta_of(&message)?;
        match self.admit_served(route, &message, meta.as_deref()) {
            Ok(held) => {
                let served = Served::new(&message.header, route, held, ServedState::Single);
                self.serve(now, message, route, served, meta);
            }
            Err(fault) => self.refuse_request(&message.header, &fault),
        }
        Ok(())
    }

    pub(in crate::proto) fn on_connect_mux(
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
        if let Some(over) = message.over {
            self.refuse_connect(&message.header, &self.overloaded(over));
            return Ok(());
        }
        let (route, capacities) = match self.route_of(&message) {
            Some((route, RouteKind::Stream(capacities))) => (route, capacities),
            Some((_, RouteKind::Single)) => {
                self.refuse_unknown(&message, "is a single request, and was called as a stream");
                return Ok(());
            }
            None => {
                self.refuse_unknown(&message, UNKNOWN);
                return Ok(());
            }
        };
        let mut meta = self.meta_of(&message)?;
        let announced = self.announced_in(meta.as_deref_mut());
        let meta = match meta.map(|meta| take_capacities(meta, capacities, announced.is_some())) {
            Some(Err(fault)) => {
                self.refuse_connect(&message.header, &fault);
                return Ok(());
            }
            Some(Ok(meta)) => meta,
            None => None,
        };
        let held = match self.admit_served(route, &message, meta.as_deref()) {
            Ok(held) => held,
            Err(fault) => {
                self.refuse_connect(&message.header, &fault);
                return Ok(());
            }
        };
        let idle_check = deadline_ms == 0
            || Duration::from_millis(deadline_ms.into()) > self.limits.stream_idle_max;
        let has_input = capacities.incoming > 0 && !message.header.flags.contains(Flags::EOF);
        let window = self.new_window(if has_input { capacities.incoming } else { 0 });
        let since = self.epoch.ticks(now);
        let mut stream =
            CalleeStream::new(now, since, seq, capacities, announced, window, idle_check);
        stream.input_ended = !has_input;
        let meta_of_ack = window
            .filter(|_| has_input)
            .map(|window| Meta { window: Some(window.announced()), ..Meta::default() }.encode());
        let ack = HeaderTemplate::new(Op::AckMux, mux).seq(stream.core.next_seq());
        self.output.push_with(ack, None, meta_of_ack.as_deref().unwrap_or_default());
        let state = ServedState::Stream(Box::new(stream));
        let served = Served::new(&message.header, route, held, state);
        self.serve(now, message, route, served, meta);
        Ok(())
    }

    fn serve(
        &mut self,
        now: Instant,
        message: Message,
        route: RouteIndex,
        served: Served,
        meta: Option<Box<Meta>>,
    ) {
        let header = message.header;
        let idle_check = matches!(&served.state, ServedState::Stream(stream) if stream.idle_check);
        let key = self.served.insert(served);
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
        self.carried_calls = true;
        let Message { payload, handover, .. } = message;
        self.emit(Event::Serve { key, route, payload, handover, deadline, meta });
    }

    /// Whether a call is served. Counts the memory that it uses, and returns it.
    fn admit_served(
        &mut self,
        route: RouteIndex,
        message: &Message,
        meta: Option<&Meta>,
    ) -> Result<usize, Fault> {
        if let Some(fault) = self.refusal(route, message) {
            return Err(fault);
        }
        let held = CALL_BYTES + message.pins as usize + meta.map_or(0, Meta::bytes);
        match self.account.hold(held) {
            Ok(()) => Ok(held),
            Err(over) => Err(self.overloaded(over)),
        }
    }

    fn overloaded(&self, over: Over) -> Fault {
        Fault::new(ErrorCode::Overloaded, format!("overloaded: {}", self.over_text(over)))
    }

    fn route_of(&self, message: &Message) -> Option<(RouteIndex, RouteKind)> {
        // Part 1 of the protocol has no such ids, so a peer without the extension cannot mean one of these handlers.
        if message.header.handler > u8::MAX.into() && !self.has(Feature::Ids32) {
            return None;
        }
        self.routes.find(HandlerId::new(message.header.handler), message.subroute)
    }

    /// Why a call is refused before its handler runs, if it is.
    fn refusal(&self, route: RouteIndex, message: &Message) -> Option<Fault> {
        if self.refuses_peer() {
            return Some(Fault::new(ErrorCode::ShuttingDown, "the node is shutting down"));
        }
        let max = self.limits.served_max;
        if self.served.len().max(self.handlers) >= max {
            let text = format!("overloaded: {max} calls in flight (`Config::calls_per_peer_max`)");
            return Some(Fault::new(ErrorCode::Overloaded, text));
        }
        let max = self.routes.request_limit(route)?;
        let len = message.payload.as_ref().map_or(0, Bytes::len);
        // Without the name of the method: whether the caller may call it has not been asked yet.
        (len > max).then(|| Fault::new(ErrorCode::BadRequest, request_too_large(len, max)))
    }

    /// The window of the caller, if the session has windows.
    fn announced_in(&self, meta: Option<&mut Meta>) -> Option<Grant> {
        let nothing = Grant { bytes: 0, items: Grant::UNCOUNTED };
        let stated = meta.and_then(|meta| meta.window.take());
        self.has(Feature::Windows).then(|| stated.unwrap_or(nothing))
    }

    fn refuse_unknown(&mut self, message: &Message, why: &str) {
        self.emit(Event::Finding(Finding::UnknownHandler(HandlerId::new(message.header.handler))));
        let subroute = if message.subroute.is_some() { " under this subroute" } else { "" };
        // The protocol fixes how the text begins.
        let text = format!("Invalid Handler: id {}{subroute} {why}", message.header.handler);
        self.refuse_connect(&message.header, &Fault::new(ErrorCode::UnknownHandler, text));
    }

    /// Answers a request of a known handler that is not served.
    fn refuse_request(&mut self, header: &Header, fault: &Fault) {
        self.flood.note(Waste::Refused, 1);
        let Header { mux, seq, .. } = *header;
        self.push_fault(HeaderTemplate::new(Op::Response, mux).seq(seq).flags(Flags::EOF), fault);
    }

    fn refuse_connect(&mut self, header: &Header, fault: &Fault) {
        self.flood.note(Waste::Refused, 1);
        let flags = header.flags.only(Flags::EOF.with(Flags::STATELESS));
        let payload = Refusal { error: fault.message.clone() }.encode();
        let meta = self.fault_meta(fault);
        let header = HeaderTemplate::answering(Op::MuxConnectError, header).flags(flags);
        self.output.push_with(header, Some(&payload), &meta);
    }
}

/// Why a call is refused whose handler is not in the table.
const UNKNOWN: &str = "is not registered on this node";

/// Takes the capacities of the caller out of the metadata, and returns the rest, if there is any. Fails if they differ from
/// those of the handler: each side would count credits that the other one does not have, and the stream would hang. With
/// windows, it must only be the same whether there is input.
fn take_capacities(
    mut meta: Box<Meta>,
    handler: Capacities,
    has_windows: bool,
) -> Result<Option<Box<Meta>>, Fault> {
    let handler = handler.stated();
    let has_input = |[incoming, _]: [u32; 2]| incoming > 0;
    let is_same = |caller| match has_windows {
        true => has_input(caller) == has_input(handler),
        false => caller == handler,
    };
    match meta.capacities.take() {
        Some(caller) if !is_same(caller) => {
            let text = |[incoming, outgoing]: [u32; 2]| {
                format!("incoming = {incoming}, outgoing = {outgoing}")
            };
            let text = format!(
                "capacities differ: the caller has {}, the handler {}",
                text(caller),
                text(handler)
            );
            Err(Fault::new(ErrorCode::UnknownHandler, text))
        }
        _ => Ok(Some(meta).filter(|meta| !meta.is_empty())),
    }
}
