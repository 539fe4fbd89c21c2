//! The serialiser: enters a level for each value that has nested ones.

use std::fmt::Display;

use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::counted::{Counted, encoding};
use crate::rpc::pack::{exact_len, is_byte};

macro_rules! forward {
    ($($method:ident($($arg:ident: $Arg:ty),*))*) => {$(
        #[inline]
        fn $method(self, $($arg: $Arg),*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($arg),*)
        }
    )*};
}

/// Methods that return a serialiser of elements.
macro_rules! enter {
    ($($method:ident($($arg:ident: $Arg:ty),*) -> $Compound:ident, $($level:ident)+;)*) => {$(
        #[inline]
        fn $method(self, $($arg: $Arg),*) -> Result<Self::$Compound, S::Error> {
            let levels = self.levels;
            $(let levels = encoding(levels.$level())?;)+
            Ok(levels.with(self.inner.$method($($arg),*)?))
        }
    )*};
}

/// Methods that serialise one nested value.
macro_rules! nest {
    ($($method:ident($($arg:ident: $Arg:ty),*), $level:ident;)*) => {$(
        #[inline]
        fn $method<T: Serialize + ?Sized>(
            self,
            $($arg: $Arg,)*
            value: &T,
        ) -> Result<S::Ok, S::Error> {
            let levels = encoding(self.levels.$level())?;
            self.inner.$method($($arg,)* &levels.with(value))
        }
    )*};
}

impl<S: Serializer> Serializer for Counted<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Counted<S::SerializeSeq>;
    type SerializeTuple = Counted<S::SerializeTuple>;
    type SerializeTupleStruct = Counted<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Counted<S::SerializeTupleVariant>;
    type SerializeMap = Counted<S::SerializeMap>;
    type SerializeStruct = Counted<S::SerializeStruct>;
    type SerializeStructVariant = Counted<S::SerializeStructVariant>;

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }

    forward! {
        serialize_bool(value: bool)
        serialize_i8(value: i8)
        serialize_i16(value: i16)
        serialize_i32(value: i32)
        serialize_i64(value: i64)
        serialize_i128(value: i128)
        serialize_u8(value: u8)
        serialize_u16(value: u16)
        serialize_u32(value: u32)
        serialize_u64(value: u64)
        serialize_u128(value: u128)
        serialize_f32(value: f32)
        serialize_f64(value: f64)
        serialize_char(value: char)
        serialize_str(value: &str)
        serialize_bytes(value: &[u8])
        serialize_none()
        serialize_unit()
        serialize_unit_struct(name: &'static str)
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str)
    }

    #[inline]
    fn collect_seq<I>(self, items: I) -> Result<S::Ok, S::Error>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        let items = items.into_iter();
        // Nothing is nested in bytes, and without a wrapper they are recognised.
        if is_byte::<I::Item>() {
            encoding(self.levels.container())?;
            return self.inner.collect_seq(items);
        }
        let mut elements = self.serialize_seq(exact_len(&items))?;
        for item in items {
            elements.serialize_element(&item)?;
        }
        elements.end()
    }

    #[inline]
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    nest! {
        serialize_some(), transparent;
        serialize_newtype_struct(name: &'static str), transparent;
        serialize_newtype_variant(name: &'static str, index: u32, variant: &'static str), container;
    }

    enter! {
        serialize_seq(len: Option<usize>) -> SerializeSeq, container;
        serialize_tuple(len: usize) -> SerializeTuple, container;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct, container;
        serialize_map(len: Option<usize>) -> SerializeMap, container;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct, container;
        serialize_tuple_variant(
            name: &'static str, index: u32, variant: &'static str, len: usize
        ) -> SerializeTupleVariant, container container;
        serialize_struct_variant(
            name: &'static str, index: u32, variant: &'static str, len: usize
        ) -> SerializeStructVariant, container container;
    }
}

/// A nested value, which is serialised with its own level.
impl<T: Serialize + ?Sized> Serialize for Counted<&T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inner.serialize(self.levels.with(serializer))
    }
}
