//! What has come in, taken apart and checked before the link is asked.
//!
//! Nothing of a link is needed for that, and whoever calls meanwhile need not wait for it. It goes a few messages at a
//! time: a peer can put many into few bytes, and what is decoded at once should still be near when it is handled.

use std::collections::VecDeque;

use bytes::Bytes;

use super::wire::{DecodeError, Message, Op, merged};

/// Messages that are decoded at a time.
const DECODED_MAX: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    /// As they came.
    waiting: VecDeque<Bytes>,
    /// What is left of the merged message before those.
    parts: Option<merged::Parts>,
    pub(super) decoded: Vec<Message>,
    /// Bytes of what was decoded, or begun.
    pub(super) bytes: u64,
    /// What comes after the decoded ones is no message.
    pub(super) error: Option<DecodeError>,
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
    pub(super) fn discard(&mut self) {
        self.decoded.clear();
        (self.bytes, self.error) = (0, None);
    }

    /// Decodes what is next; false if there was nothing.
    pub(crate) fn decode(&mut self) -> bool {
        while self.decoded.len() < DECODED_MAX && self.error.is_none() {
            if let Some(parts) = &mut self.parts {
                match parts.next() {
                    Some(part) => self.keep(part.and_then(Message::decode)),
                    None => self.parts = None,
                }
                continue;
            }
            let Some(bytes) = self.waiting.pop_front() else { break };
            self.bytes += bytes.len() as u64;
            match Message::decode(bytes) {
                Ok(outer) if outer.header.op == Op::Merged => {
                    self.parts = Some(merged::parts(&outer));
                }
                message => self.keep(message),
            }
        }
        !self.decoded.is_empty() || self.error.is_some()
    }

    fn keep(&mut self, message: Result<Message, DecodeError>) {
        match message {
            Ok(message) => self.decoded.push(message),
            Err(error) => self.error = Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::super::limits::Limits;
    use super::super::outbox::Outbox;
    use super::super::wire::{Frame, Header};
    use super::*;

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
}
