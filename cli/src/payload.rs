//! The arguments of a call as the bytes of its request, and the bytes of its answers as JSON.

use std::io::Read as _;
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use grid::reflection::MethodDescription;
use rmpv::Value as Msgpack;
use serde_json::Value;

use crate::failure::Failure;
use crate::value::{Document, Path, Schema, decode, encode};

/// The schemas of a method as values.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    arguments: Vec<Option<Document>>,
    input: Option<Document>,
    output: Option<Document>,
    refuses_files: bool,
}

impl Schemas {
    /// A schema that is not JSON is as good as none.
    pub(crate) fn of(method: &MethodDescription) -> Self {
        let parse = |text: &String| serde_json::from_str(text).ok().map(Document::new);
        let Some(schemas) = &method.schemas else { return Self::default() };
        Self {
            arguments: schemas.arguments.iter().map(parse).collect(),
            input: schemas.input.as_ref().and_then(parse),
            output: schemas.output.as_ref().and_then(parse),
            refuses_files: false,
        }
    }

    /// The same, which refuses `@file` in the place of bytes.
    pub(crate) fn without_files(self) -> Self {
        Self { refuses_files: true, ..self }
    }

    fn argument(&self, index: usize) -> Option<Schema<'_>> {
        let schema = self.arguments.get(index)?.as_ref()?.schema();
        Some(if self.refuses_files { schema.without_files() } else { schema })
    }

    /// An item of input.
    pub(crate) fn input(&self, item: &Value) -> Result<Bytes, Failure> {
        to_bytes(item, self.input.as_ref().map(Document::schema), &Path::of("item"))
    }

    /// An answer, or an item of output.
    pub(crate) fn output(&self, bytes: Option<&[u8]>) -> Value {
        let schema = self.output.as_ref().map(Document::schema);
        let Some(mut bytes) = bytes else { return Value::Null };
        if schema.is_some_and(Schema::is_raw) {
            return BASE64.encode(bytes).into();
        }
        match rmpv::decode::read_value(&mut bytes) {
            Ok(value) if bytes.is_empty() => decode(&value, schema),
            _ => BASE64.encode(bytes).into(),
        }
    }
}

/// The request of a method. A single argument is the whole value; several are an object of their names.
pub(crate) fn request(
    method: &MethodDescription,
    schemas: &Schemas,
    input: Option<Value>,
) -> Result<Option<Bytes>, Failure> {
    let request = match (&*method.arguments, input) {
        ([], None | Some(Value::Null)) => return Ok(None),
        ([], Some(Value::Object(fields))) if fields.is_empty() => return Ok(None),
        ([], Some(_)) => {
            return Err(Failure::Usage(format!("{} takes no arguments", method.signature)));
        }
        (_, None) => {
            return Err(Failure::Usage(format!(
                "{} takes {}: pass it as JSON, as @file, or as - for standard input",
                method.signature,
                names(method)
            )));
        }
        ([only], Some(value)) => {
            // Also accepted by its name, if that cannot be a part of the value itself.
            let value = by_name(value, &only.name, schemas.argument(0));
            to_bytes(&value, schemas.argument(0), &Path::of(&only.name))?
        }
        (_, Some(value)) => several(method, schemas, &value)?,
    };
    let most = method.request_bytes_max.unwrap_or(u64::MAX);
    if request.len() as u64 > most {
        return Err(Failure::Usage(format!(
            "the request has {} bytes, and {} takes at most {most}",
            request.len(),
            method.name
        )));
    }
    Ok(Some(request))
}

fn by_name(value: Value, name: &str, schema: Option<Schema<'_>>) -> Value {
    let fits = |value: &Value| schema.is_none() || encode(value, schema, &Path::default()).is_ok();
    match &value {
        Value::Object(fields) if fields.len() == 1 && schema.is_some() && !fits(&value) => {
            fields.get(name).cloned().unwrap_or(value)
        }
        _ => value,
    }
}

fn several(method: &MethodDescription, schemas: &Schemas, value: &Value) -> Result<Bytes, Failure> {
    let Value::Object(fields) = value else {
        return Err(Failure::Usage(format!("expected an object with {}", names(method))));
    };
    let is_known = |name: &&String| method.arguments.iter().any(|known| known.name == **name);
    if let Some(unknown) = fields.keys().find(|name| !is_known(name)) {
        return Err(Failure::Usage(format!(
            "no argument is called `{unknown}`: there are {}",
            names(method)
        )));
    }
    let mut entries = Vec::new();
    for (index, argument) in method.arguments.iter().enumerate() {
        let (schema, path) = (schemas.argument(index), Path::of(&argument.name));
        let Some(value) = fields.get(&argument.name) else {
            // Without a schema, the node says so.
            let may_miss = argument.default || encode(&Value::Null, schema, &path).is_ok();
            if may_miss {
                continue;
            }
            return Err(Failure::Usage(format!(
                "the argument `{}` ({}) is missing",
                argument.name, argument.ty
            )));
        };
        let encoded = encode(value, schema, &path)?;
        entries.push((argument.name.as_str().into(), encoded));
    }
    write(&Msgpack::Map(entries))
}

fn names(method: &MethodDescription) -> String {
    let names: Vec<_> =
        method.arguments.iter().map(|of| format!("`{}` ({})", of.name, of.ty)).collect();
    names.join(" and ")
}

fn to_bytes(value: &Value, schema: Option<Schema<'_>>, path: &Path) -> Result<Bytes, Failure> {
    let encoded = encode(value, schema, path)?;
    match encoded {
        Msgpack::Binary(bytes) if schema.is_some_and(Schema::is_raw) => Ok(bytes.into()),
        encoded => write(&encoded),
    }
}

fn write(value: &Msgpack) -> Result<Bytes, Failure> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(bytes.into())
}

/// JSON of the command line: a text, `@file`, or `-` for standard input.
pub(crate) fn read_json(argument: &str) -> Result<Value, Failure> {
    let (text, source) = match argument.strip_prefix('@') {
        Some(file) => {
            let text = fs::read_to_string(file)
                .map_err(|error| Failure::Usage(format!("cannot read {file}: {error}")))?;
            (text, file.to_owned())
        }
        None if argument == "-" => {
            let mut text = String::new();
            io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::Usage(format!("cannot read standard input: {error}")))?;
            (text, "standard input".to_owned())
        }
        None => (argument.to_owned(), "the argument".to_owned()),
    };
    parse(&text, &source)
}

/// Parses JSON, and says where it ends to be JSON.
pub(crate) fn parse(text: &str, source: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let hint = match text.chars().next() {
            Some(first) if first.is_alphabetic() && error.column() <= 2 => {
                "; a string needs quotation marks: '\"text\"'"
            }
            _ => "",
        };
        Failure::Usage(format!("{source} is not JSON: {error}{hint}"))
    })
}
