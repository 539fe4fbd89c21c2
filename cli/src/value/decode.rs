//! Msgpack to JSON: bytes become base64, and structs of compact methods get the names of their fields back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rmpv::Value as Msgpack;
use serde_json::{Map, Value};

use super::schema::{Schema, Sent};

/// Converts a received value. What the schema does not describe is shown as it is.
pub fn decode(value: &Msgpack, schema: Option<Schema<'_>>) -> Value {
    with_schema(value, schema.map(|schema| schema.start(parts(value))))
}

/// How many values it consists of.
fn parts(value: &Msgpack) -> u64 {
    match value {
        Msgpack::Array(items) => items.iter().map(parts).sum::<u64>() + 1,
        Msgpack::Map(entries) => entries.iter().map(|(_, value)| parts(value)).sum::<u64>() + 1,
        _ => 1,
    }
}

fn with_schema(value: &Msgpack, schema: Option<Schema<'_>>) -> Value {
    let schema = schema.map(|schema| fitting(value, schema));
    match value {
        Msgpack::Nil => Value::Null,
        Msgpack::Boolean(value) => (*value).into(),
        Msgpack::Integer(number) => number
            .as_u64()
            .map(Value::from)
            .or_else(|| number.as_i64().map(Value::from))
            .unwrap_or_default(),
        // With the digits of an `f32`, not with those of the same number as an `f64`.
        Msgpack::F32(number) => {
            number.to_string().parse().map_or(Value::Null, |number: f64| number.into())
        }
        Msgpack::F64(number) => (*number).into(),
        Msgpack::String(text) => String::from_utf8_lossy(text.as_bytes()).into(),
        Msgpack::Binary(bytes) => binary(bytes, schema),
        Msgpack::Ext(kind, bytes) => {
            serde_json::json!({ "ext": kind, "data": BASE64.encode(bytes) })
        }
        Msgpack::Array(items) => array(items, schema),
        Msgpack::Map(entries) => map(entries, schema),
    }
}

/// The alternative that describes a value, by the tag or the names of its fields.
fn fitting<'a>(value: &Msgpack, schema: Schema<'a>) -> Schema<'a> {
    if schema.is_flattened() {
        return schema;
    }
    if let Some(part) = schema.parts().next() {
        return fitting(value, schema.at(part));
    }
    let Some(alternatives) = schema.alternatives() else { return schema };
    let found = alternatives.iter().map(|part| schema.at(part)).find(|part| fits(value, *part));
    found.map_or(schema, |part| fitting(value, part))
}

fn fits(value: &Msgpack, schema: Schema<'_>) -> bool {
    let types = schema.types();
    let is = |one: &str| types.is_empty() || types.contains(&one);
    match value {
        Msgpack::Map(entries) => is("object") && map_fits(entries, schema),
        Msgpack::Array(items) => is("array") || (is("object") && array_fits(items, schema)),
        Msgpack::String(text) => {
            let constant = schema.get("const").and_then(Value::as_str);
            let among = schema.get("enum").and_then(Value::as_array);
            let is_among =
                |values: &Vec<Value>| values.iter().any(|one| one.as_str() == text.as_str());
            is("string")
                && constant.is_none_or(|constant| Some(constant) == text.as_str())
                && among.is_none_or(is_among)
        }
        Msgpack::Binary(_) => schema.sent() != Sent::Plain || schema.is_long().is_some(),
        Msgpack::Nil => is("null"),
        Msgpack::Boolean(_) => is("boolean"),
        _ => is("integer") || is("number"),
    }
}

/// Whether a struct of a compact method has the tags that the schema requires, at their places.
fn array_fits(items: &[Msgpack], schema: Schema<'_>) -> bool {
    let properties = schema.properties().into_iter().flatten();
    let mut constants = properties
        .enumerate()
        .filter_map(|(at, (_, property))| Some((at, property.get("const")?.as_str()?)));
    constants.all(|(at, constant)| items.get(at).and_then(Msgpack::as_str) == Some(constant))
}

/// Whether the map has the tags and the fields that the schema requires.
fn map_fits(entries: &[(Msgpack, Msgpack)], schema: Schema<'_>) -> bool {
    let field = |name| entries.iter().find(|(key, _)| key.as_str() == Some(name));
    let has_tags = schema.properties().into_iter().flatten().all(|(name, property)| {
        let constant = property.get("const").and_then(Value::as_str);
        constant.is_none_or(|constant| {
            field(name).is_some_and(|(_, value)| value.as_str() == Some(constant))
        })
    });
    has_tags && schema.required().all(|name| field(name).is_some())
}

fn binary(bytes: &[u8], schema: Option<Schema<'_>>) -> Value {
    // A tuple of bytes.
    if schema.is_some_and(|schema| schema.get("prefixItems").is_some()) {
        return bytes.iter().copied().map(Value::from).collect();
    }
    let is_json = schema.is_some_and(|schema| matches!(schema.sent(), Sent::Json(_)));
    if let Some(is_signed) = schema.and_then(Schema::is_long)
        && let Ok(bytes) = bytes.try_into()
    {
        return long(bytes, is_signed);
    }
    let json = is_json.then(|| serde_json::from_slice(bytes).ok()).flatten();
    json.unwrap_or_else(|| BASE64.encode(bytes).into())
}

/// An integer of 128 bits: a number if it fits one of JSON, otherwise a string of its digits.
fn long(bytes: [u8; 16], is_signed: bool) -> Value {
    let number = if is_signed {
        i128::from_be_bytes(bytes).to_string()
    } else {
        u128::from_be_bytes(bytes).to_string()
    };
    let unsigned = number.parse().map(|number: u64| number.into());
    unsigned
        .or_else(|_| number.parse().map(|number: i64| number.into()))
        .unwrap_or(Value::String(number))
}

fn array(items: &[Msgpack], schema: Option<Schema<'_>>) -> Value {
    // A struct of a compact method: its fields, in their order.
    if let Some(schema) = schema
        && let Some(properties) = schema.properties()
        && items.len() <= properties.len()
    {
        let fields = properties.iter().zip(items);
        let fields =
            fields.map(|((name, of), item)| (name.clone(), with_schema(item, Some(schema.at(of)))));
        return Value::Object(fields.collect());
    }
    let places = schema.and_then(|schema| schema.get("prefixItems")?.as_array());
    let rest = schema.and_then(|schema| schema.get("items")).filter(|items| items.is_object());
    let items = items.iter().enumerate().map(|(at, item)| {
        let part = places.and_then(|places| places.get(at)).or(rest);
        with_schema(item, schema.zip(part).map(|(schema, part)| schema.at(part)))
    });
    Value::Array(items.collect())
}

fn map(entries: &[(Msgpack, Msgpack)], schema: Option<Schema<'_>>) -> Value {
    let mut fields = Map::new();
    for (key, value) in entries {
        let name = match key {
            Msgpack::String(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
            other => other.to_string(),
        };
        let part = schema.and_then(|schema| {
            let of_entries = || Some(schema.at(schema.entries()?.0));
            property(entries, &name, schema).or_else(of_entries)
        });
        fields.insert(name, with_schema(value, part));
    }
    Value::Object(fields)
}

/// The schema of a field, which may be in a part of the object's, or in the alternative that describes it.
fn property<'a>(
    entries: &[(Msgpack, Msgpack)],
    name: &str,
    schema: Schema<'a>,
) -> Option<Schema<'a>> {
    if let Some(property) = schema.properties().and_then(|properties| properties.get(name)) {
        return Some(schema.at(property));
    }
    schema.groups().find_map(|group| {
        let mut parts = group.iter().map(|part| schema.at(part));
        let part = match group {
            [_] => parts.next(),
            _ => parts.find(|part| map_fits(entries, *part)),
        };
        property(entries, name, part?)
    })
}
