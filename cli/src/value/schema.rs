//! [`Schema`] and [`Document`]: a JSON Schema as schemars writes it, and the questions that conversions ask about it.

use std::collections::BTreeSet;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};

/// Parts of schemas that a conversion looks at for each part of the value, at most. An enum needs one for each variant.
const STEPS_MAX: u64 = 1000;

/// Parts of schemas that lie in each other, at most, so that no stack of 2 MiB overflows. JSON has a depth of 128 at most, and
/// a type that refers to itself one to three parts for each.
const DEPTH_MAX: u16 = 192;

/// A JSON Schema as a node states it.
///
/// A schema of a few bytes can describe itself in endlessly many ways, so a conversion ends after a number of steps that depends
/// on the size of the value.
#[derive(Debug)]
pub struct Document {
    root: Value,
    /// Those that the current conversion has left.
    steps: AtomicU64,
}

impl Document {
    /// A whole schema.
    pub fn new(root: Value) -> Self {
        Self { root, steps: AtomicU64::new(0) }
    }

    /// Where a conversion begins.
    pub fn schema(&self) -> Schema<'_> {
        Schema { document: self, part: &self.root, depth: 0, reads_files: true }
    }
}

/// A JSON Schema, or a part of one.
#[derive(Debug, Clone, Copy)]
pub struct Schema<'a> {
    document: &'a Document,
    part: &'a Value,
    depth: u16,
    reads_files: bool,
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
    /// The same, with which `@file` in the place of bytes is refused: for input from others than the user of this machine.
    pub fn without_files(self) -> Self {
        Self { reads_files: false, ..self }
    }

    pub(super) fn reads_files(self) -> bool {
        self.reads_files
    }

    /// A part of this one; of what is too complicated, one that allows everything.
    pub(super) fn at(self, part: &'a Value) -> Self {
        let steps = &self.document.steps;
        let left = if self.depth < DEPTH_MAX { steps.load(Ordering::Relaxed) } else { 0 };
        steps.store(left.saturating_sub(1), Ordering::Relaxed);
        let part = if left > 0 { part } else { &Value::Bool(true) };
        self.resolved(Self { part, depth: self.depth.saturating_add(1), ..self })
    }

    /// The whole schema with its first reference resolved, for the conversion of a value with so many parts.
    pub(super) fn start(self, parts: u64) -> Self {
        self.document.steps.store(parts.saturating_mul(STEPS_MAX), Ordering::Relaxed);
        self.resolved(self)
    }

    /// Whether the conversion has taken all its steps, so that its end was converted by its form alone.
    pub(super) fn is_exhausted(self) -> bool {
        self.document.steps.load(Ordering::Relaxed) == 0
    }

    /// Follows `$ref`, as far as it is inside of this document. One beside properties is a group of further fields.
    fn resolved(self, mut schema: Self) -> Self {
        // References to references end; a circle of them does not describe anything.
        for _ in 0..32 {
            if schema.properties().is_some() {
                break;
            }
            match schema.target() {
                Some(part) => schema.part = part,
                None => break,
            }
        }
        schema
    }

    /// What `$ref` refers to.
    fn target(self) -> Option<&'a Value> {
        let reference = self.get("$ref").and_then(Value::as_str)?;
        self.document.root.pointer(&unescaped(reference.strip_prefix('#')?))
    }

    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        self.part.get(key)
    }

    /// Whether the payload is sent as bytes, without msgpack.
    pub fn is_raw(self) -> bool {
        self.resolved(self).get("x-grid-raw") == Some(&Value::Bool(true))
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
        // Not lists of bytes that may be missing.
        let is_byte = |items: &Value| {
            let of = |key| items.get(key).and_then(Value::as_str);
            of("format") == Some("uint8") && of("type") == Some("integer")
        };
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

    /// Whether this describes an object together with its parts and alternatives, as `#[serde(flatten)]` makes it.
    pub(super) fn is_flattened(self) -> bool {
        let groups = self.groups().count();
        groups > 1 || (groups == 1 && self.properties().is_some())
    }

    /// What describes further fields of a flattened object: each part, and then the alternatives, of which one applies.
    pub(super) fn groups(self) -> impl DoubleEndedIterator<Item = &'a [Value]> {
        let parts = self.get("allOf").and_then(Value::as_array).map_or(&[][..], |parts| parts);
        // Only one beside properties is left.
        let target = self.target().map(slice::from_ref);
        let parts = parts.iter().map(slice::from_ref).chain(target);
        parts.chain(self.alternatives().map(|of| &of[..]))
    }

    /// The names of all fields of an object, those of parts and alternatives included.
    pub(super) fn names(self) -> BTreeSet<&'a str> {
        let own = self.properties().into_iter().flatten().map(|(name, _)| &**name);
        own.chain(self.groups().flatten().flat_map(|part| self.at(part).names())).collect()
    }

    /// Whether it is an integer of 128 bits, which is sent as bytes; and then, whether it can be negative.
    pub(super) fn is_long(self) -> Option<bool> {
        match self.get("format").and_then(Value::as_str)? {
            "uint128" => Some(false),
            "int128" => Some(true),
            _ => None,
        }
    }

    /// The schemas that all apply.
    pub(super) fn parts(self) -> impl Iterator<Item = &'a Value> {
        self.get("allOf").and_then(Value::as_array).into_iter().flatten()
    }

    /// The schema of the values of a map, and whether its keys are numbers.
    pub(super) fn entries(self) -> Option<(&'a Value, bool)> {
        let patterns = self.get("patternProperties").and_then(Value::as_object);
        if let Some((pattern, value)) = patterns.and_then(|patterns| patterns.iter().next()) {
            // As schemars writes them for integers. Strings may have other patterns with digits.
            return Some((value, matches!(&**pattern, r"^\d+$" | r"^-?\d+$")));
        }
        // The second one beside flattened fields.
        let keys = ["additionalProperties", "unevaluatedProperties"];
        let entries = keys.into_iter().find_map(|key| self.get(key))?;
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

/// A reference without `%` and two digits in place of bytes. What is none is left as it is.
fn unescaped(reference: &str) -> String {
    let mut bytes = Vec::with_capacity(reference.len());
    let mut rest = reference.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
