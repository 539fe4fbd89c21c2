//! Changes of values. Each is an old and a new type; the judgement is compared with the guide's table, and with real calls
//! between nodes of both versions.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use grid::reflection::{Breaks, Change, ServiceDescription, compare};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calls::found;
use super::table;

/// Judges a change of `V`, and compares that with the table and with real calls.
macro_rules! change {
    (
        $row:literal, $taken:ident, $returned:ident,
        { $($old:item)* } $old_value:expr; { $($new:item)* } $new_value:expr
        $(; [$($option:tt)*] [$($new_option:tt)*])?
    ) => {{
        version!(old, { $($old)* }, $old_value, [$($($option)*)?]);
        version!(new, { $($new)* }, $new_value, [$($($new_option)*)?]);
        let versions = [old::SClient::DESCRIPTOR, new::SClient::DESCRIPTOR];
        let [before, after] = versions.map(ServiceDescription::of);
        let changes = compare(&before, &after);
        judged(&changes, $row, [Breaks::$taken, Breaks::$returned]);
        let (old_callers, new_callers) = (broken!(old, new), broken!(new, old));
        for (at, method) in ["S/take", "S/give"].into_iter().enumerate() {
            let real = (old_callers[at], new_callers[at]);
            assert_eq!(found(&changes, method), real, "{} is not what calls do: {changes:#?}", $row);
        }
    }};
}

#[track_caller]
fn judged(changes: &[Change], row: &str, expected: [Breaks; 2]) {
    for (at, method) in ["S/take", "S/give"].into_iter().enumerate() {
        let of = |change: &&Change| change.path.starts_with(method) && change.row == row;
        let change = changes.iter().find(of).unwrap_or_else(|| panic!("{row}: {changes:#?}"));
        assert_eq!(change.breaks, expected[at], "{change}");
        table::agrees(change, at + 1);
    }
}

/// The same where calls may work: schemas do not say enough to be sure that they do.
macro_rules! doubt {
    (
        $row:literal, $taken:ident, $returned:ident,
        { $($old:item)* } { $($new:item)* } $([$($option:tt)*] [$($new_option:tt)*])?
    ) => {{
        version!(old, { $($old)* }, Default::default(), [$($($option)*)?]);
        version!(new, { $($new)* }, Default::default(), [$($($new_option)*)?]);
        let versions = [old::SClient::DESCRIPTOR, new::SClient::DESCRIPTOR];
        let [before, after] = versions.map(ServiceDescription::of);
        judged(&compare(&before, &after), $row, [Breaks::$taken, Breaks::$returned]);
    }};
}

/// A struct with these fields.
macro_rules! fields {
    ($row:literal, $taken:ident, $returned:ident,
        { $($old:tt)* } { $($old_value:tt)* } { $($new:tt)* } { $($new_value:tt)* } $($option:tt)*) => {
        change!($row, $taken, $returned,
            { #[derive(Serialize, Deserialize, JsonSchema)] pub(super) struct V { $($old)* } } V { $($old_value)* };
            { #[derive(Serialize, Deserialize, JsonSchema)] pub(super) struct V { $($new)* } } V { $($new_value)* }
            $($option)*)
    };
}

/// An enum of these variants.
macro_rules! variants {
    ($row:literal, $taken:ident, $returned:ident,
        { $($old:tt)* } $old_value:expr; { $($new:tt)* } $new_value:expr) => {
        change!($row, $taken, $returned,
            { #[derive(Serialize, Deserialize, JsonSchema)] pub(super) enum V { $($old)* } } $old_value;
            { #[derive(Serialize, Deserialize, JsonSchema)] pub(super) enum V { $($new)* } } $new_value)
    };
}

#[tokio::test]
async fn fields_come_and_go() {
    fields!("a field with a default, or an `Option`, added", Nothing, Nothing,
        { a: u8 } { a: 1 } { a: u8, #[serde(default)] b: u8 } { a: 1, b: 2 });
    fields!("a field with a default, or an `Option`, added", Nothing, Nothing,
        { a: u8 } { a: 1 } { a: u8, b: Option<u8> } { a: 1, b: Some(2) });
    fields!("a field without a default added", OldCallers, NewCallers,
        { a: u8 } { a: 1 } { a: u8, b: u8 } { a: 1, b: 2 });
    fields!("a field with a default, or an `Option`, removed", Nothing, Nothing,
        { a: u8, b: Option<u8> } { a: 1, b: Some(2) } { a: u8 } { a: 1 });
    fields!("a field without a default removed", NewCallers, OldCallers,
        { a: u8, b: u8 } { a: 1, b: 2 } { a: u8 } { a: 1 });
    fields!("a field renamed", Both, Both,
        { a: u8, b: u8 } { a: 1, b: 2 } { a: u8, c: u8 } { a: 1, c: 2 });
    fields!("fields reordered", Nothing, Nothing,
        { a: u8, b: u8 } { a: 1, b: 2 } { b: u8, a: u8 } { a: 1, b: 2 });
    fields!("a default given to a field", Nothing, Nothing,
        { a: u8 } { a: 1 } { #[serde(default)] a: u8 } { a: 1 });
    // Some sender leaves it out.
    fields!("the default of a field removed", OldCallers, NewCallers,
        { #[serde(default, skip_serializing_if = "is_one")] a: u8 } { a: 1 } { a: u8 } { a: 1 });
}

fn is_one(number: &u8) -> bool {
    *number == 1
}

#[tokio::test]
async fn unknown_fields_are_refused() {
    change!("a field added, and old receivers have `deny_unknown_fields`", NewCallers, OldCallers,
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(deny_unknown_fields)]
            pub(super) struct V { a: u8 }
        } V { a: 1 };
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(deny_unknown_fields)]
            pub(super) struct V { a: u8, b: Option<u8> }
        } V { a: 1, b: Some(2) });
    change!("a field removed, and new receivers have `deny_unknown_fields`", OldCallers, NewCallers,
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { a: u8, b: Option<u8> }
        } V { a: 1, b: Some(2) };
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(deny_unknown_fields)]
            pub(super) struct V { a: u8 }
        } V { a: 1 });
    change!("`deny_unknown_fields` added or removed", Nothing, Nothing,
        { #[derive(Serialize, Deserialize, JsonSchema)] pub(super) struct V { a: u8 } } V { a: 1 };
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(deny_unknown_fields)]
            pub(super) struct V { a: u8 }
        } V { a: 1 });
}

#[tokio::test]
async fn flattened_maps() {
    change!("a field added that a flattened map of old receivers cannot hold", NewCallers, OldCallers,
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { #[serde(flatten)] rest: BTreeMap<String, u64> }
        } V { rest: BTreeMap::new() };
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { #[serde(default)] b: String, #[serde(flatten)] rest: BTreeMap<String, u64> }
        } V { b: "x".to_owned(), rest: BTreeMap::new() });
    change!("a field removed that a flattened map of new receivers cannot hold", OldCallers, NewCallers,
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { #[serde(default)] b: String, #[serde(flatten)] rest: BTreeMap<String, u64> }
        } V { b: "x".to_owned(), rest: BTreeMap::new() };
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { #[serde(flatten)] rest: BTreeMap<String, u64> }
        } V { rest: BTreeMap::new() });
    change!("a flattened map added or removed", Nothing, Nothing,
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { a: u8, #[serde(flatten)] rest: BTreeMap<String, u64> }
        } V { a: 1, rest: BTreeMap::from([("x".to_owned(), 1)]) };
        { #[derive(Serialize, Deserialize, JsonSchema)] pub(super) struct V { a: u8 } } V { a: 1 });
}

#[tokio::test]
async fn compact_structs_are_arrays() {
    fields!("a field added, removed or reordered in a compact method", Both, Both,
        { a: u8 } { a: 1 } { a: u8, b: Option<u8> } { a: 1, b: Some(2) };
        [#[handler(compact)]] [#[handler(compact)]]);
    fields!("a field added, removed or reordered in a compact method", Both, Both,
        { a: u8, b: String } { a: 1, b: String::new() } { b: String, a: u8 } { a: 1, b: String::new() };
        [#[handler(compact)]] [#[handler(compact)]]);
    fields!("`compact` turned on or off", Nothing, Nothing,
        { a: u8, b: String } { a: 1, b: String::new() } { a: u8, b: String } { a: 1, b: String::new() };
        [] [#[handler(compact)]]);
}

#[tokio::test]
async fn variants_come_and_go() {
    variants!("a variant added", NewCallers, OldCallers, { A, B(u8) } V::A; { A, B(u8), C { x: u8 } } V::C { x: 1 });
    variants!("a variant added", NewCallers, OldCallers, { A } V::A; { B, A } V::B);
    variants!("a variant removed", OldCallers, NewCallers, { A, B(u8) } V::B(1); { A } V::A);
    variants!("a variant renamed", Both, Both, { A, B(u8) } V::B(1); { A, C(u8) } V::C(1));
    variants!("another type", Both, Both, { A(u8) } V::A(1); { A } V::A);
}

#[tokio::test]
async fn enums_are_tagged_otherwise() {
    change!("another way to tag an enum", Both, Both,
        { #[derive(Serialize, Deserialize, JsonSchema)] pub(super) enum V { A { x: u8 } } } V::A { x: 1 };
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(tag = "t")]
            pub(super) enum V { A { x: u8 } }
        } V::A { x: 1 });
    change!("a variant added", NewCallers, OldCallers,
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(tag = "t", content = "c")]
            pub(super) enum V { A(u8) }
        } V::A(1);
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(tag = "t", content = "c")]
            pub(super) enum V { A(u8), B }
        } V::B);
    change!("a field without a default added", OldCallers, NewCallers,
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(tag = "t")]
            pub(super) enum V { A { x: u8 }, B }
        } V::A { x: 1 };
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(tag = "t")]
            pub(super) enum V { A { x: u8, y: u8 }, B }
        } V::A { x: 1, y: 2 });
    change!("a variant added", NewCallers, OldCallers,
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(untagged)]
            pub(super) enum V { A(u8) , B(bool) }
        } V::A(1);
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            #[serde(untagged)]
            pub(super) enum V { A(u8), B(bool), C(String) }
        } V::C(String::new()));
}

#[tokio::test]
async fn numbers_and_options() {
    change!("a number made wider", NewCallers, OldCallers,
        { pub(super) type V = u32; } 7; { pub(super) type V = u64; } u64::MAX);
    change!("a number made wider", NewCallers, OldCallers,
        { pub(super) type V = u8; } 7; { pub(super) type V = i32; } -1);
    change!("a number made narrower", OldCallers, NewCallers,
        { pub(super) type V = i64; } i64::MAX; { pub(super) type V = i8; } 1);
    change!("`f32` made `f64`, or the reverse", Nothing, Nothing,
        { pub(super) type V = f32; } 1.5; { pub(super) type V = f64; } 0.1);
    change!("`T` made `Option<T>`", NewCallers, OldCallers,
        { pub(super) type V = String; } String::new(); { pub(super) type V = Option<String>; } None);
    change!("`Option<T>` made `T`", OldCallers, NewCallers,
        { pub(super) type V = Option<u8>; } None; { pub(super) type V = u8; } 1);
    fields!("`Option<T>` made `T`", OldCallers, NewCallers,
        { a: Option<u8> } { a: None } { a: u8 } { a: 1 });
    change!("another type", Both, Both,
        { pub(super) type V = String; } String::new(); { pub(super) type V = u8; } 1);
}

#[tokio::test]
async fn lists_maps_and_recursion() {
    change!("another type", Both, Both,
        { pub(super) type V = [u16; 2]; } [1, 2]; { pub(super) type V = [u16; 3]; } [1, 2, 3]);
    change!("another type", Both, Both,
        { pub(super) type V = (u8, bool); } (1, true); { pub(super) type V = (u8, bool, u8); } (1, true, 2));
    change!("a number made wider", NewCallers, OldCallers,
        { pub(super) type V = std::collections::BTreeMap<String, Vec<u16>>; } Default::default();
        { pub(super) type V = std::collections::BTreeMap<String, Vec<u32>>; }
        V::from([(String::new(), vec![u32::MAX])]));
    change!("a field without a default added", OldCallers, NewCallers,
        { #[derive(Serialize, Deserialize, JsonSchema)] pub(super) struct V { inner: Vec<Self> } }
        V { inner: vec![V { inner: Vec::new() }] };
        { #[derive(Serialize, Deserialize, JsonSchema)] pub(super) struct V { inner: Vec<Self>, b: u8 } }
        V { inner: Vec::new(), b: 1 });
    change!("a number made wider", NewCallers, OldCallers,
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct Id(u8);
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { id: Id }
        } V { id: Id(1) };
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { id: u16 }
        } V { id: 999 });
}

/// Most compact structs are sent without names. Some are not, and schemas do not say which.
#[test]
fn a_field_of_a_compact_struct_is_renamed() {
    doubt!("a field renamed", Both, Both,
        { #[derive(Default, Serialize, Deserialize, JsonSchema)] pub(super) struct V { a: u8, b: u8 } }
        { #[derive(Default, Serialize, Deserialize, JsonSchema)] pub(super) struct V { a: u8, c: u8 } }
        [#[handler(compact)]] [#[handler(compact)]]);
}

#[test]
fn one_version_is_compact() {
    doubt!("a field renamed", Both, Both,
        { #[derive(Default, Serialize, Deserialize, JsonSchema)] pub(super) struct V { a: u8, b: u8 } }
        { #[derive(Default, Serialize, Deserialize, JsonSchema)] pub(super) struct V { a: u8, c: u8 } }
        [] [#[handler(compact)]]);
}

/// What is inside a field or variant that has another name is compared as well.
#[test]
fn what_is_renamed_is_compared() {
    doubt!("a field without a default added", OldCallers, NewCallers,
    {
        #[derive(Default, Serialize, Deserialize, JsonSchema)]
        pub(super) struct Inner { x: u8 }
        #[derive(Default, Serialize, Deserialize, JsonSchema)]
        pub(super) struct V { a: Inner }
    }
    {
        #[derive(Default, Serialize, Deserialize, JsonSchema)]
        pub(super) struct Inner { x: u8, y: u8 }
        #[derive(Default, Serialize, Deserialize, JsonSchema)]
        pub(super) struct V { b: Inner }
    });
    doubt!("a number made wider", NewCallers, OldCallers,
    {
        #[derive(Default, Serialize, Deserialize, JsonSchema)]
        pub(super) struct Inner { x: u8 }
        #[derive(Default, Serialize, Deserialize, JsonSchema)]
        pub(super) enum V { #[default] A, B(Inner) }
    }
    {
        #[derive(Default, Serialize, Deserialize, JsonSchema)]
        pub(super) struct Inner { x: u16 }
        #[derive(Default, Serialize, Deserialize, JsonSchema)]
        pub(super) enum V { #[default] A, C(Inner) }
    });
}

#[tokio::test]
async fn defaults_of_fields_that_change_besides() {
    fields!("the default of a field removed", OldCallers, NewCallers,
        { #[serde(default, skip_serializing_if = "is_one")] a: u8 } { a: 1 } { a: u16 } { a: 999 });
    // An answer that leaves out a field which its receivers need. Of arguments, schemas do not say so.
    version!(
        old,
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V {
                a: u8,
            }
        },
        V { a: 1 },
        []
    );
    version!(
        new,
        {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V {
                #[serde(default, skip_serializing_if = "is_one")]
                a: u8,
            }
        },
        V { a: 1 },
        []
    );
    let versions = [old::SClient::DESCRIPTOR, new::SClient::DESCRIPTOR];
    let [before, after] = versions.map(ServiceDescription::of);
    let changes = compare(&before, &after);
    let row = "a field left out by its sender (`skip_serializing_if`)";
    let change = changes.iter().find(|change| change.row == row).unwrap();
    assert_eq!((&*change.path, change.breaks), ("S/give, answer.a", Breaks::OldCallers));
    table::agrees(change, 2);
    assert!(broken!(old, new)[1]);
}

#[test]
fn an_untagged_variant_that_is_not_the_last_one() {
    doubt!("an untagged variant changed that is not the last one", Both, Both,
    {
        #[derive(Serialize, Deserialize, JsonSchema)]
        #[serde(untagged)]
        pub(super) enum V { A(u8), B(u16) }
        impl Default for V { fn default() -> Self { Self::A(1) } }
    }
    {
        #[derive(Serialize, Deserialize, JsonSchema)]
        #[serde(untagged)]
        pub(super) enum V { A(u16), B(u16) }
        impl Default for V { fn default() -> Self { Self::A(1) } }
    });
}

#[tokio::test]
async fn types_that_read_each_other() {
    change!("another type, which reads all that the old one sends", NewCallers, OldCallers,
        { pub(super) type V = bool; } true; { pub(super) type V = serde_json::Value; } serde_json::json!("a"));
    change!("another type, which the old one reads completely", OldCallers, NewCallers,
        { pub(super) type V = f64; } 0.5; { pub(super) type V = u32; } 7);
}

/// What schemas do not say of a whole value, its type as written tells.
#[test]
fn types_with_equal_schemas() {
    macro_rules! written {
        ([$($old:tt)*] [$($new:tt)*]) => {{
            mod old {
                #[allow(unused_imports, reason = "not all types are imported")]
                use super::*;
                #[grid::service(name = "S", schema)]
                #[allow(dead_code, reason = "only described")]
                pub(super) trait S {
                    async fn give(&self) -> $($old)*;
                }
            }
            mod new {
                #[allow(unused_imports, reason = "not all types are imported")]
                use super::*;
                #[grid::service(name = "S", schema)]
                #[allow(dead_code, reason = "only described")]
                pub(super) trait S {
                    async fn give(&self) -> $($new)*;
                }
            }
            let versions = [old::SClient::DESCRIPTOR, new::SClient::DESCRIPTOR];
            let [before, after] = versions.map(ServiceDescription::of);
            let changes = compare(&before, &after);
            let [change] = &changes[..] else { panic!("{changes:#?}") };
            (change.row, change.breaks)
        }};
    }
    let unknown = ("another type, of which not enough is known", Breaks::Both);
    assert_eq!(written!([String][SocketAddr]), unknown);
    assert_eq!(written!([BTreeMap<u64, bool>] [BTreeMap<u8, bool>]), unknown);
    assert_eq!(written!([Vec<BTreeMap<String, bool>>] [Vec<BTreeMap<IpAddr, bool>>]), unknown);
    let name = ("the name of a type, or of a single argument", Breaks::Nothing);
    assert_eq!(written!([HashMap<String, bool>] [BTreeMap<String, bool>]), name);
    assert_eq!(written!([String][Box<str>]), name);
}
