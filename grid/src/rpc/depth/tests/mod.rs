//! Values at, above and far above the limit, on threads with the 2 MiB of stack that threads of tokio have.

mod random;
mod shapes;

use std::fmt::Debug;
use std::thread;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::DEPTH_MAX;
use crate::CodecError;
use crate::rpc::layout::Layout;
use crate::rpc::msgpack;
use shapes::*;

const MAX: usize = DEPTH_MAX as usize;

const TOO_DEEP: &str = "nested deeper than 128 levels";

fn on_small_stack<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(test);
    thread.unwrap().join().unwrap()
}

fn nested<T: Shape>(count: usize) -> T {
    (0..count).fold(T::leaf().0, |value, _| value.wrap())
}

fn named<T: Serialize + DeserializeOwned>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    msgpack::append(value, Layout::Named, &mut bytes).map(|()| bytes)
}

fn compact<T: Serialize + DeserializeOwned>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    msgpack::append(value, Layout::Compact, &mut bytes).map(|()| bytes)
}

fn is_too_deep<T>(result: Result<T, CodecError>) -> bool {
    result.err().is_some_and(|error| error.to_string().starts_with(TOO_DEEP))
}

/// Encodes and decodes values of one shape at the limit and above it.
fn check<T: Shape + Serialize + DeserializeOwned + Debug + PartialEq>() {
    on_small_stack(|| {
        let (_, own) = T::leaf();
        let most = (MAX - own) / T::LEVELS;
        let value = nested::<T>(most);
        let bytes = named(&value).unwrap();
        assert_eq!(bytes, rmp_serde::to_vec_named(&value).unwrap(), "the bytes are rmp_serde's");
        assert_eq!(msgpack::decode(&bytes), Ok(value));
        for above in [most + 1, 2 * MAX] {
            let value = nested::<T>(above);
            let error = named(&value).unwrap_err().to_string();
            assert!(error.starts_with(TOO_DEEP) && error.contains("flat list"), "{error}");
            assert!(is_too_deep(compact(&value)));
            let bytes = rmp_serde::to_vec_named(&value).unwrap();
            assert!(is_too_deep(msgpack::decode::<T>(&bytes)), "{above}");
        }
    });
}

/// Decodes the given bytes, repeated so often that no stack could take it.
fn refuse<T: DeserializeOwned + Debug>(before: &[u8], leaf: &[u8], after: &[u8]) {
    const TIMES: usize = 20_000;
    let bytes = [before.repeat(TIMES), leaf.to_owned(), after.repeat(TIMES)].concat();
    on_small_stack(move || {
        let error = msgpack::decode::<T>(&bytes).unwrap_err().to_string();
        assert!(error.starts_with(TOO_DEEP), "{error}");
    });
}

macro_rules! shapes {
    ($($name:ident: $Shape:ty)*) => {$(
        #[test]
        fn $name() {
            check::<$Shape>();
        }
    )*};
}

shapes! {
    newtype_variants: Newtype
    tuple_variants: TupleVariant
    struct_variants: StructVariant
    sequences: Sequence
    tuples: Pair
    tuple_structs: TupleStruct
    linked_structs: Linked
    values_of_maps: Values
    keys_of_maps: Keys
    results: Outcome
    internally_tagged_enums: Internally
    adjacently_tagged_enums: Adjacently
    untagged_enums: Untagged
    flattened_maps: Flattened
    flattened_structs: Rest
    tagged_structs: TaggedStruct
    untagged_structs: UntaggedStruct
    json_values: serde_json::Value
    values_of_any_type: Any
}

#[test]
fn hostile_bytes_are_refused() {
    refuse::<Newtype>(b"\x81\xa4Node", b"\xa4Leaf", b"");
    refuse::<TupleVariant>(b"\x81\xa4Node\x92\x00", b"\xa4Leaf", b"");
    refuse::<StructVariant>(b"\x81\xa4Node\x81\xa4next", b"\xa4Leaf", b"");
    refuse::<StructVariant>(b"\x81\xa4Node\x91", b"\xa4Leaf", b"");
    refuse::<Sequence>(b"\x91", b"\x90", b"");
    refuse::<Linked>(b"\x82\xa2id\x00\xa4next", b"\xc0", b"");
    refuse::<Linked>(b"\x92\x00", b"\xc0", b"");
    refuse::<Keys>(b"\x81", b"\x80", b"\x00");
    refuse::<serde_json::Value>(b"\x91", b"\xc0", b"");
    refuse::<serde_json::Value>(b"\x81\xa1k", b"\xc0", b"");
    refuse::<Any>(b"\x81", b"\x00", b"\x00");
    refuse::<Untagged>(b"\x91", b"\x00", b"");
    refuse::<Untagged>(b"\x81\xa4next", b"\xc0", b"");
    // The contents of these are buffered until the tag is known.
    refuse::<Internally>(b"\x82\xa4next", b"\x81\xa1t\xa4Leaf", b"\xa1t\xa4Node");
    refuse::<Adjacently>(b"\x82\xa1c", b"\x81\xa1t\xa4Leaf", b"\xa1t\xa4Node");
}

#[test]
fn skipped_values_are_counted() {
    refuse::<IgnoredAny>(b"\x91", b"\xc0", b"");
    let unknown = [&b"\x82\xa2id\x00\xa1x"[..], &[0x91; 20_000], b"\xc0"].concat();
    assert!(is_too_deep(on_small_stack(move || msgpack::decode::<Linked>(&unknown))));
}

/// Encodes a linked struct of as many levels as there may be, and decodes every shorter one. Returns how many decode.
fn links<T: Shape + Serialize + DeserializeOwned + Debug>() -> usize {
    let most = MAX - T::leaf().1;
    on_small_stack(move || assert!(named(&nested::<T>(most)).is_ok()));
    let last = named(&T::leaf().0).unwrap();
    // The last field is the next struct.
    let link = &last[..last.len() - 1];
    let decodes = |count| {
        let bytes = [link.repeat(count), last.clone()].concat();
        let decoded = on_small_stack(move || match msgpack::decode::<T>(&bytes) {
            Ok(value) => named(&value).map(|again| assert_eq!(again, bytes)),
            Err(error) => Err(error),
        });
        decoded.inspect_err(|error| assert!(error.to_string().starts_with("nested "))).is_ok()
    };
    assert!(!decodes(10_000));
    (0..=most).filter(|count| decodes(*count)).count()
}

#[test]
fn large_values_end_with_an_error_before_the_stack_does() {
    let (wide, large) = (links::<Wide>(), links::<Large>());
    assert!(wide > 32 && large > 4, "{wide} {large}");
    // Optimised code has room for all levels of the first, but not of the second, with its 4 KiB in each.
    assert!(cfg!(debug_assertions) || wide == MAX - 2, "{wide}");
}

/// A type that reads itself without reading any input.
#[derive(Debug, Serialize, Deserialize)]
struct Endless(Option<Box<Self>>);

#[test]
fn recursion_that_reads_nothing_ends() {
    for bytes in [&b"\x01"[..], b"\x90", b"\x80", b"\xa0", b"\xc4\x00"] {
        let result = on_small_stack(|| msgpack::decode::<Endless>(bytes));
        assert!(is_too_deep(result), "{bytes:x?}");
    }
    assert!(msgpack::decode::<Endless>(b"\xc0").unwrap().0.is_none());
    let endless = (0..1000).fold(Endless(None), |inner, _| Endless(Some(Box::new(inner))));
    assert!(is_too_deep(named(&endless)));
}

/// Extensions of msgpack, as `rmpv` and others write them.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "_ExtStruct")]
struct Extension((i8, Binary));

#[derive(Debug, PartialEq)]
struct Binary(Vec<u8>);

impl Serialize for Binary {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bytes::Bytes::deserialize(deserializer).map(|bytes| Self(bytes.into()))
    }
}

#[test]
fn extensions_keep_their_form() {
    let value = Extension((5, Binary(vec![1, 2, 3, 4])));
    let bytes = named(&value).unwrap();
    assert_eq!(bytes, b"\xd6\x05\x01\x02\x03\x04");
    assert_eq!(msgpack::decode(&bytes), Ok(value));
}

/// A `Serialize` that continues after an error.
#[derive(Deserialize)]
struct Stubborn(Sequence);

impl Serialize for Stubborn {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple;
        let mut tuple = serializer.serialize_tuple(4)?;
        for _ in 0..3 {
            assert!(tuple.serialize_element(&self.0).is_err());
        }
        tuple.serialize_element(&nested::<Sequence>(MAX - 2))?;
        tuple.end()
    }
}

#[test]
fn an_error_that_is_ignored_does_not_change_the_count() {
    on_small_stack(|| named(&Stubborn(nested(MAX))).unwrap());
}

mod errors {
    use bytes::Bytes;

    use super::*;
    use crate::error::{CallError, CallFailure, ErrorCode, Fault};
    use crate::rpc::fault::ErrorCodec;

    impl std::fmt::Display for Newtype {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the text")
        }
    }

    fn received(body: Vec<u8>) -> CallError<Newtype> {
        let codec = ErrorCodec::<Newtype>::typed();
        let body = Bytes::from(body);
        let message = "the text".to_owned();
        (codec.decode)(CallFailure::Handler(Fault { code: ErrorCode::Handler, message, body }))
    }

    #[test]
    fn a_body_that_is_too_deep_leaves_the_text() {
        let hostile = [b"\x81\xa4Node".repeat(10_000), b"\xa4Leaf".to_vec()].concat();
        for body in [hostile, rmp_serde::to_vec_named(&nested::<Newtype>(MAX + 1)).unwrap()] {
            let error = on_small_stack(move || received(body));
            assert!(matches!(&error, CallError::Remote(e) if e.message == "the text"), "{error:?}");
        }
        let fault = (ErrorCodec::<Newtype>::typed().encode)(nested(MAX + 1));
        assert_eq!((&*fault.message, fault.body.len()), ("the text", 0));
    }

    #[test]
    fn a_body_at_the_limit_is_typed() {
        let fault = (ErrorCodec::<Newtype>::typed().encode)(nested(MAX));
        let error = on_small_stack(move || received(fault.body.into()));
        assert!(matches!(&error, CallError::Handler(value) if *value == nested(MAX)), "{error:?}");
    }
}

#[cfg(feature = "json")]
mod json {
    use super::*;
    use crate::rpc::json::Json;

    #[test]
    fn json_is_counted_as_well() {
        on_small_stack(|| {
            let value = Json(nested::<Newtype>(MAX - 1));
            let bytes = named(&value).unwrap();
            assert_eq!(msgpack::decode(&bytes), Ok(value));
            let error = named(&Json(nested::<Newtype>(MAX))).unwrap_err().to_string();
            assert!(error.starts_with("nested deeper than 127 levels"), "{error}");
            let deep = serde_json::to_vec(&nested::<Newtype>(MAX)).unwrap();
            let bytes = rmp_serde::to_vec(&Binary(deep)).unwrap();
            let error = msgpack::decode::<Json<Newtype>>(&bytes).unwrap_err().to_string();
            assert!(error.contains("recursion limit exceeded"), "{error}");
            let error = msgpack::decode::<Json<Endless>>(b"\xc4\x011").unwrap_err().to_string();
            assert!(error.starts_with("nested deeper than 127 levels"), "{error}");
        });
    }

    #[test]
    fn json_ends_with_its_value() {
        assert!(msgpack::decode::<Json<u8>>(b"\xc4\x03 1 ").is_ok());
        assert!(msgpack::decode::<Json<u8>>(b"\xc4\x031 2").is_err());
    }
}
