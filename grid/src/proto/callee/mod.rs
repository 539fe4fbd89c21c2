//! Calls of the peer that this node serves.
//!
//! ```text
//!  Request ────► Event::Serve ──► reply ──► Response
//!  ConnectMux ─► AckMux, Event::Serve ──► send, recv … finish_stream ──► MuxServerMsg EOF, DisconnectClientMux
//!       └─► MuxConnectError where there is no such handler
//!  cancel, deadline, silence, broken rules, lost connection ──► Event::Abandon, and the call is gone from the table
//! ```
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the table's entries, the handler's verbs, time, ends |
//! | `start.rs` | taking a call in, or refusing it |
//! | `messages.rs` | what the caller says on an open stream |

mod messages;
mod start;

use std::time::Instant;

use bytes::Bytes;

use super::event::{Event, Side};
use super::fault::{ErrorCode, Fault};
use super::link::{Link, Post};
use super::muxes::Key;
use super::output::queue::Waiting;
use super::session::features::Feature;
use super::stream::core::StreamCore;
use super::timers::Timer;
use super::wire::{ErrorMeta, Flags, META_LEN_MAX, Meta, MuxId, Op};

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

impl Body {
    /// What [`Link::keep`] gave for it.
    fn take_kept(&mut self) -> Option<Bytes> {
        match self {
            Self::Replied(Ok(payload)) => payload.take(),
            Self::Stream(stream) => stream.core.parked.take(),
            Self::Single | Self::Replied(Err(_)) => None,
        }
    }
}

/// A stream that the peer opened.
#[derive(Debug)]
pub(super) struct CalleeStream {
    pub(super) core: StreamCore,
    pub(super) input: Input,
    /// When the caller last said anything on this stream. At Go only pings count, so a caller must ping all the same.
    last_heard: Instant,
    /// The handler has returned, but its outcome must wait: for the item in line before it, and an error for a credit,
    /// because a Go caller has no place for it before.
    pub(super) finish: Option<Result<(), Fault>>,
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
    // ---- the handler's verbs ----------------------------------------------------------------------------------------

    /// Whether somebody still waits for this call's outcome.
    pub(crate) fn is_served(&self, key: Key) -> bool {
        self.served.contains(key)
    }

    /// The outcome of a single request. A call that is over by now takes none.
    ///
    /// It is only looked at, and what must wait is kept as by [`start_call`](Self::start_call).
    pub(crate) fn reply(&mut self, key: Key, outcome: &Result<Option<Bytes>, Fault>) {
        debug_assert!(self.callee_stream(key).is_none(), "a stream has `finish_stream`");
        let lane = self.lane_of(match outcome {
            Ok(payload) => payload.as_ref().map_or(0, Bytes::len),
            Err(fault) => fault.message.len(),
        });
        if self.takes_more(lane) {
            return self.post_reply(key, outcome);
        }
        if !self.served.contains(key) {
            return;
        }
        let keep = |payload: &Option<Bytes>| payload.as_ref().map(|payload| self.keep(payload));
        let kept = outcome.as_ref().map(keep).map_err(Fault::clone);
        if let Some(served) = self.served.get_mut(key) {
            served.body = Body::Replied(kept);
            self.wait_in_line(lane, Waiting::Reply(key));
        }
    }

    pub(super) fn is_replied(&self, key: Key) -> bool {
        self.served.get(key).is_some_and(|served| matches!(served.body, Body::Replied(_)))
    }

    /// It is this answer's turn, if somebody still waits for it.
    pub(super) fn admit_reply(&mut self, key: Key) {
        if !self.is_replied(key) {
            return;
        }
        let Some(served) = self.served.get_mut(key) else { return };
        if let Body::Replied(outcome) = std::mem::replace(&mut served.body, Body::Single) {
            self.post_reply(key, &outcome);
            self.spend(outcome.ok().flatten());
        }
    }

    fn post_reply(&mut self, key: Key, outcome: &Result<Option<Bytes>, Fault>) {
        let Some(Served { id, seq, .. }) = self.remove_served(key) else { return };
        self.emit(Event::Over { key });
        let post = Post::new(Op::Response, id).seq(seq).flags(Flags::EOF);
        let len = outcome.as_ref().map_or(0, |payload| payload.as_ref().map_or(0, Bytes::len));
        match outcome {
            Ok(_) if len > self.limits.payload_bytes_max() => {
                self.post_fault(post, &too_large("answer", len));
            }
            Ok(payload) => {
                self.post_shared(post, payload.as_ref(), &[], None);
            }
            Err(fault) => self.post_fault(post, fault),
        }
    }

    /// The handler of a stream has returned.
    pub(crate) fn finish_stream(&mut self, key: Key, outcome: Result<(), Fault>) {
        let Some(stream) = self.callee_stream(key) else { return };
        stream.core.clear();
        stream.finish.get_or_insert(outcome);
        self.try_finish(key);
    }

    /// Ends a stream whose handler has returned, unless its end must wait.
    pub(super) fn try_finish(&mut self, key: Key) {
        let Some(stream) = self.callee_stream(key) else { return };
        if stream.core.parked.is_some() {
            return;
        }
        match stream.finish.take() {
            None => {}
            Some(Ok(())) => {
                let seq = stream.core.next_seq();
                let Some(Served { id, .. }) = self.remove_served(key) else { return };
                self.post(Post::new(Op::MuxServerMsg, id).seq(seq).flags(Flags::EOF), None);
                self.post(Post::new(Op::DisconnectClientMux, id), None);
                self.emit(Event::Over { key });
            }
            Some(Err(fault)) if stream.core.credits.take() => {
                self.end_with_fault(key, &fault);
                self.emit(Event::Over { key });
            }
            Some(Err(fault)) => stream.finish = Some(Err(fault)),
        }
    }

    /// An item of the handler does not fit into a message: the stream is over, for both.
    pub(super) fn refuse_item(&mut self, key: Key, len: usize) {
        self.end_with_fault(key, &too_large("item", len));
        self.emit(Event::Abandon { key });
    }

    fn end_with_fault(&mut self, key: Key, fault: &Fault) {
        let Some(seq) = self.callee_stream(key).map(|stream| stream.core.next_seq()) else {
            return;
        };
        let Some(Served { id, .. }) = self.remove_served(key) else { return };
        self.post_fault(Post::new(Op::MuxServerMsg, id).seq(seq).flags(Flags::EOF), fault);
        self.post(Post::new(Op::DisconnectClientMux, id), None);
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
        // Without a code, as at Go: the handler has been running, which every other code of this kind denies.
        self.end_with_fault(key, &Fault::new(ErrorCode::Text, text));
        self.emit(Event::Abandon { key });
    }

    pub(super) fn lose_served(&mut self) {
        for key in self.served.keys() {
            self.abandon(key);
        }
    }

    /// Nobody waits for this call any more.
    fn abandon(&mut self, key: Key) {
        if let Some(id) = self.served.id_of(key) {
            self.outbox.take_back(Side::Callee, id);
        }
        if self.remove_served(key).is_some() {
            self.emit(Event::Abandon { key });
        }
    }

    // ---- small ------------------------------------------------------------------------------------------------------

    fn remove_served(&mut self, key: Key) -> Option<Served> {
        let mut served = self.served.remove(key)?;
        let kept = served.body.take_kept();
        self.spend(kept);
        let idle_check = matches!(&served.body, Body::Stream(stream) if stream.idle_check);
        self.forget_timers(usize::from(served.has_deadline) + usize::from(idle_check));
        Some(served)
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
        let text = clip(&fault.message, self.limits.payload_bytes_max().saturating_sub(meta.len()));
        self.post_with(post.flags(flags), Some(text.as_bytes()), &meta, None);
    }

    /// Code and body of a fault, where the peer can read them.
    fn fault_meta(&self, fault: &Fault) -> Bytes {
        // A text without a code, handed on from a third node, stays one.
        if !self.has(Feature::Meta) || fault.code == ErrorCode::Text {
            return Bytes::new();
        }
        let encode = |body| {
            let error = ErrorMeta { code: fault.code.into(), body };
            Meta { error: Some(error), ..Meta::default() }.encode()
        };
        let meta = encode(fault.body.clone());
        // Metadata above its limit would cost the connection. The text and the code are worth more than the typed error.
        if meta.len() > META_LEN_MAX.min(self.limits.payload_bytes_max()) {
            return encode(Bytes::new());
        }
        meta
    }
}

fn too_large(what: &str, len: usize) -> Fault {
    Fault::new(ErrorCode::Handler, format!("the {what} of {len} bytes is too large"))
}

/// The beginning of a text, at most `max` bytes of it.
fn clip(text: &str, max: usize) -> &str {
    let boundary = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    boundary.and_then(|end| text.get(..end)).unwrap_or_default()
}
