//! Encodes the arguments of a method as one payload, and decodes them.
//!
//! Without arguments the payload is absent. A single argument is encoded as its own msgpack value, several as a map from
//! names to values: the order does not matter, unknown names are skipped, and an `Option` may be missing. With
//! `#[handler(compact)]` several arguments are an array. Decoding accepts both forms.

use std::fmt;

use bytes::Bytes;
use rmp::Marker;

use super::layout::Layout;
use super::payload::Codec;
use super::scratch::{Out, encoded};
use crate::CodecError;
use crate::net::Body;

/// One argument of a method: its name on the wire, its codec, its default.
#[doc(hidden)]
pub struct Arg<T> {
    pub(super) name: &'static str,
    pub(super) codec: Codec<T>,
    pub(super) default: Option<fn() -> T>,
}

impl<T> Clone for Arg<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Arg<T> {}

impl<T> fmt::Debug for Arg<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Arg").field(&self.name).finish()
    }
}

impl<T> Arg<T> {
    fn decode(&self, payload: Option<Bytes>) -> Result<T, CodecError> {
        match (payload, self.default) {
            (None, Some(default)) => Ok(default()),
            (Some(payload), _) => self.codec.decode(Some(payload)).map_err(|error| {
                CodecError::new(format_args!("argument `{}`: {error}", self.name))
            }),
            (None, None) => self
                .codec
                .decode(None)
                .map_err(|_| CodecError::new(format_args!("missing argument `{}`", self.name))),
        }
    }

    fn append(&self, value: T, out: &mut Out) -> Result<(), CodecError> {
        if self.codec.layout == Layout::Named {
            rmp::encode::write_str(&mut out.bytes, self.name).map_err(CodecError::new)?;
        }
        (self.codec.append)(value, self.codec.layout, out)
            .map_err(|error| CodecError::new(format_args!("argument `{}`: {error}", self.name)))
    }
}

/// The arguments of a method, as a tuple of up to twelve.
///
/// This trait is sealed: tuples of `'static` types implement it, and no other type can. That the types can be sent is
/// required of each alone, by [`Payload`](crate::Payload), so that the compiler reports it once.
pub trait ArgTuple: sealed::Tuple {}

impl<A: sealed::Tuple> ArgTuple for A {}

pub(super) mod sealed {
    use bytes::Bytes;

    use crate::CodecError;
    use crate::net::Body;

    /// The methods of [`ArgTuple`](super::ArgTuple), in a module that other crates cannot name.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is not a tuple of arguments",
        label = "only tuples of up to twelve `'static` types are"
    )]
    #[expect(unnameable_types, reason = "this seals `ArgTuple`")]
    pub trait Tuple: Sized + 'static {
        type Specs: Copy + Send + Sync + 'static;
        const COUNT: usize;
        fn __encode(self, specs: &Self::Specs) -> Result<Option<Body>, CodecError>;
        fn __decode(payload: Option<Bytes>, specs: &Self::Specs) -> Result<Self, CodecError>;
    }
}

impl sealed::Tuple for () {
    type Specs = ();
    const COUNT: usize = 0;

    fn __encode(self, (): &()) -> Result<Option<Body>, CodecError> {
        Ok(None)
    }

    fn __decode(_: Option<Bytes>, (): &()) -> Result<Self, CodecError> {
        Ok(())
    }
}

impl<A: 'static> sealed::Tuple for (A,) {
    type Specs = (Arg<A>,);
    const COUNT: usize = 1;

    fn __encode(self, (arg,): &Self::Specs) -> Result<Option<Body>, CodecError> {
        arg.codec.encode(self.0)
    }

    fn __decode(payload: Option<Bytes>, (arg,): &Self::Specs) -> Result<Self, CodecError> {
        Ok((arg.decode(payload)?,))
    }
}

macro_rules! several {
    ($count:literal: $($T:ident $i:tt),+) => {
        impl<$($T: 'static),+> sealed::Tuple for ($($T,)+) {
            type Specs = ($(Arg<$T>,)+);
            const COUNT: usize = $count;

            fn __encode(self, specs: &Self::Specs) -> Result<Option<Body>, CodecError> {
                let body = encoded(|out| {
                    start($count, specs.0.codec.layout, &mut out.bytes)?;
                    $(specs.$i.append(self.$i, out)?;)+
                    Ok(())
                })?;
                Ok(Some(body))
            }

            fn __decode(payload: Option<Bytes>, specs: &Self::Specs) -> Result<Self, CodecError> {
                let mut found = [const { None }; $count];
                find(payload, &[$(specs.$i.name),+], &mut found)?;
                Ok(($(specs.$i.decode(found[$i].take())?,)+))
            }
        }
    };
}

several!(2: A 0, B 1);
several!(3: A 0, B 1, C 2);
several!(4: A 0, B 1, C 2, D 3);
several!(5: A 0, B 1, C 2, D 3, E 4);
several!(6: A 0, B 1, C 2, D 3, E 4, F 5);
several!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
several!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
several!(9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
several!(10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
several!(11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
several!(12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

/// Writes the header of the map or array that holds `count` arguments.
fn start(count: u32, layout: Layout, out: &mut Vec<u8>) -> Result<(), CodecError> {
    match layout {
        Layout::Named => rmp::encode::write_map_len(out, count),
        Layout::Compact => rmp::encode::write_array_len(out, count),
    }
    .map(|_| ())
    .map_err(CodecError::new)
}

/// Finds the encoded value of each argument in the payload; a missing one stays `None`.
fn find(
    payload: Option<Bytes>,
    names: &[&str],
    found: &mut [Option<Bytes>],
) -> Result<(), CodecError> {
    let Some(payload) = payload else { return Ok(()) };
    let mut rest: &[u8] = &payload;
    let marker = rmp::decode::read_marker(&mut rest).map_err(|_| truncated())?;
    if let Some(count) = array_len(marker, &mut rest)? {
        for index in 0..count {
            let value = take_value(&payload, &mut rest)?;
            if let Some(argument) = found.get_mut(index as usize) {
                *argument = Some(value);
            }
        }
        return Ok(());
    }
    let Some(count) = map_len(marker, &mut rest)? else {
        return Err(CodecError::new(format_args!(
            "expected the arguments as a map by name, got {marker:?}"
        )));
    };
    for _ in 0..count {
        let key = take_value(&payload, &mut rest)?;
        let value = take_value(&payload, &mut rest)?;
        // A key that is not a string is skipped like an unknown name.
        let Ok((key, _)) = rmp::decode::read_str_from_slice(&key[..]) else { continue };
        if let Some(index) = names.iter().position(|name| *name == key) {
            found[index] = Some(value);
        }
    }
    Ok(())
}

/// Takes the next value, which shares the payload's memory.
fn take_value(payload: &Bytes, rest: &mut &[u8]) -> Result<Bytes, CodecError> {
    let start = payload.len() - rest.len();
    skip(rest)?;
    Ok(payload.slice(start..payload.len() - rest.len()))
}

/// Skips one value. It does not recurse, because a peer chooses the depth of nesting.
fn skip(rest: &mut &[u8]) -> Result<(), CodecError> {
    let mut open: u64 = 1;
    while open > 0 {
        open -= 1;
        let marker = rmp::decode::read_marker(rest).map_err(|_| truncated())?;
        if let Some(count) = array_len(marker, rest)? {
            open += u64::from(count);
        } else if let Some(count) = map_len(marker, rest)? {
            open += 2 * u64::from(count);
        } else {
            let len = scalar_len(marker, rest)?;
            *rest = rest.get(len..).ok_or_else(truncated)?;
        }
    }
    Ok(())
}

fn array_len(marker: Marker, rest: &mut &[u8]) -> Result<Option<u32>, CodecError> {
    Ok(match marker {
        Marker::FixArray(len) => Some(len.into()),
        Marker::Array16 => Some(uint::<2>(rest)?),
        Marker::Array32 => Some(uint::<4>(rest)?),
        _ => None,
    })
}

fn map_len(marker: Marker, rest: &mut &[u8]) -> Result<Option<u32>, CodecError> {
    Ok(match marker {
        Marker::FixMap(len) => Some(len.into()),
        Marker::Map16 => Some(uint::<2>(rest)?),
        Marker::Map32 => Some(uint::<4>(rest)?),
        _ => None,
    })
}

/// Reads the rest of the header of a value without elements, and returns the length of its body.
fn scalar_len(marker: Marker, rest: &mut &[u8]) -> Result<usize, CodecError> {
    let len = match marker {
        Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => 0,
        Marker::U8 | Marker::I8 => 1,
        Marker::U16 | Marker::I16 | Marker::FixExt1 => 2,
        Marker::FixExt2 => 3,
        Marker::U32 | Marker::I32 | Marker::F32 => 4,
        Marker::FixExt4 => 5,
        Marker::U64 | Marker::I64 | Marker::F64 => 8,
        Marker::FixExt8 => 9,
        Marker::FixExt16 => 17,
        Marker::FixStr(len) => u64::from(len),
        Marker::Str8 | Marker::Bin8 => uint::<1>(rest)?.into(),
        Marker::Str16 | Marker::Bin16 => uint::<2>(rest)?.into(),
        Marker::Str32 | Marker::Bin32 => uint::<4>(rest)?.into(),
        Marker::Ext8 => u64::from(uint::<1>(rest)?) + 1,
        Marker::Ext16 => u64::from(uint::<2>(rest)?) + 1,
        Marker::Ext32 => u64::from(uint::<4>(rest)?) + 1,
        other => return Err(CodecError::new(format_args!("unexpected msgpack marker {other:?}"))),
    };
    usize::try_from(len).map_err(|_| truncated())
}

/// Reads a big-endian number of `N` bytes.
fn uint<const N: usize>(rest: &mut &[u8]) -> Result<u32, CodecError> {
    let (bytes, tail) = rest.split_first_chunk::<N>().ok_or_else(truncated)?;
    *rest = tail;
    Ok(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

fn truncated() -> CodecError {
    CodecError::new("the msgpack is truncated")
}

#[cfg(test)]
mod tests {
    use super::sealed::Tuple;
    use super::*;

    type Two = (Option<String>, u32);

    fn specs(layout: Layout) -> <Two as Tuple>::Specs {
        let name = Arg { name: "name", codec: Codec::of(layout), default: None };
        let count = Arg { name: "count", codec: Codec::of(layout), default: None };
        (name, count)
    }

    #[test]
    fn several_arguments_are_a_map_by_name() {
        let bytes = (Some("a".to_owned()), 7)
            .__encode(&specs(Layout::Named))
            .unwrap()
            .map(Body::into_bytes);
        assert_eq!(bytes.as_deref(), Some(&b"\x82\xa4name\xa1a\xa5count\x07"[..]));
        assert_eq!(Two::__decode(bytes, &specs(Layout::Named)), Ok((Some("a".to_owned()), 7)));
    }

    #[test]
    fn compact_arguments_are_an_array_and_both_forms_decode() {
        let bytes = (Some("a".to_owned()), 7)
            .__encode(&specs(Layout::Compact))
            .unwrap()
            .map(Body::into_bytes);
        assert_eq!(bytes.as_deref(), Some(&b"\x92\xa1a\x07"[..]));
        assert_eq!(Two::__decode(bytes, &specs(Layout::Named)), Ok((Some("a".to_owned()), 7)));
    }

    #[test]
    fn order_and_unknown_names_do_not_matter() {
        let bytes =
            Bytes::from_static(b"\x83\xa5count\x07\xa1x\x82\x01\x91\xc4\x01a\x02\xc0\xa4name\xa1a");
        assert_eq!(
            Two::__decode(Some(bytes), &specs(Layout::Named)),
            Ok((Some("a".to_owned()), 7))
        );
    }

    #[test]
    fn only_an_argument_with_a_default_may_be_missing() {
        let mut specs = specs(Layout::Named);
        let only_count = Bytes::from_static(b"\x81\xa5count\x07");
        assert_eq!(Two::__decode(Some(only_count), &specs), Ok((None, 7)));
        let nothing = Some(Bytes::from_static(b"\x80"));
        assert_eq!(
            Two::__decode(nothing.clone(), &specs),
            Err(CodecError::new("missing argument `count`"))
        );
        specs.1.default = Some(|| 9);
        assert_eq!(Two::__decode(nothing, &specs), Ok((None, 9)));
        assert_eq!(Two::__decode(None, &specs), Ok((None, 9)));
    }

    #[test]
    fn errors_name_the_argument() {
        let wrong = Bytes::from_static(b"\x81\xa5count\xa1a");
        let error = Two::__decode(Some(wrong), &specs(Layout::Named)).unwrap_err().to_string();
        assert!(error.starts_with("argument `count`: "), "{error}");
        let error = Two::__decode(Some(Bytes::from_static(b"\x07")), &specs(Layout::Named))
            .unwrap_err()
            .to_string();
        assert!(error.contains("map by name"), "{error}");
    }

    #[test]
    fn no_truncation_panics() {
        let whole =
            Bytes::from_static(b"\x83\xa5count\xcd\x00\x07\xa1x\xc7\x02\x01ab\xa4name\xd9\x01a");
        assert_eq!(
            Two::__decode(Some(whole.clone()), &specs(Layout::Named)),
            Ok((Some("a".to_owned()), 7))
        );
        for len in 0..whole.len() {
            Two::__decode(Some(whole.slice(..len)), &specs(Layout::Named)).unwrap_err();
        }
        let deep = Bytes::from(vec![0x91; 1 << 20]);
        Two::__decode(Some(deep), &specs(Layout::Named)).unwrap_err();
        let huge = Bytes::from_static(b"\xdf\xff\xff\xff\xff\xdd\xff\xff\xff\xff");
        Two::__decode(Some(huge), &specs(Layout::Named)).unwrap_err();
    }
}
