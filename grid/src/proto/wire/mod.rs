//! The wire codec: bytes to values and back.
//!
//! `docs/protocol.md` is the format in full.
//! Called by the link and by the handshake. Knows no calls, streams or features.
//!
//! One message is a msgpack array of exactly 7, then trailers in this order:
//!
//! | part | type | notes |
//! |---|---|---|
//! | mux | u64 | the call; 0 = the connection itself |
//! | seq | u32 | place in the stream; number of parts in Merged |
//! | deadline_ms | u32 | milliseconds left; 0 = none; bytes of the whole in the first Chunk |
//! | handler | u8, u32 with `ids32` | in Request and ConnectMux |
//! | op | u8 | [`Op`] |
//! | flags | u8 | [`Flags`] |
//! | payload | bin | length 0 = absent, or empty with [`Flags::EMPTY`] |
//! | meta | msgpack map | iff [`Flags::META`]; [`Meta`] |
//! | subroute | 32 bytes | iff [`Flags::SUBROUTE`]; [`SubrouteId`] |
//! | CRC | u32, little endian | iff [`Flags::CRC`]; over everything before it |
//!
//! | file | what |
//! |---|---|
//! | `message.rs` | the message itself: [`Message`] in, [`Frame`] out |
//! | `connect.rs`, with `contract.rs`, `ping.rs`, `refusal.rs`, `credits.rs`, `grant.rs` | payloads of single ops |
//! | `merged.rs` | several messages in one |
//! | `chunk.rs` | parts of a large message |
//! | `meta.rs`, `subroute.rs`, `checksum.rs` | trailers |
//! | `ids.rs`, `time.rs`, `error.rs` | types shared by all |
//! | `msgpack.rs` | the reader and the writers that all of these use |
//!
//! Three rules hold in every file:
//! bytes of a peer never cause a panic, and never an allocation of more than a small multiple of their own length;
//! integers are written in their shortest form and read in any;
//! bytes after a payload's value, and unknown keys, are skipped, because newer nodes may send more.

pub(crate) mod checksum;
mod chunk;
mod connect;
mod contract;
mod credits;
mod error;
mod grant;
mod ids;
pub(crate) mod merged;
mod message;
mod meta;
mod msgpack;
mod ping;
mod refusal;
mod subroute;
mod time;
mod trace;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod vectors;

pub use self::ids::HandlerId;
pub use self::trace::{BadTraceContext, TraceContext};

pub(crate) use self::{
    checksum::checksum_of,
    chunk::{Part, part_begin},
    connect::{Connect, ConnectResponse, PROOF_LEN_MAX, StatedLimits},
    contract::{MethodContract, ServiceContract, Statement},
    credits::{CREDITS_LEN_MAX, decode_credits, encode_credits},
    error::DecodeError,
    grant::{GRANT_LEN_MAX, Grant},
    ids::MuxId,
    message::{Flags, Frame, HEADER_LEN_MAX, Header, MESSAGE_BEGIN, Message, Op},
    meta::{ErrorMeta, META_LEN_MAX, Meta},
    ping::{Ping, Pong},
    refusal::Refusal,
    subroute::{SubrouteHash, SubrouteId, join},
    time::Timestamp,
};
