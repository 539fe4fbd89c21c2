//! [`Schema`]: a JSON Schema as schemars writes it, and the questions that conversions ask about it.

use serde_json::{Map, Value};

/// A JSON Schema, or a part of one.
#[derive(Debug, Clone, Copy)]
pub struct Schema<'a> {
    root: &'a Value,
    part: &'a Value,
}

/// How a value is sent that is not sent as JSON would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent<'a> {
    /// As it stands in JSON.
    Plain,
    /// As msgpack bin; base64 in JSON.
    Bytes,
    /// As JSON text in msgpack bin.
    Json(Option<&'a Value>),
}

impl<'a> Schema<'a> {
    /// A whole schema.
    pub fn new(root: &'a Value) -> Self {
        Self { root, part: root }
    }

    pub(super) fn at(self, part: &'a Value) -> Self {
        self.resolved(Self { part, ..self })
    }

    /// The whole schema with its first reference resolved.
    pub(super) fn start(self) -> Self {
        self.resolved(self)
    }

    /// Follows `$ref`, as far as it is inside of this document.
    fn resolved(self, mut schema: Self) -> Self {
        // References to references end; a circle of them does not describe anything.
        for _ in 0..32 {
            let Some(target) = schema.part.get("$ref").and_then(Value::as_str) else { break };
            let found = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            match found {
                Some(part) => schema.part = part,
                None => break,
            }
        }
        schema
    }

    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        self.part.get(key)
    }

    /// Whether the payload is sent as bytes, without msgpack.
    pub fn is_raw(self) -> bool {
        self.start().get("x-grid-raw") == Some(&Value::Bool(true))
    }

    /// Whether everything is allowed.
    pub(super) fn is_open(self) -> bool {
        match self.part {
            Value::Bool(open) => *open,
            Value::Object(keys) => {
                let says_nothing = |key: &str| {
                    matches!(key, "title" | "description" | "default" | "$schema" | "$defs")
                };
                keys.keys().all(|key| says_nothing(key))
            }
            _ => true,
        }
    }

    pub(super) fn types(self) -> Vec<&'a str> {
        match self.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn sent(self) -> Sent<'a> {
        let is = |key, value| self.get(key).and_then(Value::as_str) == Some(value);
        if is("contentMediaType", "application/json") {
            return Sent::Json(self.get("contentSchema"));
        }
        let is_byte = |items: &Value| items.get("format").and_then(Value::as_str) == Some("uint8");
        let is_list = self.types().contains(&"array") && self.get("items").is_some_and(is_byte);
        if is("contentEncoding", "base64") || is_list { Sent::Bytes } else { Sent::Plain }
    }

    pub(super) fn properties(self) -> Option<&'a Map<String, Value>> {
        self.get("properties")?.as_object()
    }

    pub(super) fn required(self) -> impl Iterator<Item = &'a str> {
        let required = self.get("required").and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The schemas of which one applies.
    pub(super) fn alternatives(self) -> Option<&'a Vec<Value>> {
        ["oneOf", "anyOf"].into_iter().find_map(|key| self.get(key)?.as_array())
    }

    /// The schemas that all apply.
    pub(super) fn parts(self) -> impl Iterator<Item = &'a Value> {
        self.get("allOf").and_then(Value::as_array).into_iter().flatten()
    }

    /// The schema of the values of a map, and whether its keys are numbers.
    pub(super) fn entries(self) -> Option<(&'a Value, bool)> {
        let patterns = self.get("patternProperties").and_then(Value::as_object);
        if let Some((pattern, value)) = patterns.and_then(|patterns| patterns.iter().next()) {
            return Some((value, pattern.contains("\\d")));
        }
        let entries = self.get("additionalProperties")?;
        (entries != &Value::Bool(false)).then_some((entries, false))
    }

    /// What a value must be, in words.
    pub(super) fn expected(self) -> String {
        if let Some(constant) = self.get("const") {
            return constant.to_string();
        }
        if let Some(values) = self.get("enum").and_then(Value::as_array) {
            let values: Vec<_> = values.iter().map(Value::to_string).collect();
            let of = if values.len() > 1 { "one of " } else { "" };
            return format!("{of}{}", values.join(", "));
        }
        match (self.sent(), self.types().as_slice()) {
            (Sent::Bytes, _) => {
                "bytes in base64, as `@file`, as `text:…`, or as an array of numbers up to 255"
                    .to_owned()
            }
            (_, []) => "another value".to_owned(),
            (_, types) => {
                let words: Vec<_> = types.iter().map(|one| with_article(one)).collect();
                words.join(" or ")
            }
        }
    }
}

fn with_article(of: &str) -> String {
    match of {
        "null" => of.to_owned(),
        "array" | "object" | "integer" => format!("an {of}"),
        _ => format!("a {of}"),
    }
}
