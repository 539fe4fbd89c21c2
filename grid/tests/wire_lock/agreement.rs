//! Further changes of types: what is judged is what calls between nodes of both versions do.

use std::collections::{BTreeMap, BTreeSet};

use grid::reflection::{ServiceDescription, compare};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calls::found;

/// Whether old and new callers are broken, of methods that take and return this.
macro_rules! agree {
    ({ $($old:item)* } $old_value:expr; { $($new:item)* } $new_value:expr) => {
        agree!([] { $($old)* } $old_value; { $($new)* } $new_value);
        agree!([#[handler(compact)]] { $($old)* } $old_value; { $($new)* } $new_value);
    };
    ([$($option:tt)*] { $($old:item)* } $old_value:expr; { $($new:item)* } $new_value:expr) => {{
        version!(old, { $($old)* }, $old_value, [$($option)*]);
        version!(new, { $($new)* }, $new_value, [$($option)*]);
        let versions = [old::SClient::DESCRIPTOR, new::SClient::DESCRIPTOR];
        let [before, after] = versions.map(ServiceDescription::of);
        let changes = compare(&before, &after);
        let (old_callers, new_callers) = (broken!(old, new), broken!(new, old));
        for (at, method) in ["S/take", "S/give"].into_iter().enumerate() {
            let real = (old_callers[at], new_callers[at]);
            let judged = found(&changes, method);
            println!("{} line {}: judged {judged:?}, real {real:?}", method, line!());
            assert_eq!(judged, real, "{method}: {changes:#?}");
        }
    }};
}

/// Each kind of number, with a value that only it has.
macro_rules! types {
    ($($old:ty: $old_value:expr, $new:ty: $new_value:expr;)*) => {
        $(agree!({ pub(super) type V = $old; } $old_value; { pub(super) type V = $new; } $new_value);)*
    };
}

#[tokio::test]
async fn plain_types() {
    types! {
        u64: 1, u128: u128::MAX;
        u8: 255, i8: -1;
        u32: u32::MAX, i64: -1;
        u64: u64::MAX, usize: usize::MAX;
        u8: 0, std::num::NonZeroU8: std::num::NonZeroU8::MAX;
        String: "no".to_owned(), std::net::IpAddr: [1, 2, 3, 4].into();
        std::net::IpAddr: "::1".parse().unwrap(), std::net::Ipv4Addr: [1, 2, 3, 4].into();
        String: "no".to_owned(), char: 'c';
        bool: true, u8: 1;
        Option<u16>: Some(999), Option<u8>: Some(1);
        serde_json::Value: serde_json::json!({ "a": 1 }), bool: true;
        serde_json::Value: serde_json::json!(["a"]), Vec<Option<f32>>: vec![None];
        serde_json::Value: serde_json::json!(["a"]), Vec<u8>: vec![1];
        serde_json::Value: serde_json::json!([1]), u128: u128::MAX;
        serde_json::Value: serde_json::json!([1]), i128: i128::MIN;
        serde_json::Value: serde_json::json!("a"), BTreeMap<u8, bool>: BTreeMap::from([(1, true)]);
        serde_json::Value: serde_json::json!("a"), BTreeMap<String, i64>: BTreeMap::from([(String::new(), -1)]);
        i32: 0, std::num::NonZeroI32: std::num::NonZeroI32::MAX;
        std::num::NonZeroI8: std::num::NonZeroI8::MIN, i16: 0;
        u128: u128::MAX, i128: -1;
        u32: u32::MAX, f64: 0.5;
        f32: 0.5, i64: -1;
    }
}

#[tokio::test]
async fn lists_and_maps() {
    types! {
        Vec<u16>: vec![256], Vec<u32>: vec![70_000];
        Vec<u8>: vec![1], Vec<u16>: vec![999];
        [u16; 2]: [1, 999], [u8; 2]: [1, 2];
        [u32; 2]: [1, 2], Vec<u32>: vec![1];
        [u8; 2]: [1, 2], Vec<u8>: vec![1];
        Vec<u8>: vec![1], bytes::Bytes: bytes::Bytes::from_static(&[2]);
        BTreeSet<u32>: BTreeSet::from([1]), Vec<u32>: vec![1, 2];
        Vec<String>: vec![String::new()], BTreeMap<String, u8>: BTreeMap::from([(String::new(), 1)]);
        BTreeMap<String, u8>: BTreeMap::from([("a".to_owned(), 1)]), BTreeMap<u8, u8>: BTreeMap::from([(1, 1)]);
        BTreeMap<String, Option<u8>>: BTreeMap::from([(String::new(), None)]), BTreeMap<String, u8>: BTreeMap::from([(String::new(), 1)]);
        (u8, String): (1, String::new()), (u16, String): (999, String::new());
    }
}

#[tokio::test]
async fn json_inside_msgpack() {
    types! {
        serde_json::Value: serde_json::json!([1]), grid::Json<u8>: grid::Json(1);
        grid::Json<u16>: grid::Json(999), grid::Json<u8>: grid::Json(1);
    }
    // JSON has the names of fields in compact methods as well.
    agree!(
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct Inner { a: u8, b: u8 }
            pub(super) type V = grid::Json<Inner>;
        } grid::Json(Inner { a: 1, b: 2 });
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct Inner { b: u8, a: u8, #[serde(default)] c: u8 }
            pub(super) type V = grid::Json<Inner>;
        } grid::Json(Inner { a: 1, b: 2, c: 3 }));
}

#[tokio::test]
async fn flattened_maps() {
    agree!([]
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { a: u8, #[serde(flatten)] rest: BTreeMap<String, u64> }
        } V { a: 1, rest: BTreeMap::new() };
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { a: u8, #[serde(default)] b: String, #[serde(flatten)] rest: BTreeMap<String, u64> }
        } V { a: 1, b: "x".to_owned(), rest: BTreeMap::new() });
    agree!([]
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { a: u8, #[serde(default)] b: Vec<bool>, #[serde(flatten)] rest: BTreeMap<String, u64> }
        } V { a: 1, b: vec![true], rest: BTreeMap::new() };
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { a: u8, #[serde(flatten)] rest: BTreeMap<String, u64> }
        } V { a: 1, rest: BTreeMap::new() });
    // A flattened map inside a variant with a tag.
    agree!([]
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct Inner { #[serde(flatten)] rest: BTreeMap<String, u64> }
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(tag = "t")]
            pub(super) enum V { A(Inner) }
        } V::A(Inner { rest: BTreeMap::from([("x".to_owned(), u64::MAX)]) });
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct Inner { #[serde(flatten)] rest: BTreeMap<String, u8> }
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(tag = "t")]
            pub(super) enum V { A(Inner) }
        } V::A(Inner { rest: BTreeMap::from([("x".to_owned(), 1)]) }));
}

#[tokio::test]
async fn untagged_variants() {
    // Struct variants of one field are no variants with a tag.
    agree!(
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(untagged)]
            pub(super) enum V { A { a: u8 }, B { b: u8 } }
        } V::A { a: 1 };
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(untagged)]
            pub(super) enum V { A { a: u8 }, C { b: u8 } }
        } V::C { b: 1 });
}

#[tokio::test]
async fn structs_inside_others() {
    // Schemas do not say what is flattened, which matters to compact methods: such structs are maps there, too.
    agree!([]
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct Inner { a: u8 }
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { #[serde(flatten)] inner: Inner, z: u8 }
        } V { inner: Inner { a: 1 }, z: 2 };
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { a: u8, z: u8 }
        } V { a: 1, z: 2 });
    agree!([]
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct Inner { a: u8 }
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(tag = "t")]
            pub(super) enum V { A(Inner), B }
        } V::A(Inner { a: 1 });
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(tag = "t")]
            pub(super) enum V { A { a: u8, b: u8 }, B }
        } V::A { a: 1, b: 2 });
    agree!(
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) enum V { A(u8, String) }
        } V::A(1, String::new());
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) enum V { A(u16, String) }
        } V::A(999, String::new()));
    agree!(
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) enum V { B, A }
        } V::B;
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) enum V { A, B }
        } V::A);
    agree!(
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) enum V { A }
        } V::A;
        { pub(super) type V = String; } "B".to_owned());
    agree!(
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V(u8, String);
        } V(1, String::new());
        { pub(super) type V = (u8, String); } (1, String::new()));
}
