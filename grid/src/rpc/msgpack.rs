//! One value as msgpack, nested at most [`DEPTH_MAX`] levels: all msgpack of the users' types is written and read here.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::depth::{Counted, DEPTH_MAX, Levels};
use crate::CodecError;

/// Appends a value, its structs as maps by field name.
#[inline]
pub(super) fn append_named<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let mut serializer = rmp_serde::Serializer::new(out).with_struct_map();
    value
        .serialize(Counted::new(&mut serializer, Levels::encoding(DEPTH_MAX)))
        .map_err(CodecError::new)
}

/// Appends a value, its structs as arrays.
#[inline]
pub(super) fn append_compact<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let mut serializer = rmp_serde::Serializer::new(out);
    value
        .serialize(Counted::new(&mut serializer, Levels::encoding(DEPTH_MAX)))
        .map_err(CodecError::new)
}

/// Decodes a value of either form.
#[inline]
pub(super) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(payload);
    T::deserialize(Counted::new(&mut deserializer, Levels::decoding(DEPTH_MAX)))
        .map_err(CodecError::new)
}
