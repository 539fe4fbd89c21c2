//! What two versions of a service are compared by: all of its description that reaches the wire.
//!
//! It is made from a [`ServiceDescription`] here, and from the text of a `wire.lock` by `testing/wire_lock/read.rs`.
//! Documentation and the order of methods are left out.

#[cfg(feature = "schema")]
mod pointer;
#[cfg(feature = "schema")]
mod schema;
#[cfg_attr(
    not(all(feature = "schema", feature = "testing")),
    allow(dead_code, reason = "only schemas and files make some of the shapes")
)]
pub(crate) mod shape;
#[cfg(feature = "schema")]
mod tables;
pub(crate) mod written;

use std::collections::BTreeMap;

use self::shape::{Shape, Types};
use self::written::Signature;
use super::description::{MethodDescription, ServiceDescription};
use crate::descriptor::{MethodKind, MethodSchemas};

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) subroute: Option<String>,
    /// By name.
    pub(crate) methods: BTreeMap<String, Method>,
    /// What the values of the methods consist of.
    pub(crate) types: Types,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Method {
    pub(crate) id: u32,
    pub(crate) kind: MethodKind,
    pub(crate) incoming: Option<u32>,
    pub(crate) outgoing: Option<u32>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) request_bytes_max: Option<u64>,
    pub(crate) compact: bool,
    pub(crate) inline: bool,
    pub(crate) blocking: bool,
    pub(crate) idempotent: bool,
    pub(crate) arguments: Vec<Argument>,
    /// An item of the input.
    pub(crate) input: Option<Value>,
    /// The answer, or an item of a stream of answers.
    pub(crate) answer: Value,
    /// `None` if the method cannot fail.
    pub(crate) error: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Argument {
    pub(crate) name: String,
    /// `#[default]`.
    pub(crate) default: bool,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    /// The type as written.
    pub(crate) written: String,
    /// What its schema says, if there is one.
    pub(crate) shape: Option<Shape>,
}

impl Service {
    pub(crate) fn of(service: &ServiceDescription) -> Self {
        let mut types = Types::new();
        // In the order of their names, so that the numbers of types do not depend on another one.
        let mut methods: Vec<_> = service.methods.iter().collect();
        methods.sort_by_key(|method| &method.name);
        let methods = methods.into_iter();
        let methods = methods.map(|method| (method.name.clone(), Method::of(method, &mut types)));
        Self {
            name: service.name.clone(),
            subroute: service.subroute.clone(),
            methods: methods.collect(),
            types,
        }
    }
}

impl Method {
    fn of(method: &MethodDescription, types: &mut Types) -> Self {
        let schemas = method.schemas.clone().unwrap_or_default();
        let MethodSchemas { arguments, input, output, error } = schemas;
        let mut arguments = arguments.into_iter();
        let signature = Signature::of(method);
        let mut value = |place: &str, written: String, schema: Option<String>, is_sent: bool| {
            // A type may be written on several lines.
            let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
            let place = format!("{}.{place}", method.name);
            let shape = shape([&written, &place], schema.as_deref(), is_sent, types);
            Value { written, shape }
        };
        let sent = method.arguments.iter().map(|argument| Argument {
            name: argument.name.clone(),
            default: argument.default,
            value: value(&argument.name, argument.ty.clone(), arguments.next(), false),
        });
        Self {
            arguments: sent.collect(),
            input: signature.input.map(|written| value("input", written, input, false)),
            answer: value("answer", signature.answer, output, true),
            error: signature.error.map(|written| value("error", written, error, true)),
            id: method.id,
            kind: method.kind,
            incoming: method.incoming,
            outgoing: method.outgoing,
            timeout_ms: method.timeout_ms,
            request_bytes_max: method.request_bytes_max,
            compact: method.compact,
            inline: method.inline,
            blocking: method.blocking,
            idempotent: method.idempotent,
        }
    }
}

/// What a schema says; its structs and enums are added to the table. `None` without a schema, or if it is not understood.
#[cfg(feature = "schema")]
fn shape(
    [written, place]: [&str; 2],
    schema: Option<&str>,
    is_sent: bool,
    types: &mut Types,
) -> Option<Shape> {
    let schema = serde_json::from_str(schema?).ok()?;
    let name = written::name(written).unwrap_or(place);
    let (shape, own) = schema::read(name, &schema, is_sent);
    Some(tables::merge(shape, own, types))
}

/// Without the feature `schema` there is nothing that reads JSON.
#[cfg(not(feature = "schema"))]
fn shape(_: [&str; 2], _: Option<&str>, _: bool, _: &mut Types) -> Option<Shape> {
    None
}
