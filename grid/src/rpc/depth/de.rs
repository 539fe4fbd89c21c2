//! The deserialiser: hands every visitor to the inner one as a [`Counted`] visitor.

use serde::de::{DeserializeSeed, Deserializer, Visitor};

use super::counted::Counted;
use super::noticed::{Notice, notice};
use super::sequence::Sequence;
use crate::rpc::pack::RAW_VALUE;

/// Methods in whose place formats never visit a nested value: the visitor needs no wrapper.
macro_rules! forward_scalars {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(visitor)
        }
    )*};
}

/// Methods in whose place formats may visit what the input contains, whatever was asked for.
macro_rules! forward {
    ($($method:ident($($arg:ident: $Arg:ty),*))*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($arg: $Arg,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method($($arg,)* self.levels.with(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Counted<D> {
    type Error = D::Error;

    #[inline]
    fn is_human_readable(&self) -> bool {
        notice(Notice::AskedForm);
        self.levels.reading.is_human_readable()
    }

    forward_scalars! {
        deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        // A `serde_json::value::RawValue` is written as a map of one entry, which only `serde_json` expects by itself.
        if name == RAW_VALUE && self.levels.reading.is_msgpack() {
            return self.inner.deserialize_map(self.levels.with(visitor));
        }
        self.inner.deserialize_newtype_struct(name, self.levels.with(visitor))
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        if self.levels.reading.is_msgpack() {
            return self.inner.deserialize_any(self.levels.with(Sequence(visitor)));
        }
        self.inner.deserialize_seq(self.levels.with(visitor))
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        if self.levels.reading.is_msgpack() {
            return self.inner.deserialize_any(self.levels.with(Sequence(visitor)));
        }
        self.inner.deserialize_tuple(len, self.levels.with(visitor))
    }

    forward! {
        deserialize_any()
        deserialize_char()
        deserialize_str()
        deserialize_string()
        deserialize_bytes()
        deserialize_byte_buf()
        deserialize_option()
        deserialize_unit()
        deserialize_unit_struct(name: &'static str)
        deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_identifier()
        deserialize_ignored_any()
    }
}

/// A nested value, which is deserialised with its own level.
impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Counted<S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(self.levels.with(deserializer))
    }
}
