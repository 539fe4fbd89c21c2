//! The payload of UnblockSrvMux and UnblockClMux: the number of returned credits.
//!
//! Without the feature `credits` there is no payload and the number is 1, so a grant of 1 is the same either way.

use std::num::NonZeroU32;

use bytes::Bytes;

use super::error::DecodeError;
use super::msgpack::{Reader, put_uint, uint_len};

/// The longest payload.
pub(crate) const CREDITS_LEN_MAX: usize = 5;

/// Writes the payload that grants `credits` into `scratch`. `None` is an absent payload.
pub(crate) fn encode_credits(
    credits: NonZeroU32,
    scratch: &mut [u8; CREDITS_LEN_MAX],
) -> Option<&[u8]> {
    if credits == NonZeroU32::MIN {
        return None;
    }
    let credits = credits.get().into();
    put_uint(&mut scratch.as_mut_slice(), credits);
    scratch.get(..uint_len(credits))
}

/// The number of credits that a payload grants.
pub(crate) fn decode_credits(payload: Option<&Bytes>) -> Result<NonZeroU32, DecodeError> {
    let Some(payload) = payload else { return Ok(NonZeroU32::MIN) };
    let credits = Reader::new(payload).read_u32("credits")?;
    NonZeroU32::new(credits).ok_or(DecodeError::EmptyGrant)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn round_trip_and_truncated() {
        for (credits, payload) in
            [(2, "02"), (127, "7f"), (128, "cc80"), (1000, "cd03e8"), (u32::MAX, "ceffffffff")]
        {
            let credits = NonZeroU32::new(credits).unwrap();
            let mut scratch = [0; CREDITS_LEN_MAX];
            let encoded = encode_credits(credits, &mut scratch).unwrap();
            assert_eq!(hex(encoded), payload);
            let encoded = Bytes::copy_from_slice(encoded);
            assert_eq!(decode_credits(Some(&encoded)), Ok(credits));
            every_truncation_fails(&encoded, |input| decode_credits(Some(input)));
        }
    }

    #[test]
    fn one_credit_needs_no_payload() {
        assert_eq!(encode_credits(NonZeroU32::MIN, &mut [0; CREDITS_LEN_MAX]), None);
        assert_eq!(decode_credits(None), Ok(NonZeroU32::MIN));
        assert_eq!(decode_credits(Some(&unhex("01"))), Ok(NonZeroU32::MIN));
    }

    #[test]
    fn zero_and_too_large_numbers_are_refused() {
        assert_eq!(decode_credits(Some(&unhex("00"))), Err(DecodeError::EmptyGrant));
        for hex in ["cf0000000100000000", "ff", "c0"] {
            assert!(decode_credits(Some(&unhex(hex))).is_err(), "{hex}");
        }
    }
}
