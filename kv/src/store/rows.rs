//! What all files of the storage need for rows: their encoding, and the errors of redb.

use std::io;

/// Errors of redb, as openraft wants them.
pub(super) fn other(error: impl Into<redb::Error>) -> io::Error {
    match error.into() {
        redb::Error::Io(error) => error,
        error => io::Error::other(error),
    }
}

/// A value as msgpack, with the names of fields, so that a later version can add some.
pub(super) fn encode(value: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    rmp_serde::to_vec_named(value).map_err(io::Error::other)
}

pub(super) fn decode<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> io::Result<T> {
    rmp_serde::from_slice(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
