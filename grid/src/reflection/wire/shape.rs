//! The structure of a value on the wire, and its text in `wire.lock` and in messages.
//!
//! Structs, enums and untagged enums have a name and are in the table of their service, so that each of their fields and
//! variants is a line of its own, and so that recursive types are finite. All else is inside the [`Shape`] that names it.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

/// The structs and enums of a service, by name.
pub(crate) type Types = BTreeMap<String, Type>;

/// What one value looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Anything, such as a `serde_json::Value`.
    Any,
    /// A type without values.
    Never,
    Null,
    Bool,
    Int(Range),
    /// `f32` and `f64`.
    Float(Width),
    /// With the format that its type states, such as `ip`.
    Text(Option<String>),
    /// Bytes without msgpack.
    Raw,
    /// A value as JSON text.
    Json(Box<Self>),
    /// With its length, if that is fixed.
    List(Box<Self>, Option<u64>),
    Tuple(Vec<Self>),
    Map(Keys, Box<Self>),
    Optional(Box<Self>),
    /// One of the table. A name that is not there is of a type that is not known.
    Named(String),
    /// A type of which only the text in the trait is known.
    Written(String),
}

/// The values of an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) min: i128,
    pub(crate) max: u128,
    /// Of `NonZeroI32` and the like. Those without a sign begin with 1.
    pub(crate) without_zero: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Single,
    Double,
}

/// The keys of a map, as far as a schema states them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    Any,
    Unsigned,
    Signed,
}

/// A type with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    Struct(Struct),
    Enum(Enum),
    /// Untagged: the first that accepts a value.
    Union(Vec<Shape>),
    /// A newtype: on the wire, what it contains.
    Alias(Shape),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Struct {
    pub(crate) fields: Vec<Field>,
    /// `deny_unknown_fields`.
    pub(crate) closed: bool,
    /// The values of a flattened map.
    pub(crate) others: Option<Shape>,
    /// Flattened types that are not merged into the fields.
    pub(crate) flattened: Vec<Shape>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// A receiver accepts that it is missing.
    pub(crate) optional: bool,
    /// A sender may leave it out. Schemas of what is taken do not say so.
    pub(crate) left_out: bool,
    pub(crate) shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Enum {
    /// The field with the name of the variant; without one, the enum is tagged externally.
    pub(crate) tag: Option<String>,
    pub(crate) variants: Vec<Variant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) content: Option<Shape>,
}

/// The integers that have a name.
pub(crate) const INTEGERS: [(&str, Range); 10] = [
    ("uint8", Range::BYTE),
    ("uint16", Range::new(0, u16::MAX as u128)),
    ("uint32", Range::new(0, u32::MAX as u128)),
    ("uint64", Range::new(0, u64::MAX as u128)),
    ("uint128", Range::new(0, u128::MAX)),
    ("int8", Range::new(i8::MIN as i128, i8::MAX as u128)),
    ("int16", Range::new(i16::MIN as i128, i16::MAX as u128)),
    ("int32", Range::new(i32::MIN as i128, i32::MAX as u128)),
    ("int64", Range::new(i64::MIN as i128, i64::MAX as u128)),
    ("int128", Range::new(i128::MIN, i128::MAX as u128)),
];

/// The words for shapes that have no other name. Types of these names are in quotation marks.
const WORDS: [&str; 11] =
    ["any", "never", "nil", "bool", "float32", "float64", "text", "raw", "json", "int", "nonzero"];

impl Range {
    /// `u8`, of which lists are bytes.
    pub(crate) const BYTE: Self = Self::new(0, u8::MAX as u128);

    pub(crate) const fn new(min: i128, max: u128) -> Self {
        Self { min, max, without_zero: false }
    }

    /// The range of the integer of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        INTEGERS.iter().find(|(known, _)| *known == name).map(|(_, range)| *range)
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        let zero = !self.without_zero || other.without_zero || other.min > 0;
        self.min <= other.min && other.max <= self.max && zero
    }

    /// Whether all values have 64 bits, which is what serde buffers, and what floats are read from.
    pub(crate) fn is_buffered(self) -> bool {
        i128::from(i64::MIN) <= self.min && self.max <= u128::from(u64::MAX)
    }
}

impl Display for Range {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.without_zero {
            return write!(f, "nonzero({})", Self { without_zero: false, ..*self });
        }
        match INTEGERS.iter().find(|(_, range)| range == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "int({}..{})", self.min, self.max),
        }
    }
}

impl Display for Shape {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Never => f.write_str("never"),
            Self::Null => f.write_str("nil"),
            Self::Bool => f.write_str("bool"),
            Self::Int(range) => range.fmt(f),
            Self::Float(Width::Single) => f.write_str("float32"),
            Self::Float(Width::Double) => f.write_str("float64"),
            Self::Text(None) => f.write_str("text"),
            Self::Text(Some(format)) => write!(f, "text({})", Quoted(format)),
            Self::Raw => f.write_str("raw"),
            Self::Json(content) => write!(f, "json({content})"),
            Self::List(item, None) => write!(f, "[{item}]"),
            Self::List(item, Some(len)) => write!(f, "[{item}; {len}]"),
            Self::Tuple(items) => {
                f.write_str("(")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            Self::Map(keys, value) => write!(f, "{{{keys}: {value}}}"),
            Self::Optional(inner) => write!(f, "{inner}?"),
            Self::Named(name) if WORDS.contains(&&**name) || Range::named(name).is_some() => {
                write!(f, "{name:?}")
            }
            Self::Named(name) => write!(f, "{}", Quoted(name)),
            Self::Written(text) => f.write_str(text),
        }
    }
}

impl Display for Keys {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::Unsigned => "unsigned",
            Self::Signed => "signed",
        })
    }
}

/// A name as it is, if it consists of what names usually consist of, and in quotation marks if not.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let is_bare = !self.0.is_empty() && self.0.chars().all(is_plain);
        if is_bare { f.write_str(self.0) } else { write!(f, "{:?}", self.0) }
    }
}
