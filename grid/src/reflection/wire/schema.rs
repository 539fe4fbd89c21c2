//! JSON Schemas, as schemars 1 makes them, as shapes.
//!
//! Only what decides whether serde accepts a value is read. Schemas of what is taken say which fields may be missing; those of
//! what is sent say which fields are always sent, so there a default or an `Option` says that one may be missing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::pointer;
use super::shape::{Enum, Field, Keys, Range, Shape, Struct, Type, Types, Variant, Width};

type Object = Map<String, Value>;

/// The shape of a schema, and the types that it names. `name` is that of the whole: titles are documentation.
pub(super) fn read(name: &str, schema: &Value, is_sent: bool) -> (Shape, Types) {
    let none = Object::new();
    let definitions = schema.get("$defs").and_then(Value::as_object).unwrap_or(&none);
    let root = free(name, 2, |name| !definitions.contains_key(name)).0;
    let mut reader = Reader {
        root: &root,
        is_recursive: false,
        definitions,
        is_sent,
        types: Types::new(),
        numbers: BTreeMap::new(),
    };
    for (name, definition) in definitions {
        let ty = reader.ty(name, definition);
        reader.types.insert(name.clone(), ty);
    }
    let shape = match reader.ty(&root, schema) {
        // One that contains itself needs a name.
        Type::Alias(shape) if !reader.is_recursive => shape,
        ty => {
            reader.types.insert(root.clone(), ty);
            Shape::Named(root.clone())
        }
    };
    (shape, reader.types)
}

/// The name, or the first numbered one that is free, with the number behind it.
fn free(name: &str, from: u32, is_free: impl Fn(&str) -> bool) -> (String, u32) {
    if from == 2 && is_free(name) {
        return (name.to_owned(), 2);
    }
    let mut numbers = (from..).map(|number| (format!("{name}-{number}"), number + 1));
    numbers.find(|(name, _)| is_free(name)).expect("there is a number that is free")
}

struct Reader<'a> {
    /// The name of the whole schema.
    root: &'a str,
    /// Whether it refers to itself.
    is_recursive: bool,
    definitions: &'a Object,
    is_sent: bool,
    types: Types,
    /// The next numbers of types without a name, by the names of their owners.
    numbers: BTreeMap<String, u32>,
}

impl Reader<'_> {
    /// The shape of a schema inside another one. A struct or enum without a name is called `owner`.
    fn shape(&mut self, owner: &str, schema: &Value) -> Shape {
        match self.ty(owner, schema) {
            Type::Alias(shape) => shape,
            ty if self.types.get(owner) == Some(&ty) => Shape::Named(owner.to_owned()),
            ty => {
                let from = self.numbers.get(owner).copied().unwrap_or(2);
                let (name, number) = free(owner, from, |name| {
                    let is_taken =
                        self.definitions.contains_key(name) || self.types.contains_key(name);
                    name != self.root && !is_taken
                });
                self.numbers.insert(owner.to_owned(), number);
                self.types.insert(name.clone(), ty);
                Shape::Named(name)
            }
        }
    }

    fn ty(&mut self, owner: &str, schema: &Value) -> Type {
        match schema {
            Value::Object(schema) => self.of_object(owner, schema),
            Value::Bool(false) => Type::Alias(Shape::Never),
            _ => Type::Alias(Shape::Any),
        }
    }

    fn of_object(&mut self, owner: &str, schema: &Object) -> Type {
        if let Some(inner) = without_null(schema) {
            return Type::Alias(match self.shape(owner, &inner) {
                optional @ Shape::Optional(_) => optional,
                shape => Shape::Optional(Box::new(shape)),
            });
        }
        if let Some(value) = value_of_enum_keys(schema) {
            return Type::Alias(Shape::Map(Keys::Any, Box::new(self.shape(owner, value))));
        }
        let is_struct = schema.contains_key("properties");
        if let Some(names) = constants(schema) {
            let mut variants: Vec<_> = names.map(|name| Variant { name, content: None }).collect();
            variants.sort_by(|a, b| a.name.cmp(&b.name));
            return Type::Enum(Enum { tag: None, variants });
        }
        if let (Some(Value::String(reference)), false) = (schema.get("$ref"), is_struct) {
            let known = pointer::name(reference);
            let known = known.filter(|name| self.definitions.contains_key(name));
            self.is_recursive |= reference == "#";
            let name = match known {
                Some(name) => name,
                None if reference == "#" => self.root.to_owned(),
                // It is in no table: a type that is not known.
                None => reference.clone(),
            };
            return Type::Alias(Shape::Named(name));
        }
        let choices = ["oneOf", "anyOf", "allOf"].map(|key| (key, schema.get(key)));
        match choices {
            _ if is_struct => Type::Struct(self.fields(owner, schema)),
            [(_, Some(Value::Array(all))), ..] => self.choice(owner, all),
            // Untagged enums, and others with two variants of one name.
            [_, (_, Some(Value::Array(all))), _] if all.iter().all(is_closed) => {
                self.choice(owner, all)
            }
            [_, (_, Some(Value::Array(all))), _] => self.union(owner, all),
            [_, _, (_, Some(Value::Array(all)))] if all.len() == 1 => self.ty(owner, &all[0]),
            [_, _, (_, Some(_))] => Type::Struct(self.fields(owner, schema)),
            _ => self.of_type(owner, schema),
        }
    }

    /// What has neither a reference nor alternatives.
    fn of_type(&mut self, owner: &str, schema: &Object) -> Type {
        let ty = match schema.get("type") {
            // `Bytes` is also read from a string, and never sent as one.
            Some(Value::Array(types)) => types.iter().find(|ty| *ty == "array"),
            ty => ty,
        };
        Type::Alias(match ty.and_then(Value::as_str) {
            Some("null") => Shape::Null,
            Some("boolean") => Shape::Bool,
            Some("integer") => Shape::Int(range(schema)),
            Some("number") if format(schema) == Some("float") => Shape::Float(Width::Single),
            Some("number") => Shape::Float(Width::Double),
            Some("string") => self.text(owner, schema),
            Some("array") => self.list(owner, schema),
            Some("object") => match self.map(owner, schema) {
                Some(map) => map,
                None => return Type::Struct(self.fields(owner, schema)),
            },
            _ => Shape::Any,
        })
    }

    fn text(&mut self, owner: &str, schema: &Object) -> Shape {
        if schema.contains_key("x-grid-raw") {
            return Shape::Raw;
        }
        if let Some(content) = schema.get("contentSchema") {
            return Shape::Json(Box::new(self.shape(owner, content)));
        }
        let lengths = ["minLength", "maxLength"].map(|key| schema.get(key).and_then(Value::as_u64));
        match format(schema) {
            None if lengths == [Some(1); 2] => Shape::Text(Some("char".to_owned())),
            format => Shape::Text(format.map(str::to_owned)),
        }
    }

    fn list(&mut self, owner: &str, schema: &Object) -> Shape {
        if let Some(Value::Array(items)) = schema.get("prefixItems") {
            let items = items.iter().enumerate();
            let items = items.map(|(at, item)| self.shape(&format!("{owner}.{at}"), item));
            return Shape::Tuple(items.collect());
        }
        let lengths = ["minItems", "maxItems"].map(|key| schema.get(key).and_then(Value::as_u64));
        match (schema.get("items"), lengths) {
            (None, [_, Some(0)]) => Shape::Tuple(Vec::new()),
            (None, _) => Shape::List(Box::new(Shape::Any), None),
            (Some(item), [min, max]) => {
                Shape::List(Box::new(self.shape(owner, item)), max.filter(|_| min == max))
            }
        }
    }

    /// A map. `None` if it is a struct, which states no values of further keys.
    fn map(&mut self, owner: &str, schema: &Object) -> Option<Shape> {
        let pattern = schema.get("patternProperties").and_then(Value::as_object);
        let pattern = pattern.and_then(|all| all.iter().next()).map(|(pattern, value)| {
            (if pattern.starts_with("^-") { Keys::Signed } else { Keys::Unsigned }, value)
        });
        let any = schema.get("additionalProperties").filter(|value| **value != Value::Bool(false));
        let (keys, value) = any.map(|value| (Keys::Any, value)).or(pattern)?;
        Some(Shape::Map(keys, Box::new(self.shape(owner, value))))
    }

    fn fields(&mut self, owner: &str, schema: &Object) -> Struct {
        let required = schema.get("required").and_then(Value::as_array);
        let is_required =
            |name: &String| required.is_some_and(|all| all.iter().any(|known| known == name));
        let properties = schema.get("properties").and_then(Value::as_object);
        let fields = properties.into_iter().flatten().map(|(name, schema)| {
            let shape = self.shape(&format!("{owner}.{name}"), schema);
            let has_default = schema.get("default").is_some();
            let may_miss = self.is_sent && (has_default || matches!(shape, Shape::Optional(_)));
            let left_out = self.is_sent && !is_required(name);
            let optional = may_miss || !is_required(name);
            Field { name: name.clone(), optional, left_out, shape }
        });
        let fields = fields.collect();
        let others = ["additionalProperties", "unevaluatedProperties"].map(|key| schema.get(key));
        let closed = others.contains(&Some(&Value::Bool(false)));
        let open = others.into_iter().flatten().find(|value| **value != Value::Bool(false));
        let others = open.map(|value| self.shape(&format!("{owner}.others"), value));
        Struct { fields, closed, others, flattened: self.flattened(owner, schema) }
    }

    /// The types that are flattened into a struct and have alternatives, and the struct inside a variant with a tag.
    fn flattened(&mut self, owner: &str, schema: &Object) -> Vec<Shape> {
        let mut all = Vec::new();
        for key in ["$ref", "oneOf", "anyOf"] {
            if let Some(value) = schema.get(key) {
                let part = Value::Object(Object::from_iter([(key.to_owned(), value.clone())]));
                all.push(self.shape(&format!("{owner}.flattened"), &part));
            }
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            all.push(self.shape(&format!("{owner}.flattened"), part));
        }
        all
    }

    fn choice(&mut self, owner: &str, all: &[Value]) -> Type {
        let tagged: Option<Vec<_>> = all.iter().map(tagged).collect();
        let tagged = tagged.filter(|all| all.windows(2).all(|pair| pair[0].0 == pair[1].0));
        let Some(tagged) = tagged else { return self.union(owner, all) };
        let tag = tagged.first().and_then(|(tag, _)| tag.clone());
        let variants = tagged.into_iter().flat_map(|(_, variants)| variants);
        let variants = variants.map(|(name, content)| {
            let content = content.map(|schema| self.shape(&format!("{owner}.{name}"), &schema));
            Variant { name, content }
        });
        let mut variants: Vec<_> = variants.collect();
        // Their order is not sent, and depends on which of them are documented.
        variants.sort_by(|a, b| a.name.cmp(&b.name));
        Type::Enum(Enum { tag, variants })
    }

    fn union(&mut self, owner: &str, all: &[Value]) -> Type {
        let all = all.iter().enumerate();
        Type::Union(all.map(|(at, schema)| self.shape(&format!("{owner}.{at}"), schema)).collect())
    }
}

/// Whether an alternative is a variant of an enum that is tagged externally: of an untagged one, structs have further fields.
fn is_closed(schema: &Value) -> bool {
    let is_constant = schema.as_object().is_some_and(|schema| constants(schema).is_some());
    is_constant || schema.get("additionalProperties") == Some(&Value::Bool(false))
}

/// The value of a map whose keys are the variants of an enum. It looks like a struct that refuses unknown fields, of which all
/// fields may be missing, and are of one type that is no `Option`.
fn value_of_enum_keys(schema: &Object) -> Option<&Value> {
    let properties = schema.get("properties")?.as_object()?;
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    if !is_closed || schema.contains_key("required") {
        return None;
    }
    let value = properties.values().next()?;
    let is_field = value.get("default").is_some() || without_null(value.as_object()?).is_some();
    (!is_field && properties.values().all(|other| other == value)).then_some(value)
}

/// An alternative of an enum: the field with its tag, and the variants with the schemas of what they contain.
type Tagged = (Option<String>, Vec<(String, Option<Value>)>);

fn tagged(schema: &Value) -> Option<Tagged> {
    let schema = schema.as_object()?;
    if let Some(names) = constants(schema) {
        return Some((None, names.map(|name| (name, None)).collect()));
    }
    let properties = schema.get("properties")?.as_object()?;
    let constant = properties.iter().find_map(|(tag, value)| Some((tag, value.get("const")?)));
    if let Some((tag, Value::String(name))) = constant {
        let mut rest = schema.clone();
        let mut fields = properties.clone();
        fields.shift_remove(tag);
        let is_unit = fields.is_empty()
            && !["$ref", "oneOf", "anyOf", "allOf"].iter().any(|key| schema.contains_key(*key));
        rest.insert("properties".to_owned(), Value::Object(fields));
        return Some((
            Some(tag.clone()),
            vec![(name.clone(), (!is_unit).then_some(Value::Object(rest)))],
        ));
    }
    let mut fields = properties.iter();
    match (fields.next(), fields.next(), schema.get("required")?.as_array()?.len()) {
        (Some((name, content)), None, 1) => {
            Some((None, vec![(name.clone(), Some(content.clone()))]))
        }
        _ => None,
    }
}

/// The names of unit variants, or the numbers of an enum that is sent as a number.
fn constants(schema: &Object) -> Option<impl Iterator<Item = String> + use<>> {
    let values = match (schema.get("const"), schema.get("enum")) {
        (Some(only), _) => vec![only.clone()],
        (None, Some(Value::Array(all))) => all.clone(),
        _ => return None,
    };
    Some(values.into_iter().map(|value| match value {
        Value::String(name) => name,
        other => other.to_string(),
    }))
}

/// What may be null besides, if the schema is one of an `Option`.
fn without_null(schema: &Object) -> Option<Value> {
    let is_null = |value: &Value| value.get("type").and_then(Value::as_str) == Some("null");
    if let Some(Value::Array(all)) = schema.get("anyOf")
        && let [inner, null] = &all[..]
        && is_null(null)
        && !schema.contains_key("properties")
    {
        return Some(inner.clone());
    }
    let Some(Value::Array(types)) = schema.get("type") else { return None };
    let rest: Vec<_> = types.iter().filter(|ty| *ty != "null").cloned().collect();
    if rest.len() == types.len() {
        return None;
    }
    let mut inner = schema.clone();
    let ty = if let [only] = &rest[..] { only.clone() } else { Value::Array(rest) };
    inner.insert("type".to_owned(), ty);
    if let Some(Value::Array(values)) = inner.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    Some(Value::Object(inner))
}

fn format(schema: &Object) -> Option<&str> {
    schema.get("format").and_then(Value::as_str)
}

/// The range of an integer's type. Narrower limits of a schema are not checked by serde, but for those of `NonZero`.
fn range(schema: &Object) -> Range {
    let named = match format(schema) {
        Some("uint") => Range::named("uint64"),
        Some("int") => Range::named("int64"),
        Some(name) => Range::named(name),
        None => None,
    };
    let limit = |key: &str| schema.get(key).and_then(Value::as_i64).map(i128::from);
    let max = schema.get("maximum").and_then(Value::as_u64).map_or(u128::MAX, u128::from);
    let unnamed = Range::new(limit("minimum").unwrap_or(i128::MIN), max);
    let range = named.unwrap_or(unnamed);
    let zero = schema.get("not").and_then(|not| not.get("const")).and_then(Value::as_i64);
    match limit("minimum") {
        Some(1) if range.min == 0 => Range { min: 1, ..range },
        _ => Range { without_zero: zero == Some(0), ..range },
    }
}
