//! Counts how deep a value is nested while it is encoded or decoded, so that no value overflows the stack.
//!
//! Serde recurses: into the elements of a container and, without reading any input, into the value of an option or of a
//! newtype struct. A peer chooses how deep, and a stack overflow aborts the process. [`Counted`] wraps a serialiser or a
//! deserialiser, and everything that it hands out, so that each nested call knows its level and the first one beyond the
//! limit fails. The wrappers forward everything else. `rpc/msgpack.rs` puts them around msgpack, `rpc/json.rs` around
//! JSON.
//!
//! A level is what an array or a map is on the wire: a sequence, tuple, struct or map, or an enum's variant with content.
//! A tuple or struct variant is two, because it is an array or a map in a map of one entry. Options and newtype structs
//! do not show on the wire, so they are counted apart: a list linked through `Option<Box<Node>>` can have as many nodes
//! as there are levels.
//!
//! The level is a part of each wrapper. Nothing has to be restored on the way out, so a user's code that ignores an error
//! and continues does not change the count.
//!
//! On the way, the wrappers of a deserialiser also adapt what msgpack contains to what serde's types accept, where the
//! two differ; see [`Reading`].
//!
//! | file | what |
//! |---|---|
//! | `counted.rs` | the wrapper, the levels that are left, and the errors |
//! | `de.rs` | the deserialiser, and the seeds of nested values |
//! | `visitor.rs` | the visitor, which learns what the input contains; decoding counts here |
//! | `access.rs` | access to the elements of sequences, maps and variants |
//! | `sequence.rs` | bytes as a sequence |
//! | `noticed.rs` | what decoding depended on |
//! | `ser.rs` | the serialiser, and nested values; encoding counts here |
//! | `compound.rs` | the serialisers of elements |

mod access;
mod compound;
mod counted;
mod de;
mod noticed;
mod sequence;
mod ser;
mod visitor;

#[cfg(test)]
mod tests;

pub(super) use counted::{Counted, DEPTH_MAX, Levels, Reading};
pub(super) use noticed::{Notice, begin, noticed};
