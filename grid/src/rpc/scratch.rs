//! Values are encoded into a buffer that each thread reuses, so that a payload costs one allocation of exactly its size.
//!
//! A fresh buffer that grows costs several allocations, and one more to be shared if it is larger than its content.

use std::cell::Cell;

use bytes::Bytes;

use crate::CodecError;

/// Largest buffer that a thread keeps. If encoding has made the buffer larger, the payload takes it, because copying would
/// cost more than a new buffer; otherwise the payload is copied out of it.
const KEPT_BYTES: usize = 32 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Returns the bytes that `encode` writes.
///
/// If `encode` itself calls this function, the inner call uses a fresh buffer.
pub(super) fn encoded(
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
) -> Result<Bytes, CodecError> {
    // On a thread that is ending, the thread-local buffer may have been destroyed already.
    let mut buffer = SCRATCH.try_with(Cell::take).unwrap_or_default();
    buffer.clear();
    encode(&mut buffer)?;
    if buffer.capacity() > KEPT_BYTES {
        return Ok(buffer.into());
    }
    let bytes = Bytes::copy_from_slice(&buffer);
    let _ = SCRATCH.try_with(|scratch| scratch.set(buffer));
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(len: usize) -> Bytes {
        encoded(|out| {
            out.resize(len, 7);
            Ok(())
        })
        .expect("written")
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
            out.extend_from_slice(b"outer");
            assert_eq!(of(2), [7; 2][..]);
            Ok(())
        });
        assert_eq!(outer, Ok(Bytes::from_static(b"outer")));
    }

    #[test]
    fn a_failure_leaves_no_bytes_for_the_next_call() {
        let failed = encoded(|out| {
            out.push(1);
            Err(CodecError::new("no"))
        });
        assert!(failed.is_err());
        assert_eq!(of(0), [0_u8; 0][..]);
    }
}
