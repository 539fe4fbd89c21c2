//! JSON to msgpack and back, compared with what serde and schemars make of the same types.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use grid::reflection::{MethodSchemas, ServiceDescription};
use grid::{Mock, Raw};
use grid_cli::value::{Path, Schema, decode, encode};
use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Encodes JSON with the schema of a type, decodes the bytes as that type, encodes the value as the library does, and shows it
/// as JSON again, which must be what it was.
#[track_caller]
fn there_and_back<T>(input: Value) -> T
where
    T: Serialize + DeserializeOwned + JsonSchema + Debug,
{
    let root = schema_for!(T).to_value();
    let encoded = encode(&input, Some(Schema::new(&root)), &Path::default()).unwrap();
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &encoded).unwrap();
    let value: T = rmp_serde::from_slice(&bytes).unwrap();
    let sent = rmp_serde::to_vec_named(&value).unwrap();
    let sent = rmpv::decode::read_value(&mut &sent[..]).unwrap();
    assert_eq!(decode(&sent, Some(Schema::new(&root))), input);
    let compact = rmp_serde::to_vec(&value).unwrap();
    let compact = rmpv::decode::read_value(&mut &compact[..]).unwrap();
    assert_eq!(decode(&compact, Some(Schema::new(&root))), input, "structs as arrays");
    value
}

#[track_caller]
fn refused<T: JsonSchema>(input: Value) -> String {
    let root = schema_for!(T).to_value();
    encode(&input, Some(Schema::new(&root)), &Path::of("arg")).unwrap_err().to_string()
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Tree {
    name: String,
    weight: f64,
    left: Option<Box<Self>>,
    pair: (u8, String),
    by_number: BTreeMap<u64, bool>,
    by_name: BTreeMap<String, Vec<i8>>,
}

#[test]
fn structs_maps_tuples_and_recursion() {
    let leaf = json!({
        "name": "leaf", "weight": 1.5, "left": null, "pair": [1, "one"],
        "by_number": {}, "by_name": {"a": [-1, 2]},
    });
    let tree = json!({
        "name": "root", "weight": -2.0, "left": leaf, "pair": [255, ""],
        "by_number": {"7": true, "18446744073709551615": false}, "by_name": {},
    });
    let value = there_and_back::<Tree>(tree);
    assert!(value.by_number[&7]);
    assert_eq!(value.left.unwrap().by_name["a"], [-1, 2]);
}

/// An integer that stands where a float is expected is one.
#[test]
fn floats_need_no_fraction() {
    let root = schema_for!(Vec<f64>).to_value();
    let encoded = encode(&json!([1]), Some(Schema::new(&root)), &Path::default()).unwrap();
    assert_eq!(encoded, rmpv::Value::Array(vec![rmpv::Value::F64(1.0)]));
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
enum External {
    Unit,
    Newtype(u32),
    Tuple(u8, bool),
    Struct { name: String },
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Internal {
    Start { at: u64 },
    Stop,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Number(u64),
    Names(Vec<String>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Text(String),
    Named { name: String },
}

#[test]
fn enums_of_every_tagging() {
    for input in [
        json!("Unit"),
        json!({"Newtype": 7}),
        json!({"Tuple": [1, true]}),
        json!({"Struct": {"name": "a"}}),
    ] {
        there_and_back::<External>(input);
    }
    for input in [json!({"type": "start", "at": 3}), json!({"type": "stop"})] {
        let root = schema_for!(Internal).to_value();
        encode(&input, Some(Schema::new(&root)), &Path::default()).unwrap();
    }
    for input in [json!({"t": "Number", "c": 1}), json!({"t": "Names", "c": ["a"]})] {
        let root = schema_for!(Adjacent).to_value();
        encode(&input, Some(Schema::new(&root)), &Path::default()).unwrap();
    }
    for input in [json!(7), json!("text"), json!({"name": "a"})] {
        let root = schema_for!(Untagged).to_value();
        encode(&input, Some(Schema::new(&root)), &Path::default()).unwrap();
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (message, expected) in [
        (refused::<Vec<Tree>>(json!([1])), "arg[0]: expected an object, found 1"),
        (refused::<External>(json!({"Tuple": [1, 2, 3]})), "arg.Tuple: expected 2 items, found 3"),
        (
            refused::<Internal>(json!({"type": "begin"})),
            "arg: expected an object with `type`: \"start\", or an object with `type`: \"stop\"; \
             found an object with `type`",
        ),
        (
            refused::<BTreeMap<u64, bool>>(json!({"x": true})),
            "arg.x: the keys of this map are numbers",
        ),
        (refused::<i8>(json!(-129)), "arg: -129 is not from -128 to 127 (int8)"),
        (refused::<bool>(json!(null)), "arg: expected a boolean, found null"),
        (refused::<[u16; 2]>(json!([1])), "arg: expected 2 items, found 1"),
        (refused::<u64>(json!(1.5)), "arg: expected an integer, found 1.5"),
    ] {
        assert_eq!(message, expected);
    }
}

#[grid::service(schema)]
trait Kinds {
    async fn json(&self, value: grid::Json<Tree>) -> Raw;
}

/// Types of the library that serde does not send as JSON would be.
#[test]
fn types_of_the_library() {
    let _: Mock = Mock::new();
    let described = ServiceDescription::of(KindsClient::DESCRIPTOR);
    let MethodSchemas { arguments, output, .. } = described.methods[0].schemas.clone().unwrap();
    let root: Value = serde_json::from_str(&arguments[0]).unwrap();
    let wrong = encode(&json!({"name": 1}), Some(Schema::new(&root)), &Path::of("value"));
    assert!(wrong.unwrap_err().to_string().starts_with("value: the field `weight` is missing"));
    let right = json!({
        "name": "leaf", "weight": 1.5, "left": null, "pair": [1, "one"],
        "by_number": {}, "by_name": {},
    });
    let sent = encode(&right, Some(Schema::new(&root)), &Path::of("value")).unwrap();
    assert_eq!(sent, rmpv::Value::Binary(right.to_string().into_bytes()));
    assert_eq!(decode(&sent, Some(Schema::new(&root))), right);
    let output: Value = serde_json::from_str(&output.unwrap()).unwrap();
    assert!(Schema::new(&output).is_raw());
}
