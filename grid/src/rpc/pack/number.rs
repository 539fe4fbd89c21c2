//! The numbers of `serde_json` when any crate of the build has turned on its feature `arbitrary_precision`.
//!
//! They serialise as a struct of one field, the digits as text. A node whose build lacks the feature, or is written in
//! another language, would read that as an object. So a number that has an equal msgpack number is sent as that.

/// Name of the struct, and of its only field.
pub(super) const NUMBER: &str = "$serde_json::private::Number";

/// Where the digits are: behind the header of the map, and the header and the text of the key.
pub(super) const DIGITS_AT: usize = 2 + NUMBER.len();

const _: () = assert!(NUMBER.len() < 32, "the header of a longer key has two bytes");

/// A number of msgpack.
#[derive(Debug, PartialEq)]
pub(super) enum Plain {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

/// Returns the msgpack number that is written with just these digits.
pub(super) fn plain(digits: &str) -> Option<Plain> {
    fn same<T: std::str::FromStr + std::fmt::Debug>(digits: &str) -> Option<T> {
        digits.parse().ok().filter(|number: &T| format!("{number:?}") == digits)
    }
    same(digits)
        .map(Plain::Unsigned)
        .or_else(|| same(digits).map(Plain::Signed))
        .or_else(|| same(digits).filter(|float: &f64| float.is_finite()).map(Plain::Float))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_keep_their_digits_are_plain() {
        assert_eq!(plain("18446744073709551615"), Some(Plain::Unsigned(u64::MAX)));
        assert_eq!(plain("-5"), Some(Plain::Signed(-5)));
        assert_eq!(plain("-0.5"), Some(Plain::Float(-0.5)));
        for digits in ["18446744073709551616", "1.50", "1e5", "-0", "+1", "0.1000000000000000055"] {
            assert_eq!(plain(digits), None, "{digits}");
        }
    }
}
