//! The serialisers of elements and fields.

use rmp::encode;
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::doubt::Doubt;
use super::error::PackError;
use super::number::{self, Plain};
use super::packer::{Packer, check_count, written};

/// A sequence or a map that is being written.
pub(in crate::rpc) struct Elements<'p, 'a> {
    packer: &'p mut Packer<'a>,
    /// Where it begins in the output.
    start: usize,
    /// The length in the header; `None` if the header is still to be written.
    len: Option<usize>,
    /// Elements or entries written so far.
    count: usize,
    /// Where the keys of a map of unknown length are in the output.
    keys: Vec<(usize, usize)>,
}

impl<'p, 'a> Elements<'p, 'a> {
    #[inline]
    pub(super) fn start(packer: &'p mut Packer<'a>, start: usize, len: Option<usize>) -> Self {
        Self { packer, start, len, count: 0, keys: Vec::new() }
    }

    /// Moves the elements to make room for their header.
    fn insert_header(&mut self, header: &[u8]) {
        self.packer.out.splice(self.start..self.start, header.iter().copied());
    }

    /// Notes a key of a map of unknown length.
    fn note_key(&mut self, from: usize) -> Result<(), PackError> {
        let key = &self.packer.out[from..];
        self.keys.push((from, from + key.len()));
        match key.first() {
            Some(0xa0..=0xbf | 0xd9..=0xdb) => Ok(()),
            _ => self.packer.doubts.note(Doubt::Key),
        }
    }

    /// Looks for equal keys.
    fn check_keys(&mut self) -> Result<(), PackError> {
        let out = &self.packer.out;
        let mut keys: Vec<&[u8]> = self.keys.iter().map(|&(from, to)| &out[from..to]).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            self.packer.doubts.note(Doubt::Duplicate)?;
        }
        Ok(())
    }
}

impl SerializeSeq for Elements<'_, '_> {
    type Ok = ();
    type Error = PackError;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PackError> {
        self.count += 1;
        self.packer.nested("", 0, value)
    }

    #[inline]
    fn end(mut self) -> Result<(), PackError> {
        if let Some(len) = self.len {
            return check_count(len, self.count);
        }
        let mut header = Vec::with_capacity(5);
        written(encode::write_array_len(
            &mut header,
            u32::try_from(self.count).map_err(PackError::new)?,
        ))?;
        self.insert_header(&header);
        Ok(())
    }
}

impl SerializeMap for Elements<'_, '_> {
    type Ok = ();
    type Error = PackError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), PackError> {
        self.count += 1;
        let from = self.packer.out.len();
        self.packer.nested("", 0, key)?;
        if self.len.is_some() { Ok(()) } else { self.note_key(from) }
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PackError> {
        self.packer.nested("", 0, value)
    }

    #[inline]
    fn end(mut self) -> Result<(), PackError> {
        if let Some(len) = self.len {
            return check_count(len, self.count);
        }
        self.check_keys()?;
        let mut header = Vec::with_capacity(5);
        written(encode::write_map_len(
            &mut header,
            u32::try_from(self.count).map_err(PackError::new)?,
        ))?;
        self.insert_header(&header);
        Ok(())
    }
}

/// A struct, a tuple struct, or a variant of that form that is being written.
pub(in crate::rpc) struct Fields<'p, 'a> {
    packer: &'p mut Packer<'a>,
    /// The name of the struct or the variant.
    name: &'static str,
    /// Fields without names written so far.
    count: usize,
    /// Whether each field is written with its name.
    names: bool,
    /// Where it begins in the output, if it is a number of `serde_json`.
    number: Option<usize>,
}

impl<'p, 'a> Fields<'p, 'a> {
    #[inline]
    pub(super) fn start(
        packer: &'p mut Packer<'a>,
        name: &'static str,
        names: bool,
        number: Option<usize>,
    ) -> Self {
        Self { packer, name, count: 0, names, number }
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), PackError> {
        if self.names {
            written(encode::write_str(&mut self.packer.out, key))?;
        }
        self.packer.nested(key, 0, value).map_err(|error| error.inside(key))
    }

    /// A field that is skipped moves the later ones in an array, so its struct needs names.
    #[inline]
    fn skip(&mut self) {
        self.packer.doubts.names_needed |= !self.names;
    }

    /// Replaces a number that was written as a struct, where msgpack has an equal one.
    #[cold]
    fn replace_number(&mut self, start: usize) -> Result<(), PackError> {
        let digits = self.packer.out.get(start + number::DIGITS_AT..).unwrap_or_default();
        let plain = rmp::decode::read_str_from_slice(digits)
            .ok()
            .and_then(|(digits, _)| number::plain(digits));
        let Some(plain) = plain else { return Ok(()) };
        self.packer.out.truncate(start);
        match plain {
            Plain::Unsigned(number) => number.serialize(&mut *self.packer),
            Plain::Signed(number) => number.serialize(&mut *self.packer),
            Plain::Float(number) => number.serialize(&mut *self.packer),
        }
    }
}

macro_rules! unnamed {
    ($($Compound:ident)*) => {$(
        impl $Compound for Fields<'_, '_> {
            type Ok = ();
            type Error = PackError;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PackError> {
                self.count += 1;
                self.packer.nested(self.name, self.count, value)
            }

            #[inline]
            fn end(self) -> Result<(), PackError> {
                Ok(())
            }
        }
    )*};
}

unnamed!(SerializeTupleStruct SerializeTupleVariant);

macro_rules! named {
    ($($Compound:ident)*) => {$(
        impl $Compound for Fields<'_, '_> {
            type Ok = ();
            type Error = PackError;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), PackError> {
                self.field(key, value)
            }

            #[inline]
            fn skip_field(&mut self, _: &'static str) -> Result<(), PackError> {
                self.skip();
                Ok(())
            }

            #[inline]
            fn end(mut self) -> Result<(), PackError> {
                match self.number {
                    Some(start) => self.replace_number(start),
                    None => Ok(()),
                }
            }
        }
    )*};
}

named!(SerializeStruct SerializeStructVariant);
