//! Payloads of Ping and Pong. When to ping is decided by session/keepalive.rs and caller/.

use bytes::{Bytes, BytesMut};

use super::error::DecodeError;
use super::msgpack::{Reader, put_bool, put_map_len, put_nil, put_str};
use super::time::Timestamp;

/// Asks whether the other side is alive. A ping on a stream has no payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ping {
    /// The time of the sender's clock. Only the sender compares it, with the same clock.
    pub(crate) time: Timestamp,
}

impl Ping {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(3 + Timestamp::ENCODED_LEN);
        put_map_len(&mut out, 1);
        put_str(&mut out, "t");
        self.time.put(&mut out);
        out.freeze()
    }

    /// Reads the payload, if there is one. Without a payload or without the key `t` the time is Go's zero time.
    pub(crate) fn decode(payload: Option<&Bytes>) -> Result<Self, DecodeError> {
        let mut time = Timestamp::GO_ZERO;
        if let Some(payload) = payload {
            let mut reader = Reader::new(payload);
            for _ in 0..reader.read_map_len("Ping")? {
                match reader.read_key()? {
                    b"t" => time = Timestamp::read(&mut reader, "t")?,
                    _ => reader.skip("unknown key of Ping")?,
                }
            }
        }
        Ok(Self { time })
    }
}

/// The answer to a [`Ping`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pong {
    /// The answering side does not know the stream.
    pub(crate) not_found: bool,
    /// The ping was out of sequence.
    pub(crate) error: Option<String>,
    /// Copied from the ping.
    pub(crate) time: Timestamp,
}

impl Pong {
    /// The answer to `ping` without an error.
    pub(crate) fn to(ping: Ping) -> Self {
        Self { not_found: false, error: None, time: ping.time }
    }

    /// Encodes the payload, with keys in the order in which Go writes them.
    pub(crate) fn encode(&self) -> Bytes {
        let error_len = self.error.as_ref().map_or(0, String::len);
        let mut out = BytesMut::with_capacity(16 + error_len + Timestamp::ENCODED_LEN);
        put_map_len(&mut out, 3);
        put_str(&mut out, "nf");
        put_bool(&mut out, self.not_found);
        put_str(&mut out, "e");
        match &self.error {
            Some(error) => put_str(&mut out, error),
            None => put_nil(&mut out),
        }
        put_str(&mut out, "t");
        self.time.put(&mut out);
        out.freeze()
    }

    /// Reads the payload. A missing key has Go's zero value, as it has in Go.
    pub(crate) fn decode(payload: &Bytes) -> Result<Self, DecodeError> {
        let mut pong = Self { not_found: false, error: None, time: Timestamp::GO_ZERO };
        let mut reader = Reader::new(payload);
        for _ in 0..reader.read_map_len("Pong")? {
            match reader.read_key()? {
                b"nf" => pong.not_found = reader.read_bool("nf")?,
                b"e" if reader.read_nil() => pong.error = None,
                // No limit of its own: the text is shorter than its message.
                b"e" => pong.error = Some(reader.read_text("e", usize::MAX)?),
                b"t" => pong.time = Timestamp::read(&mut reader, "t")?,
                _ => reader.skip("unknown key of Pong")?,
            }
        }
        Ok(pong)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    const TIME: Timestamp = Timestamp { secs: 1_795_361_226, nanos: 675_823_354 };

    #[test]
    fn ping_golden_and_truncated() {
        let payload = Ping { time: TIME }.encode();
        assert_eq!(hex(&payload), "81a174c70c05000000006b0309ca28483efa");
        assert_eq!(Ping::decode(Some(&payload)).unwrap().time, TIME);
        every_truncation_fails(&payload, |input| Ping::decode(Some(input)));
    }

    #[test]
    fn a_ping_without_payload_has_the_zero_time_of_go() {
        assert_eq!(Ping::decode(None).unwrap().time, Timestamp::GO_ZERO);
        assert_eq!(Ping::decode(Some(&unhex("81a178c0"))).unwrap().time, Timestamp::GO_ZERO);
    }

    #[test]
    fn pong_golden_and_truncated() {
        let payload = Pong::to(Ping { time: TIME }).encode();
        assert_eq!(hex(&payload), "83a26e66c2a165c0a174c70c05000000006b0309ca28483efa");
        for error in [None, Some("gone".to_owned()), Some(String::new())] {
            let pong = Pong { not_found: true, error, time: TIME };
            let payload = pong.encode();
            assert_eq!(Pong::decode(&payload).unwrap(), pong);
            every_truncation_fails(&payload, Pong::decode);
        }
        assert!(Pong::decode(&unhex("81a16505")).is_err());
        assert_eq!(
            Pong::decode(&unhex("81a17805")).unwrap(),
            Pong::to(Ping { time: Timestamp::GO_ZERO })
        );
    }
}
