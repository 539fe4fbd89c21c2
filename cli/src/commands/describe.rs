//! `grid describe`.

use clap::Args;
use grid::reflection::{MethodDescription, ServiceDescription};
use serde_json::Value;

use crate::connect::Global;
use crate::failure::Failure;
use crate::methods::{Target, describe};
use crate::outline::{full_name, kind, outline};
use crate::output::line;

/// Shows all about a service or a method: signature, documentation, options and schemas.
#[derive(Debug, Args)]
pub struct Describe {
    /// Service or Service/method, or subroute:Service or subroute:Service/method of one instance.
    name: String,
}

impl Describe {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let guest = global.connect().await?;
        let connection = guest.connection();
        if self.name.contains('/') {
            let target = Target::find(&connection, &self.name).await?;
            return if global.json {
                line(serde_json::to_string(&target.method).unwrap_or_default())
            } else {
                show_method(&target.name(), &target.method)
            };
        }
        let (subroute, name) = match self.name.rsplit_once(':') {
            Some((subroute, name)) => (Some(subroute), name),
            None => (None, &*self.name),
        };
        let mut services = describe(&connection, name).await?;
        if subroute.is_some() {
            services.retain(|service| service.subroute.as_deref() == subroute);
            if services.is_empty() {
                let text = format!("{name} has no instance `{}`", self.name);
                return Err(Failure::Unknown(text));
            }
        }
        if global.json {
            return line(serde_json::to_string(&services).unwrap_or_default());
        }
        services.iter().try_for_each(show_service)
    }
}

fn show_service(service: &ServiceDescription) -> Result<(), Failure> {
    line(full_name(service))?;
    indented(&service.docs)?;
    for method in &service.methods {
        line(format_args!("  {}", outline(method)))?;
    }
    Ok(())
}

fn show_method(name: &str, method: &MethodDescription) -> Result<(), Failure> {
    line(name)?;
    indented(&method.docs)?;
    line(format_args!("  {}", method.signature))?;
    let mut facts = vec![("handler id", format!("{0} ({0:#010x})", method.id))];
    let kind = kind(method.kind);
    facts.push((
        "kind",
        if kind.is_empty() { "single request".to_owned() } else { kind.to_owned() },
    ));
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    let items = |count: u32| format!("at most {count} items wait");
    add("input", method.incoming.map(items));
    add("output", method.outgoing.map(items));
    let timeout = method.timeout();
    add("deadline", timeout.map(|timeout| humantime::format_duration(timeout).to_string()));
    add("request", method.request_bytes_max.map(|max| format!("at most {max} bytes")));
    let options = [
        ("idempotent", method.idempotent),
        ("compact", method.compact),
        ("inline", method.inline),
        ("blocking", method.blocking),
    ];
    let options: Vec<_> = options.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    add("options", (!options.is_empty()).then(|| options.join(", ")));
    for (name, value) in facts {
        line(format_args!("  {name:10} {value}"))?;
    }
    show_schemas(method)
}

fn show_schemas(method: &MethodDescription) -> Result<(), Failure> {
    let Some(schemas) = &method.schemas else {
        return line("  no schemas: the service was not built with `#[grid::service(schema)]`");
    };
    let names = method.arguments.iter().map(|argument| format!("argument {}", argument.name));
    let arguments = names.zip(&schemas.arguments);
    let rest = [("input", &schemas.input), ("output", &schemas.output), ("error", &schemas.error)];
    let rest =
        rest.into_iter().filter_map(|(name, schema)| Some((name.to_owned(), schema.as_ref()?)));
    for (name, schema) in arguments.chain(rest) {
        line(format_args!("  schema of {name}:"))?;
        let value: Value = serde_json::from_str(schema).unwrap_or_default();
        indented(&serde_json::to_string_pretty(&value).unwrap_or_default())?;
    }
    Ok(())
}

fn indented(text: &str) -> Result<(), Failure> {
    text.lines().try_for_each(|text| line(format_args!("    {text}")))
}
