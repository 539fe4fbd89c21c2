//! Encodes and decodes the users' types.
//!
//! Generated code creates a [`Codec`] for every type in a service's signatures; all other generic code has no bounds and
//! calls the codec's function pointers. So a type that cannot be sent is reported once, at the user's own token.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::fmt;

use bytes::{Buf, Bytes};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::layout::Layout;
use super::msgpack;
use super::scratch::{Out, SHARED_BYTES, encoded};
use crate::CodecError;
use crate::net::Body;

/// Msgpack's nil: an absent value is decoded from it, and a `()` in a stream is encoded as it.
const NIL: &[u8] = &[0xc0];

/// A type that can be an argument, an answer or an item of a stream.
///
/// Every type that is `Serialize + DeserializeOwned + Send + 'static` implements it and is sent as msgpack, structs as
/// maps by field name; [`Raw`] is sent without msgpack. The trait is sealed: no other type can implement it.
///
/// A value arrives as it was sent, or its sender gets an error before anything is sent. `docs/guide/payloads.md` in the
/// repository lists which values of which types can be sent, and what to use instead of the others.
///
/// A received `bytes::Bytes` or [`Raw`] shares the memory of the message that contained it. A small message may in turn
/// share up to 64 KiB with others that arrived with it. All of that counts as memory that the peer makes this node hold,
/// [`Config::bytes_per_peer_max`](crate::Config::bytes_per_peer_max), until the last slice is dropped. So copy a value
/// that is kept for long, such as in a cache: when the limit is reached, further large calls of the peer are refused.
///
/// # Memory of decoded values
///
/// Other types are decoded into memory of their own, which is not limited except by the size of the message,
/// [`Config::message_bytes_max`](crate::Config::message_bytes_max). On a 64-bit machine one byte of a message becomes at
/// most:
///
/// | type | bytes in memory |
/// |---|---|
/// | `bytes::Bytes`, [`Raw`], `Vec<u8>` | 1, shared with the message for the first two |
/// | bytes inside an untagged, internally tagged or flattened type | 32 while they are decoded |
/// | `Vec<u64>` | 8, and 16 while it grows |
/// | `Vec<String>`, `Vec<Vec<u8>>` | 24, and 48 while it grows |
/// | `Vec<T>` in general | the size of `T`, twice while it grows |
/// | maps and sets | about twice the size of an entry |
/// | `serde_json::Value` and other recursive types | 32 to 72 |
///
/// So eight messages of 16 MiB that are decoded at the same time as `Vec<Vec<u8>>` can use 3 GiB, and take seconds. Where
/// a peer is not trusted that far, limit the requests of such a method with `#[handler(request_bytes_max = …)]`, or take
/// `bytes::Bytes` and decode what is needed.
///
/// # Nesting
///
/// Values may be nested 128 levels deep, so that no message overflows the stack of the process that decodes it. A level
/// is a sequence, tuple, map or struct, or a variant with content; a tuple or struct variant is two. Options and newtype
/// structs are counted apart, with the same limit. A deeper value cannot be encoded: send it as a flat list whose
/// elements refer to each other by index. If a peer sends one, only its own call fails, as with any other value that
/// cannot be decoded. JSON in `Json` may have 127 levels.
///
/// Decoding a value may also use 1 MiB of stack at most. In a debug build, which copies every value several times, a
/// recursive struct of twenty fields reaches that after 47 levels; in a release build it has all 128. A struct
/// that holds 4 KiB itself has 8 levels in a debug build and 27 in a release build.
///
/// The limit holds for what a deserialiser sees. It cannot protect these types, which need a change of the type:
///
/// - An untagged enum with a variant that holds only the enum, such as `Not(Box<Expr>)` in `Expr`. When no earlier
///   variant matches, serde decodes the same value as an `Expr` again, without end. `Not { not: Box<Expr> }` is safe.
/// - The same for a struct such as `struct Wrap(Option<Box<Wrap>>)` inside an untagged, internally tagged or adjacently
///   tagged enum or below `#[serde(flatten)]`, where serde decodes from a buffer of its own. Elsewhere it is counted.
/// - A recursive enum or struct of these kinds with dozens of fields, in a debug build: serde's buffer has 128 levels
///   at most, but the stack that its second pass uses is not measured.
/// - A `Deserialize` or `Serialize` written by hand that calls itself, or that parses nested text or bytes.
///
/// An untagged enum with several recursive variants that begin in the same way decodes each value once for each of them,
/// so the time can grow exponentially with the depth.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent over grid",
    label = "not a grid payload",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it, or for what is missing \
        them in it; it must own its data and be `Send + 'static`",
    note = "for bytes without msgpack use `grid::Raw`, for JSON `grid::Json<T>` (feature `json`)"
)]
pub trait Payload: sealed::Value {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Payload for T {}

#[diagnostic::do_not_recommend]
impl Payload for Raw {}

mod sealed {
    use bytes::Bytes;

    use super::{Layout, Out};
    use crate::CodecError;
    use crate::net::Body;

    /// The methods of [`Payload`](super::Payload), in a module that other crates cannot name. They can be called, so their
    /// names say that they are internal.
    #[diagnostic::on_unimplemented(
        message = "`grid::Payload` is sealed",
        label = "derive `serde::Serialize` and `serde::Deserialize` for this type instead"
    )]
    #[expect(unnameable_types, reason = "this seals `Payload`")]
    pub trait Value: Sized + Send + 'static {
        /// Whether the value takes a whole message, so that it cannot be one of several arguments.
        const WHOLE: bool;
        fn __encode(self, layout: Layout) -> Result<Option<Body>, CodecError>;
        fn __append(self, layout: Layout, out: &mut Out) -> Result<(), CodecError>;
        fn __decode(payload: Option<Bytes>) -> Result<Self, CodecError>;
    }
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> sealed::Value for T {
    const WHOLE: bool = false;

    fn __encode(self, layout: Layout) -> Result<Option<Body>, CodecError> {
        if is::<T, ()>() {
            return Ok(None);
        }
        encoded(|out| self.__append(layout, out)).map(Some)
    }

    fn __append(self, layout: Layout, out: &mut Out) -> Result<(), CodecError> {
        let Some(blob) = as_blob(&self) else {
            return msgpack::append(&self, layout, &mut out.bytes);
        };
        let len = u32::try_from(blob.len()).map_err(|_| too_long(blob.len()))?;
        rmp::encode::write_bin_len(&mut out.bytes, len).map_err(CodecError::new)?;
        if blob.len() > SHARED_BYTES {
            out.append(into_bytes(self));
        } else {
            out.bytes.extend_from_slice(blob);
        }
        Ok(())
    }

    fn __decode(payload: Option<Bytes>) -> Result<T, CodecError> {
        let mut value: Option<T> = None;
        match payload {
            _ if is::<T, ()>() => fill(&mut value, ()),
            // First what is not copied, and so takes least time.
            Some(payload) if is::<T, Bytes>() && is_bin(&payload) => {
                fill(&mut value, take_bin(payload)?);
            }
            Some(payload) if is_blob::<T>() && is_bin(&payload) => {
                fill_blob(&mut value, take_bin(payload)?);
            }
            Some(payload) => return msgpack::decode(&payload),
            // Types that accept nil, such as `Option`, may be absent.
            None => return msgpack::decode(NIL).map_err(|_| absent()),
        }
        value.ok_or_else(absent)
    }
}

/// Whether `T` is `U`.
fn is<T: 'static, U: 'static>() -> bool {
    TypeId::of::<T>() == TypeId::of::<U>()
}

/// Whether `T` consists of bytes of its own, which need not be decoded one by one.
fn is_blob<T: 'static>() -> bool {
    is::<T, Vec<u8>>() || is::<T, Box<[u8]>>() || is::<T, Cow<'static, [u8]>>()
}

/// The bytes of a value that consists of them.
#[inline]
fn as_blob<T: 'static>(value: &T) -> Option<&[u8]> {
    let value: &dyn Any = value;
    if let Some(bytes) = value.downcast_ref::<Bytes>() {
        return Some(bytes);
    }
    if let Some(bytes) = value.downcast_ref::<Vec<u8>>() {
        return Some(bytes);
    }
    if let Some(bytes) = value.downcast_ref::<Box<[u8]>>() {
        return Some(bytes);
    }
    value.downcast_ref::<Cow<'static, [u8]>>().map(|bytes| &**bytes)
}

/// The buffer of a value that consists of bytes, without a copy.
fn into_bytes<T: 'static>(value: T) -> Bytes {
    let mut value = Some(value);
    let value: &mut dyn Any = &mut value;
    take::<Bytes>(value)
        .or_else(|| take::<Vec<u8>>(value).map(fitting))
        .or_else(|| take::<Box<[u8]>>(value).map(Bytes::from))
        .or_else(|| match take::<Cow<'static, [u8]>>(value)? {
            Cow::Borrowed(bytes) => Some(Bytes::from_static(bytes)),
            Cow::Owned(bytes) => Some(fitting(bytes)),
        })
        .unwrap_or_default()
}

/// The buffer of a vector. Its bytes are counted as memory that a peer makes this node hold, so it must not be much longer.
fn fitting(mut bytes: Vec<u8>) -> Bytes {
    if bytes.capacity() / 2 > bytes.len() {
        bytes.shrink_to_fit();
    }
    bytes.into()
}

/// Takes the value out of an `Option<U>`, if it is one.
fn take<U: 'static>(value: &mut dyn Any) -> Option<U> {
    value.downcast_mut::<Option<U>>()?.take()
}

fn too_long(len: usize) -> CodecError {
    CodecError::new(format_args!("{len} bytes are too long for msgpack"))
}

/// Makes a value of one of the types that consist of bytes.
fn fill_blob(value: &mut dyn Any, bytes: Bytes) {
    if value.is::<Option<Vec<u8>>>() {
        fill(value, bytes.to_vec());
    } else if value.is::<Option<Box<[u8]>>>() {
        fill(value, Box::<[u8]>::from(&bytes[..]));
    } else {
        fill(value, Cow::<'static, [u8]>::Owned(bytes.to_vec()));
    }
}

/// Sets an `Option<U>`, if it is one.
fn fill<U: 'static>(value: &mut dyn Any, with: U) {
    if let Some(value) = value.downcast_mut::<Option<U>>() {
        *value = Some(with);
    }
}

fn absent() -> CodecError {
    CodecError::new("the payload is absent")
}

/// Whether a payload is a msgpack bin, or a str, for peers that do not distinguish the two.
fn is_bin(payload: &[u8]) -> bool {
    matches!(payload.first(), Some(0xa0..=0xbf | 0xc4..=0xc6 | 0xd9..=0xdb))
}

/// Returns the contents of a msgpack bin, which share the memory of the message.
fn take_bin(mut payload: Bytes) -> Result<Bytes, CodecError> {
    let mut rest: &[u8] = &payload;
    let len = match rmp::decode::read_bin_len(&mut rest) {
        Ok(len) => len as usize,
        // Accept a str as well, for peers that do not distinguish the two.
        Err(_) => {
            rest = &payload;
            rmp::decode::read_str_len(&mut rest)
                .map_err(|_| CodecError::new("expected msgpack bin"))? as usize
        }
    };
    if len > rest.len() {
        return Err(CodecError::new(format_args!(
            "bin of {len} bytes in a message with {} left",
            rest.len()
        )));
    }
    let rest_len = rest.len();
    let header = payload.len() - rest_len;
    payload.advance(header);
    // Bytes behind the value are ignored, but a value that is kept must not keep them allocated.
    if len < rest_len / 2 {
        return Ok(Bytes::copy_from_slice(&payload[..len]));
    }
    payload.truncate(len);
    Ok(payload)
}

/// Bytes that are sent as they are, without msgpack.
///
/// Use it for a Go handler on `[]byte`, or for data that is encoded already. It must be the only argument, the whole
/// answer, or the item of a stream. A `bytes::Bytes`, in contrast, is sent as msgpack bin and can be used anywhere.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Raw(pub Bytes);

#[diagnostic::do_not_recommend]
impl sealed::Value for Raw {
    const WHOLE: bool = true;

    fn __encode(self, _: Layout) -> Result<Option<Body>, CodecError> {
        Ok(Some(self.0.into()))
    }

    fn __append(self, _: Layout, _: &mut Out) -> Result<(), CodecError> {
        Err(CodecError::new("`grid::Raw` can only be the whole payload"))
    }

    fn __decode(payload: Option<Bytes>) -> Result<Self, CodecError> {
        Ok(Self(payload.unwrap_or_default()))
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

impl From<Bytes> for Raw {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Raw {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<Raw> for Bytes {
    fn from(raw: Raw) -> Self {
        raw.0
    }
}

impl std::ops::Deref for Raw {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0
    }
}

/// Encodes and decodes one type, through function pointers.
#[doc(hidden)]
pub struct Codec<T> {
    pub(super) encode: fn(T, Layout) -> Result<Option<Body>, CodecError>,
    pub(super) append: fn(T, Layout, &mut Out) -> Result<(), CodecError>,
    pub(super) decode: fn(Option<Bytes>) -> Result<T, CodecError>,
    pub(super) layout: Layout,
    pub(super) whole: bool,
}

impl<T> Clone for Codec<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Codec<T> {}

impl<T> fmt::Debug for Codec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl<T> Codec<T> {
    pub(super) const fn of(layout: Layout) -> Self
    where
        T: Payload,
    {
        Self {
            encode: T::__encode,
            append: T::__append,
            decode: T::__decode,
            layout,
            whole: T::WHOLE,
        }
    }

    pub(super) fn encode(&self, value: T) -> Result<Option<Body>, CodecError> {
        (self.encode)(value, self.layout)
    }

    pub(super) fn decode(&self, payload: Option<Bytes>) -> Result<T, CodecError> {
        (self.decode)(payload)
    }

    /// Encodes an item of a stream, which cannot be absent.
    pub(super) fn encode_item(&self, value: T) -> Result<Body, CodecError> {
        Ok(self.encode(value)?.unwrap_or_else(|| Bytes::from_static(NIL).into()))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::sealed::Value;
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Point {
        x: u8,
        #[serde(default)]
        y: u8,
    }

    fn round_trip<T: Payload>(value: T, layout: Layout) -> (Option<Bytes>, T) {
        let codec = Codec::<T>::of(layout);
        let bytes = codec.encode(value).unwrap().map(Body::into_bytes);
        (bytes.clone(), codec.decode(bytes).unwrap())
    }

    #[test]
    fn a_value_does_not_keep_bytes_behind_it_allocated() {
        let message = |behind: usize| {
            let mut message = vec![0xc4, 4, 1, 2, 3, 4];
            message.resize(6 + behind, 0);
            Bytes::from(message)
        };
        for (behind, shares) in [(0, true), (4, true), (1000, false)] {
            let message = message(behind);
            let value = take_bin(message.clone()).expect("a bin");
            assert_eq!(&value[..], [1, 2, 3, 4]);
            assert_eq!(value.as_ptr() == message[2..].as_ptr(), shares, "{behind} bytes behind it");
        }
    }

    /// What is allocated for the bytes of a value with this capacity, if nobody else has them, and whether they are where
    /// the value had them.
    fn allocated<T: Payload>(
        capacity: usize,
        len: usize,
        value: fn(Vec<u8>) -> T,
    ) -> (usize, bool) {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.resize(len, 7);
        let place = bytes.as_ptr();
        let body = Codec::of(Layout::Named).encode(value(bytes)).unwrap().unwrap();
        assert!(body.len() > len && body.len() <= len + 5);
        let shared = Vec::from(body.into_shared());
        assert!(shared.len() >= len);
        (shared.capacity(), shared.as_ptr() == place)
    }

    /// A peer that does not read is charged with the length only.
    #[test]
    fn a_long_buffer_with_few_bytes_is_not_kept() {
        for allocated in [allocated::<Vec<u8>>, |capacity, len, _| {
            allocated::<Cow<'static, [u8]>>(capacity, len, Cow::Owned)
        }] {
            for len in [10, SHARED_BYTES, SHARED_BYTES + 1, 4 * SHARED_BYTES] {
                let (bytes, _) = allocated(40 * SHARED_BYTES, len, |bytes| bytes);
                assert!(bytes <= 2 * len + 16, "{bytes} bytes for {len}");
            }
            // A buffer that has doubled as it grew is neither copied nor moved.
            let len = SHARED_BYTES + 1;
            assert_eq!(allocated(2 * len, len, |bytes| bytes), (2 * len, true));
        }
    }

    #[test]
    fn structs_are_maps_or_arrays() {
        let (bytes, point) = round_trip(Point { x: 1, y: 2 }, Layout::Named);
        assert_eq!(bytes.unwrap(), &b"\x82\xa1x\x01\xa1y\x02"[..]);
        assert_eq!(point, Point { x: 1, y: 2 });
        let (bytes, point) = round_trip(Point { x: 1, y: 2 }, Layout::Compact);
        assert_eq!(bytes.unwrap(), &b"\x92\x01\x02"[..]);
        assert_eq!(point, Point { x: 1, y: 2 });
    }

    #[test]
    fn unit_is_absent_and_accepts_anything() {
        assert_eq!(round_trip((), Layout::Named).0, None);
        <()>::__decode(Some(Bytes::from_static(b"\x07"))).unwrap();
    }

    #[test]
    fn absent_is_none_or_an_error() {
        assert_eq!(Option::<u8>::__decode(None), Ok(None));
        assert_eq!(u8::__decode(None), Err(CodecError::new("the payload is absent")));
    }

    #[test]
    fn bytes_share_the_message() {
        let (message, bytes) = round_trip(Bytes::from_static(b"abc"), Layout::Named);
        let message = message.unwrap();
        assert_eq!(message, &b"\xc4\x03abc"[..]);
        assert_eq!(bytes, &b"abc"[..]);
        assert_eq!(bytes.as_ptr(), message[2..].as_ptr());
        assert!(Bytes::__decode(Some(message.slice(..4))).is_err());
        assert!(Bytes::__decode(Some(Bytes::from_static(b"\x07"))).is_err());
        assert!(Bytes::__decode(None).is_err());
    }

    #[test]
    fn raw_is_the_bytes_themselves() {
        assert_eq!(
            round_trip(Raw::from(vec![1, 2]), Layout::Named),
            (Some(vec![1, 2].into()), Raw(vec![1, 2].into()))
        );
        assert_eq!(Raw::__decode(None), Ok(Raw::default()));
    }
}
