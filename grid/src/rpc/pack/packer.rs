//! What is written, and the parts that all of the serialiser writes: headers, bytes, forms of structs.

use rmp::encode::{self, ValueWriteError};
use serde::ser::Serialize;

use super::bytes::byte;
use super::doubt::Doubts;
use super::error::PackError;
use super::shapes::{Form, Path};
use crate::rpc::layout::Layout;

/// Appends one value to a buffer.
pub(in crate::rpc) struct Packer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) layout: Layout,
    /// Where the value that is written next is.
    pub(super) path: Path,
    pub(super) doubts: Doubts,
}

impl<'a> Packer<'a> {
    /// `whole` is the name of the value's type.
    #[inline]
    pub(in crate::rpc) fn new(out: &'a mut Vec<u8>, layout: Layout, whole: &'static str) -> Self {
        let path = Path::new(layout, whole);
        Self { out, layout, path, doubts: Doubts::default() }
    }

    /// Makes the first doubt an error, which names its place. `reason` is why the value is not readable.
    pub(in crate::rpc) fn strict(mut self, reason: &str) -> Self {
        self.doubts = Doubts::strict(reason);
        self
    }

    /// What may not be readable again of the value that has been written.
    #[inline]
    pub(in crate::rpc) fn into_doubts(self) -> Doubts {
        self.doubts
    }

    #[inline]
    pub(super) fn bin_header(&mut self, len: usize) -> Result<(), PackError> {
        written(encode::write_bin_len(&mut self.out, length(len)?))
    }

    #[inline]
    pub(super) fn array_header(&mut self, len: usize) -> Result<(), PackError> {
        written(encode::write_array_len(&mut self.out, length(len)?))
    }

    #[inline]
    pub(super) fn map_header(&mut self, len: usize) -> Result<(), PackError> {
        written(encode::write_map_len(&mut self.out, length(len)?))
    }

    /// Writes the header of a struct, and returns whether its fields have names.
    #[inline]
    pub(super) fn struct_header(&mut self, len: usize, names: bool) -> Result<bool, PackError> {
        if names {
            self.map_header(len)?
        } else {
            self.array_header(len)?
        }
        Ok(names)
    }

    /// Writes a value that is inside another one. `at` is the name of its field or variant, or empty; `number` counts the
    /// elements of a tuple, and is 0 elsewhere.
    #[inline]
    pub(super) fn nested<T>(
        &mut self,
        at: &'static str,
        number: usize,
        value: &T,
    ) -> Result<(), PackError>
    where
        T: Serialize + ?Sized,
    {
        if self.layout == Layout::Named {
            return value.serialize(self);
        }
        let outside = self.path;
        self.path = outside.enter::<T>(at, number);
        value.serialize(&mut *self)?;
        self.path = outside;
        Ok(())
    }

    /// Whether a struct, or a variant of that form, is written as a map.
    #[inline]
    pub(super) fn needs_names(&mut self, name: &'static str, len: usize) -> bool {
        // Structs of formats are recognised by the name of their field.
        if self.layout == Layout::Named || name.starts_with('$') {
            return true;
        }
        let Some(key) = self.path.key(name, len) else { return true };
        match key.form() {
            Some(form) => form == Form::Map,
            None => {
                self.doubts.note_shape(key);
                false
            }
        }
    }

    /// Writes a variant with content, up to the content.
    #[inline]
    pub(super) fn variant(&mut self, variant: &'static str) -> Result<(), PackError> {
        self.map_header(1)?;
        written(encode::write_str(&mut self.out, variant))
    }

    /// Writes a sequence of `u8`.
    #[inline]
    pub(super) fn bytes<I>(&mut self, bytes: I) -> Result<(), PackError>
    where
        I: Iterator,
        I::Item: Serialize,
    {
        let Some(len) = exact_len(&bytes) else {
            // The number comes first, and is not known yet.
            let bytes: Vec<_> = bytes.map(|item| byte(&item)).collect();
            self.bin_header(bytes.len())?;
            self.out.extend_from_slice(&bytes);
            return Ok(());
        };
        self.bin_header(len)?;
        let start = self.out.len();
        self.out.extend(bytes.map(|item| byte(&item)));
        check_count(len, self.out.len() - start)
    }
}

/// The number of items, if the iterator knows it.
#[inline]
pub(in crate::rpc) fn exact_len(items: &impl Iterator) -> Option<usize> {
    let (least, most) = items.size_hint();
    (most == Some(least)).then_some(least)
}

#[inline]
pub(super) fn length(len: usize) -> Result<u32, PackError> {
    u32::try_from(len).map_err(PackError::new)
}

/// The result of writing to a `Vec`, which cannot fail.
#[inline]
pub(super) fn written<T>(result: Result<T, ValueWriteError>) -> Result<(), PackError> {
    result.map(|_| ()).map_err(PackError::new)
}

/// Refuses a value that has announced another number of elements than it has.
#[inline]
pub(super) fn check_count(len: usize, count: usize) -> Result<(), PackError> {
    if len == count {
        return Ok(());
    }
    Err(PackError::new(format_args!(
        "a `Serialize` announces {len} elements and has {count}: correct it"
    )))
}
