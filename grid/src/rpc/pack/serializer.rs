//! The serialiser: serde's calls as msgpack.

use rmp::encode;
use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::RAW_VALUE;
use super::bytes::is_byte;
use super::compound::{Elements, Fields};
use super::doubt::Doubt;
use super::error::PackError;
use super::number::NUMBER;
use super::packer::{Packer, exact_len, length, written};
use super::tuple::Tuple;

/// Name of the newtype struct that `rmp-serde` writes as a msgpack extension.
const EXTENSION: &str = rmp_serde::MSGPACK_EXT_STRUCT_NAME;

macro_rules! integers {
    ($($method:ident($Int:ty) $write:ident($Wide:ty);)*) => {$(
        #[inline]
        fn $method(self, value: $Int) -> Result<(), PackError> {
            written(encode::$write(&mut self.out, <$Wide>::from(value)))
        }
    )*};
}

impl<'p, 'a> Serializer for &'p mut Packer<'a> {
    type Ok = ();
    type Error = PackError;
    type SerializeSeq = Elements<'p, 'a>;
    type SerializeTuple = Tuple<'p, 'a>;
    type SerializeTupleStruct = Fields<'p, 'a>;
    type SerializeTupleVariant = Fields<'p, 'a>;
    type SerializeMap = Elements<'p, 'a>;
    type SerializeStruct = Fields<'p, 'a>;
    type SerializeStructVariant = Fields<'p, 'a>;

    #[inline]
    fn is_human_readable(&self) -> bool {
        true
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), PackError> {
        self.out.push(if value { 0xc3 } else { 0xc2 });
        Ok(())
    }

    integers! {
        serialize_i8(i8) write_sint(i64);
        serialize_i16(i16) write_sint(i64);
        serialize_i32(i32) write_sint(i64);
        serialize_i64(i64) write_sint(i64);
        serialize_u8(u8) write_uint(u64);
        serialize_u16(u16) write_uint(u64);
        serialize_u32(u32) write_uint(u64);
        serialize_u64(u64) write_uint(u64);
        serialize_f32(f32) write_f32(f32);
        serialize_f64(f64) write_f64(f64);
    }

    fn serialize_i128(self, value: i128) -> Result<(), PackError> {
        self.doubts.note(Doubt::Wide)?;
        self.serialize_bytes(&value.to_be_bytes())
    }

    fn serialize_u128(self, value: u128) -> Result<(), PackError> {
        self.doubts.note(Doubt::Wide)?;
        self.serialize_bytes(&value.to_be_bytes())
    }

    #[inline]
    fn serialize_char(self, value: char) -> Result<(), PackError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), PackError> {
        length(value.len())?;
        written(encode::write_str(&mut self.out, value))
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), PackError> {
        self.bin_header(value.len())?;
        self.out.extend_from_slice(value);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), PackError> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), PackError> {
        let start = self.out.len();
        self.nested("", 0, value)?;
        if self.out[start..] == [0xc0] {
            return Err(PackError::new(
                "`Some` of `()`, `None` or another value that is nil would arrive as `None`: use \
                `bool` or an enum",
            ));
        }
        Ok(())
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), PackError> {
        self.out.push(0xc0);
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), PackError> {
        self.array_header(0)
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), PackError> {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), PackError> {
        if name == EXTENSION {
            return rmp_serde::Serializer::new(&mut *self.out)
                .serialize_newtype_struct(name, value)
                .map_err(PackError::new);
        }
        self.nested("", 0, value)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), PackError> {
        self.variant(variant)?;
        self.nested(variant, 0, value)
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Elements<'p, 'a>, PackError> {
        let start = self.out.len();
        if let Some(len) = len {
            self.array_header(len)?;
        }
        Ok(Elements::start(self, start, len))
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Tuple<'p, 'a>, PackError> {
        Tuple::start(self, len)
    }

    #[inline]
    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Fields<'p, 'a>, PackError> {
        self.array_header(len)?;
        Ok(Fields::start(self, name, false, None))
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Fields<'p, 'a>, PackError> {
        self.variant(variant)?;
        self.array_header(len)?;
        Ok(Fields::start(self, variant, false, None))
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Elements<'p, 'a>, PackError> {
        let start = self.out.len();
        match len {
            Some(len) => self.map_header(len)?,
            // Usually a struct with a flattened field, whose contents are decoded from a buffer.
            None => self.path = self.path.with_names(),
        }
        Ok(Elements::start(self, start, len))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Fields<'p, 'a>, PackError> {
        if name == RAW_VALUE {
            self.doubts.note(Doubt::Raw)?;
        }
        let number = (name == NUMBER).then_some(self.out.len());
        let names = self.needs_names(name, len);
        let names = self.struct_header(len, names)?;
        Ok(Fields::start(self, name, names, number))
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Fields<'p, 'a>, PackError> {
        self.variant(variant)?;
        let names = self.needs_names(variant, len);
        let names = self.struct_header(len, names)?;
        Ok(Fields::start(self, variant, names, None))
    }

    #[inline]
    fn collect_seq<I>(self, items: I) -> Result<(), PackError>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        let mut items = items.into_iter();
        if is_byte::<I::Item>() {
            return self.bytes(items);
        }
        let mut elements = self.serialize_seq(exact_len(&items))?;
        items.try_for_each(|item| elements.serialize_element(&item))?;
        SerializeSeq::end(elements)
    }
}
