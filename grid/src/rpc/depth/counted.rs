//! What each wrapper carries: the levels that are left, where the stack began, and in which form a value is read.

use std::fmt;

use serde::{de, ser};

/// Number of levels that a value may have: enough for every value that is not a linked structure, and little enough that
/// in a debug build 128 levels of most types fit into `STACK_BYTES_MAX`.
pub(in crate::rpc) const DEPTH_MAX: u8 = 128;

/// Stack that decoding the levels of a value may use: half of what a tokio worker thread has. A recursive type with many fields
/// reaches this in a debug build before it reaches `DEPTH_MAX`, because such a build copies each level several times; one
/// with arrays of several KiB does in every build.
const STACK_BYTES_MAX: u32 = 1024 * 1024;

/// A serialiser, deserialiser or other part of serde, with the levels that may be nested below it.
#[derive(Clone, Copy)]
pub(in crate::rpc) struct Counted<T> {
    pub(super) inner: T,
    pub(super) levels: Levels,
}

impl<T> Counted<T> {
    /// Wraps the serialiser or deserialiser of a whole value.
    #[inline]
    pub(in crate::rpc) fn new(inner: T, levels: Levels) -> Self {
        Self { inner, levels }
    }
}

/// In which form a value is read. All but the first are for values that this node would have written in another form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::rpc) enum Reading {
    /// JSON, whose deserialiser needs no help.
    #[cfg(feature = "json")]
    Json,
    /// As this node writes msgpack: types with two forms have the readable one. Where serde buffers a value of a type
    /// that it does not know yet, bytes become a sequence: serde can make any type of bytes from that, but no `Vec<u8>`
    /// from buffered bytes.
    Own,
    /// The same, but bytes stay bytes, for types that accept nothing else.
    WholeBytes,
    /// Types with two forms have the binary one.
    Binary,
}

impl Reading {
    #[inline]
    pub(super) fn is_human_readable(self) -> bool {
        self != Self::Binary
    }

    /// Whether serde gets buffered bytes as a sequence.
    #[inline]
    pub(super) fn splits_bytes(self) -> bool {
        self == Self::Own
    }

    /// Whether the value is msgpack.
    #[inline]
    pub(super) fn is_msgpack(self) -> bool {
        match self {
            #[cfg(feature = "json")]
            Self::Json => false,
            Self::Own | Self::WholeBytes | Self::Binary => true,
        }
    }
}

/// The levels that may still be nested below a value. It fits a register.
#[derive(Clone, Copy)]
pub(in crate::rpc) struct Levels {
    /// Where the stack was at the outermost value, while decoding: the lower half of an address.
    stack: u32,
    /// Arrays and maps.
    containers: u8,
    /// Options and newtype structs.
    transparent: u8,
    /// Both at the outermost value, for the error.
    max: u8,
    /// How the value is read. Of no meaning while encoding.
    pub(super) reading: Reading,
}

impl Levels {
    /// The levels of an outermost value that is encoded.
    ///
    /// The stack is not measured: encoding needs a few hundred bytes for each call, whatever the type, and the value is
    /// the sender's own.
    #[inline]
    pub(in crate::rpc) fn encoding(max: u8) -> Self {
        Self { stack: 0, containers: max, transparent: max, max, reading: Reading::Own }
    }

    /// The levels of an outermost value, whose decoding begins in the calling function.
    #[inline]
    pub(in crate::rpc) fn decoding(max: u8, reading: Reading) -> Self {
        Self { stack: stack_position(), reading, ..Self::encoding(max) }
    }

    /// Returns what is left inside of an array or a map.
    #[inline]
    pub(super) fn container(self) -> Result<Self, TooDeep> {
        let containers = self.containers.checked_sub(1).ok_or(TooDeep::Containers(self.max))?;
        Ok(Self { containers, ..self })
    }

    /// Returns what is left inside of an option or a newtype struct.
    #[inline]
    pub(super) fn transparent(self) -> Result<Self, TooDeep> {
        let transparent = self.transparent.checked_sub(1).ok_or(TooDeep::Transparent(self.max))?;
        Ok(Self { transparent, ..self })
    }

    /// Checks how much of the stack decoding uses.
    #[inline]
    fn within_stack(self) -> Result<Self, TooDeep> {
        let here = stack_position();
        // The stack may grow in either direction.
        let used = self.stack.wrapping_sub(here).min(here.wrapping_sub(self.stack));
        if used > STACK_BYTES_MAX { Err(TooDeep::Stack) } else { Ok(self) }
    }

    #[inline]
    pub(super) fn with<T>(self, inner: T) -> Counted<T> {
        Counted { inner, levels: self }
    }
}

/// Completes the entry into a level while decoding.
#[inline]
pub(super) fn decoding<E: de::Error>(levels: Result<Levels, TooDeep>) -> Result<Levels, E> {
    levels.and_then(Levels::within_stack).map_err(cannot_decode)
}

/// Completes the entry into a level while encoding.
#[inline]
pub(super) fn encoding<E: ser::Error>(levels: Result<Levels, TooDeep>) -> Result<Levels, E> {
    levels.map_err(cannot_encode)
}

/// Returns where the stack is, in bytes; only differences have a meaning. Not inlined, because a variable with an address
/// would add to the frame of every function that decodes.
#[inline(never)]
fn stack_position() -> u32 {
    // Miri gives each variable an address of its own choice.
    if cfg!(miri) {
        return 0;
    }
    let here = 0_u8;
    std::ptr::from_ref(&here).addr() as u32
}

/// Why a value may not be nested any deeper.
pub(super) enum TooDeep {
    Containers(u8),
    Transparent(u8),
    Stack,
}

/// The error of a deserialiser. Not inlined, to keep the functions small that decode.
#[cold]
#[inline(never)]
fn cannot_decode<E: de::Error>(too_deep: TooDeep) -> E {
    E::custom(too_deep)
}

/// The error of a serialiser, which also says what to do: the value is the sender's own.
#[cold]
#[inline(never)]
fn cannot_encode<E: ser::Error>(too_deep: TooDeep) -> E {
    E::custom(format_args!(
        "{too_deep}: send it as a flat list whose elements refer to each other by index"
    ))
}

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Containers(max) => write!(f, "nested deeper than {max} levels"),
            Self::Transparent(max) => {
                write!(f, "nested deeper than {max} levels of options or newtype structs")
            }
            Self::Stack => {
                write!(
                    f,
                    "nested so deep that decoding needs more than {STACK_BYTES_MAX} bytes of stack"
                )
            }
        }
    }
}
