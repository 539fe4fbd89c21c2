//! Subroutes: several instances of one handler on a connection, distinguished by a static text.
//!
//! On the wire a subroute is 32 bytes: the SHA-256 hash of its text, with the first two bytes replaced by the handler's
//! id.

use std::fmt;

use sha2::{Digest, Sha256};

use super::ids::HandlerId;

/// Bytes of the subroute trailer.
pub(crate) const SUBROUTE_LEN: usize = 32;

/// The id of a handler on a subroute, as it is sent. Handlers are found by these bytes, without the text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SubrouteId(pub(crate) [u8; SUBROUTE_LEN]);

impl SubrouteId {
    /// Hashes `path`. For the ids of several handlers use a [`SubrouteHash`], which hashes only once.
    #[cfg(test)]
    pub(crate) fn new(path: &str, handler: HandlerId) -> Self {
        SubrouteHash::of(path).for_handler(handler)
    }
}

impl fmt::Debug for SubrouteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubrouteId(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// The hash of a subroute's text, from which the id for each handler is a copy and two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SubrouteHash([u8; SUBROUTE_LEN]);

impl SubrouteHash {
    pub(crate) fn of(path: &str) -> Self {
        Self(Sha256::digest(path.as_bytes()).into())
    }

    /// The id for a handler: byte 0 is the handler's id, and byte 1 is 0.
    /// For an id above 255 both are 0, and the id is compared in addition to these bytes, see `ids32`.
    pub(crate) fn for_handler(self, handler: HandlerId) -> SubrouteId {
        let mut bytes = self.0;
        let [first, second, ..] = &mut bytes;
        *first = u8::try_from(handler.get()).unwrap_or(0);
        *second = 0;
        SubrouteId(bytes)
    }
}

/// The text of `child` below `parent`. An empty text is the root, and is joined without a `/`.
pub(crate) fn join(parent: &str, child: &str) -> String {
    match (parent, child) {
        ("", only) | (only, "") => only.to_owned(),
        (parent, child) => format!("{parent}/{child}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn the_example_in_the_protocol_document() {
        let id = SubrouteId::new("sub/route", HandlerId::from(78));
        assert_eq!(hex(&id.0), "4e003cc0be20aea0ea976ec7db644da710f07e114deddb9698d1367833d1a420");
        let hash = SubrouteHash::of(&join("sub", "route"));
        assert_eq!(hash.for_handler(HandlerId::from(78)), id);
        assert_eq!(hash.for_handler(HandlerId::from(79)).0[..3], [79, 0, 0x3c]);
    }

    #[test]
    fn a_handler_id_above_255_is_replaced_by_zeros() {
        let id = SubrouteId::new("sub/route", HandlerId::new(0x9e37_794e));
        assert_eq!(id.0[..3], [0, 0, 0x3c]);
        assert_eq!(SubrouteId::new("sub/route", HandlerId::new(255)).0[..2], [255, 0]);
        assert_eq!(SubrouteId::new("sub/route", HandlerId::new(256)).0[..2], [0, 0]);
    }

    #[test]
    fn texts_join_with_a_slash() {
        assert_eq!(join("a", "b/c"), "a/b/c");
        assert_eq!(join("", "b"), "b");
        assert_eq!(join("a", ""), "a");
        assert!(format!("{:?}", SubrouteId([0xab; 32])).starts_with("SubrouteId(abab"));
    }
}
