//! JSON to msgpack and back, compared with what serde and schemars make of the same types.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use grid::reflection::{MethodSchemas, ServiceDescription};
use grid::{Mock, Raw};
use grid_cli::value::{Document, Path, decode, encode};
use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn document<T: JsonSchema>() -> Document {
    Document::new(schema_for!(T).to_value())
}

/// Encodes JSON with the schema of a type, decodes the bytes as that type, encodes the value as the library does, and shows it
/// as JSON again, which must be what it was.
#[track_caller]
fn there_and_back<T>(input: Value) -> T
where
    T: Serialize + DeserializeOwned + JsonSchema + Debug,
{
    let value: T = by_name(input.clone());
    let compact = rmp_serde::to_vec(&value).unwrap();
    let compact = rmpv::decode::read_value(&mut &compact[..]).unwrap();
    assert_eq!(decode(&compact, Some(document::<T>().schema())), input, "structs as arrays");
    value
}

/// The same for what methods that are compact cannot send.
#[track_caller]
fn by_name<T>(input: Value) -> T
where
    T: Serialize + DeserializeOwned + JsonSchema + Debug,
{
    let root = document::<T>();
    let encoded = encode(&input, Some(root.schema()), &Path::default()).unwrap();
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &encoded).unwrap();
    let value: T = rmp_serde::from_slice(&bytes).unwrap();
    let sent = rmp_serde::to_vec_named(&value).unwrap();
    let sent = rmpv::decode::read_value(&mut &sent[..]).unwrap();
    assert_eq!(decode(&sent, Some(root.schema())), input);
    value
}

#[track_caller]
fn refused<T: JsonSchema>(input: Value) -> String {
    let root = document::<T>();
    encode(&input, Some(root.schema()), &Path::of("arg")).unwrap_err().to_string()
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
    let root = document::<Vec<f64>>();
    let encoded = encode(&json!([1]), Some(root.schema()), &Path::default()).unwrap();
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
        by_name::<Internal>(input);
    }
    for input in [json!({"t": "Number", "c": 1}), json!({"t": "Names", "c": ["a"]})] {
        by_name::<Adjacent>(input);
    }
    for input in [json!(7), json!("text"), json!({"name": "a"})] {
        by_name::<Untagged>(input);
    }
}

/// An order, with fields of other types in it.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Order {
    number: u64,
    #[serde(flatten)]
    what: Internal,
    #[serde(flatten)]
    address: Address,
    data: bytes::Bytes,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Address {
    street: String,
    floor: Option<f32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Labelled {
    name: String,
    #[serde(flatten)]
    labels: BTreeMap<String, u32>,
}

#[test]
fn flattened_fields_are_those_of_one_object() {
    let order = json!({
        "number": 1, "type": "start", "at": 3, "street": "a", "floor": 0.1, "data": "aGVsbG8=",
    });
    let sent: Order = by_name(order.clone());
    assert_eq!((sent.address.floor, &*sent.data), (Some(0.1), &b"hello"[..]));
    let changed = |field: &str, value: Value| {
        let mut order = order.clone();
        order[field] = value;
        refused::<Order>(order)
    };
    assert_eq!(changed("street", json!(1)), "arg.street: expected a string, found 1");
    assert!(changed("nmuber", json!(1)).contains("`nmuber`"), "{}", changed("nmuber", json!(1)));
    assert!(changed("type", json!("begin")).contains("\"start\""));
    by_name::<Labelled>(json!({"name": "a", "x": 1, "y": 2}));
    assert_eq!(
        refused::<Labelled>(json!({"name": "a", "x": "1"})),
        "arg.x: expected an integer, found \"1\""
    );
}

/// A variant whose fields are those of another type, and one beside flattened fields.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
enum Shape {
    Point(Point),
    Line(Line),
    #[schemars(rename = "Größe {m}")]
    #[serde(rename = "Größe {m}")]
    Size(Box<Größe>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Line {
    from: Point,
    to: Point,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Größe {
    more: Vec<Self>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", content = "c")]
enum Placed {
    Point(Point),
    Line(Line),
}

#[test]
fn variants_can_have_the_fields_of_another_type() {
    let point = json!({"x": 1, "y": -2});
    by_name::<Shape>(json!({"kind": "Point", "x": 1, "y": -2}));
    by_name::<Shape>(json!({"kind": "Line", "from": point, "to": point}));
    by_name::<Shape>(json!({"kind": "Größe {m}", "more": [{"more": []}]}));
    assert!(refused::<Shape>(json!({"x": 1, "y": 2})).contains("`kind`: \"Point\""));
    assert_eq!(
        refused::<Shape>(json!({"kind": "Point", "x": "1", "y": 2})),
        "arg.x: expected an integer, found \"1\""
    );
    assert!(refused::<Größe>(json!({"more": [1]})).contains("more[0]"));
    there_and_back::<Placed>(json!({"t": "Line", "c": {"from": point, "to": point}}));
    assert_eq!(
        refused::<Option<External>>(json!({"Tuple": [1, 2, 3]})),
        "arg.Tuple: expected 2 items, found 3"
    );
}

#[test]
fn integers_of_128_bits_are_numbers_or_strings_of_digits() {
    let most = u128::MAX.to_string();
    assert_eq!(there_and_back::<(u128, u128)>(json!([most, 7])), (u128::MAX, 7));
    let least = i128::MIN.to_string();
    assert_eq!(there_and_back::<Vec<i128>>(json!([least, -7])), [i128::MIN, -7]);
    assert_eq!(refused::<u128>(json!("-1")), "arg: expected an integer, found \"-1\"");
    // With serde_json's feature `arbitrary_precision`, which another package may turn on, it is exact.
    let number: Value = serde_json::from_str(&most).unwrap();
    if number.is_f64() {
        assert_eq!(refused::<u128>(number), "arg: write such a long integer as a string");
    } else {
        assert_eq!(there_and_back::<u128>(json!(most)), u128::MAX);
    }
}

#[test]
fn characters_are_strings_of_one() {
    there_and_back::<Vec<char>>(json!(["a", "é"]));
    assert_eq!(refused::<char>(json!("ab")), "arg: has 2 characters, and must have from 1 to 1");
}

/// A node can state any schema. No conversion takes for ever, or overflows the stack.
#[test]
fn schemas_without_an_end_describe_nothing() {
    let loops = [
        json!({"anyOf": [{"$ref": "#"}]}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}),
        json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}], "properties": {"a": {"$ref": "#"}}}),
        json!({"oneOf": [{"allOf": [{"$ref": "#"}]}, {"$ref": "#"}], "properties": {}}),
        json!({"$ref": "#"}),
        json!({"properties": {"a": {"$ref": "#"}}, "$ref": "#"}),
    ];
    let mut deep = json!({"a": 1});
    for _ in 0..60 {
        deep = json!({"a": deep, "b": [1]});
    }
    for root in loops.map(Document::new) {
        for value in [json!(1), json!({"a": {"a": 2}}), deep.clone()] {
            let _ = encode(&value, Some(root.schema()), &Path::default());
            let sent = encode(&value, None, &Path::default()).unwrap();
            let _ = decode(&sent, Some(root.schema()));
        }
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
    let root = Document::new(serde_json::from_str(&arguments[0]).unwrap());
    let wrong = encode(&json!({"name": 1}), Some(root.schema()), &Path::of("value"));
    assert!(wrong.unwrap_err().to_string().starts_with("value: the field `weight` is missing"));
    let right = json!({
        "name": "leaf", "weight": 1.5, "left": null, "pair": [1, "one"],
        "by_number": {}, "by_name": {},
    });
    let sent = encode(&right, Some(root.schema()), &Path::of("value")).unwrap();
    assert_eq!(sent, rmpv::Value::Binary(right.to_string().into_bytes()));
    assert_eq!(decode(&sent, Some(root.schema())), right);
    let output = Document::new(serde_json::from_str(&output.unwrap()).unwrap());
    assert!(output.schema().is_raw());
}

#[test]
fn files_are_not_read_for_others() {
    let root = document::<bytes::Bytes>();
    let read = |schema, text: &str| encode(&json!(text), Some(schema), &Path::of("arg"));
    let file = concat!("@", env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    assert!(read(root.schema(), file).is_ok());
    let refused = read(root.schema().without_files(), file).unwrap_err().to_string();
    assert_eq!(refused, "arg: files are not read here: pass base64 or `text:…`");
    assert!(read(root.schema().without_files(), "text:@a").is_ok());

    let root = document::<Vec<Option<bytes::Bytes>>>();
    let inside = |schema| encode(&json!([file]), Some(schema), &Path::of("arg"));
    assert!(inside(root.schema()).is_ok());
    assert!(inside(root.schema().without_files()).is_err(), "also further inside");
}
