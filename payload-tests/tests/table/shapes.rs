//! The rows of the table.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::places::{Value, everywhere};
use crate::print::{Row, Section};
use crate::types::*;

async fn row<T: Value>(shape: &'static str, text: &str, value: T) -> Row {
    Row { shape, value: text.to_owned(), outcomes: everywhere(&value).await }
}

macro_rules! sections {
    ($([$title:literal] $($shape:literal $text:literal: $Type:ty = $value:expr;)*)*) => {
        /// Sends every value of the table.
        pub(crate) async fn sections() -> Vec<Section> {
            vec![$(Section {
                title: $title,
                rows: vec![$(row::<$Type>($shape, $text, $value).await,)*],
            },)*]
        }
    };
}

fn ip() -> IpAddr {
    "10.0.0.1".parse().unwrap()
}

fn id() -> Uuid {
    Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef)
}

fn inner() -> Inner {
    Inner { ip: "::1".parse().unwrap(), data: vec![0, 127, 255] }
}

fn tree(levels: usize) -> Tree {
    (0..levels).fold(Tree::Leaf, |tree, _| Tree::Node(Box::new(tree), Box::new(Tree::Leaf)))
}

fn linked(levels: u8) -> Linked {
    (0..levels)
        .fold(Linked { id: 0, next: None }, |next, id| Linked { id, next: Some(Box::new(next)) })
}

fn number(digits: &str) -> serde_json::Value {
    serde_json::from_str(digits).unwrap()
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

sections! {
    ["Structs and tuples"]
    "`()`" "`()`": () = ();
    "`struct Unit;`" "itself": Unit = Unit;
    "newtype struct" "`Newtype(7)`": Newtype = Newtype(7);
    "tuple struct" "`Pair(7, \"a\")`": Pair = Pair(7, "a".into());
    "struct" "three fields": Plain = Plain { id: 1 << 40, name: "a".into(), ratio: 0.5 };
    "struct without fields" "`Empty {}`": Empty = Empty {};
    "tuple struct without fields" "`Empty()`": EmptyTuple = EmptyTuple();
    "`PhantomData<fn() -> T>`" "itself": PhantomData<fn() -> String> = PhantomData;
    "tuple" "`(1, \"a\", ())`": (u8, String, ()) = (1, "a".into(), ());
    "tuple of `u8`" "`(1, 200, 3)`": (u8, u8, u8) = (1, 200, 3);
    "tuple that begins with `u8`" "`(1, 200, \"a\")`": (u8, u8, String) = (1, 200, "a".into());
    "fields with `skip_serializing_if`" "the first and the last skipped": Skips = Skips { a: None, b: Some(7), c: vec![] };
    "fields with `skip_serializing_if`" "none skipped": Skips = Skips { a: Some(1), b: None, c: vec![1, 2] };

    ["Enums"]
    "externally tagged (the default)" "unit variant": External = External::Unit;
    "externally tagged" "newtype variant": External = External::Newtype(inner());
    "externally tagged" "tuple variant": External = External::Tuple(ip(), vec![200; 3], true);
    "externally tagged" "struct variant": External = External::Struct { at: ip(), id: id(), bytes: vec![1, 200], maybe: None };
    "internally tagged, `tag = \"t\"`" "unit variant": Internal = Internal::Unit;
    "internally tagged" "newtype variant": Internal = Internal::Newtype(inner());
    "internally tagged" "struct variant": Internal = Internal::Struct { at: ip(), id: id(), bytes: vec![1, 200], maybe: None };
    "adjacently tagged, `tag = \"t\", content = \"c\"`" "unit variant": Adjacent = Adjacent::Unit;
    "adjacently tagged" "newtype variant": Adjacent = Adjacent::Newtype(inner());
    "adjacently tagged" "tuple variant": Adjacent = Adjacent::Tuple(ip(), vec![200; 3], true);
    "adjacently tagged" "struct variant": Adjacent = Adjacent::Struct { at: ip(), id: id(), bytes: vec![1, 200], maybe: None };
    "untagged" "unit variant": Untagged = Untagged::Unit;
    "untagged" "newtype variant": Untagged = Untagged::Newtype(inner());
    "untagged" "tuple variant": Untagged = Untagged::Tuple(ip(), vec![200; 3], true);
    "untagged" "struct variant": Untagged = Untagged::Struct { at: ip(), id: id(), bytes: vec![1, 200], maybe: None };
    "`Result`" "`Ok` and `Err`": Vec<Result<u8, String>> = vec![Ok(1), Err("x".into())];

    ["Flattened fields"]
    "struct and map of strings" "two entries": Flat = Flat { inner: inner(), id: id(), rest: [("a".into(), 1), ("b".into(), 2)].into() };
    "map with integer keys" "two entries": FlatIntegers = FlatIntegers { id: 1, rest: [(7, "a".into()), (1 << 40, "b".into())].into() };
    "map with other keys" "one entry": FlatPairs = FlatPairs { id: 1, rest: [((1, 2), "a".into())].into() };
    "map of strings" "a key that is also the name of a field": FlatStrings = FlatStrings { id: 1, rest: [("id".into(), 2)].into() };
    "externally tagged enum" "newtype variant": FlatEnum = FlatEnum { id: 1, kind: External::Newtype(inner()) };
    "`Option` of a struct" "`Some`": FlatOption = FlatOption { id: 1, inner: Some(inner()) };
    "`Option` of a struct" "`None`": FlatOption = FlatOption { id: 1, inner: None };

    ["Options"]
    "`Option<u8>`" "`None`": Option<u8> = None;
    "`Option<u8>`" "`Some(0)`": Option<u8> = Some(0);
    "`Option<bool>`" "`Some(false)`": Option<bool> = Some(false);
    "`Option<Unit>`" "`Some(Unit)`": Option<Unit> = Some(Unit);
    "`Option<Vec<Option<u8>>>`" "`Some(vec![None])`": Option<Vec<Option<u8>>> = Some(vec![None]);
    "`Option<()>`" "`None`": Option<()> = None;
    "`Option<()>`" "`Some(())`": Option<()> = Some(());
    "`Option<Option<u8>>`" "`None`": Option<Option<u8>> = None;
    "`Option<Option<u8>>`" "`Some(Some(7))`": Option<Option<u8>> = Some(Some(7));
    "`Option<Option<u8>>`" "`Some(None)`": Option<Option<u8>> = Some(None);
    "field of `Option<()>`" "`Some(())`": Maybe = Maybe { done: Some(()) };
    "field of `Option<Option<u8>>`" "`Some(None)`": Twice = Twice { value: Some(None) };
    "`Option<serde_json::Value>`" "`Some(Null)`": Option<serde_json::Value> = Some(json!(null));

    ["Numbers and text"]
    "integers" "the extremes": (u64, i64, u32, i8) = (u64::MAX, i64::MIN, u32::MAX, i8::MIN);
    "`u128`, `i128`" "the extremes": (u128, i128) = (u128::MAX, i128::MIN);
    "struct with them" "the extremes": Wide = Wide { wide: u128::MAX, signed: i128::MIN };
    "untagged enum with them" "the extremes": UntaggedWide = UntaggedWide::Wide(Wide { wide: u128::MAX, signed: -1 });
    "the same enum" "another variant": UntaggedWide = UntaggedWide::Text("a".into());
    "internally tagged enum with `u128`" "`7`": InternalWide = InternalWide::Wide { wide: 7 };
    "adjacently tagged enum with `u128`" "newtype variant": AdjacentWide = AdjacentWide::Newtype(7);
    "adjacently tagged enum with `u128`" "struct variant": AdjacentWide = AdjacentWide::Wide { wide: 7 };
    "flattened struct with `u128`" "`7`": FlatWide = FlatWide { wide: Wide { wide: 7, signed: 7 } };
    "`f32`, `f64`" "NaN, infinities, `-0.0`": (f64, f64, f64, f32) = (f64::NAN, f64::NEG_INFINITY, -0.0, f32::INFINITY);
    "`char`" "`'é'`": char = 'é';
    "`bool`" "`true`": bool = true;
    "`String`" "empty": String = String::new();
    "`Cow<str>`, `Box<str>`" "owned": Texts = Texts { cow: "a".into(), boxed: "b".into(), owned: "c".into() };
    "`NonZeroU8`" "`200`": std::num::NonZeroU8 = 200.try_into().unwrap();
    "`PathBuf`" "`/a/b`": PathBuf = "/a/b".into();

    ["Bytes"]
    "`Vec<u8>`" "300 bytes": Vec<u8> = vec![200; 300];
    "`Vec<u8>`" "empty": Vec<u8> = vec![];
    "`[u8; 32]`" "32 bytes": [u8; 32] = [200; 32];
    "`Box<[u8]>`" "3 bytes": Box<[u8]> = Box::new([1, 2, 200]);
    "`Cow<[u8]>`" "3 bytes": Cow<'static, [u8]> = vec![1, 2, 200].into();
    "`bytes::Bytes`" "3 bytes": bytes::Bytes = bytes::Bytes::from_static(b"abc");
    "`serde_bytes::ByteBuf`" "3 bytes": serde_bytes::ByteBuf = serde_bytes::ByteBuf::from(vec![1, 2, 200]);
    "struct of all these" "some": Blobs = Blobs { vec: vec![1; 20], array: [2; 32], boxed: Box::new([3]), cow: vec![].into(), shared: bytes::Bytes::from_static(b"abc"), list: vec![vec![], vec![9]] };
    "`BTreeSet<u8>`" "`{1, 200}`": BTreeSet<u8> = [1, 200].into();

    ["Maps and sequences"]
    "`Vec<T>`" "empty": Vec<u32> = vec![];
    "`Vec<T>`" "units": Vec<()> = vec![(); 3];
    "`HashMap<u64, T>`" "one entry": HashMap<u64, String> = [(1, "a".into())].into();
    "`BTreeMap<(u8, String), T>`" "one entry": BTreeMap<(u8, String), u8> = [((1, "a".into()), 2)].into();
    "`BTreeMap<Option<bool>, T>`" "two entries": BTreeMap<Option<bool>, u8> = [(None, 1), (Some(true), 2)].into();
    "`BTreeMap<Vec<u8>, T>`" "one entry": BTreeMap<Vec<u8>, u8> = [(vec![1, 2], 2)].into();
    "`BTreeMap<K, T>`" "empty": BTreeMap<u8, u8> = [].into();

    ["Types with two forms"]
    "`IpAddr`" "`10.0.0.1`": IpAddr = ip();
    "`SocketAddr`" "`[::1]:80`": SocketAddr = "[::1]:80".parse().unwrap();
    "`Uuid`" "itself": Uuid = id();
    "`Vec<IpAddr>`" "two": Vec<IpAddr> = vec![ip(); 2];
    "`Duration`" "1 ns": Duration = Duration::from_nanos(1);
    "`SystemTime`" "1 ns after the epoch": SystemTime = SystemTime::UNIX_EPOCH + Duration::from_nanos(1);

    ["JSON"]
    "`serde_json::Value`" "nested": serde_json::Value = json!({"a": [1, -1, 1.5, null, u64::MAX, "é"], "b": {}});
    "`serde_json::Value`" "`null`": serde_json::Value = json!(null);
    "`serde_json::Value` with `arbitrary_precision`" "`1.50`": serde_json::Value = number("[1.50, 1e400, 123456789012345678901234567890]");
    "internally tagged enum with `serde_json::Value`" "a number": InternalJson = InternalJson::Json { value: number("[1.50, 7]") };
    "`Box<RawValue>` (`raw_value`)" "itself": Box<RawValue> = raw("{\"a\": 1.50}");
    "untagged enum with `Box<RawValue>`" "itself": UntaggedRaw = UntaggedRaw::Raw(raw("[1]"));
    "`grid::Json<T>`" "a struct": grid::Json<Vec<Plain>> = grid::Json(vec![Plain { id: 1, name: "a".into(), ratio: 0.5 }]);

    ["Recursive types"]
    "enum" "40 levels": Tree = tree(40);
    "enum" "list of lists": Tree = Tree::List(vec![Tree::List(vec![]), tree(2)]);
    "enum" "200 levels": Tree = tree(200);
    "struct" "40 levels": Linked = linked(40);
    "`serde_json::Value`" "100 levels": serde_json::Value = (0..100).fold(json!(1), |value, _| json!([value]));
}
