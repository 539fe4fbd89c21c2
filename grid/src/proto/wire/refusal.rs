//! The payload of MuxConnectError: why a call was not started.

use bytes::{Bytes, BytesMut};

use super::error::DecodeError;
use super::msgpack::{Reader, put_map_len, put_str};

/// The callee does not run a Request, or does not open a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// A text for people, with one exception: if it begins with "Invalid Handler", the callee has no handler of this
    /// id.
    pub(crate) error: String,
}

impl Refusal {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(12 + self.error.len());
        put_map_len(&mut out, 1);
        put_str(&mut out, "Error");
        put_str(&mut out, &self.error);
        out.freeze()
    }

    /// Reads the payload. A missing text is empty, as it is in Go.
    pub(crate) fn decode(payload: &Bytes) -> Result<Self, DecodeError> {
        let mut error = String::new();
        let mut reader = Reader::new(payload);
        for _ in 0..reader.read_map_len("MuxConnectError")? {
            match reader.read_key()? {
                // No limit of its own: the text is shorter than its message.
                b"Error" => error = reader.read_text("Error", usize::MAX)?,
                _ => reader.skip("unknown key of MuxConnectError")?,
            }
        }
        Ok(Self { error })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn golden_and_truncated() {
        let refusal = Refusal { error: "Invalid Handler".into() };
        let payload = refusal.encode();
        assert_eq!(hex(&payload), "81a54572726f72af496e76616c69642048616e646c6572");
        assert_eq!(Refusal::decode(&payload).unwrap(), refusal);
        every_truncation_fails(&payload, Refusal::decode);
    }

    #[test]
    fn unknown_keys_are_skipped() {
        let input = unhex("82a37265649201c3a54572726f72a16e");
        assert_eq!(Refusal::decode(&input).unwrap().error, "n");
        assert_eq!(Refusal::decode(&unhex("80")).unwrap().error, "");
        assert!(Refusal::decode(&unhex("81a54572726f7205")).is_err());
    }
}
