//! One value as msgpack, nested at most [`DEPTH_MAX`] levels: all msgpack of the users' types is written and read here.
//!
//! Most values are written once and read once. Where a value may not be readable again (see `pack/doubt.rs`), it is read
//! before it is sent, so that its sender gets the error. Values in forms that this node does not write, such as those of
//! a Go node, are read in further attempts.

use std::any::type_name;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::depth::{Counted, DEPTH_MAX, Levels, Notice, Reading, begin, noticed};
use super::layout::Layout;
use super::pack::{Doubts, Form, Key, PackError, Packer, remember};
use crate::CodecError;

/// Appends a value. In the compact layout its structs are arrays, except where they cannot be.
#[inline]
pub(super) fn append<T: Serialize + DeserializeOwned>(
    value: &T,
    layout: Layout,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let start = out.len();
    let doubts = write::<T>(value, Packer::new(out, layout, type_name::<T>()))?;
    if doubts.is_empty() { Ok(()) } else { settle(value, doubts, start, out) }
}

#[inline]
fn write<T: Serialize>(value: &T, mut packer: Packer<'_>) -> Result<Doubts, CodecError> {
    let levels = Levels::encoding(DEPTH_MAX);
    value.serialize(Counted::new(&mut packer, levels)).map_err(PackError::of::<T>)?;
    Ok(packer.into_doubts())
}

/// Reads what has been written from `start` on. If that is not the value, writes it with all names of fields instead, or
/// returns an error.
#[cold]
fn settle<T: Serialize + DeserializeOwned>(
    value: &T,
    doubts: Doubts,
    start: usize,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    if matches!(type_name::<T>(), "u128" | "i128") {
        return Ok(());
    }
    let names_needed = doubts.names_needed;
    if doubts.shapes.too_many() {
        remember(&[Key::whole(type_name::<T>())], Form::Map);
    } else if !names_needed {
        let form = array_or_map(value, &out[start..]);
        remember(&doubts.shapes.into_keys(), form);
        if form == Form::Array {
            return Ok(());
        }
    }
    // Nodes read both layouts.
    out.truncate(start);
    let named = write(value, Packer::new(out, Layout::Named, type_name::<T>()))?;
    let checked = match named.about_value() {
        true => check(value, &out[start..]),
        false if names_needed => Ok(()),
        // It need not be the same value: that may be the purpose of its `Deserialize`.
        false => decode_own::<T>(&out[start..]).map(|_| ()),
    };
    checked.map_err(|reason| {
        out.truncate(start);
        let strict = Packer::new(out, Layout::Named, type_name::<T>()).strict(&reason);
        write(value, strict).err().unwrap_or_else(|| PackError::new(reason).of::<T>())
    })
}

/// The form of structs that have been written as arrays for the first time.
fn array_or_map<T: Serialize + DeserializeOwned>(value: &T, bytes: &[u8]) -> Form {
    match decode_own(bytes) {
        // Serde buffers what it may decode as one of several types. Even if this value is right, in the next one an array
        // may be decoded as another struct: names tell them apart.
        Ok(_) if noticed(Notice::Buffered) => Form::Map,
        // A field that is never sent: without names, the others are taken for the ones before them.
        Ok(_) if noticed(Notice::Shorter) => Form::Map,
        Ok(decoded) if is_same(value, &decoded, bytes.len()) => Form::Array,
        _ => Form::Map,
    }
}

/// Checks that these bytes are decoded as this value. The error says what they are instead.
fn check<T: Serialize + DeserializeOwned>(value: &T, bytes: &[u8]) -> Result<(), String> {
    let decoded = decode_own(bytes)?;
    if is_same(value, &decoded, bytes.len()) {
        return Ok(());
    }
    Err("it would be decoded as another value: put a tag on untagged enums in it".to_owned())
}

/// Whether a value was decoded as it was, as far as its encoding shows: the types need not have `PartialEq`.
fn is_same<T: Serialize>(value: &T, decoded: &T, len: usize) -> bool {
    let histogram = |value: &T| {
        let mut named = Vec::with_capacity(len);
        // The same doubts again, which are of no interest here.
        write(value, Packer::new(&mut named, Layout::Named, type_name::<T>())).ok()?;
        // The numbers of bytes, since the entries of a hash map have no order. So values that have changed places are not
        // noticed.
        let mut histogram = [0_usize; 256];
        named.iter().for_each(|byte| histogram[usize::from(*byte)] += 1);
        Some(histogram)
    };
    histogram(value).is_some_and(|sent| histogram(decoded) == Some(sent))
}

/// Decodes a value that this node is about to send.
fn decode_own<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    decode(bytes).map_err(|error| format!("it cannot be decoded again: {error}"))
}

/// Decodes a value of either layout and of all forms.
#[inline]
pub(super) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    read(payload, Reading::Own).or_else(|error| decode_foreign(payload).map_err(|()| error))
}

/// Decodes a value that this node would have written in another form. Only where it has met something that has two forms:
/// a peer that sends what is wrong in any form must not make this node decode it several times.
#[cold]
fn decode_foreign<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ()> {
    let form = noticed(Notice::AskedForm);
    if noticed(Notice::BufferedBytes)
        && let Ok(value) = read(payload, Reading::WholeBytes)
    {
        return Ok(value);
    }
    // The attempt before this one may have got further.
    if form || noticed(Notice::AskedForm) {
        return read(payload, Reading::Binary).map_err(|_| ());
    }
    Err(())
}

fn read<T: DeserializeOwned>(payload: &[u8], reading: Reading) -> Result<T, CodecError> {
    begin();
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(payload);
    T::deserialize(Counted::new(&mut deserializer, Levels::decoding(DEPTH_MAX, reading)))
        .map_err(CodecError::new)
}
