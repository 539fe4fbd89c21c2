//! The types of the table.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// The same variants with each tag: they hold an address, an id and bytes.
macro_rules! enums {
    ($($(#[$attr:meta])* $name:ident { $($tuple:tt)* })*) => {$(
        #[derive(Debug, Clone, Serialize, Deserialize)]
        $(#[$attr])*
        pub(crate) enum $name {
            Unit,
            Newtype(Inner),
            $($tuple)*
            Struct { at: IpAddr, id: Uuid, bytes: Vec<u8>, maybe: Option<u8> },
        }
    )*};
}

enums! {
    External { Tuple(IpAddr, Vec<u8>, bool), }
    #[serde(tag = "t")]
    Internal {}
    #[serde(tag = "t", content = "c")]
    Adjacent { Tuple(IpAddr, Vec<u8>, bool), }
    #[serde(untagged)]
    Untagged { Tuple(IpAddr, Vec<u8>, bool), }
}

macro_rules! structs {
    ($($name:ident { $($(#[$attr:meta])* $field:ident: $Type:ty,)* })*) => {$(
        #[derive(Debug, Clone, Serialize, Deserialize)]
        pub(crate) struct $name {
            $($(#[$attr])* pub(crate) $field: $Type,)*
        }
    )*};
}

structs! {
    Empty {}
    Plain { id: u64, name: String, ratio: f64, }
    Inner { ip: IpAddr, data: Vec<u8>, }
    Texts { cow: Cow<'static, str>, boxed: Box<str>, owned: String, }
    Wide { wide: u128, signed: i128, }
    Maybe { done: Option<()>, }
    Twice { value: Option<Option<u8>>, }
    Linked { id: u8, next: Option<Box<Linked>>, }
    Blobs {
        vec: Vec<u8>,
        array: [u8; 32],
        boxed: Box<[u8]>,
        cow: Cow<'static, [u8]>,
        shared: bytes::Bytes,
        list: Vec<Vec<u8>>,
    }
    Skips {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        a: Option<u8>,
        #[serde(default)]
        b: Option<u8>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        c: Vec<u8>,
    }
    Flat {
        #[serde(flatten)]
        inner: Inner,
        id: Uuid,
        #[serde(flatten)]
        rest: BTreeMap<String, u64>,
    }
    FlatIntegers { id: u8, #[serde(flatten)] rest: BTreeMap<u64, String>, }
    FlatPairs { id: u8, #[serde(flatten)] rest: BTreeMap<(u8, u8), String>, }
    FlatStrings { id: u8, #[serde(flatten)] rest: BTreeMap<String, u8>, }
    FlatWide { #[serde(flatten)] wide: Wide, }
    FlatEnum { id: u8, #[serde(flatten)] kind: External, }
    FlatOption { id: u8, #[serde(flatten)] inner: Option<Inner>, }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Unit;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Newtype(pub(crate) u64);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pair(pub(crate) u64, pub(crate) String);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EmptyTuple();

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum UntaggedWide {
    Wide(Wide),
    Text(String),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "t")]
pub(crate) enum InternalWide {
    Wide { wide: u128 },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
pub(crate) enum AdjacentWide {
    Wide { wide: u128 },
    Newtype(u128),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum UntaggedRaw {
    Raw(Box<RawValue>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "t")]
pub(crate) enum InternalJson {
    Json { value: serde_json::Value },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Tree {
    Leaf,
    Node(Box<Self>, Box<Self>),
    List(Vec<Self>),
}
