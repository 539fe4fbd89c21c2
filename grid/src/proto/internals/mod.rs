//! Access to the core for the micro-benchmarks in bench/micro and the fuzzing in fuzz/ only, behind the feature
//! `__internals`.
//!
//! The core stays private: these are functions and types of their own. When the core changes, these files change with it,
//! and what uses them stays the same.
//!
//! | file | what |
//! |---|---|
//! | `benches.rs` | for the micro-benchmarks |
//! | `codec.rs` | decodes and encodes again each kind of value of the wire format |
//! | `handshake.rs` | the messages of another node's handshake |
//! | `hostile.rs` | one link in use, and a peer that sends anything |
//!
//! Schedules of two links are in `simulation/`, which the tests of the core use as well.

mod benches;
mod codec;
mod handshake;
mod hostile;

pub use benches::{
    CallKey, LinkPair, Outbox, StreamKeys, checksum, decode, decode_merged, encode_header,
    encode_request,
};
pub use codec::{Wire, recode};
pub use handshake::{accepting_message, connect_message};
pub use hostile::{CallerAct, Fields, HandlerAct, Hostile, HostileSetting, Made, merge};

pub use super::simulation::steps::{Kind, Setting, Step, run};
