//! What may not be readable again: whether it is depends on the types around it, which a serialiser does not see.

use super::error::PackError;
use super::shapes::{Key, Unknown};

/// Something in a value because of which it may not be decodable.
#[derive(Clone, Copy, Debug)]
pub(in crate::rpc) enum Doubt {
    /// A 128-bit integer, which serde cannot buffer.
    Wide,
    /// A `serde_json::value::RawValue`, which serde cannot buffer either.
    Raw,
    /// In a map of unknown length, which is usually a struct with a flattened field, a key that is not a string.
    Key,
    /// In such a map, two equal keys.
    Duplicate,
}

impl Doubt {
    /// The error if the value is not decodable: what cannot be sent, why, and what to do.
    #[cold]
    fn refused(self, reason: &str) -> PackError {
        let text = match self {
            Self::Wide => {
                "a 128-bit integer cannot be inside an untagged or internally tagged enum or a \
                flattened field, where serde cannot decode it: send a string or two `u64`"
            }
            Self::Raw => {
                "a `RawValue` cannot be inside a tagged or untagged enum or a flattened field, \
                where serde cannot decode it: use `serde_json::Value` or `String`"
            }
            Self::Key => {
                "a flattened map cannot have keys of this type, which serde cannot decode: use \
                strings or integers as keys, or do not flatten it"
            }
            Self::Duplicate => {
                "a flattened map or struct has a key that a field around it has as well: rename \
                one of them, or do not flatten it"
            }
        };
        PackError::new(format_args!("{text}; {reason}"))
    }
}

/// The doubts about a value.
#[derive(Debug, Default)]
pub(in crate::rpc) struct Doubts {
    /// Whether there is a [`Doubt`].
    any: bool,
    /// Why the value is not decodable, once that is known: then the first doubt is an error, which says where it is.
    reason: Option<Box<str>>,
    /// Structs that have been written as arrays and are not known to be readable in that form; see `shapes.rs`.
    pub(in crate::rpc) shapes: Unknown,
    /// Whether a struct has been written as an array although it needs the names of its fields.
    pub(in crate::rpc) names_needed: bool,
}

impl Doubts {
    /// Treats every doubt as an error, for this reason.
    pub(super) fn strict(reason: &str) -> Self {
        Self { reason: Some(reason.into()), ..Self::default() }
    }

    #[inline]
    pub(super) fn note(&mut self, doubt: Doubt) -> Result<(), PackError> {
        self.any = true;
        self.reason.as_deref().map_or(Ok(()), |reason| Err(doubt.refused(reason)))
    }

    /// A struct has been written as an array, of which it is not known whether it can be.
    #[cold]
    pub(super) fn note_shape(&mut self, key: Key) {
        self.shapes.note(key);
        self.names_needed |= self.shapes.too_many();
    }

    /// Whether the value may not be decodable in any layout.
    pub(in crate::rpc) fn about_value(&self) -> bool {
        self.any
    }

    /// Whether the value has no doubt of any kind.
    #[inline]
    pub(in crate::rpc) fn is_empty(&self) -> bool {
        !self.any && !self.names_needed && self.shapes.is_empty()
    }
}
