//! JSON Schemas, as schemars 1 makes them, as shapes.
//!
//! Only what decides whether serde accepts a value is read. Schemas of what is taken say which fields may be missing; those of
//! what is sent say which fields are always sent, so there a default or an `Option` says that one may be missing.

use serde_json::{Map, Value};

use super::pointer;
use super::shape::{Enum, Field, Keys, Range, Shape, Struct, Type, Types, Variant, Width};

type Object = Map<String, Value>;

/// The shape of a schema, and the types that it names. `place` is the name of what has no name of its own.
pub(super) fn read(place: &str, schema: &Value, is_sent: bool) -> (Shape, Types) {
    let definitions = schema.get("$defs").and_then(Value::as_object);
    let title = schema.get("title").and_then(Value::as_str);
    let title = title.filter(|title| !definitions.is_some_and(|all| all.contains_key(*title)));
    let root = title.unwrap_or(place);
    let mut reader = Reader { root, is_sent, types: Types::new() };
    for (name, definition) in definitions.into_iter().flatten() {
        let ty = reader.ty(name, definition);
        reader.types.insert(name.clone(), ty);
    }
    let shape = match reader.ty(root, schema) {
        Type::Alias(shape) => shape,
        ty => {
            reader.types.insert(root.to_owned(), ty);
            Shape::Named(root.to_owned())
        }
    };
    (shape, reader.types)
}

struct Reader<'a> {
    /// The name of the whole schema.
    root: &'a str,
    is_sent: bool,
    types: Types,
}

impl Reader<'_> {
    /// The shape of a schema inside another one. A struct or enum without a name is called `owner`.
    fn shape(&mut self, owner: &str, schema: &Value) -> Shape {
        match self.ty(owner, schema) {
            Type::Alias(shape) => shape,
            ty => {
                let number = (2..).map(|number| format!("{owner}-{number}"));
                let mut names = std::iter::once(owner.to_owned()).chain(number);
                let name = names.find(|name| {
                    *name != self.root && self.types.get(name).is_none_or(|known| *known == ty)
                });
                let name = name.expect("there is a number that is free");
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
            return Type::Alias(Shape::Optional(Box::new(self.shape(owner, &inner))));
        }
        let is_struct = schema.contains_key("properties");
        if let Some(names) = constants(schema) {
            let variants = names.map(|name| Variant { name, content: None }).collect();
            return Type::Enum(Enum { tag: None, variants });
        }
        if let (Some(Value::String(reference)), false) = (schema.get("$ref"), is_struct) {
            let name = pointer::name(reference).unwrap_or_else(|| self.root.to_owned());
            return Type::Alias(Shape::Named(name));
        }
        let choices = ["oneOf", "anyOf", "allOf"].map(|key| (key, schema.get(key)));
        match choices {
            _ if is_struct => Type::Struct(self.fields(owner, schema)),
            [(_, Some(Value::Array(all))), ..] | [_, (_, Some(Value::Array(all))), _] => {
                self.choice(owner, all)
            }
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
            Field { name: name.clone(), optional: may_miss || !is_required(name), shape }
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
        let Some(tagged) = tagged else {
            let all = all.iter().enumerate();
            let all = all.map(|(at, schema)| self.shape(&format!("{owner}.{at}"), schema));
            return Type::Union(all.collect());
        };
        let tag = tagged.first().and_then(|(tag, _)| tag.clone());
        let variants = tagged.into_iter().flat_map(|(_, variants)| variants);
        let variants = variants.map(|(name, content)| {
            let content = content.map(|schema| self.shape(&format!("{owner}.{name}"), &schema));
            Variant { name, content }
        });
        Type::Enum(Enum { tag, variants: variants.collect() })
    }
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
    let limit = |key: &str| schema.get(key).and_then(Value::as_i64).map(i128::from);
    let named = match format(schema) {
        Some("uint") => Range::named("uint64"),
        Some("int") => Range::named("int64"),
        Some(name) => Range::named(name),
        None => None,
    };
    match (named, limit("minimum")) {
        (Some(range), Some(1)) if range.min == 0 => Range { min: 1, ..range },
        (Some(range), _) => range,
        (None, min) => {
            Range { min: min.unwrap_or(i128::MIN), max: limit("maximum").unwrap_or(i128::MAX) }
        }
    }
}
