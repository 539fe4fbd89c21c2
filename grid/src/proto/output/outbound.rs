//! [`Outbound`]: a message for the socket, of which a large part can stay where the user has put it.

use bytes::Bytes;

use crate::proto::wire::checksum_of;

/// One WebSocket message.
#[derive(Debug, Clone)]
pub(crate) enum Outbound {
    Whole(Bytes),
    /// Boxed: most messages are small, and whole.
    Around(Box<Around>),
}

/// A message around a shared buffer.
#[derive(Debug, Clone)]
pub(crate) struct Around {
    before: Bytes,
    /// A slice of a buffer that can be the user's. Who drops the last slice runs the user's code.
    shared: Bytes,
    after: Bytes,
    checksum: Checksum,
}

/// The bytes at the end that cover all others.
#[derive(Debug, Clone, Copy)]
enum Checksum {
    None,
    /// Not computed yet, which takes a few microseconds for a part: too long under the lock.
    Wanted,
    Sealed([u8; 4]),
}

impl Outbound {
    /// A message around a shared buffer.
    pub(crate) fn around(before: Bytes, shared: Bytes, after: Bytes, has_checksum: bool) -> Self {
        let checksum = if has_checksum { Checksum::Wanted } else { Checksum::None };
        Self::Around(Box::new(Around { before, shared, after, checksum }))
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Around(around) => around.len(),
        }
    }

    /// Computes the checksum. Must be called before the message is sent.
    #[inline]
    pub(crate) fn seal(mut self) -> Self {
        if let Self::Around(around) = &mut self {
            around.seal();
        }
        self
    }

    /// The slice that can be the user's, if there is one.
    pub(crate) fn into_shared(self) -> Option<Bytes> {
        match self {
            Self::Whole(_) => None,
            Self::Around(around) => Some(around.shared),
        }
    }

    /// All bytes, which are copied if they are not in one place.
    pub(crate) fn to_bytes(&self) -> Bytes {
        match self {
            Self::Whole(bytes) => bytes.clone(),
            Self::Around(around) => around.pieces().concat().into(),
        }
    }
}

impl From<Bytes> for Outbound {
    #[inline]
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl Around {
    fn len(&self) -> usize {
        let checksum = if matches!(self.checksum, Checksum::None) { 0 } else { 4 };
        self.before.len() + self.shared.len() + self.after.len() + checksum
    }

    fn seal(&mut self) {
        if matches!(self.checksum, Checksum::Wanted) {
            let checksum = checksum_of([&self.before, &self.shared, &self.after]);
            self.checksum = Checksum::Sealed(checksum.to_le_bytes());
        }
    }

    /// The bytes in their order. The second piece is [`shared`](Outbound::into_shared).
    pub(crate) fn pieces(&self) -> [&[u8]; 4] {
        debug_assert!(!matches!(self.checksum, Checksum::Wanted), "not sealed");
        let checksum = match &self.checksum {
            Checksum::Sealed(bytes) => &bytes[..],
            Checksum::None | Checksum::Wanted => &[],
        };
        [&self.before, &self.shared, &self.after, checksum]
    }

    pub(crate) fn into_shared(self) -> Bytes {
        self.shared
    }
}
