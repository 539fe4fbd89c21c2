//! Which structs can be read from an array.
//!
//! Most can, but not all: serde decodes struct variants of untagged and adjacently tagged enums from maps only. A
//! serialiser cannot distinguish those from other structs. So the first value in which a struct occurs is decoded before
//! it is sent, and each thread remembers the result.

use std::cell::Cell;

/// How a struct is sent in the compact layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rpc) enum Form {
    Array,
    Map,
}

/// Structs that a thread remembers, a power of two. Two with the same place forget each other, which costs a check each time
/// that the thread turns to the other one.
const PLACES: usize = 256;

const _: () = assert!(PLACES.is_power_of_two());

thread_local! {
    static KNOWN: [Cell<(u64, Form)>; PLACES] =
        const { [const { Cell::new((0, Form::Array)) }; PLACES] };
}

/// The key of a struct: its name, its number of fields, and the type of the whole value, because the names of two structs
/// may be equal.
#[inline]
pub(super) fn key(whole: &'static str, name: &'static str, len: usize) -> u64 {
    // Addresses instead of contents: a name that is at two addresses is only checked twice.
    let part = |value: usize, factor: u64| (value as u64).wrapping_mul(factor);
    part(whole.as_ptr().addr(), 0x9e37_79b9_7f4a_7c15)
        ^ part(name.as_ptr().addr(), 0xc2b2_ae3d_27d4_eb4f).rotate_left(23)
        ^ part(len + 1, 0x1656_67b1_9e37_79f9).rotate_left(43)
}

fn place(key: u64) -> usize {
    (key >> 32) as usize % PLACES
}

/// Returns what is known about a struct.
#[inline]
pub(super) fn form(key: u64) -> Option<Form> {
    let known = KNOWN.try_with(|known| known[place(key)].get());
    known.ok().filter(|known| known.0 == key).map(|known| known.1)
}

/// Remembers the form of these structs.
pub(in crate::rpc) fn remember(keys: &[u64], form: Form) {
    // On a thread that is ending, nothing is remembered.
    let _ = KNOWN.try_with(|known| keys.iter().for_each(|&key| known[place(key)].set((key, form))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_is_remembered_by_name_length_and_whole_value() {
        let key_of = |len| key("whole", "name", len);
        assert_eq!(form(key_of(1)), None);
        remember(&[key_of(1)], Form::Array);
        remember(&[key_of(2)], Form::Map);
        assert_eq!((form(key_of(1)), form(key_of(2))), (Some(Form::Array), Some(Form::Map)));
        assert_eq!(form(key("other", "name", 1)), None);
    }
}
