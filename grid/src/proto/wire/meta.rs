//! The metadata trailer of the feature `meta`: tracing, error codes, and metadata of users.
//!
//! A map with small integers as keys. It is not sent to Go nodes, which would ignore it.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::error::DecodeError;
use super::grant::{GRANT_LEN_MAX, Grant};
use super::msgpack::{Reader, put_array_len, put_bin, put_map_len, put_str, put_uint};
use super::trace::TraceContext;

/// Limit of the encoded metadata of a message.
pub(crate) const META_LEN_MAX: usize = 64 << 10;
/// Limit of the user's entries. Each costs the receiver two allocations.
pub(crate) const USER_ENTRIES_MAX: usize = 64;

const KEY_TRACE: u64 = 1;
const KEY_STATE: u64 = 2;
const KEY_ERROR: u64 = 3;
const KEY_USER: u64 = 4;
const KEY_CAPACITIES: u64 = 5;
const KEY_WINDOW: u64 = 6;

const TRACE_LEN: usize = 26;

/// The metadata of a message. All fields are optional, and without any the encoded form is empty.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Meta {
    pub(crate) trace: Option<TraceContext>,
    /// W3C `tracestate`.
    pub(crate) state: Option<String>,
    /// Of an error, what is not in the text in the payload.
    pub(crate) error: Option<ErrorMeta>,
    /// Entries of the user. Order and repetitions are kept.
    pub(crate) user: Vec<(String, Bytes)>,
    /// Of the opening of a stream, its capacities at the caller: incoming and outgoing, as its handler sees them.
    pub(crate) capacities: Option<[u32; 2]>,
    /// Of the opening of a stream and of its acceptance: how much of the other side's items their sender has room for.
    pub(crate) window: Option<Grant>,
}

/// The kind of an error, and its typed form if there is one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ErrorMeta {
    pub(crate) code: u16,
    /// Depends on the code, empty for most.
    pub(crate) body: Bytes,
}

impl Meta {
    pub(crate) fn is_empty(&self) -> bool {
        let Self { trace, state, error, user, capacities, window } = self;
        trace.is_none()
            && state.is_none()
            && error.is_none()
            && user.is_empty()
            && capacities.is_none()
            && window.is_none()
    }

    /// The first entry of the user with this key.
    pub(crate) fn value(&self, key: &str) -> Option<&Bytes> {
        self.user.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Encodes the trailer.
    pub(crate) fn encode(&self) -> Bytes {
        self.encode_with(self.capacities)
    }

    /// Memory that the decoded metadata uses, approximately.
    pub(crate) fn bytes(&self) -> usize {
        const ENTRY_BYTES: usize = size_of::<(String, Bytes)>() + 2 * 16;
        let entries = self.user.iter().map(|(key, value)| key.len() + value.len() + ENTRY_BYTES);
        size_of::<Self>() + entries.sum::<usize>() + self.state.as_ref().map_or(0, String::len)
    }

    /// Encodes the trailer. It is empty without metadata, so that the flag is not set.
    fn encode_with(&self, capacities: Option<[u32; 2]>) -> Bytes {
        if self.is_empty() && capacities.is_none() {
            return Bytes::new();
        }
        let mut out = BytesMut::new();
        let pairs = usize::from(self.trace.is_some())
            + usize::from(self.state.is_some())
            + usize::from(self.error.is_some())
            + usize::from(!self.user.is_empty())
            + usize::from(capacities.is_some())
            + usize::from(self.window.is_some());
        put_map_len(&mut out, pairs);
        if let Some(trace) = &self.trace {
            put_uint(&mut out, KEY_TRACE);
            put_bin(&mut out, &trace.to_bytes());
        }
        if let Some(state) = &self.state {
            put_uint(&mut out, KEY_STATE);
            put_str(&mut out, state);
        }
        if let Some(error) = &self.error {
            put_error(&mut out, error.code, &error.body);
        }
        if !self.user.is_empty() {
            put_uint(&mut out, KEY_USER);
            put_map_len(&mut out, self.user.len());
            for (key, value) in &self.user {
                put_str(&mut out, key);
                put_bin(&mut out, value);
            }
        }
        if let Some(window) = self.window {
            put_uint(&mut out, KEY_WINDOW);
            window.put(&mut out);
        }
        if let Some(capacities) = capacities {
            put_capacities(&mut out, capacities);
        }
        out.freeze()
    }

    /// Adds a window to what [`encode_checked`](Self::encode_checked) has returned for a stream, now that the peer is known
    /// to have windows.
    pub(crate) fn announce(encoded: &[u8], window: Grant) -> Bytes {
        let mut out = BytesMut::from(encoded);
        if let Some(len) = out.first_mut() {
            // The header of a map of fewer than 16 pairs is one byte, which ends with their number.
            *len += 1;
        }
        put_uint(&mut out, KEY_WINDOW);
        window.put(&mut out);
        out.freeze()
    }

    /// Encodes the metadata of a call, with the capacities of a stream. Fails for metadata that the peer would refuse by
    /// closing the connection.
    pub(crate) fn encode_checked(
        &self,
        capacities: Option<[u32; 2]>,
    ) -> Result<Bytes, DecodeError> {
        check_user_entries(self.user.len())?;
        let encoded = self.encode_with(capacities);
        // A window may be added to the opening of a stream.
        check_len(encoded.len() + if capacities.is_some() { 1 + GRANT_LEN_MAX } else { 0 })?;
        Ok(encoded)
    }

    /// Reads the trailer of a message with [`Flags::META`](super::Flags::META).
    pub(crate) fn decode(trailer: &Bytes) -> Result<Self, DecodeError> {
        check_len(trailer.len())?;
        let mut meta = Self::default();
        let mut reader = Reader::new(trailer);
        for _ in 0..reader.read_map_len("meta")? {
            match reader.read_uint("key of meta")? {
                KEY_TRACE => meta.trace = Some(TraceContext::read(&mut reader)?),
                KEY_STATE => {
                    meta.state = Some(reader.read_str("tracestate", META_LEN_MAX)?.to_owned())
                }
                KEY_ERROR => meta.error = Some(ErrorMeta::read(&mut reader)?),
                KEY_USER => meta.user = read_user(&mut reader)?,
                KEY_CAPACITIES => meta.capacities = Some(read_capacities(&mut reader)?),
                KEY_WINDOW => meta.window = Some(Grant::read(&mut reader)?),
                _ => reader.skip("unknown key of meta")?,
            }
        }
        Ok(meta)
    }
}

/// Shows names and lengths only: values are the user's, and must not appear in logs.
impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta")
            .field("trace", &self.trace)
            .field("state", &self.state)
            .field("error", &self.error)
            .field("capacities", &self.capacities)
            .field("window", &self.window)
            .field(
                "user",
                &self.user.iter().map(|(key, value)| (key, value.len())).collect::<Vec<_>>(),
            )
            .finish()
    }
}

impl TraceContext {
    fn to_bytes(self) -> [u8; TRACE_LEN] {
        let mut bytes = [0; TRACE_LEN];
        let mut out = bytes.as_mut_slice();
        out.put_u8(self.version);
        out.put_slice(&self.trace_id);
        out.put_slice(&self.parent_id);
        out.put_u8(self.flags);
        bytes
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const FIELD: &str = "trace context";
        let bin = reader.read_bin_ref(FIELD)?;
        let parse = || {
            let (version, rest) = bin.split_first()?;
            let (trace_id, rest) = rest.split_first_chunk()?;
            let (parent_id, rest) = rest.split_first_chunk()?;
            let [flags] = rest else { return None };
            Some(Self {
                version: *version,
                trace_id: *trace_id,
                parent_id: *parent_id,
                flags: *flags,
            })
        };
        parse().ok_or(DecodeError::BadLength { field: FIELD, want: TRACE_LEN, got: bin.len() })
    }
}

impl ErrorMeta {
    /// Encodes the trailer of a message whose only metadata is an error, from a borrowed body.
    pub(crate) fn encode(code: u16, body: &[u8]) -> Bytes {
        let mut out = BytesMut::new();
        put_map_len(&mut out, 1);
        put_error(&mut out, code, body);
        out.freeze()
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const FIELD: &str = "error of meta";
        let len = reader.read_array_len(FIELD)? as usize;
        if len != 2 {
            return Err(DecodeError::BadLength { field: FIELD, want: 2, got: len });
        }
        Ok(Self { code: reader.read_u16("error code")?, body: reader.read_bin("error body")? })
    }
}

fn put_error(out: &mut BytesMut, code: u16, body: &[u8]) {
    put_uint(out, KEY_ERROR);
    put_array_len(out, 2);
    put_uint(out, code.into());
    put_bin(out, body);
}

impl fmt::Debug for ErrorMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorMeta")
            .field("code", &self.code)
            .field("body_len", &self.body.len())
            .finish()
    }
}

fn put_capacities(out: &mut BytesMut, capacities: [u32; 2]) {
    put_uint(out, KEY_CAPACITIES);
    put_array_len(out, capacities.len());
    capacities.into_iter().for_each(|capacity| put_uint(out, capacity.into()));
}

fn read_capacities(reader: &mut Reader<'_>) -> Result<[u32; 2], DecodeError> {
    const FIELD: &str = "capacities";
    let len = reader.read_array_len(FIELD)? as usize;
    if len != 2 {
        return Err(DecodeError::BadLength { field: FIELD, want: 2, got: len });
    }
    Ok([reader.read_u32(FIELD)?, reader.read_u32(FIELD)?])
}

fn read_user(reader: &mut Reader<'_>) -> Result<Vec<(String, Bytes)>, DecodeError> {
    let count = reader.read_map_len("user metadata")? as usize;
    check_user_entries(count)?;
    (0..count)
        .map(|_| {
            let key = reader.read_str("key of user metadata", META_LEN_MAX)?.to_owned();
            Ok((key, reader.read_bin("user metadata")?))
        })
        .collect()
}

fn check_user_entries(count: usize) -> Result<(), DecodeError> {
    if count > USER_ENTRIES_MAX {
        return Err(DecodeError::TooMany { field: "user metadata", count, max: USER_ENTRIES_MAX });
    }
    Ok(())
}

fn check_len(len: usize) -> Result<(), DecodeError> {
    if len > META_LEN_MAX {
        return Err(DecodeError::TooLong { field: "meta", len, max: META_LEN_MAX });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    fn full() -> Meta {
        Meta {
            trace: Some(TraceContext {
                version: 0,
                trace_id: [1; 16],
                parent_id: [2; 8],
                flags: 1,
            }),
            state: Some("vendor=1".into()),
            error: Some(ErrorMeta { code: 300, body: Bytes::from_static(b"body") }),
            user: vec![("a".into(), Bytes::from_static(b"secret")), ("b".into(), Bytes::new())],
            capacities: Some([64, 300]),
            window: Some(Grant { bytes: 65_536, items: Grant::UNCOUNTED }),
        }
    }

    #[test]
    fn golden_and_truncated() {
        let encoded = full().encode();
        assert_eq!(
            hex(&encoded),
            "8601c41a000101010101010101010101010101010102020202020202020102a876656e646f723d310392cd012cc404626f64790482a161c406736563726574a162c4000692ce00010000ceffffffff059240cd012c"
        );
        assert_eq!(Meta::decode(&encoded).unwrap(), full());
        every_truncation_fails(&encoded, Meta::decode);
    }

    #[test]
    fn a_window_is_added_to_the_opening_of_a_stream() {
        let (window, capacities) = (Grant { bytes: 65_536, items: 5 }, [64, 300]);
        for meta in [Meta::default(), Meta { window: None, ..full() }] {
            let encoded = meta.encode_checked(Some(capacities)).unwrap();
            let announced = Meta::announce(&encoded, window);
            let expected = Meta { window: Some(window), capacities: Some(capacities), ..meta };
            assert_eq!(Meta::decode(&announced).unwrap(), expected);
            every_truncation_fails(&announced, Meta::decode);
        }
    }

    #[test]
    fn an_error_alone_has_the_same_bytes() {
        let error = full().error.unwrap();
        let encoded = ErrorMeta::encode(error.code, &error.body);
        assert_eq!(encoded, Meta { error: Some(error), ..Meta::default() }.encode());
    }

    #[test]
    fn no_metadata_is_encoded_as_no_bytes() {
        assert!(Meta::default().encode().is_empty());
        assert!(Meta::decode(&Bytes::new()).is_err());
        assert_eq!(Meta::decode(&unhex("80")).unwrap(), Meta::default());
    }

    #[test]
    fn unknown_keys_are_skipped() {
        let meta = Meta::decode(&unhex("83cc639201c002a16109c0")).unwrap();
        assert_eq!(meta, Meta { state: Some("a".into()), ..Meta::default() });
    }

    #[test]
    fn wrong_types_and_lengths_are_refused() {
        for hex in [
            "8101c40100",
            "810391c0",
            "810393010203",
            "810392ce00010000c400",
            "8104dfffffffff",
            "81059101",
            "8105c0",
            "81a16101",
        ] {
            assert!(Meta::decode(&unhex(hex)).is_err(), "{hex}");
        }
    }

    #[test]
    fn encoder_and_decoder_have_the_same_limits() {
        let many = Meta {
            user: vec![(String::new(), Bytes::new()); USER_ENTRIES_MAX + 1],
            ..Meta::default()
        };
        let long = Meta { state: Some("x".repeat(META_LEN_MAX)), ..Meta::default() };
        for meta in [many, long] {
            assert!(meta.encode_checked(None).is_err());
            assert!(Meta::decode(&meta.encode()).is_err());
        }
        let most = Meta {
            user: vec![("k".into(), Bytes::from_static(b"v")); USER_ENTRIES_MAX],
            ..Meta::default()
        };
        assert_eq!(Meta::decode(&most.encode_checked(None).unwrap()).unwrap(), most);
    }

    #[test]
    fn debug_shows_no_values() {
        let text = format!("{:?}", full());
        assert!(text.contains("\"a\", 6") && !text.contains("secret"), "{text}");
    }
}
