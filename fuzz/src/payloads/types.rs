//! The types that bytes are decoded as.

use std::collections::BTreeMap;

use bytes::Bytes;
use grid::__private::{arg, codec, compact, or_default};
use grid::Json;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::check::{check, check_arguments};

/// Checks bytes as one type.
type Check = fn(&Bytes);

/// One for each type.
pub(super) const CHECKS: [Check; 19] = [
    check::<Tree>,
    check::<Untagged>,
    check::<Internally>,
    check::<Adjacently>,
    check::<Flattened>,
    check::<FlattenedMap>,
    check::<Numbers>,
    check::<Options>,
    check::<Keys>,
    check::<Skipping>,
    check::<Mixed>,
    check::<Json<Tree>>,
    check::<Json<Untagged>>,
    check::<Bytes>,
    check::<Vec<u8>>,
    check::<Option<String>>,
    check::<(u8, Vec<Bytes>, Option<Box<str>>)>,
    arguments,
    check::<UntaggedNode>,
];

/// The arguments of a method, which may be missing, have unknown ones between them, and be a map or an array.
fn arguments(bytes: &Bytes) {
    let named = (
        arg("name", codec::<Option<String>>()),
        arg("tree", codec::<Tree>()),
        or_default(arg("count", codec::<u32>())),
        arg("data", codec::<Bytes>()),
    );
    let compact = (
        arg("name", compact::<Option<String>>()),
        arg("tree", compact::<Tree>()),
        or_default(arg("count", compact::<u32>())),
        arg("data", compact::<Bytes>()),
    );
    check_arguments::<(Option<String>, Tree, u32, Bytes)>(bytes, [named, compact]);
}

/// Every kind of variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Number(i64),
    Nested(Box<Self>),
    Pair(u8, Box<Self>, String),
    Struct { id: u8, next: Option<Box<Self>> },
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
    Blob(#[serde(with = "serde_bytes")] Vec<u8>),
}

/// No variant accepts what a later one was encoded to. Only one is recursive: with two that begin in the same way, as structs
/// and sequences do, the time grows exponentially with the depth, as the documentation of `Payload` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Flag(bool),
    Number(i32),
    Text(String),
    List(Vec<Self>),
    Named { name: String, size: Option<u64> },
}

/// The same, nested in maps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum UntaggedNode {
    Leaf(i8),
    Node { next: Box<Self>, name: Option<String> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t")]
enum Internally {
    Leaf,
    Node { next: Box<Self>, size: u64 },
    Many { list: Vec<Self>, name: Option<String> },
    Tuple(Inner),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Inner {
    id: u32,
    data: ByteBuf,
    fixed: [u8; 4],
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacently {
    Leaf,
    Node(Box<Self>),
    Pair(u128, Vec<Self>),
    Struct { id: i128, next: Option<Box<Self>> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flattened {
    id: u8,
    #[serde(flatten)]
    rest: Rest,
    #[serde(flatten)]
    kind: Option<Internally>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Rest {
    path: String,
    data: Bytes,
    next: Option<Box<Flattened>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FlattenedMap {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, Untagged>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Numbers {
    unsigned: u128,
    signed: i128,
    small: (u8, i8, u16, i16),
    float: Bits,
    letter: char,
    list: Vec<u128>,
}

/// A float, compared by its bits.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Bits(f64);

impl PartialEq for Bits {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Options {
    twice: Option<Option<u8>>,
    unit: Option<()>,
    list: Option<Vec<Option<String>>>,
    next: Option<Box<Self>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Keys {
    numbers: BTreeMap<u64, String>,
    tuples: BTreeMap<(u8, String), bool>,
    nested: BTreeMap<Option<bool>, Vec<Self>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Skipping {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<u8>,
    second: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    third: Vec<Self>,
    #[serde(default)]
    last: Option<Inner>,
}

/// Each kind of type inside the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Mixed {
    tree: Tree,
    untagged: Vec<Untagged>,
    tagged: Option<Adjacently>,
    result: Result<Box<Self>, Inner>,
    json: Json<BTreeMap<String, Option<u32>>>,
}
