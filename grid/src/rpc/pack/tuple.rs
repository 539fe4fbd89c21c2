//! The serialiser of tuples and arrays, which serde does not distinguish: bytes if all elements are `u8`.

use serde::ser::{Serialize, SerializeTuple};

use super::bytes::{byte, is_byte};
use super::error::PackError;
use super::packer::{Packer, check_count};

/// A tuple that is being written.
pub(in crate::rpc) struct Tuple<'p, 'a> {
    packer: &'p mut Packer<'a>,
    /// Where it begins in the output.
    start: usize,
    len: usize,
    /// Elements written so far.
    count: usize,
    /// Whether all of these are bytes, behind the header of a bin.
    bytes: bool,
}

impl<'p, 'a> Tuple<'p, 'a> {
    #[inline]
    pub(super) fn start(packer: &'p mut Packer<'a>, len: usize) -> Result<Self, PackError> {
        let start = packer.out.len();
        // Without elements it is not known what they would have been.
        let bytes = len > 0;
        if bytes {
            packer.bin_header(len)?;
        } else {
            packer.array_header(0)?;
        }
        Ok(Self { packer, start, len, count: 0, bytes })
    }

    /// Writes what has been written as bytes again, as elements of an array.
    fn spread(&mut self) -> Result<(), PackError> {
        self.bytes = false;
        let bytes = self.packer.out.split_off(self.packer.out.len() - self.count);
        self.packer.out.truncate(self.start);
        self.packer.array_header(self.len)?;
        bytes.into_iter().try_for_each(|byte| byte.serialize(&mut *self.packer))
    }
}

impl SerializeTuple for Tuple<'_, '_> {
    type Ok = ();
    type Error = PackError;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PackError> {
        if self.bytes {
            if is_byte::<T>() {
                self.count += 1;
                self.packer.out.push(byte(value));
                return Ok(());
            }
            self.spread()?;
        }
        self.count += 1;
        self.packer.nested("", self.count, value)
    }

    #[inline]
    fn end(self) -> Result<(), PackError> {
        check_count(self.len, self.count)
    }
}
