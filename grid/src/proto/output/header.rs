//! What the sender of a message knows of its header.

use crate::proto::wire::{Flags, Header, MuxId, Op};

/// A message's fixed part, to which the output adds what the session asks for.
#[derive(Debug, Clone, Copy)]
pub(in crate::proto) struct HeaderTemplate {
    op: Op,
    mux: MuxId,
    seq: u32,
    deadline_ms: u32,
    handler: u32,
    flags: Flags,
    checksum: bool,
}

impl HeaderTemplate {
    pub(in crate::proto) fn new(op: Op, mux: MuxId) -> Self {
        Self { op, mux, seq: 0, deadline_ms: 0, handler: 0, flags: Flags::NONE, checksum: true }
    }

    /// The header of `received`, answered with `op`.
    pub(in crate::proto) fn answering(op: Op, received: &Header) -> Self {
        let Header { mux, seq, deadline_ms, handler, .. } = *received;
        Self { seq, deadline_ms, handler, ..Self::new(op, mux) }
    }

    pub(in crate::proto) fn seq(self, seq: u32) -> Self {
        Self { seq, ..self }
    }

    pub(in crate::proto) fn deadline_ms(self, deadline_ms: u32) -> Self {
        Self { deadline_ms, ..self }
    }

    pub(in crate::proto) fn handler(self, handler: u32) -> Self {
        Self { handler, ..self }
    }

    /// Adds flags to those that are set.
    pub(in crate::proto) fn flags(self, flags: Flags) -> Self {
        Self { flags: self.flags.with(flags), ..self }
    }

    /// No checksum even where the session has them: the protocol sends pings of the connection without one.
    pub(in crate::proto) fn without_checksum(self) -> Self {
        Self { checksum: false, ..self }
    }

    /// The header, in a session with checksums or without.
    pub(super) fn build(self, session_checksum: bool) -> Header {
        let Self { op, mux, seq, deadline_ms, handler, flags, checksum } = self;
        let flags = if checksum && session_checksum { flags.with(Flags::CRC) } else { flags };
        Header { mux, seq, deadline_ms, handler, op, flags }
    }
}
