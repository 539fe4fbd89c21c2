//! The rules of transfers: what a sender never does, and what a receiver does not accept.

use std::collections::HashMap;

use bytes::Bytes;

use super::chunks::{large, little};
use super::pair::*;
use super::solo::*;
use crate::proto::error::{PartError, ProtocolError};
use crate::proto::session::features::Feature;
use crate::proto::wire::{Flags, Header, Message, MuxId, Op, Part};
use crate::proto::{CallSpec, Features, Limits};

fn part(transfer: u64, index: u32, total: usize, bytes: &[u8], flags: Flags) -> Bytes {
    let total = total.try_into().expect("a small one");
    Part { transfer, index, total, flags, len: bytes.len() }.with(bytes)
}

/// A message of the peer, in parts of `len` bytes.
fn in_parts(transfer: u64, message: &[u8], len: usize) -> Vec<Bytes> {
    let count = message.len().div_ceil(len);
    let cut = |(index, bytes)| {
        let flags = if index + 1 == count { Flags::EOF | Flags::CRC } else { Flags::CRC };
        part(transfer, index as u32, message.len(), bytes, flags)
    };
    message.chunks(len).enumerate().map(cut).collect()
}

fn solo() -> Solo {
    Solo::with(Limits { message_bytes_max: 1024, ..little() }, Features::all())
}

/// The sender decides on the length of parts, and on which messages it sends in parts.
#[test]
fn parts_of_any_length_make_a_message() {
    let header = flagged(opening(Op::Request, 1, SINGLE, 1000), Flags::EOF);
    let request = encode(header, Some(b"hello grid"));
    for len in 1..=request.len() {
        let mut solo = solo();
        for bytes in in_parts(7, &request, len) {
            assert!(solo.node.serves.is_empty());
            solo.try_receive(bytes).expect("a part");
        }
        let serve = solo.node.serves.pop_front().expect("the request");
        assert_eq!(serve.payload.as_deref(), Some(&b"hello grid"[..]));
    }
}

#[test]
fn parts_that_break_the_rules_end_the_connection() {
    let more = Flags::CRC;
    let cases = [
        (part(1, 1, 9, b"a", more), PartError::Unknown),
        (part(1, 0, 0, b"a", more), PartError::Total { total: 0, max: 1024 }),
        (part(1, 0, 1025, b"a", more), PartError::Total { total: 1025, max: 1024 }),
        (part(1, 0, 1, b"ab", more), PartError::Overrun { len: 2, total: 1 }),
        (part(1, 0, 2, b"ab", more), PartError::NoEnd),
        (part(1, 0, 2, b"", more), PartError::Empty),
    ];
    for (bytes, error) in cases {
        let part = Message::decode(bytes.clone()).expect("a message").header.seq;
        let expected = ProtocolError::Part { transfer: 1, part, error };
        assert_eq!(solo().try_receive(bytes), Err(expected));
    }
    let mut solo = solo();
    for transfer in 1..=16 {
        solo.try_receive(part(transfer, 0, 9, b"a", more)).expect("16 are allowed");
    }
    let error = solo.try_receive(part(17, 0, 9, b"a", more)).expect_err("one too many");
    assert_eq!(error.to_string(), "part 0 of transfer 17: more than 16 transfers at once");
}

#[test]
fn some_ops_are_refused_in_parts() {
    for op in [Op::Connect, Op::ConnectResponse, Op::Merged, Op::Chunk] {
        let inner = encode(Header::new(op), Some(b"payload"));
        let bytes = part(1, 0, inner.len(), &inner, Flags::EOF | Flags::CRC);
        assert_eq!(solo().try_receive(bytes), Err(ProtocolError::InParts(op)));
    }
    let noise = part(1, 0, 3, b"\xc1\xc1\xc1", Flags::EOF | Flags::CRC);
    assert!(matches!(solo().try_receive(noise), Err(ProtocolError::Malformed(_))));
    // An unknown op is ignored, as in a whole message.
    let inner = encode(Header::new(Op::Unknown(99)), None);
    let mut solo = solo();
    solo.try_receive(part(1, 0, inner.len(), &inner, Flags::EOF | Flags::CRC)).expect("ignored");
    assert_eq!(solo.node.link.counters().ignored, 1);
}

#[test]
fn without_the_feature_a_part_is_an_unknown_message() {
    let features = Features::all().without(Feature::Chunks);
    let mut solo = Solo::with(little(), features);
    solo.try_receive(part(1, 5, 0, b"", Flags::CRC)).expect("ignored");
    assert_eq!(solo.node.link.counters().ignored, 1);
}

#[test]
fn a_damaged_part_is_refused_at_once() {
    let header = flagged(opening(Op::Request, 1, SINGLE, 1000), Flags::EOF);
    let request = encode(header, Some(&large(300)));
    let mut damaged = in_parts(1, &request, 100).swap_remove(0).to_vec();
    damaged[50] ^= 1;
    assert!(matches!(solo().try_receive(damaged.into()), Err(ProtocolError::Malformed(_))));
}

/// A peer that announces large messages and sends little of them costs little memory, which is freed with the
/// connection.
#[test]
fn memory_grows_with_the_received_parts() {
    let mut solo = Solo::with(Limits::default(), Features::all());
    for transfer in 0..16 {
        let total = 16 << 20;
        solo.try_receive(part(transfer, 0, total, &[7; 1000], Flags::CRC)).expect("a part");
    }
    assert!(
        solo.node.inbound.assembly_bytes() <= 16 * 4000,
        "{}",
        solo.node.inbound.assembly_bytes()
    );
    solo.node.stop("enough");
    assert_eq!(solo.node.inbound.assembly_bytes(), 0);
}

/// An idle connection does not hold memory for further large messages.
#[test]
fn spare_memory_is_freed_with_the_next_ping() {
    let mut solo = solo();
    let header = flagged(opening(Op::Request, 1, SINGLE, 1000), Flags::EOF);
    for bytes in in_parts(7, &encode(header, Some(&large(300))), 100) {
        solo.try_receive(bytes).expect("a part");
    }
    assert_eq!(solo.node.serves.len(), 1);
    assert!(solo.node.inbound.has_spare(), "it would be used for the next message");
    solo.advance(secs(3)).expect("a peer that is not silent yet");
    assert!(solo.node.inbound.has_spare());
    solo.advance(secs(1)).expect("a peer that is not silent yet");
    assert!(!solo.node.inbound.has_spare());
}

/// Messages before a wrong part are handled, and those after it are not.
#[test]
fn an_error_of_a_part_keeps_its_place() {
    let mut solo = solo();
    let message = |mux| encode(flagged(opening(Op::Request, mux, SINGLE, 1000), Flags::EOF), None);
    for bytes in [message(1), part(9, 1, 5, b"a", Flags::CRC), message(2)] {
        solo.node.inbound.push(bytes);
    }
    let error = PartError::Unknown;
    let expected = ProtocolError::Part { transfer: 9, part: 1, error };
    assert_eq!(solo.try_receive(message(3)), Err(expected));
    assert_eq!(solo.node.serves.len(), 1);
}

/// The counters of a link count each part's bytes when it is received, and the message once.
#[test]
fn parts_are_counted_as_one_message() {
    let mut solo = solo();
    let header = flagged(opening(Op::Request, 1, SINGLE, 1000), Flags::EOF);
    let parts = in_parts(7, &encode(header, Some(&large(300))), 100);
    let (count, mut bytes_in) = (parts.len(), 0);
    for (index, bytes) in parts.into_iter().enumerate() {
        bytes_in += bytes.len() as u64;
        solo.try_receive(bytes).expect("a part");
        let counters = solo.node.link.counters();
        assert_eq!(counters.bytes_in, bytes_in);
        assert_eq!(counters.messages_in, u64::from(index + 1 == count));
    }
}

/// Whichever transfers are begun, continued and withdrawn, the sender follows the rules.
#[test]
fn a_sender_keeps_to_the_rules() {
    let mut solo = Solo::with(Limits { transfer_bytes: 1 << 20, ..little() }, Features::all());
    let mut calls = Vec::new();
    let mut open = HashMap::new();
    let (mut last, mut most, mut given_up) = (0, 0, 0);
    for round in 0..3000usize {
        if round < 2000 && round % 3 == 0 {
            let payload = Some(large(65 + round * 37 % 5000));
            calls.push(solo.call(CallSpec { payload: payload.map(Into::into), ..request(b"") }));
        }
        if round % 7 == 0 && !calls.is_empty() {
            let call = calls.swap_remove(round * 31 % calls.len());
            solo.node.link.forget_call(call);
        }
        let Some(bytes) = solo.node.link.poll_transmit(solo.now) else { continue };
        let message = Message::decode(bytes.seal().to_bytes()).expect("own bytes");
        let Header { op, mux: MuxId(number), seq, deadline_ms, flags, .. } = message.header;
        if op != Op::Chunk {
            continue;
        }
        if seq == 0 {
            assert!(number > last, "numbers count up");
            last = number;
            open.insert(number, (0, 0, deadline_ms as usize));
        }
        let (parts, len, total) = open.get_mut(&number).expect("an open one");
        assert_eq!(*parts, seq);
        *parts += 1;
        *len += message.payload.as_ref().map_or(0, Bytes::len);
        assert!(*len <= *total && flags.contains(Flags::CRC));
        if flags.contains(Flags::EOF) {
            given_up += usize::from(len < total);
            open.remove(&number);
        } else {
            assert!(len < total && message.payload.is_some());
        }
        most = most.max(open.len());
    }
    assert!(most == 16 && given_up > 50, "{most} at once, {given_up} given up");
}
