//! Writes values as msgpack.
//!
//! The format is that of `rmp-serde`, which reads it, with these differences:
//!
//! - Sequences and arrays of `u8` are a msgpack bin instead of an array of integers.
//! - Types with a readable and a binary form have the readable one, because serde decodes what it has buffered, inside
//!   untagged, internally tagged and flattened types, in that form only.
//! - A `Some` whose value is nil is refused, because it would be decoded as `None`.
//! - What may not be readable again is noted as a [`Doubt`](doubt::Doubt), and `rpc/msgpack.rs` then decodes the value before it is
//!   sent.
//!
//! | file | what |
//! |---|---|
//! | `packer.rs` | the output, and the parts that all of the serialiser writes |
//! | `serializer.rs` | the serialiser |
//! | `compound.rs` | the serialisers of elements and fields |
//! | `tuple.rs` | the serialiser of tuples, which finds out whether all elements are `u8` |
//! | `bytes.rs` | recognises `u8`, and returns its value |
//! | `doubt.rs` | what may not be readable again |
//! | `shapes.rs` | which structs are known to be readable as arrays |
//! | `number.rs` | the numbers of `serde_json` with `arbitrary_precision` |
//! | `error.rs` | why a value cannot be encoded, and where in it |

mod bytes;
mod compound;
mod doubt;
mod error;
mod number;
mod packer;
mod serializer;
mod shapes;
mod tuple;

#[cfg(test)]
mod tests;

pub(super) use bytes::is_byte;
pub(super) use doubt::Doubts;
pub(super) use error::PackError;
pub(super) use packer::{Packer, exact_len};
pub(super) use shapes::{Form, Key, remember};

/// Name of the struct of one field that is a `serde_json::value::RawValue`.
pub(super) const RAW_VALUE: &str = "$serde_json::private::RawValue";
