//! What has come in, taken apart and checked before the link is asked.
//!
//! Nothing of a link is needed for that, and whoever calls meanwhile need not wait for it. It goes a few messages at a
//! time: a peer can put many into few bytes, and what is decoded at once should still be near when it is handled.
//!
//! Payloads are slices of what came. A few small items of a stream would hold a merged message for as long as a slow reader
//! lets them wait; those are copied, so that a stream holds hardly more than its items.

pub(super) mod assembly;

use std::collections::VecDeque;

use bytes::Bytes;

use crate::proto::wire::{DecodeError, Header, Message, MuxId, Op, merged};

/// Messages that are decoded at a time.
const DECODED_MAX: usize = 64;

/// What a message that came alone holds, more or less: transports read so much at a time.
const HELD_BYTES_MIN: usize = 4 * 1024;

/// Items of a stream that came together may hold so many times their own length; where they hold more they are copied. A
/// stream that has a link for itself is most of each message, and must not pay for copies.
const HELD_RATIO_MAX: usize = 8;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    /// As they came.
    waiting: VecDeque<Bytes>,
    /// What is left of the merged message before those.
    parts: Option<merged::Parts>,
    /// Bytes of the message that the next decoded one is a slice of.
    held_bytes: usize,
    pub(in crate::proto) decoded: Vec<Message>,
    /// Where in `decoded` the items begin that came last, of one stream and in one message.
    run: usize,
    /// Bytes of what was decoded, or begun.
    pub(in crate::proto) bytes: u64,
    /// What comes after the decoded ones is no message.
    pub(in crate::proto) error: Option<DecodeError>,
}

impl Inbound {
    /// A message has come.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.waiting.push_back(bytes);
    }

    /// Messages that have not been begun, merged ones as one.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether everything that has come is decoded.
    pub(crate) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.parts.as_ref().is_none_or(merged::Parts::is_over)
    }

    /// Throws away what is decoded: there is nobody for it.
    pub(in crate::proto) fn discard(&mut self) {
        self.decoded.clear();
        (self.bytes, self.error) = (0, None);
    }

    /// Decodes what is next; false if there was nothing.
    pub(crate) fn decode(&mut self) -> bool {
        self.run = self.decoded.len();
        while self.decoded.len() < DECODED_MAX && self.error.is_none() {
            if let Some(parts) = &mut self.parts {
                match parts.next() {
                    Some(part) => self.keep(part.and_then(Message::decode)),
                    None => self.parts = None,
                }
                continue;
            }
            self.end_run();
            let Some(bytes) = self.waiting.pop_front() else { break };
            self.bytes += bytes.len() as u64;
            self.held_bytes = bytes.len().max(HELD_BYTES_MIN);
            match Message::decode(bytes) {
                Ok(outer) if outer.header.op == Op::Merged => {
                    self.parts = Some(merged::parts(&outer));
                }
                message => self.keep(message),
            }
        }
        self.end_run();
        !self.decoded.is_empty() || self.error.is_some()
    }

    fn keep(&mut self, message: Result<Message, DecodeError>) {
        match message {
            Ok(message) => {
                if self.decoded.last().is_some_and(|last| stream_of(last) != stream_of(&message)) {
                    self.end_run();
                }
                self.decoded.push(message);
            }
            Err(error) => self.error = Some(error),
        }
    }

    /// Copies the items that came last if together they are little of what they hold.
    fn end_run(&mut self) {
        let begin = std::mem::replace(&mut self.run, self.decoded.len());
        let items = self.decoded.get_mut(begin..).unwrap_or_default();
        if items.first().is_none_or(|first| stream_of(first).is_none()) {
            return;
        }
        let bytes: usize = items.iter().filter_map(|item| Some(item.payload.as_ref()?.len())).sum();
        if bytes * HELD_RATIO_MAX < self.held_bytes {
            for payload in items.iter_mut().filter_map(|item| item.payload.as_mut()) {
                *payload = Bytes::copy_from_slice(payload);
            }
        }
    }
}

/// Whose item this is, if it is one.
fn stream_of(message: &Message) -> Option<(Op, MuxId)> {
    let Header { op, mux, .. } = message.header;
    matches!(op, Op::MuxClientMsg | Op::MuxServerMsg).then_some((op, mux))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::proto::limits::Limits;
    use crate::proto::output::outbox::Outbox;
    use crate::proto::wire::Frame;

    fn merged_of(count: u32) -> Bytes {
        let mut outbox = Outbox::new(&Limits::default());
        for seq in 0..count {
            outbox.push(&Frame::new(Header { seq, ..Header::new(Op::Pong) }, None));
        }
        outbox.pop().expect("one message")
    }

    fn seqs(inbound: &mut Inbound) -> Vec<u32> {
        inbound.decoded.drain(..).map(|message| message.header.seq).collect()
    }

    #[test]
    fn a_few_are_decoded_at_a_time_in_their_order() {
        let mut inbound = Inbound::default();
        for _ in 0..3 {
            inbound.push(merged_of(40));
        }
        let (mut seen, mut done) = (Vec::new(), Vec::new());
        while inbound.decode() {
            assert!(inbound.decoded.len() <= DECODED_MAX);
            seen.extend(seqs(&mut inbound));
            done.push(inbound.is_done());
        }
        assert_eq!(done, [false, true]);
        assert_eq!(seen, (0..3).flat_map(|_| 0..40).collect::<Vec<_>>());
        assert_eq!(inbound.bytes, 3 * merged_of(40).len() as u64);
        assert!(inbound.parts.is_none(), "nothing holds the last message's memory");
    }

    #[test]
    fn what_came_before_an_error_is_handed_on_and_nothing_after_it() {
        let mut broken = BytesMut::from(&merged_of(10)[..]);
        broken.truncate(broken.len() - 1);
        let mut inbound = Inbound::default();
        inbound.push(broken.freeze());
        inbound.push(merged_of(1));
        assert!(inbound.decode());
        assert_eq!(seqs(&mut inbound), (0..9).collect::<Vec<_>>());
        assert!(inbound.error.is_some() && inbound.decode());
        assert_eq!(inbound.len(), 1, "left as it is");
    }

    /// Whether the items of the first stream in a merged message are slices of it.
    fn holds(items: &[(u64, usize)]) -> bool {
        let mut outbox = Outbox::new(&Limits::default());
        for (mux, len) in items {
            let header = Header { mux: MuxId(*mux), ..Header::new(Op::MuxServerMsg) };
            outbox.push(&Frame::new(header, Some(&vec![7; *len])));
        }
        let message = outbox.pop().expect("one message");
        let place = message.as_ptr_range();
        let mut inbound = Inbound::default();
        inbound.push(message);
        assert!(inbound.decode());
        let payload = |message: &Message| message.payload.clone().expect("an item");
        let own: Vec<_> = inbound.decoded.iter().map(payload).collect();
        assert!(own.iter().zip(items).all(|(item, (_, len))| *item == vec![7; *len]));
        place.contains(&own[0].as_ptr())
    }

    #[test]
    fn a_few_items_do_not_hold_the_message_they_came_in() {
        let others = std::iter::repeat_n((2, 500), 40);
        assert!(!holds(&[(1, 500)].into_iter().chain(others.clone()).collect::<Vec<_>>()));
        assert!(!holds(&[(1, 500); 4].into_iter().chain(others.clone()).collect::<Vec<_>>()));
        assert!(
            holds(&[(1, 500); 8].into_iter().chain(others).collect::<Vec<_>>()),
            "a part of it"
        );
        assert!(holds(&[(1, 500); 50]), "all of it");
        assert!(!holds(&[(1, 100)]) && holds(&[(1, 600)]), "what is read at a time");
    }
}
