//! Ids on the wire: of calls and of handlers.

use std::fmt;

/// Id of a call or stream, unique among the calls that the same side has started. 0 is the connection itself.
///
/// Each side numbers its own calls, so the same number may be in use in both directions at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MuxId(pub(crate) u64);

impl MuxId {
    /// The connection itself: handshake and connection pings.
    pub(crate) const CONNECTION: Self = Self(0);
}

impl fmt::Display for MuxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identifies a method on the wire.
///
/// Ids 1 to 255 are *pinned*: chosen by the user, and the only ones that a Go node can use.
/// Larger ids are *derived* from the method's wire name, so they depend neither on the order of methods nor on the file
/// that they are in.
///
/// ```
/// use grid::HandlerId;
///
/// assert!(HandlerId::from(78).is_pinned());
///
/// const SAY: HandlerId = HandlerId::derive("Greeter/say");
/// assert!(!SAY.is_pinned());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HandlerId(u32);

impl HandlerId {
    /// The id with this number. No handler has the id 0, and every node refuses calls to it.
    #[must_use]
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether this id was chosen by the user (1 to 255), so that it fits into the one byte that a Go node reads.
    #[must_use]
    pub const fn is_pinned(self) -> bool {
        matches!(self.0, 1..=255)
    }

    /// The id of the method with this wire name, `Service/method`: its FNV-1a hash, moved out of the range of pinned
    /// ids.
    #[must_use]
    pub const fn derive(wire_name: &str) -> Self {
        let mut hash: u32 = 0x811c_9dc5;
        let mut rest = wire_name.as_bytes();
        while let [byte, tail @ ..] = rest {
            hash = (hash ^ *byte as u32).wrapping_mul(0x0100_0193);
            rest = tail;
        }
        Self(if hash < 0x100 { hash + 0x100 } else { hash })
    }
}

impl From<u8> for HandlerId {
    fn from(id: u8) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for HandlerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_are_fnv_1a() {
        // Published test values of FNV-1a 32; the empty text is the offset basis.
        for (text, id) in [("", 0x811c_9dc5), ("a", 0xe40c_292c), ("foobar", 0xbf9c_f968)] {
            assert_eq!(HandlerId::derive(text).get(), id, "{text:?}");
        }
    }

    #[test]
    fn a_derived_id_is_never_a_pinned_one() {
        // Found by search: hashes below 256, to which the rule adds 0x100.
        for (text, id) in [("S/m22434500", 0x1f0), ("S/m51549119", 0x1b5), ("S/m64120259", 0x1bb)] {
            assert_eq!(HandlerId::derive(text).get(), id, "{text:?}");
        }
    }

    #[test]
    fn pinned_are_1_to_255() {
        let pinned: Vec<u32> = (0..1000).filter(|id| HandlerId::new(*id).is_pinned()).collect();
        assert_eq!(pinned, (1..=255).collect::<Vec<u32>>());
        assert_eq!(HandlerId::from(7).to_string(), "7");
    }
}
