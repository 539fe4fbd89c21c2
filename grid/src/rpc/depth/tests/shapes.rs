//! Recursive types of every kind, and how a value of each is nested once more.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A recursive type.
pub(super) trait Shape: Sized {
    /// Levels that [`wrap`](Self::wrap) adds.
    const LEVELS: usize;
    /// A value and its own levels.
    fn leaf() -> (Self, usize);
    fn wrap(self) -> Self;
}

/// Declares a type that is `Serialize`, `Deserialize`, comparable and a [`Shape`].
macro_rules! shape {
    ($(#[$meta:meta])* $kind:ident $Name:ident $body:tt
        levels $levels:literal leaf $own:literal $leaf:expr, |$value:ident| $wrap:expr) => {
        shape! { @type [$(#[$meta])*] $kind $Name $body }
        impl Shape for $Name {
            const LEVELS: usize = $levels;
            fn leaf() -> (Self, usize) {
                ($leaf, $own)
            }
            fn wrap(self) -> Self {
                let $value = self;
                $wrap
            }
        }
    };
    (@type [$($meta:tt)*] struct $Name:ident ($($tuple:tt)*)) => {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        $($meta)*
        pub(super) struct $Name($($tuple)*);
    };
    (@type [$($meta:tt)*] $kind:ident $Name:ident $body:tt) => {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        $($meta)*
        pub(super) $kind $Name $body
    };
}

shape! { enum Newtype { Leaf, Node(Box<Newtype>) }
levels 1 leaf 0 Self::Leaf, |value| Self::Node(Box::new(value)) }

shape! { enum TupleVariant { Leaf, Node(u8, Box<TupleVariant>) }
levels 2 leaf 0 Self::Leaf, |value| Self::Node(7, Box::new(value)) }

shape! { enum StructVariant { Leaf, Node { next: Box<StructVariant> } }
levels 2 leaf 0 Self::Leaf, |value| Self::Node { next: Box::new(value) } }

shape! { struct Sequence (Vec<Sequence>)
levels 1 leaf 1 Self(Vec::new()), |value| Self(vec![value]) }

shape! { struct Pair (Vec<(u8, Pair)>)
levels 2 leaf 1 Self(Vec::new()), |value| Self(vec![(7, value)]) }

shape! { struct TupleStruct (u8, Option<Box<TupleStruct>>)
levels 1 leaf 1 Self(7, None), |value| Self(8, Some(Box::new(value))) }

shape! { struct Linked { id: u8, next: Option<Box<Linked>> }
levels 1 leaf 1 Self { id: 7, next: None }, |value| Self { id: 8, next: Some(Box::new(value)) } }

shape! { struct Values (BTreeMap<String, Values>)
levels 1 leaf 1 Self(BTreeMap::new()), |value| Self(BTreeMap::from([("k".to_owned(), value)])) }

shape! {
    #[derive(Eq, PartialOrd, Ord)]
    struct Keys (BTreeMap<Keys, u8>)
levels 1 leaf 1 Self(BTreeMap::new()), |value| Self(BTreeMap::from([(value, 7)])) }

shape! { enum Outcome { Done(Result<Box<Outcome>, u8>) }
levels 2 leaf 2 Self::Done(Err(7)), |value| Self::Done(Ok(Box::new(value))) }

shape! {
    #[serde(tag = "t")]
    enum Internally { Leaf, Node { next: Box<Internally> } }
levels 1 leaf 1 Self::Leaf, |value| Self::Node { next: Box::new(value) } }

shape! {
    #[serde(tag = "t", content = "c")]
    enum Adjacently { Leaf, Node(Box<Adjacently>) }
levels 1 leaf 1 Self::Leaf, |value| Self::Node(Box::new(value)) }

shape! {
    #[serde(untagged)]
    enum Untagged { Leaf(u8), List(Vec<Untagged>), Node { next: Option<Box<Untagged>> } }
levels 2 leaf 0 Self::Leaf(7),
|value| Self::List(vec![Self::Leaf(8), Self::Node { next: Some(Box::new(value)) }]) }

shape! {
    struct Flattened {
        id: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, Flattened>,
    }
levels 1 leaf 1 Self { id: 7, rest: BTreeMap::new() },
|value| Self { id: 8, rest: BTreeMap::from([("k".to_owned(), value)]) } }

shape! { struct Rest { next: Option<Box<FlattenedStruct>> }
levels 1 leaf 1 Self { next: None },
|value| Self { next: Some(Box::new(FlattenedStruct { id: 8, rest: value })) } }

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FlattenedStruct {
    id: u8,
    #[serde(flatten)]
    rest: Rest,
}

shape! {
    /// The usual fields of a struct, in a buffer of serde's.
    #[serde(tag = "t")]
    enum TaggedStruct {
        Leaf,
        Node {
            id: u64,
            name: String,
            path: Option<String>,
            sizes: Vec<u64>,
            modified: (u64, u32),
            mode: u32,
            owner: Option<u32>,
            next: Box<TaggedStruct>,
        },
    }
levels 1 leaf 1 Self::Leaf, |value| Self::Node {
    id: 7,
    name: "name".to_owned(),
    path: Some("path".to_owned()),
    sizes: Vec::new(),
    modified: (7, 8),
    mode: 7,
    owner: None,
    next: Box::new(value),
} }

shape! {
    #[serde(untagged)]
    enum UntaggedStruct {
        Leaf(u8),
        Node {
            id: u64,
            name: String,
            path: Option<String>,
            sizes: Vec<u64>,
            modified: (u64, u32),
            mode: u32,
            owner: Option<u32>,
            next: Vec<UntaggedStruct>,
        },
    }
levels 2 leaf 0 Self::Leaf(7), |value| Self::Node {
    id: 7,
    name: "name".to_owned(),
    path: Some("path".to_owned()),
    sizes: Vec::new(),
    modified: (7, 8),
    mode: 7,
    owner: None,
    next: vec![value],
} }

/// Fields of many kinds, for which a debug build needs much stack at each level.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Wide {
    names: (String, String, String, String),
    counts: [u64; 16],
    kind: Option<String>,
    lists: (Vec<u8>, Vec<String>, Vec<(u64, String)>),
    maps: (BTreeMap<u8, String>, BTreeMap<String, u64>),
    a: String,
    b: String,
    c: Option<u64>,
    d: Option<String>,
    e: Vec<String>,
    f: i64,
    g: (u64, String, f32),
    h: f64,
    next: Option<Box<Self>>,
}

/// Four KiB in each value.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Large {
    rows: [[u64; 32]; 16],
    next: Option<Box<Self>>,
}

macro_rules! linked {
    ($($Link:ident)*) => {$(
        impl Shape for $Link {
            const LEVELS: usize = 1;
            fn leaf() -> (Self, usize) {
                (Self::default(), 3)
            }
            fn wrap(self) -> Self {
                Self { next: Some(Box::new(self)), ..Self::default() }
            }
        }
    )*};
}

linked!(Wide Large);

impl Shape for serde_json::Value {
    const LEVELS: usize = 2;
    fn leaf() -> (Self, usize) {
        // Not a number: with `arbitrary_precision`, which another crate can turn on, that is a level more.
        ("leaf".into(), 0)
    }
    fn wrap(self) -> Self {
        serde_json::json!([{ "k": self }])
    }
}

/// Any msgpack, by a `Deserialize` of the user's own, as in `rmpv`.
#[derive(Debug, PartialEq)]
pub(super) enum Any {
    Number(u64),
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

impl Shape for Any {
    const LEVELS: usize = 2;
    fn leaf() -> (Self, usize) {
        (Self::Number(7), 0)
    }
    fn wrap(self) -> Self {
        Self::Array(vec![Self::Number(8), Self::Map(vec![(self, Self::Number(9))])])
    }
}

impl Serialize for Any {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Array(values) => {
                let mut array = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| array.serialize_element(value))?;
                array.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Any;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Any, E> {
        Ok(Any::Number(number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Any, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = elements.next_element()? {
            values.push(value);
        }
        Ok(Any::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Any, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Any::Map(entries))
    }
}
