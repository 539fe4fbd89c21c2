//! [`Outbound`]: a message for the socket, of which a large part can stay where the user has put it.

use bytes::Bytes;

use crate::proto::wire::checksum_of;

/// One WebSocket message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbound {
    /// All bytes of a small message.
    before: Bytes,
    /// A slice of a buffer that can be the user's. Who drops the last slice runs the user's code.
    shared: Bytes,
    after: Bytes,
    checksum: Checksum,
}

/// The bytes at the end that cover all others.
#[derive(Debug, Clone, Copy, Default)]
enum Checksum {
    /// There is none, or it is in `before`.
    #[default]
    None,
    /// Not computed yet, which takes a few microseconds for a part: too long under the lock.
    Wanted,
    Sealed([u8; 4]),
}

impl Outbound {
    /// A message around a shared buffer.
    pub(crate) fn around(before: Bytes, shared: Bytes, after: Bytes, has_checksum: bool) -> Self {
        let checksum = if has_checksum { Checksum::Wanted } else { Checksum::None };
        Self { before, shared, after, checksum }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        let checksum = if matches!(self.checksum, Checksum::None) { 0 } else { 4 };
        self.before.len() + self.shared.len() + self.after.len() + checksum
    }

    /// Computes the checksum. Must be called before the message is sent.
    #[inline]
    pub(crate) fn seal(mut self) -> Self {
        if matches!(self.checksum, Checksum::Wanted) {
            let checksum = checksum_of([&self.before, &self.shared, &self.after]);
            self.checksum = Checksum::Sealed(checksum.to_le_bytes());
        }
        self
    }

    /// The bytes in their order. The second piece is [`shared`](Self::shared).
    pub(crate) fn pieces(&self) -> [&[u8]; 4] {
        let checksum = match &self.checksum {
            Checksum::Sealed(bytes) => &bytes[..],
            Checksum::None | Checksum::Wanted => &[],
        };
        [&self.before, &self.shared, &self.after, checksum]
    }

    /// The slice that can be the user's; empty if there is none.
    pub(crate) fn into_shared(self) -> Bytes {
        self.shared
    }

    /// All bytes, which are copied if they are not in one place.
    pub(crate) fn to_bytes(&self) -> Bytes {
        match self.pieces() {
            [_, [], [], []] => self.before.clone(),
            pieces => pieces.concat().into(),
        }
    }
}

impl From<Bytes> for Outbound {
    #[inline]
    fn from(bytes: Bytes) -> Self {
        Self { before: bytes, ..Self::default() }
    }
}
