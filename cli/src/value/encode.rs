//! JSON to msgpack. What the schema does not allow is refused, with its place.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rmpv::Value as Msgpack;
use serde_json::{Map, Number, Value};

use super::schema::{Schema, Sent};
use super::{Invalid, Path};

/// Bytes that are written as text. Neither this nor `@` can begin base64.
const TEXT: &str = "text:";

type Encoded = Result<Msgpack, Invalid>;

/// Converts a value to what is sent. Without a schema, strings are strings: bytes cannot be told apart.
///
/// # Errors
/// The place of what the schema does not allow, and what it expects there.
pub fn encode(value: &Value, schema: Option<Schema<'_>>, path: &Path) -> Encoded {
    match schema {
        Some(schema) => {
            let encoded = with_schema(value, schema.start(parts(value)), path);
            match schema.is_exhausted() {
                true => Err(Invalid::new(path, "the schema of this value is too complicated")),
                false => encoded,
            }
        }
        None => plain(value, path),
    }
}

/// How many values it consists of.
fn parts(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(parts).sum::<u64>() + 1,
        Value::Object(fields) => fields.values().map(parts).sum::<u64>() + 1,
        _ => 1,
    }
}

/// Converts a value by its form alone.
fn plain(value: &Value, path: &Path) -> Encoded {
    Ok(match value {
        Value::Null => Msgpack::Nil,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => self::number(number, path)?,
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => {
            let items = items.iter().enumerate().map(|(at, item)| plain(item, &path.index(at)));
            Msgpack::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, field)| Ok((name.as_str().into(), plain(field, &path.field(name))?)));
            Msgpack::Map(fields.collect::<Result<_, _>>()?)
        }
    })
}

fn number(number: &Number, path: &Path) -> Encoded {
    let integer = number.as_u64().map(Msgpack::from).or_else(|| number.as_i64().map(Msgpack::from));
    let float = || number.as_f64().map(Msgpack::from);
    integer
        .or_else(float)
        .ok_or_else(|| Invalid::new(path, format!("{number} does not fit into 64 bits")))
}

fn with_schema(value: &Value, schema: Schema<'_>, path: &Path) -> Encoded {
    if let Value::Object(fields) = value
        && schema.is_flattened()
    {
        return flattened(fields, schema, path);
    }
    if let Some(alternatives) = schema.alternatives() {
        return alternative(value, schema, alternatives, path);
    }
    // One part of a type without fields of its own.
    if let Some(part) = schema.parts().next() {
        return with_schema(value, schema.at(part), path);
    }
    let is_constant = schema.get("const").is_none_or(|constant| constant == value);
    let among = schema.get("enum").and_then(Value::as_array);
    if !is_constant || among.is_some_and(|values| !values.contains(value)) {
        return Err(mismatch(value, schema, path));
    }
    if schema.is_open() {
        return plain(value, path);
    }
    match schema.sent() {
        Sent::Bytes if !value.is_null() => return bytes(value, schema, path),
        Sent::Json(content) => return json(value, schema, content, path),
        _ => {}
    }
    if let Some(is_signed) = schema.is_long()
        && !value.is_null()
    {
        return long(value, is_signed, schema, path);
    }
    let types = schema.types();
    let is = |one: &str| types.is_empty() || types.contains(&one);
    match value {
        Value::Null if is("null") => Ok(Msgpack::Nil),
        Value::Bool(value) if is("boolean") => Ok((*value).into()),
        Value::Number(value) if is("number") || (is("integer") && !value.is_f64()) => {
            within(value, schema, path)?;
            if is("integer") { number(value, path) } else { float(value, path) }
        }
        Value::String(text) if is("string") => {
            let length = text.chars().count() as u64;
            let limit = |key| schema.get(key).and_then(Value::as_u64);
            let is_allowed = limit("minLength").is_none_or(|least| length >= least)
                && limit("maxLength").is_none_or(|most| length <= most);
            if !is_allowed {
                let bound = |key| limit(key).map_or("any number".to_owned(), |of| of.to_string());
                let (least, most) = (bound("minLength"), bound("maxLength"));
                let what = format!("has {length} characters, and must have from {least} to {most}");
                return Err(Invalid::new(path, what));
            }
            Ok(text.as_str().into())
        }
        Value::Array(items) if is("array") => array(items, schema, path),
        Value::Object(fields) if is("object") => object(fields, schema, path),
        _ => Err(mismatch(value, schema, path)),
    }
}

fn mismatch(value: &Value, schema: Schema<'_>, path: &Path) -> Invalid {
    let shown = match value {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    };
    Invalid::new(path, format!("expected {}, found {shown}", schema.expected()))
}

/// A number of Rust's that is written without a fraction is a float nevertheless.
fn float(number: &Number, path: &Path) -> Encoded {
    let float = number.as_f64().map(Msgpack::from);
    float.ok_or_else(|| Invalid::new(path, format!("{number} does not fit into 64 bits")))
}

/// An integer of 128 bits: small ones are numbers, and all can be strings of digits.
fn long(value: &Value, is_signed: bool, schema: Schema<'_>, path: &Path) -> Encoded {
    let digits = match value {
        Value::Number(number) if !number.is_f64() => number.to_string(),
        Value::String(text) => text.clone(),
        // What does not fit 64 bits has been read as a float, and is not exact any more.
        Value::Number(_) => {
            return Err(Invalid::new(path, "write such a long integer as a string"));
        }
        _ => return Err(mismatch(value, schema, path)),
    };
    let bytes = match is_signed {
        true => digits.parse().map(i128::to_be_bytes),
        false => digits.parse().map(u128::to_be_bytes),
    };
    match bytes {
        Ok(bytes) => Ok(Msgpack::Binary(bytes.to_vec())),
        Err(_) => Err(mismatch(value, schema, path)),
    }
}

/// The bounds that the schema states, or that follow from the width of the integer.
fn within(number: &Number, schema: Schema<'_>, path: &Path) -> Result<(), Invalid> {
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    let of_format = match format {
        "uint8" => Some((0, i128::from(u8::MAX))),
        "uint16" => Some((0, i128::from(u16::MAX))),
        "uint32" => Some((0, i128::from(u32::MAX))),
        "uint64" | "uint" => Some((0, i128::from(u64::MAX))),
        "int8" => Some((i128::from(i8::MIN), i128::from(i8::MAX))),
        "int16" => Some((i128::from(i16::MIN), i128::from(i16::MAX))),
        "int32" => Some((i128::from(i32::MIN), i128::from(i32::MAX))),
        "int64" | "int" => Some((i128::from(i64::MIN), i128::from(i64::MAX))),
        _ => None,
    };
    let value = number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from));
    if let (Some((least, most)), Some(value)) = (of_format, value)
        && !(least..=most).contains(&value)
    {
        return Err(Invalid::new(
            path,
            format!("{number} is not from {least} to {most} ({format})"),
        ));
    }
    let bound = |key| schema.get(key).and_then(Value::as_f64);
    let value = number.as_f64().unwrap_or(f64::NAN);
    if let Some(least) = bound("minimum").filter(|least| value < *least) {
        return Err(Invalid::new(path, format!("{number} is less than {least}")));
    }
    if let Some(most) = bound("maximum").filter(|most| value > *most) {
        return Err(Invalid::new(path, format!("{number} is more than {most}")));
    }
    Ok(())
}

fn bytes(value: &Value, schema: Schema<'_>, path: &Path) -> Encoded {
    if let Value::String(text) = value {
        if let Some(file) = text.strip_prefix('@') {
            if !schema.reads_files() {
                return Err(Invalid::new(path, "files are not read here: pass base64 or `text:…`"));
            }
            let read = std::fs::read(file);
            let read =
                read.map_err(|error| Invalid::new(path, format!("cannot read {file}: {error}")));
            return read.map(Msgpack::Binary);
        }
        if let Some(text) = text.strip_prefix(TEXT) {
            return Ok(Msgpack::Binary(text.as_bytes().to_vec()));
        }
    }
    let byte = |item: &Value| item.as_u64().and_then(|byte| u8::try_from(byte).ok());
    let decoded = match value {
        Value::String(text) => BASE64.decode(text).ok(),
        Value::Array(items) => items.iter().map(byte).collect(),
        _ => None,
    };
    decoded.map(Msgpack::Binary).ok_or_else(|| mismatch(value, schema, path))
}

fn json(value: &Value, schema: Schema<'_>, content: Option<&Value>, path: &Path) -> Encoded {
    if let Some(content) = content {
        with_schema(value, schema.at(content), path)?;
    }
    Ok(Msgpack::Binary(value.to_string().into_bytes()))
}

fn array(items: &[Value], schema: Schema<'_>, path: &Path) -> Encoded {
    let places = schema.get("prefixItems").and_then(Value::as_array);
    let limit = |key| schema.get(key).and_then(Value::as_u64).map(|limit| limit as usize);
    let (least, most) = (limit("minItems"), limit("maxItems"));
    if least.is_some_and(|least| items.len() < least) || most.is_some_and(|most| items.len() > most)
    {
        let expected = match (least, most) {
            (Some(least), Some(most)) if least == most => format!("{least} items"),
            (Some(least), _) if items.len() < least => format!("at least {least} items"),
            (_, most) => format!("at most {} items", most.unwrap_or_default()),
        };
        return Err(Invalid::new(path, format!("expected {expected}, found {}", items.len())));
    }
    let rest = schema.get("items").filter(|items| items.is_object());
    let items = items.iter().enumerate().map(|(at, item)| {
        let of_item = places.and_then(|places| places.get(at)).or(rest);
        encode_part(item, schema, of_item, &path.index(at))
    });
    Ok(Msgpack::Array(items.collect::<Result<_, _>>()?))
}

fn encode_part(value: &Value, schema: Schema<'_>, part: Option<&Value>, path: &Path) -> Encoded {
    match part {
        Some(part) => with_schema(value, schema.at(part), path),
        None => plain(value, path),
    }
}

/// An object whose fields are described in several places.
fn flattened(fields: &Map<String, Value>, schema: Schema<'_>, path: &Path) -> Encoded {
    all_required(fields, schema, path)?;
    let mut encoded = Vec::with_capacity(fields.len());
    let mut rest = Map::new();
    for (name, field) in fields {
        match schema.properties().and_then(|properties| properties.get(name)) {
            Some(property) => {
                let value = with_schema(field, schema.at(property), &path.field(name))?;
                encoded.push((name.as_str().into(), value));
            }
            None => drop(rest.insert(name.clone(), field.clone())),
        }
    }
    let mut groups = schema.groups().peekable();
    while let Some(group) = groups.next() {
        let names: BTreeSet<_> = group.iter().flat_map(|part| schema.at(part).names()).collect();
        // What nobody knows belongs to a flattened map, or is left to the last group, which refuses it.
        let has_all = groups.peek().is_none() && schema.entries().is_none();
        let (of_group, others) =
            rest.into_iter().partition(|(name, _)| has_all || names.contains(&**name));
        rest = others;
        let of_group = Value::Object(of_group);
        let part = match group {
            [part] => with_schema(&of_group, schema.at(part), path)?,
            several => alternative(&of_group, schema, several, path)?,
        };
        match part {
            Msgpack::Map(entries) => encoded.extend(entries),
            _ => return Err(mismatch(&of_group, schema, path)),
        }
    }
    if let Some((entry, has_numbers)) = schema.entries() {
        for (name, field) in &rest {
            let inner = path.field(name);
            let key = self::key(name, has_numbers, &inner)?;
            encoded.push((key, with_schema(field, schema.at(entry), &inner)?));
        }
    }
    Ok(Msgpack::Map(encoded))
}

fn all_required(
    fields: &Map<String, Value>,
    schema: Schema<'_>,
    path: &Path,
) -> Result<(), Invalid> {
    match schema.required().find(|name| !fields.contains_key(*name)) {
        Some(missing) => Err(Invalid::new(path, format!("the field `{missing}` is missing"))),
        None => Ok(()),
    }
}

fn object(fields: &Map<String, Value>, schema: Schema<'_>, path: &Path) -> Encoded {
    all_required(fields, schema, path)?;
    let properties = schema.properties();
    let entries = schema.entries();
    let mut encoded = Vec::with_capacity(fields.len());
    for (name, field) in fields {
        let inner = path.field(name);
        let property = properties.and_then(|properties| properties.get(name));
        let (key, part) = match (property, entries) {
            (Some(property), _) => (name.as_str().into(), Some(property)),
            (None, Some((entry, has_numbers))) => {
                (self::key(name, has_numbers, &inner)?, Some(entry))
            }
            // An object that is any map.
            (None, None)
                if properties.is_none() && schema.get("additionalProperties").is_none() =>
            {
                (name.as_str().into(), None)
            }
            (None, None) => {
                let known: Vec<_> =
                    properties.into_iter().flatten().map(|(name, _)| &**name).collect();
                return Err(unknown(name, &known, path));
            }
        };
        encoded.push((key, encode_part(field, schema, part, &inner)?));
    }
    Ok(Msgpack::Map(encoded))
}

fn key(name: &str, has_numbers: bool, path: &Path) -> Encoded {
    if !has_numbers {
        return Ok(name.into());
    }
    let number = name.parse().map(|number: u64| Msgpack::from(number));
    let number = number.or_else(|_| name.parse().map(|number: i64| Msgpack::from(number)));
    number.map_err(|_| Invalid::new(path, "the keys of this map are numbers"))
}

fn unknown(name: &str, known: &[&str], path: &Path) -> Invalid {
    let what = match known {
        [] => format!("has a field `{name}`, and must be empty"),
        known => format!("has no field `{name}`; it has `{}`", known.join("`, `")),
    };
    Invalid::new(path, what)
}

/// The first alternative that the value fits. If there is none, the error of the one that was meant.
fn alternative(value: &Value, schema: Schema<'_>, of: &[Value], path: &Path) -> Encoded {
    let mut nearest: Option<Invalid> = None;
    for part in of {
        match with_schema(value, schema.at(part), path) {
            Ok(encoded) => return Ok(encoded),
            // The nearest error of an enum in an alternative, such as one in an `Option`, lies deeper.
            Err(invalid)
                if is_meant(value, schema.at(part))
                    || (schema.at(part).properties().is_none()
                        && invalid.path.depth() > path.depth()) =>
            {
                let is_nearer = |known: &Invalid| invalid.path.depth() > known.path.depth();
                if nearest.as_ref().is_none_or(is_nearer) {
                    nearest = Some(invalid);
                }
            }
            Err(_) => {}
        }
    }
    Err(nearest.unwrap_or_else(|| none_of(value, schema, of, path)))
}

/// Whether an object has the tag of this alternative, or its only field.
fn is_meant(value: &Value, schema: Schema<'_>) -> bool {
    let (Value::Object(fields), Some(properties)) = (value, schema.properties()) else {
        return false;
    };
    let mut tags = properties.iter().filter_map(|(name, of)| Some((name, of.get("const")?)));
    match tags.next() {
        Some((name, constant)) => fields.get(name) == Some(constant),
        None => properties.keys().any(|name| fields.contains_key(name)),
    }
}

fn none_of(value: &Value, schema: Schema<'_>, of: &[Value], path: &Path) -> Invalid {
    let expected: Vec<_> = of.iter().map(|part| outline(schema.at(part))).collect();
    let shown = match value {
        Value::Object(fields) => {
            let names: Vec<_> = fields.keys().map(|name| format!("`{name}`")).collect();
            format!(
                "an object with {}",
                if names.is_empty() { "no fields".to_owned() } else { names.join(", ") }
            )
        }
        Value::Array(_) => "an array".to_owned(),
        other => other.to_string(),
    };
    Invalid::new(path, format!("expected {}; found {shown}", expected.join(", or ")))
}

/// One alternative, in a few words.
fn outline(schema: Schema<'_>) -> String {
    match schema.properties() {
        Some(properties) => {
            let tag = properties.iter().find_map(|(name, of)| Some((name, of.get("const")?)));
            match tag {
                Some((name, constant)) => format!("an object with `{name}`: {constant}"),
                None => {
                    let names: Vec<_> = properties.keys().map(|name| format!("`{name}`")).collect();
                    format!("an object with {}", names.join(", "))
                }
            }
        }
        None => schema.expected(),
    }
}
