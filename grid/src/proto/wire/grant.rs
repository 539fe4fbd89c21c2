//! How much of a stream's window is opened, with the feature `windows`: the payload of UnblockSrvMux and UnblockClMux, and a
//! value in the metadata of ConnectMux and AckMux.

use bytes::{BufMut, Bytes};

use super::error::DecodeError;
use super::msgpack::{Reader, put_array_len, put_uint, uint_len};

/// The longest encoded form.
pub(crate) const GRANT_LEN_MAX: usize = 1 + 2 * 5;

const LEN: u32 = 2;

/// What the sender of a stream may send in addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) bytes: u32,
    /// In the message that opens a stream, [`UNCOUNTED`](Self::UNCOUNTED) if the number of items is not limited.
    pub(crate) items: u32,
}

impl Grant {
    /// The number of items is not limited.
    pub(crate) const UNCOUNTED: u32 = u32::MAX;

    pub(super) fn put(self, out: &mut impl BufMut) {
        put_array_len(out, LEN as usize);
        put_uint(out, self.bytes.into());
        put_uint(out, self.items.into());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const FIELD: &str = "window";
        let len = reader.read_array_len(FIELD)?;
        if len < LEN {
            let (want, got) = (LEN as usize, len as usize);
            return Err(DecodeError::BadLength { field: FIELD, want, got });
        }
        let grant = Self { bytes: reader.read_u32(FIELD)?, items: reader.read_u32(FIELD)? };
        (LEN..len).try_for_each(|_| reader.skip(FIELD))?;
        Ok(grant)
    }

    /// Writes a payload into `space`.
    pub(crate) fn encode(self, space: &mut [u8; GRANT_LEN_MAX]) -> &[u8] {
        let len = 1 + uint_len(self.bytes.into()) + uint_len(self.items.into());
        self.put(&mut space.as_mut_slice());
        space.get(..len).unwrap_or_default()
    }

    /// Reads a payload. One that grants nothing is of no use, and refused.
    pub(crate) fn decode(payload: &Bytes) -> Result<Self, DecodeError> {
        match Self::read(&mut Reader::new(payload))? {
            Self { bytes: 0, items: 0 } => Err(DecodeError::EmptyGrant),
            grant => Ok(grant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn golden_and_truncated() {
        for (bytes, items, payload) in
            [(1, 0, "920100"), (65_536, 1, "92ce0001000001"), (0, 300, "9200cd012c")]
        {
            let grant = Grant { bytes, items };
            let mut space = [0; GRANT_LEN_MAX];
            let encoded = Bytes::copy_from_slice(grant.encode(&mut space));
            assert_eq!(hex(&encoded), payload);
            assert_eq!(Grant::decode(&encoded), Ok(grant));
            every_truncation_fails(&encoded, Grant::decode);
        }
        let longest = Grant { bytes: u32::MAX, items: Grant::UNCOUNTED };
        assert_eq!(longest.encode(&mut [0; GRANT_LEN_MAX]).len(), GRANT_LEN_MAX);
    }

    #[test]
    fn bad_grants_are_refused_and_later_versions_may_add_elements() {
        for hex in ["920000", "9101", "05", "c0", "92cf000000010000000000"] {
            assert!(Grant::decode(&unhex(hex)).is_err(), "{hex}");
        }
        assert_eq!(Grant::decode(&unhex("9305c007")).ok(), None);
        assert_eq!(Grant::decode(&unhex("93050007")), Ok(Grant { bytes: 5, items: 0 }));
    }
}
