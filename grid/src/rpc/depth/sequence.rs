//! Reads bytes as a sequence, for types such as `Vec<u8>` and `[u8; N]` that accept nothing else.

use std::fmt;
use std::marker::PhantomData;
use std::slice;

use serde::de::{
    DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};

/// A visitor of a sequence, to which bytes are one as well.
pub(super) struct Sequence<V>(pub(super) V);

/// Visits bytes as a sequence of `u8`.
#[inline]
pub(super) fn visit_elements<'de, V: Visitor<'de>, E: Error>(
    visitor: V,
    bytes: &[u8],
) -> Result<V::Value, E> {
    let mut elements = Elements { bytes: bytes.iter(), error: PhantomData };
    let value = visitor.visit_seq(&mut elements)?;
    match elements.bytes.len() {
        0 => Ok(value),
        excess => Err(E::custom(format_args!("{excess} bytes too many"))),
    }
}

/// The elements. Without the wrappers of other sequences, since nothing is nested in them.
struct Elements<'b, E> {
    bytes: slice::Iter<'b, u8>,
    error: PhantomData<E>,
}

impl<'de, E: Error> SeqAccess<'de> for &mut Elements<'_, E> {
    type Error = E;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, E> {
        match self.bytes.next() {
            Some(byte) => seed.deserialize((*byte).into_deserializer()).map(Some),
            None => Ok(None),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len())
    }
}

macro_rules! forward {
    ($($method:ident($Value:ty))*) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $Value) -> Result<V::Value, E> {
            self.0.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Sequence<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    forward! {
        visit_bool(bool)
        visit_i64(i64)
        visit_u64(u64)
        visit_f64(f64)
        visit_str(&str)
        visit_borrowed_str(&'de str)
    }

    #[inline]
    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<V::Value, E> {
        visit_elements(self.0, bytes)
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(deserializer)
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(elements)
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(entries)
    }
}
