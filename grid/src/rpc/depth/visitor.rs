//! The visitor: enters a level for what the input contains.

use std::fmt;

use serde::de::{Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use super::access::Elements;
use super::counted::{Counted, decoding};
use super::noticed::{Notice, notice};
use super::sequence::visit_elements;

/// Whether a visitor fills the buffer in which serde keeps a value until it knows its type. Recognised by the name of
/// serde's type; with another name, `Vec<u8>` would be refused inside untagged types, and a test would fail.
#[inline(always)]
fn is_buffer<V>() -> bool {
    let name = std::any::type_name::<V>();
    // The first comparison is done by the compiler, and leaves few visitors for the search.
    (name.starts_with("serde::") || name.starts_with("serde_core::private::"))
        && name.contains("ContentVisitor")
}

/// How the name of the visitor of sequences and tuples begins.
const SEQUENCE: &str = "grid::rpc::depth::sequence::Sequence<";

/// Whether a visitor is one of sequences or tuples, which `de.rs` wraps.
#[inline(always)]
fn is_sequence<V>() -> bool {
    std::any::type_name::<V>().starts_with(SEQUENCE)
}

#[inline(always)]
fn notice_buffer<V>() {
    if is_buffer::<V>() {
        notice(Notice::Buffered);
    }
}

impl<V> Counted<V> {
    /// Whether bytes are to be visited as a sequence.
    #[inline(always)]
    fn splits_bytes(&self) -> bool {
        if !is_buffer::<V>() {
            return false;
        }
        notice(Notice::BufferedBytes);
        self.levels.reading.splits_bytes()
    }
}

macro_rules! forward {
    ($($method:ident($Value:ty))*) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $Value) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Counted<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    forward! {
        visit_bool(bool)
        visit_i8(i8)
        visit_i16(i16)
        visit_i32(i32)
        visit_i64(i64)
        visit_i128(i128)
        visit_u8(u8)
        visit_u16(u16)
        visit_u32(u32)
        visit_u64(u64)
        visit_u128(u128)
        visit_f32(f32)
        visit_f64(f64)
        visit_char(char)
        visit_str(&str)
        visit_borrowed_str(&'de str)
        visit_string(String)
        visit_byte_buf(Vec<u8>)
    }

    #[inline]
    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<V::Value, E> {
        if self.splits_bytes() {
            return visit_elements(self.inner, value);
        }
        self.inner.visit_bytes(value)
    }

    #[inline]
    fn visit_borrowed_bytes<E: Error>(self, value: &'de [u8]) -> Result<V::Value, E> {
        if self.splits_bytes() {
            return visit_elements(self.inner, value);
        }
        self.inner.visit_borrowed_bytes(value)
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let levels = decoding(self.levels.transparent())?;
        self.inner.visit_some(levels.with(deserializer))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<V::Value, D::Error> {
        let levels = decoding(self.levels.transparent())?;
        self.inner.visit_newtype_struct(levels.with(deserializer))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        notice_buffer::<V>();
        let levels = decoding(self.levels.container())?;
        let has_end = !is_sequence::<V>();
        self.inner.visit_seq(Elements { inner: levels.with(elements), has_end })
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        notice_buffer::<V>();
        let levels = decoding(self.levels.container())?;
        self.inner.visit_map(levels.with(entries))
    }

    /// Enters no level: a unit variant has no content. `Counted<VariantAccess>` enters those of the content.
    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(self.levels.with(variant))
    }
}
