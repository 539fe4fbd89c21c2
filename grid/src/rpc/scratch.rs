//! Values are encoded into a buffer that each thread reuses, so that a payload costs one allocation of exactly its size.
//!
//! A fresh buffer that grows costs several allocations, and one more to be shared if it is larger than its content.

use std::cell::Cell;

use bytes::Bytes;

use crate::CodecError;
use crate::net::Body;

/// Largest buffer that a thread keeps. If encoding has made the buffer larger, the payload takes it, because copying would
/// cost more than a new buffer; otherwise the payload is copied out of it.
const KEPT_BYTES: usize = 32 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A longer buffer of the user's is not copied into the payload: it is sent from where it lies, in parts.
pub(super) const SHARED_BYTES: usize = 64 * 1024;

/// The payload that is being written.
#[derive(Debug, Default)]
#[expect(unnameable_types, reason = "methods of sealed traits have it")]
pub struct Out {
    pub(super) bytes: Vec<u8>,
    /// A large buffer, and its place in `bytes`.
    shared: Option<(usize, Bytes)>,
}

impl Out {
    /// Appends a buffer, which is shared if it is large. A payload shares one; others are copied.
    pub(super) fn append(&mut self, bytes: Bytes) {
        if bytes.len() > SHARED_BYTES && self.shared.is_none() {
            self.shared = Some((self.bytes.len(), bytes));
        } else {
            self.bytes.extend_from_slice(&bytes);
        }
    }
}

/// Returns the payload that `encode` writes.
///
/// If `encode` itself calls this function, the inner call uses a fresh buffer.
#[inline]
pub(super) fn encoded(
    encode: impl FnOnce(&mut Out) -> Result<(), CodecError>,
) -> Result<Body, CodecError> {
    // On a thread that is ending, the thread-local buffer may have been destroyed already.
    let mut out = Out { bytes: SCRATCH.try_with(Cell::take).unwrap_or_default(), shared: None };
    out.bytes.clear();
    encode(&mut out)?;
    let Out { bytes: buffer, shared } = out;
    let bytes = if buffer.capacity() > KEPT_BYTES {
        Bytes::from(buffer)
    } else {
        let bytes = Bytes::copy_from_slice(&buffer);
        let _ = SCRATCH.try_with(|scratch| scratch.set(buffer));
        bytes
    };
    Ok(match shared {
        None => bytes.into(),
        Some((place, shared)) => Body::around(bytes.slice(..place), shared, bytes.slice(place..)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(len: usize) -> Bytes {
        encoded(|out| {
            out.bytes.resize(len, 7);
            Ok(())
        })
        .expect("written")
        .into_bytes()
    }

    #[test]
    fn payloads_do_not_share_the_buffer() {
        let (one, two) = (of(3), of(5));
        assert_eq!((&one[..], &two[..]), (&[7; 3][..], &[7; 5][..]));
        assert_eq!(of(KEPT_BYTES * 3).len(), KEPT_BYTES * 3);
        assert_eq!(of(1), [7; 1][..]);
    }

    #[test]
    fn a_nested_call_uses_a_buffer_of_its_own() {
        let outer = encoded(|out| {
            out.bytes.extend_from_slice(b"outer");
            assert_eq!(of(2), [7; 2][..]);
            Ok(())
        });
        assert_eq!(outer.map(Body::into_bytes), Ok(Bytes::from_static(b"outer")));
    }

    #[test]
    fn a_failure_leaves_no_bytes_for_the_next_call() {
        let failed = encoded(|out| {
            out.bytes.push(1);
            Err(CodecError::new("no"))
        });
        assert!(failed.is_err());
        assert_eq!(of(0), [0_u8; 0][..]);
    }

    #[test]
    fn one_large_buffer_is_shared_and_the_others_are_copied() {
        let large = [1, 2].map(|byte| Bytes::from(vec![byte; SHARED_BYTES + 1]));
        let body = encoded(|out| {
            out.append(Bytes::from_static(b"small"));
            large.iter().for_each(|large| out.append(large.clone()));
            out.bytes.push(9);
            Ok(())
        })
        .expect("written");
        assert_eq!(body.shared().as_ptr(), large[0].as_ptr());
        assert_eq!(body.pieces().concat(), [&b"small"[..], &large[0], &large[1], &[9]].concat());
        assert_eq!((body.len(), body.as_slice()), (5 + 2 * SHARED_BYTES + 3, None));
    }
}
