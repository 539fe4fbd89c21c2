//! Which structs can be read from an array.
//!
//! Most can, but not all: serde decodes struct variants of untagged and adjacently tagged enums from maps only, and inside
//! an untagged enum the names of fields tell structs apart. A serialiser cannot distinguish such structs from others. So
//! the first value in which a struct occurs is decoded before it is sent, and each thread remembers the result.
//!
//! The same struct may occur inside an untagged enum in one field and outside of it in another one, so what is remembered is
//! a path: the types that contain the struct, from the whole value on, and in which of their fields and variants. How a
//! value is decoded depends on these only: on the types, and on attributes of fields and variants.

use std::any::type_name;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::rpc::layout::Layout;

/// How a struct is sent in the compact layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rpc) enum Form {
    Array,
    Map,
}

/// Where a value is: the types, fields and variants that contain it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    hash: u64,
    /// The number of types, or [`WITH_NAMES`].
    depth: u8,
}

/// All structs from here on are maps.
const WITH_NAMES: u8 = u8::MAX;

/// Types that contain a value. Deeper structs are maps: a recursive type has any number of paths.
const DEPTH_MAX: u8 = 32;

impl Path {
    /// The path of a whole value of the type with this name.
    #[inline]
    pub(super) fn new(layout: Layout, whole: &'static str) -> Self {
        let Key(hash) = Key::whole(whole);
        let is_map = layout == Layout::Compact && Key(hash).form() == Some(Form::Map);
        Self { hash, depth: if is_map { WITH_NAMES } else { 0 } }
    }

    /// The path of a value of type `T` that is inside: in the field or variant `at`, or the element of this number.
    #[inline]
    pub(super) fn enter<T: ?Sized>(self, at: &'static str, number: usize) -> Self {
        match self.depth {
            0..DEPTH_MAX => {
                let place = mixed(self.hash.wrapping_add(number as u64), at);
                Self { hash: mixed(place, type_name::<T>()), depth: self.depth + 1 }
            }
            DEPTH_MAX.. => self.with_names(),
        }
    }

    /// The same path, below which all structs are maps.
    #[inline]
    pub(super) fn with_names(self) -> Self {
        Self { depth: WITH_NAMES, ..self }
    }

    /// The key of a struct, or of a variant of that form; `None` if it is a map.
    #[inline]
    pub(super) fn key(self, name: &'static str, len: usize) -> Option<Key> {
        let key = || Key(mixed(self.hash, name).wrapping_add(len as u64 + 1));
        (self.depth != WITH_NAMES).then(key)
    }
}

/// Adds a name to a hash, by its address instead of its contents: a name that is at two addresses is only checked twice.
#[inline]
fn mixed(hash: u64, name: &'static str) -> u64 {
    /// An odd number with bits in all places: the golden ratio.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let name = name.as_ptr().addr() as u64 ^ (name.len() as u64).rotate_right(16);
    let product = (hash.rotate_left(29) ^ name).wrapping_mul(FACTOR);
    product ^ (product >> 32)
}

/// A struct at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::rpc) struct Key(u64);

impl Key {
    /// Stands for all structs in the type of this name.
    #[inline]
    pub(in crate::rpc) fn whole(name: &'static str) -> Self {
        Self(mixed(0, name))
    }

    /// Returns what is known about the struct.
    #[inline]
    pub(super) fn form(self) -> Option<Form> {
        KNOWN.try_with(|known| known.borrow().get(&self).copied()).ok().flatten()
    }
}

/// Structs that a thread remembers, in at most 70 KiB: a hash table of 4096 places is full with that many. A program with
/// more of them forgets them all now and then, and checks each again.
const KNOWN_MAX: usize = 3584;

thread_local! {
    static KNOWN: RefCell<HashMap<Key, Form, BuildHasherDefault<Mixed>>> = RefCell::default();
}

/// Remembers the form of these structs.
pub(in crate::rpc) fn remember(keys: &[Key], form: Form) {
    // On a thread that is ending, nothing is remembered.
    let _ = KNOWN.try_with(|known| {
        let mut known = known.borrow_mut();
        if known.len() + keys.len() > KNOWN_MAX {
            known.clear();
        }
        known.extend(keys.iter().map(|&key| (key, form)));
    });
}

/// Structs of one value that are not known yet.
#[derive(Debug, Default)]
pub(in crate::rpc) struct Unknown {
    keys: Vec<Key>,
    /// There are so many that the type is sent with names in the future.
    too_many: bool,
}

/// Different structs of one value. A type with more of them has many recursive paths.
const UNKNOWN_MAX: usize = 512;

impl Unknown {
    /// Notes a struct. Elements of a list are noted once as long as nothing else is between them.
    pub(super) fn note(&mut self, key: Key) {
        if self.too_many || self.keys.last() == Some(&key) {
            return;
        }
        if self.keys.len() == 2 * UNKNOWN_MAX {
            self.sort();
            self.too_many = self.keys.len() > UNKNOWN_MAX;
        }
        if !self.too_many {
            self.keys.push(key);
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(in crate::rpc) fn too_many(&self) -> bool {
        self.too_many
    }

    /// Returns each struct once.
    pub(in crate::rpc) fn into_keys(mut self) -> Vec<Key> {
        self.sort();
        self.keys
    }

    fn sort(&mut self) {
        self.keys.sort_unstable();
        self.keys.dedup();
    }
}

/// The hasher of keys, which are hashes already.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    #[inline]
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
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
    fn a_struct_is_remembered_by_name_length_and_path() {
        let root = Path::new(Layout::Compact, "whole");
        let inside = root.enter::<u8>("field", 0);
        let key_of = |len| inside.key("name", len).unwrap();
        assert_eq!(key_of(1).form(), None);
        remember(&[key_of(1)], Form::Array);
        remember(&[key_of(2)], Form::Map);
        assert_eq!((key_of(1).form(), key_of(2).form()), (Some(Form::Array), Some(Form::Map)));
        let elsewhere = [
            root,
            root.enter::<u16>("field", 0),
            root.enter::<u8>("other", 0),
            root.enter::<u8>("field", 1),
            inside.enter::<u8>("field", 0),
        ];
        let other = Path::new(Layout::Compact, "other").enter::<u8>("field", 0);
        for path in elsewhere.into_iter().chain([other]) {
            assert_eq!(path.key("name", 1).unwrap().form(), None, "{path:?}");
        }
    }

    #[test]
    fn deep_structs_have_names() {
        let mut path = Path::new(Layout::Compact, "whole");
        for _ in 0..DEPTH_MAX {
            path = path.enter::<u8>("", 0);
        }
        assert!(path.key("name", 1).is_some() && path.enter::<u8>("", 0).key("name", 1).is_none());
        assert!(path.enter::<u8>("", 0).enter::<u8>("", 0).key("name", 1).is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        for key in 0..3 * KNOWN_MAX as u64 {
            remember(&[Key(key)], Form::Array);
        }
        assert_eq!(KNOWN.with_borrow(HashMap::len), KNOWN_MAX);
        assert!(KNOWN.with_borrow(HashMap::capacity) * 17 <= 70 << 10);
    }

    #[test]
    fn many_different_structs_are_too_many_and_many_equal_ones_are_not() {
        let mut unknown = Unknown::default();
        (0..100_000).for_each(|n| unknown.note(Key(n % 500)));
        assert!(!unknown.too_many() && unknown.into_keys().len() == 500);
        let mut unknown = Unknown::default();
        (0..100_000).for_each(|n| unknown.note(Key(n)));
        assert!(unknown.too_many() && unknown.into_keys().len() <= 2 * UNKNOWN_MAX);
    }
}
