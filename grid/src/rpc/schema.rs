//! JSON Schemas of what a service sends, for `#[grid::service(schema)]`.
//!
//! Without the feature `schema` the functions exist, and no type meets their bounds, so that the compiler says what is missing.

#[cfg(feature = "schema")]
use std::borrow::Cow;

#[cfg(feature = "schema")]
use schemars::generate::{SchemaGenerator, SchemaSettings};
#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, json_schema};

#[cfg(feature = "schema")]
use crate::Raw;
use crate::RemoteError;

/// A type whose structure can be stated.
#[cfg_attr(
    feature = "schema",
    diagnostic::on_unimplemented(
        message = "`{Self}` has no JSON Schema",
        label = "`#[grid::service(schema)]` needs one",
        note = "derive it: `#[derive(schemars::JsonSchema)]`, with schemars 1"
    )
)]
#[cfg_attr(
    not(feature = "schema"),
    diagnostic::on_unimplemented(
        message = "`#[grid::service(schema)]` needs the feature `schema` of grid-rpc",
        label = "no schema of this type can be made",
        note = "write `grid-rpc = {{ version = \"…\", features = [\"schema\"] }}` in Cargo.toml, or remove the option `schema`"
    )
)]
pub trait Described {
    /// The schema of what is sent, or of what is accepted, as text.
    fn text(is_sent: bool) -> String;
}

#[cfg(feature = "schema")]
#[diagnostic::do_not_recommend]
impl<T: JsonSchema> Described for T {
    fn text(is_sent: bool) -> String {
        let settings = SchemaSettings::draft2020_12();
        let settings = if is_sent { settings.for_serialize() } else { settings.for_deserialize() };
        let schema = SchemaGenerator::new(settings).into_root_schema_for::<T>();
        schema.to_value().to_string()
    }
}

/// Sent as it is, without msgpack.
#[cfg(feature = "schema")]
impl JsonSchema for Raw {
    fn schema_name() -> Cow<'static, str> {
        "Raw".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "contentEncoding": "base64", "x-grid-raw": true })
    }
}

/// Sent as text in msgpack bin.
#[cfg(all(feature = "schema", feature = "json"))]
impl<T: JsonSchema> JsonSchema for super::Json<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Json_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let content = generator.subschema_for::<T>();
        json_schema!({
            "type": "string", "contentMediaType": "application/json", "contentSchema": content
        })
    }
}

/// The error of a method.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON Schema",
    label = "`#[grid::service(schema)]` needs one for the error of a method",
    note = "derive it: `#[derive(schemars::JsonSchema)]`, with schemars 1"
)]
pub trait DescribedError {
    /// Its schema; `None` for errors that are texts.
    fn text() -> Option<String>;
}

impl DescribedError for RemoteError {
    fn text() -> Option<String> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<E: Described> DescribedError for E {
    fn text() -> Option<String> {
        Some(<E as Described>::text(true))
    }
}

/// The schema of what a handler accepts.
pub fn schema_taken<T: Described>() -> String {
    T::text(false)
}

/// The schema of what a handler sends.
pub fn schema_returned<T: Described>() -> String {
    T::text(true)
}

/// The schema of the error of a handler.
pub fn schema_of_error<E: DescribedError>() -> Option<String> {
    E::text()
}
