//! Helpers for the tests of the codec.

use std::fmt::Debug;

use bytes::Bytes;

use super::error::DecodeError;

pub(super) fn unhex(hex: &str) -> Bytes {
    assert!(hex.len().is_multiple_of(2), "odd hex");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asserts that `input` can be decoded, and that no proper prefix of it can.
#[track_caller]
pub(super) fn every_truncation_fails<T: Debug>(
    input: &Bytes,
    mut decode: impl FnMut(&Bytes) -> Result<T, DecodeError>,
) {
    decode(input).unwrap();
    for len in 0..input.len() {
        if let Ok(value) = decode(&input.slice(..len)) {
            panic!("the first {len} of {} bytes decode to {value:?}", input.len());
        }
    }
}
