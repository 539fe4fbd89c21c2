//! [`RequestRoom`]: what this node's calls may make the peer hold, and the calls that wait for it.
//!
//! The callee holds a request from its arrival until its call is over, which the caller knows without being told. So each
//! node states once how much it accepts, and its callers keep to it: most of what would be refused as overloaded waits here.

use crate::proto::limits::CALL_BYTES;
use crate::proto::output::queue::{PendingSend, SendQueue};

/// See the module.
#[derive(Debug)]
pub(in crate::proto) struct RequestRoom {
    /// What the peer accepts, if it has stated that.
    max: Option<usize>,
    /// Requests with longer payloads are large. They leave a quarter of the room to small ones, and have a queue of their
    /// own, so that small ones do not wait for them.
    large_bytes: usize,
    /// What the calls in flight use.
    used: usize,
    used_by_large: usize,
    small: SendQueue,
    large: SendQueue,
}

impl RequestRoom {
    pub(in crate::proto) fn new(large_bytes: usize) -> Self {
        Self {
            max: None,
            large_bytes,
            used: 0,
            used_by_large: 0,
            small: SendQueue::default(),
            large: SendQueue::default(),
        }
    }

    /// A connection is up.
    pub(in crate::proto) fn start(&mut self, max: Option<usize>) {
        debug_assert_eq!(self.used, 0, "no call is in flight without a connection");
        self.max = max;
    }

    /// The connection is gone. Calls that `still_wait` keep their place.
    pub(in crate::proto) fn stop(&mut self, mut still_waits: impl FnMut(PendingSend) -> bool) {
        self.max = None;
        self.small.sweep(&mut still_waits);
        self.large.sweep(still_waits);
    }

    /// Whether a call with a request of this length can be sent without overtaking another one of its kind.
    #[inline]
    pub(in crate::proto) fn has_capacity(&self, len: usize) -> bool {
        let Some(max) = self.max else { return self.is_empty() };
        self.fits(len, max) && self.queue(len).is_empty()
    }

    fn fits(&self, len: usize, max: usize) -> bool {
        let used = self.used + cost_of(len);
        if self.is_large(len) {
            // One may exceed the room: else it could wait for ever, behind small ones, or because it never fits.
            used <= max / 4 * 3 || self.used_by_large == 0
        } else {
            used <= max || self.used == 0
        }
    }

    fn is_large(&self, len: usize) -> bool {
        len > self.large_bytes
    }

    fn queue(&self, len: usize) -> &SendQueue {
        if self.is_large(len) { &self.large } else { &self.small }
    }

    /// Whether no call waits.
    #[inline]
    pub(in crate::proto) fn is_empty(&self) -> bool {
        self.small.is_empty() && self.large.is_empty()
    }

    /// Lets a call wait for room.
    pub(in crate::proto) fn enqueue(
        &mut self,
        call: PendingSend,
        payload_len: usize,
        still_waits: impl FnMut(PendingSend) -> bool,
    ) {
        let is_large = self.is_large(payload_len);
        let queue = if is_large { &mut self.large } else { &mut self.small };
        queue.push(call, still_waits);
    }

    /// Whether [`next`](Self::next) would return a call.
    pub(in crate::proto) fn has_next(&self, may_send: impl Fn(usize) -> bool) -> bool {
        [&self.small, &self.large].into_iter().any(|queue| self.is_due(queue, &may_send))
    }

    /// The next call that there is room for, if the output `may_send` a payload of its length. It may have stopped waiting
    /// since it was queued. The link must send it before it asks again, or there would always be room.
    pub(in crate::proto) fn next(
        &mut self,
        may_send: impl Fn(usize) -> bool,
    ) -> Option<PendingSend> {
        if self.is_due(&self.small, &may_send) {
            self.small.pop()
        } else if self.is_due(&self.large, &may_send) {
            self.large.pop()
        } else {
            None
        }
    }

    fn is_due(&self, queue: &SendQueue, may_send: impl Fn(usize) -> bool) -> bool {
        let Some(len) = queue.first().and_then(PendingSend::call_len) else { return false };
        self.max.is_none_or(|max| self.fits(len, max)) && may_send(len)
    }

    /// Removes first places that are not needed any more, so that nothing waits behind them.
    pub(in crate::proto) fn drop_stale(&mut self, still_waits: impl Fn(PendingSend) -> bool) {
        for queue in [&mut self.small, &mut self.large] {
            while queue.first().is_some_and(|first| !still_waits(*first)) {
                queue.pop();
            }
        }
    }

    /// A request of this length is sent. Returns what its call uses until [`give_back`](Self::give_back).
    ///
    /// A stream can live for days, so its request never keeps other large ones from being sent.
    #[inline]
    pub(in crate::proto) fn take(&mut self, len: usize, is_stream: bool) -> Share {
        let share = Share { bytes: cost_of(len), is_large: self.is_large(len) && !is_stream };
        self.used += share.bytes;
        if share.is_large {
            self.used_by_large += share.bytes;
        }
        share
    }

    /// The call is over.
    #[inline]
    pub(in crate::proto) fn give_back(&mut self, share: Share) {
        debug_assert!(share.bytes <= self.used);
        self.used -= share.bytes;
        if share.is_large {
            self.used_by_large -= share.bytes;
        }
    }
}

/// What a call uses of the room while it is in flight.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::proto) struct Share {
    bytes: usize,
    is_large: bool,
}

/// What the callee counts for a request of this length.
fn cost_of(len: usize) -> usize {
    CALL_BYTES + len
}
