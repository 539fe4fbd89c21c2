//! Which structs can be read from an array.
//!
//! Most can, but not all: serde decodes struct variants of untagged and adjacently tagged enums from maps only, and inside
//! an untagged enum the names of fields tell structs apart. A serialiser cannot distinguish such structs from others. So
//! the first value in which a struct occurs at some place is decoded before it is sent, and each thread remembers the
//! result.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// How a struct is sent in the compact layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rpc) enum Form {
    Array,
    Map,
}

/// The field or element that contains a struct, as far as it is distinguished: not where that field is in turn, because a
/// recursive type has any number of such paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place(u64);

impl Place {
    /// A field of a struct or of a variant.
    #[inline]
    pub(super) fn field(of: &'static str, name: &'static str) -> Self {
        Self(address(of, FIRST) ^ address(name, SECOND))
    }

    /// An element of a tuple or of a tuple struct.
    #[inline]
    pub(super) fn element(of: &'static str, index: usize) -> Self {
        Self(address(of, FIRST) ^ (index as u64 + 1).wrapping_mul(THIRD))
    }
}

/// Structs that a thread remembers, in about 100 KiB. A program with more of them, which has hundreds of types, forgets
/// them all now and then, and checks each again.
const KNOWN_MAX: usize = 4096;

thread_local! {
    static KNOWN: RefCell<HashMap<u64, Form, BuildHasherDefault<Mixed>>> = RefCell::default();
}

/// Odd factors with bits in all places, one for each part of a key.
const FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
const SECOND: u64 = 0xc2b2_ae3d_27d4_eb4f;
const THIRD: u64 = 0x1656_67b1_9e37_79f9;

/// A name by its address instead of its contents: a name that is at two addresses is only checked twice.
#[inline]
fn address(name: &'static str, factor: u64) -> u64 {
    (name.as_ptr().addr() as u64).wrapping_mul(factor)
}

/// The key of a struct: its name, its number of fields, its place, and the type of the whole value, because the names of
/// two structs may be equal.
#[inline]
pub(super) fn key(whole: &'static str, place: Place, name: &'static str, len: usize) -> u64 {
    address(whole, FIRST)
        ^ address(name, SECOND).rotate_left(23)
        ^ (len as u64 + 1).wrapping_mul(THIRD).rotate_left(43)
        ^ place.0.rotate_left(11)
}

/// Returns what is known about a struct.
#[inline]
pub(super) fn form(key: u64) -> Option<Form> {
    KNOWN.try_with(|known| known.borrow().get(&key).copied()).ok().flatten()
}

/// Remembers the form of these structs.
pub(in crate::rpc) fn remember(keys: &[u64], form: Form) {
    // On a thread that is ending, nothing is remembered.
    let _ = KNOWN.try_with(|known| {
        let mut known = known.borrow_mut();
        if known.len() + keys.len() > KNOWN_MAX {
            known.clear();
        }
        known.extend(keys.iter().take(KNOWN_MAX).map(|&key| (key, form)));
    });
}

/// The hasher of keys, which are hashes already. The map uses the highest and the lowest bits.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    #[inline]
    fn write_u64(&mut self, key: u64) {
        self.0 = key ^ (key >> 32);
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are `u64`")
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_is_remembered_by_name_length_place_and_whole_value() {
        let inside = Place::field("outer", "field");
        let key_of = |len| key("whole", inside, "name", len);
        assert_eq!(form(key_of(1)), None);
        remember(&[key_of(1)], Form::Array);
        remember(&[key_of(2)], Form::Map);
        assert_eq!((form(key_of(1)), form(key_of(2))), (Some(Form::Array), Some(Form::Map)));
        assert_eq!(form(key("other", inside, "name", 1)), None);
        for place in [Place::default(), Place::field("outer", "other"), Place::element("outer", 0)]
        {
            assert_eq!(form(key("whole", place, "name", 1)), None, "{place:?}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let many: Vec<u64> = (0..3 * KNOWN_MAX as u64).collect();
        many.iter().for_each(|key| remember(&[*key], Form::Array));
        remember(&many, Form::Array);
        assert_eq!(KNOWN.with_borrow(HashMap::len), KNOWN_MAX);
    }
}
