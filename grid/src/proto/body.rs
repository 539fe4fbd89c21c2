//! [`Body`]: the bytes of a payload that is to be sent.

use std::fmt;

use bytes::Bytes;

/// The bytes of a payload: all in one place, or a buffer that is shared with the user, and what surrounds it.
#[derive(Clone)]
#[expect(unnameable_types, reason = "methods of sealed traits have it")]
pub struct Body {
    bytes: Bytes,
    /// What comes before and after `bytes`. Never there without need: most payloads are small.
    around: Option<Box<[Bytes; 2]>>,
}

impl Body {
    /// A shared buffer with `head` before and `tail` after it.
    pub(crate) fn around(head: Bytes, shared: Bytes, tail: Bytes) -> Self {
        Self { bytes: shared, around: Some(Box::new([head, tail])) }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        let around = self.around.as_deref().map_or(0, |[head, tail]| head.len() + tail.len());
        self.bytes.len() + around
    }

    /// The bytes in their order, in up to three pieces. The second one is [`shared`](Self::shared).
    pub(crate) fn pieces(&self) -> [&[u8]; 3] {
        match self.around.as_deref() {
            Some([head, tail]) => [head, &self.bytes, tail],
            None => [&[], &self.bytes, &[]],
        }
    }

    /// The buffer that can be the user's.
    #[inline]
    pub(crate) fn shared(&self) -> &Bytes {
        &self.bytes
    }

    /// The buffer that can be the user's.
    pub(crate) fn into_shared(self) -> Bytes {
        self.bytes
    }

    /// All bytes, which are copied if they are not in one place.
    pub fn into_bytes(self) -> Bytes {
        if self.around.is_none() { self.bytes } else { self.pieces().concat().into() }
    }

    /// The bytes, if they are in one place.
    #[inline]
    pub(crate) fn as_slice(&self) -> Option<&[u8]> {
        self.around.is_none().then_some(&self.bytes)
    }
}

impl From<Bytes> for Body {
    #[inline]
    fn from(bytes: Bytes) -> Self {
        Self { bytes, around: None }
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.pieces().concat() == other.pieces().concat()
    }
}

impl Eq for Body {}

/// Shows the length only: payloads are the user's, and must not appear in logs.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.len())
    }
}
