//! What is sent: messages for the socket, and the queues of what waits for its turn.

use std::time::Instant;

use super::{Link, still_waits};
use crate::proto::output::outbound::Outbound;
use crate::proto::output::queue::{Lane, PendingSend};

impl Link {
    /// The next WebSocket message for the socket. It must be sealed.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Option<Outbound> {
        // Each message that leaves makes room, so what waits is admitted after each `pop`. A withdrawn transfer makes
        // room without a message. If it was the last one, no `pop` would follow.
        if self.output.is_empty() {
            self.admit(now);
        }
        let message = self.output.pop()?;
        self.admit(now);
        self.count_output();
        Some(message)
    }

    /// Whether there is something to send.
    pub(crate) fn wants_transmit(&self) -> bool {
        self.output.wants_transmit() || self.requests.has_next(|len| self.output.may_send(len))
    }

    /// Lets a call, an answer or an item wait until [`admit`](Self::admit) finds room for it. What is to be sent must
    /// be in the entry of its call already.
    pub(in crate::proto) fn enqueue(&mut self, lane: Lane, pending: PendingSend) {
        let (calls, served) = (&self.calls, &self.served);
        self.output.enqueue(lane, pending, |pending| still_waits(calls, served, pending));
    }

    /// Sends what waits in the queues, as far as there is room.
    pub(super) fn admit(&mut self, now: Instant) {
        // Each iteration takes a place out of a queue, so the loop ends even if a call turns out not to wait any more.
        // What has been waiting for room at the peer came first.
        while let Some(PendingSend::Call { key, .. }) = self.next_with_room() {
            self.open_call(now, key);
        }
        while let Some(pending) = self.output.next_admitted() {
            match pending {
                PendingSend::Call { key, payload_len } => self.admit_call(now, key, payload_len),
                PendingSend::Reply(key) => self.admit_reply(key),
                PendingSend::Item(side, key) => self.admit_item(side, key),
            }
        }
    }

    /// The next call that waits for room at the peer, and has it.
    #[inline]
    fn next_with_room(&mut self) -> Option<PendingSend> {
        if self.requests.is_empty() {
            return None;
        }
        let output = &self.output;
        self.requests.next(|len| output.may_send(len))
    }
}
