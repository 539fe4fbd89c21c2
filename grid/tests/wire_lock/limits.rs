//! Types without end, and descriptions of a hostile node: comparing ends, and says nothing where nothing has changed.

use std::collections::BTreeMap;

use grid::reflection::{Breaks, Change, ServiceDescription, compare};
use grid::testing::WireLock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

macro_rules! described {
    ($name:ident, { $($items:item)* }) => {
        mod $name {
            #![allow(dead_code, unused_imports, reason = "only described")]
            use super::*;
            $($items)*
            #[grid::service(name = "S", schema)]
            pub(super) trait S {
                async fn take(&self, value: V) -> V;
            }
        }
    };
}

/// Of a type without end, as a whole value and inside a struct: nothing has changed, or a part has.
macro_rules! endless {
    ($unit:ty, $other:ty, $($of:tt)*) => {{
        described!(old, {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct Endless($($of)*, $unit);
            pub(super) type V = Endless;
        });
        described!(new, {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct Endless($($of)*, $other);
            pub(super) type V = Endless;
        });
        [old::SClient::DESCRIPTOR, new::SClient::DESCRIPTOR].map(ServiceDescription::of)
    }};
}

/// A newtype, which has no form of its own on the wire.
macro_rules! newtype {
    ($($of:tt)*) => {{
        described!(whole, {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V($($of)*);
        });
        described!(inside, {
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct Endless($($of)*);
            #[derive(Serialize, Deserialize, JsonSchema)]
            pub(super) struct V { field: Endless }
        });
        [whole::SClient::DESCRIPTOR, inside::SClient::DESCRIPTOR].map(ServiceDescription::of)
    }};
}

#[test]
fn newtypes_of_themselves_are_compared() {
    let all = [newtype!(Vec<Self>), newtype!(BTreeMap<String, Self>), newtype!(Option<Box<Self>>)];
    for service in all.iter().flatten() {
        let mut other = service.clone();
        other.methods[0].timeout_ms = Some(7);
        let changes = compare(service, &other);
        assert_eq!(changes.len(), 1, "only the timeout: {changes:#?}");
        let text = WireLock::of_descriptions(std::slice::from_ref(service)).to_string();
        assert_eq!(WireLock::parse(&text).unwrap().to_string(), text);
    }
    let [list, map] = [&all[0][0], &all[1][0]];
    assert!(compare(list, map).iter().any(|change| change.breaks == Breaks::Both));
    let [old, new] = endless!(u8, u16, Vec<Self>);
    let paths: Vec<_> = compare(&old, &new).into_iter().map(|change| change.path).collect();
    assert_eq!(paths, ["S/take, argument value.1", "S/take, answer.1"]);
}

/// A service whose only argument has this schema.
fn service(schema: &Value) -> ServiceDescription {
    described!(plain, {
        pub(super) type V = u8;
    });
    let mut service = ServiceDescription::of(plain::SClient::DESCRIPTOR);
    let schemas = service.methods[0].schemas.as_mut().unwrap();
    schemas.arguments[0] = schema.to_string();
    service
}

fn changes(old: &Value, new: &Value) -> Vec<Change> {
    compare(&service(old), &service(new))
}

/// Thirty structs, each with two fields of the next one: a thousand million paths.
#[test]
fn what_is_reached_on_many_paths_is_compared_once() {
    let of = |format: &str| {
        let mut all = serde_json::Map::new();
        for level in 0..30 {
            let next = json!({ "$ref": format!("#/$defs/T{}", level + 1) });
            let fields = json!({ "a": next, "b": next });
            all.insert(format!("T{level}"), json!({ "type": "object", "properties": fields }));
        }
        all.insert("T30".to_owned(), json!({ "type": "integer", "format": format }));
        json!({ "$ref": "#/$defs/T0", "$defs": all })
    };
    let changes = changes(&of("uint8"), &of("uint16"));
    assert_eq!(changes.len(), 1, "{changes:#?}");
}

#[test]
fn names_that_are_not_defined_are_unknown_types() {
    let of = |name: &str| json!({ "$ref": name });
    for name in ["https://example.com/a", "#/$defs/Gone", "#/properties/x"] {
        assert_eq!(changes(&of(name), &of(name)), []);
        let changed = changes(&of(name), &of("#/$defs/Other"));
        assert_eq!(changed[0].row, "another type, of which not enough is known", "{changed:#?}");
        assert_eq!(changed[0].breaks, Breaks::Both);
    }
    // Aliases that go round in circles.
    let circle = json!({
        "$ref": "#/$defs/A",
        "$defs": { "A": { "$ref": "#/$defs/B" }, "B": { "$ref": "#/$defs/A" } }
    });
    let mut other = service(&circle);
    other.methods[0].compact = true;
    assert_eq!(compare(&service(&circle), &other).len(), 1);
}

/// Lists in lists, in each of many types: deeper than a stack, if it were followed.
#[test]
fn nesting_is_limited() {
    let of = |format: &str| {
        let mut all = serde_json::Map::new();
        for level in 0..128 {
            let mut list = json!({ "$ref": format!("#/$defs/T{}", level + 1) });
            for _ in 0..100 {
                list = json!({ "type": "array", "items": list });
            }
            all.insert(format!("T{level}"), list);
        }
        all.insert("T128".to_owned(), json!({ "type": "integer", "format": format }));
        json!({ "$ref": "#/$defs/T0", "$defs": all })
    };
    let changed = changes(&of("uint8"), &of("uint16"));
    let [change] = &changed[..] else { panic!("{}", changed.len()) };
    assert_eq!(change.what, "it is nested too deeply to be compared");
    let mut deep = service(&json!(true));
    deep.methods[0].schemas = None;
    let mut deeper = deep.clone();
    let list = |depth: usize| format!("{}u8{}", "Vec<".repeat(depth), ">".repeat(depth));
    deep.methods[0].arguments[0].ty = list(100_000);
    deeper.methods[0].arguments[0].ty = list(100_001);
    assert_eq!(compare(&deep, &deeper).len(), 1);
}

/// A name of a hundred kilobytes, in front of ten thousand changes.
#[test]
fn texts_of_changes_are_limited() {
    let of = |name: &str| {
        let fields: serde_json::Map<_, _> =
            (0..10_000).map(|field| (format!("{name}{field}"), json!(true))).collect();
        let inner = json!({ "type": "object", "properties": fields });
        let mut outer = serde_json::Map::new();
        outer.insert("x".repeat(100_000), inner);
        json!({ "type": "object", "properties": outer })
    };
    let changed = changes(&of("a"), &of("b"));
    let bytes: usize = changed.iter().map(|change| change.path.len() + change.what.len()).sum();
    assert!(bytes < 100 << 20, "{bytes}");
    assert!(changed.last().unwrap().what.contains("too large"), "{:?}", changed.last());
}

/// Each pair of a type of one version and one of the other is reached: too many to compare them all.
#[test]
fn the_number_of_comparisons_is_limited() {
    let of = |at: &str, last: &str| {
        let mut all = serde_json::Map::new();
        for level in 0..60 {
            let own = json!({ "$ref": format!("#/$defs/T{level}") });
            let next = json!({ "$ref": format!("#/$defs/T{}", level + 1) });
            let mut fields = serde_json::Map::new();
            fields.insert(at.to_owned(), next);
            fields.insert(last.to_owned(), own);
            for field in 0..200 {
                fields.insert(format!("f{field}"), json!(true));
            }
            all.insert(format!("T{level}"), json!({ "type": "object", "properties": fields }));
        }
        all.insert("T60".to_owned(), json!(true));
        json!({ "$ref": "#/$defs/T0", "$defs": all })
    };
    let changed = changes(&of("a", "b"), &of("b", "a"));
    let large = changed.iter().filter(|change| change.what.contains("too large"));
    assert_eq!(large.count(), 1, "{}", changed.len());
}
