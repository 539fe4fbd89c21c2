//! The serialisers of elements: each element is serialised to a [`Counted`] serialiser.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::counted::Counted;
use crate::rpc::pack::is_byte;

/// Serialisers of elements without names.
macro_rules! elements {
    ($($Compound:ident: $($method:ident)+;)*) => {$(
        impl<C: $Compound> $Compound for Counted<C> {
            type Ok = C::Ok;
            type Error = C::Error;

            $(
                #[inline]
                fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                    self.inner.$method(&self.levels.with(value))
                }
            )+

            #[inline]
            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
}

elements! {
    SerializeSeq: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
    SerializeMap: serialize_key serialize_value;
}

impl<C: SerializeTuple> SerializeTuple for Counted<C> {
    type Ok = C::Ok;
    type Error = C::Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        // As in `collect_seq`.
        if is_byte::<T>() {
            return self.inner.serialize_element(value);
        }
        self.inner.serialize_element(&self.levels.with(value))
    }

    #[inline]
    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

/// Serialisers of named fields.
macro_rules! fields {
    ($($Compound:ident)*) => {$(
        impl<C: $Compound> $Compound for Counted<C> {
            type Ok = C::Ok;
            type Error = C::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), C::Error> {
                self.inner.serialize_field(key, &self.levels.with(value))
            }

            #[inline]
            fn skip_field(&mut self, key: &'static str) -> Result<(), C::Error> {
                self.inner.skip_field(key)
            }

            #[inline]
            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
}

fields! {
    SerializeStruct
    SerializeStructVariant
}
