//! Where values are encoded: a buffer that the thread keeps, so that a payload costs one allocation of just its size.
//!
//! Growing a fresh buffer costs several, and a buffer that is larger than its content costs one more to be shared.

use std::cell::Cell;

use bytes::Bytes;

use crate::CodecError;

/// Up to here a payload is copied out of the thread's buffer; a larger one takes the buffer along, since copying it
/// would cost more than a new buffer. It is also what each thread keeps at most.
const KEPT_BYTES: usize = 32 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Gives what `encode` writes.
///
/// A value whose own serialisation encodes others finds the buffer gone and takes a fresh one.
pub(super) fn encoded(
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
) -> Result<Bytes, CodecError> {
    // Without it too: on a thread that is ending, the buffer may be gone for good.
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
    fn what_encodes_inside_of_another_is_its_own() {
        let outer = encoded(|out| {
            out.extend_from_slice(b"outer");
            assert_eq!(of(2), [7; 2][..]);
            Ok(())
        });
        assert_eq!(outer, Ok(Bytes::from_static(b"outer")));
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let failed = encoded(|out| {
            out.push(1);
            Err(CodecError::new("no"))
        });
        assert!(failed.is_err());
        assert_eq!(of(0), [0_u8; 0][..]);
    }
}
