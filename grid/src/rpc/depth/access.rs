//! Access to nested values: each is deserialised from a [`Counted`] deserialiser.

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::counted::{Counted, decoding};
use super::noticed::{Notice, notice};

/// The elements of an array. A struct that has more fields than there are elements asks for one that is not there.
pub(super) struct Elements<A> {
    pub(super) inner: A,
    /// Whether the end is noticed.
    pub(super) has_end: bool,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        let element = self.inner.next_element_seed(seed)?;
        if self.has_end && element.is_none() {
            notice(Notice::Shorter);
        }
        Ok(element)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Counted<A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        self.inner.next_element_seed(self.levels.with(seed))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Counted<A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        self.inner.next_key_seed(self.levels.with(seed))
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.next_value_seed(self.levels.with(seed))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Counted<A> {
    type Error = A::Error;
    type Variant = Counted<A::Variant>;

    #[inline]
    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self::Variant), A::Error> {
        let levels = self.levels;
        let (tag, content) = self.inner.variant_seed(levels.with(seed))?;
        Ok((tag, levels.with(content)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Counted<A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        let levels = decoding(self.levels.container())?;
        self.inner.newtype_variant_seed(levels.with(seed))
    }

    /// Enters the level of the map of one entry; the visitor enters that of the array.
    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let levels = decoding(self.levels.container())?;
        self.inner.tuple_variant(len, levels.with(visitor))
    }

    /// As `tuple_variant`.
    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let levels = decoding(self.levels.container())?;
        self.inner.struct_variant(fields, levels.with(visitor))
    }
}
