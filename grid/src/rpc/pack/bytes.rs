//! Recognises `u8` behind serde's generics, and returns its value.
//!
//! Serde serialises a `Vec<u8>` like any sequence, one element after another. Rust has no specialisation, so the type is
//! recognised by its name, which the compiler evaluates. If the name should ever change, bytes are sent as an array of
//! integers, which every node reads as well; a test would fail.

use std::any::type_name;
use std::fmt;

use serde::ser::{self, Impossible, Serialize, Serializer};

/// Whether `T` is `u8` or a reference to it.
#[inline(always)]
pub(in crate::rpc) fn is_byte<T: ?Sized>() -> bool {
    matches!(type_name::<T>().as_bytes(), b"u8" | b"&u8")
}

/// Returns the value of a `u8`. Of any other type, which callers exclude with [`is_byte`], 0.
#[inline(always)]
pub(super) fn byte<T: Serialize + ?Sized>(value: &T) -> u8 {
    value.serialize(Byte).unwrap_or_default()
}

/// A serialiser that accepts a `u8` only.
struct Byte;

#[derive(Debug)]
struct NotAByte;

impl fmt::Display for NotAByte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a byte")
    }
}

impl std::error::Error for NotAByte {}

impl ser::Error for NotAByte {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

type Result<T> = std::result::Result<T, NotAByte>;

macro_rules! refuse {
    ($($method:ident($($Arg:ty),*) -> $Ok:ty;)*) => {$(
        fn $method(self, $(_: $Arg),*) -> Result<$Ok> {
            Err(NotAByte)
        }
    )*};
}

impl Serializer for Byte {
    type Ok = u8;
    type Error = NotAByte;
    type SerializeSeq = Impossible<u8, NotAByte>;
    type SerializeTuple = Impossible<u8, NotAByte>;
    type SerializeTupleStruct = Impossible<u8, NotAByte>;
    type SerializeTupleVariant = Impossible<u8, NotAByte>;
    type SerializeMap = Impossible<u8, NotAByte>;
    type SerializeStruct = Impossible<u8, NotAByte>;
    type SerializeStructVariant = Impossible<u8, NotAByte>;

    #[inline(always)]
    fn serialize_u8(self, value: u8) -> Result<u8> {
        Ok(value)
    }

    refuse! {
        serialize_bool(bool) -> u8;
        serialize_i8(i8) -> u8;
        serialize_i16(i16) -> u8;
        serialize_i32(i32) -> u8;
        serialize_i64(i64) -> u8;
        serialize_u16(u16) -> u8;
        serialize_u32(u32) -> u8;
        serialize_u64(u64) -> u8;
        serialize_f32(f32) -> u8;
        serialize_f64(f64) -> u8;
        serialize_char(char) -> u8;
        serialize_str(&str) -> u8;
        serialize_bytes(&[u8]) -> u8;
        serialize_none() -> u8;
        serialize_unit() -> u8;
        serialize_unit_struct(&'static str) -> u8;
        serialize_unit_variant(&'static str, u32, &'static str) -> u8;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<u8> {
        Err(NotAByte)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<u8> {
        Err(NotAByte)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<u8> {
        Err(NotAByte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_u8_is_known() {
        assert!(is_byte::<u8>() && is_byte::<&u8>());
        assert!(!is_byte::<i8>() && !is_byte::<bool>() && !is_byte::<std::num::NonZeroU8>());
        assert_eq!((byte(&200_u8), byte(&&7_u8)), (200, 7));
    }
}
