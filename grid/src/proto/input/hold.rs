//! What received payloads keep allocated, and how that is counted.
//!
//! Payloads are slices of received messages, so a small one can keep a large message allocated. A message of 4 KiB and
//! more is charged as a whole until its last slice is dropped: the transport reads it into a buffer of its own. Its charge
//! ends earlier if its payload becomes the user's ([`Handover`](crate::proto::memory::Handover)); the payloads of a merged
//! message, which share its charge, are copied when the peer makes this node hold much. A smaller message shares a buffer
//! of 4 KiB with its neighbours; the link counts it while it has the payload. A payload that is a small part of what it
//! would keep allocated is copied.

use std::sync::Arc;

use bytes::Bytes;

use crate::proto::memory::{Ledger, Over};
use crate::proto::wire::{Message, Op};

/// Size of the transport's buffer for small messages. Each of them keeps it allocated.
const READ_BYTES: usize = 4 * 1024;

/// Messages from this length on have a charge of their own. For shorter ones that would cost too much.
const CHARGED_BYTES_MIN: usize = READ_BYTES;

/// Longer merged messages are not usual: this implementation merges up to 31 KiB. A small part of one is copied even if
/// it is not an item of a stream, because a user who keeps a few bytes does not expect to keep that much.
const MERGED_BYTES_USUAL: usize = 64 * 1024;

/// Consecutive items of a stream may hold at most this many times their own length; if they would hold more they are
/// copied. A stream that has the connection for itself makes up most of each message, and must not pay for copies.
const HELD_RATIO_MAX: usize = 8;

/// The same for all payloads, when the peer makes this node hold much.
const HELD_RATIO_PRESSED: usize = 2;

/// What the allocator needs beside a copied payload.
const COPY_OVERHEAD_BYTES: usize = 32;

/// The received message that payloads are slices of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    len: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Too short for a charge.
    Small,
    /// The message is charged, and its only payload has the [`Handover`](crate::proto::memory::Handover).
    Charged,
    /// The merged message is charged until its last slice is dropped.
    Merged,
    /// There was no room to charge it. It is dropped after decoding, and what is kept of it is copied.
    Over,
}

impl Default for Source {
    fn default() -> Self {
        Self { len: 0, state: State::Small }
    }
}

impl Source {
    /// The source of the parts in a merged message of `len` bytes, which are slices of its trailer.
    pub(super) fn of_parts(outer: &mut Message, len: usize, ledger: &Arc<Ledger>) -> Self {
        if len < CHARGED_BYTES_MIN {
            return Self { len, state: State::Small };
        }
        let state = match ledger.charge(len) {
            Ok(charge) => {
                outer.trailer = charge.tie(std::mem::take(&mut outer.trailer));
                State::Merged
            }
            Err(_) => State::Over,
        };
        Self { len, state }
    }

    /// The source of a message of `len` bytes that is not merged.
    pub(super) fn of_message(message: &mut Message, len: usize, ledger: &Arc<Ledger>) -> Self {
        if len < CHARGED_BYTES_MIN || !is_kept(message) {
            return Self { len, state: State::Small };
        }
        if let Some(payload) = message.payload.take() {
            match ledger.charge(len) {
                Ok(charge) => message.keep(charge.lend(payload)),
                Err(over) => message.over = Some(over),
            }
        }
        Self { len, state: State::Charged }
    }

    /// Copies payloads that are a small part of what they hold, and sets what the link must count. `run` is one
    /// message, or consecutive items of one stream, which hold their source together.
    pub(super) fn settle(self, run: &mut [Message], is_pressed: bool, ledger: &Arc<Ledger>) {
        let lens = run.iter().filter_map(|message| message.payload.as_ref()).map(Bytes::len);
        let (bytes, count) = (lens.clone().sum::<usize>(), lens.count());
        if count == 0 || !run.first().is_some_and(is_kept) {
            return;
        }
        let are_items = run.first().is_some_and(|message| message.header.op.is_item());
        let held = self.len.max(READ_BYTES);
        let is_small_part = if is_pressed {
            bytes * HELD_RATIO_PRESSED < held
        } else {
            (are_items || self.len > MERGED_BYTES_USUAL) && bytes * HELD_RATIO_MAX < held
        };
        let is_copied = is_small_part
            || self.state == State::Over
            // The payloads share a charge, which would not end while a user keeps one of them.
            || (is_pressed && self.state == State::Merged);
        for message in run {
            let Some(payload) = &message.payload else { continue };
            if is_copied {
                copy(message, ledger);
            } else if self.state == State::Small {
                message.pins = small(payload.len().max(held.div_ceil(count)));
            }
        }
    }
}

/// Copies the payload out of the received message.
fn copy(message: &mut Message, ledger: &Arc<Ledger>) {
    let Some(payload) = &mut message.payload else { return };
    if payload.len() < CHARGED_BYTES_MIN {
        *payload = Bytes::copy_from_slice(payload);
        message.pins = small(payload.len() + COPY_OVERHEAD_BYTES);
        return;
    }
    let charged: Result<_, Over> = ledger.charge(payload.len() + COPY_OVERHEAD_BYTES);
    match charged {
        Ok(charge) => {
            let copied = charge.lend(Bytes::copy_from_slice(payload));
            message.keep(copied);
        }
        Err(over) => {
            message.payload = None;
            message.over = Some(over);
        }
    }
}

/// The length of a payload below `CHARGED_BYTES_MIN`, or of a read.
fn small(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Whether the payload of a message can be kept after the link has handled it.
fn is_kept(message: &Message) -> bool {
    let op = message.header.op;
    matches!(op, Op::Request | Op::ConnectMux | Op::Response) || op.is_item()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_length_beyond_32_bits_counts_as_the_longest() {
        let lens = [7, u32::MAX as usize, (1 << 32) + 7];
        assert_eq!(lens.map(small), [7, u32::MAX, u32::MAX]);
    }
}
