//! The text of a `wire.lock`: one fact a line, so that a review shows what has changed.
//!
//! Services, methods, types and variants are sorted. Arguments, fields and untagged variants are in their order, which is a
//! fact as well: compact methods send by position, and the first untagged variant that accepts a value is decoded.

use std::fmt::{self, Formatter, Write as _};

use crate::MethodKind;
use crate::reflection::wire::shape::{Quoted, Shape, Type};
use crate::reflection::wire::{Method, Service, Value};

/// Of the format. It changes when lines have another meaning, which also needs a reader for the old one.
pub(super) const VERSION: u32 = 1;

/// Between a type as written and its shape. A type that contains it is in quotation marks.
pub(super) const EQUALS: &str = " = ";

const HEADER: &str = "\
# What the services of this package send, for a test with `grid::testing::wire_lock!`.
# Check it in, and do not edit it: `WIRE_LOCK=update cargo test` writes it.
";

pub(super) fn file(services: &[Service], f: &mut Formatter<'_>) -> fmt::Result {
    writeln!(f, "{HEADER}version {VERSION}")?;
    for service in services {
        write!(f, "\nservice {}\n", Quoted(&service.name))?;
        if let Some(subroute) = &service.subroute {
            writeln!(f, "  subroute {}", Quoted(subroute))?;
        }
        for (name, of) in &service.methods {
            writeln!(f, "  method {}", Quoted(name))?;
            method(of, f)?;
        }
        for (name, of) in &service.types {
            ty(name, of, f)?;
        }
    }
    Ok(())
}

fn method(method: &Method, f: &mut Formatter<'_>) -> fmt::Result {
    writeln!(f, "    id {:#010x}", method.id)?;
    writeln!(f, "    kind {}", kind(method.kind))?;
    let numbers = [
        ("incoming", method.incoming.map(u64::from)),
        ("outgoing", method.outgoing.map(u64::from)),
        ("timeout_ms", method.timeout_ms),
        ("request_bytes_max", method.request_bytes_max),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            writeln!(f, "    {name} {number}")?;
        }
    }
    let flags = [
        ("compact", method.compact),
        ("inline", method.inline),
        ("blocking", method.blocking),
        ("idempotent", method.idempotent),
    ];
    for (name, _) in flags.iter().filter(|(_, is_set)| *is_set) {
        writeln!(f, "    {name}")?;
    }
    for argument in &method.arguments {
        let default = if argument.default { " (default)" } else { "" };
        value(&format!("argument {}{default}", Quoted(&argument.name)), &argument.value, f)?;
    }
    if let Some(input) = &method.input {
        value("input", input, f)?;
    }
    value("answer", &method.answer, f)?;
    method.error.as_ref().map_or(Ok(()), |error| value("error", error, f))
}

/// The word for a kind.
pub(super) fn kind(kind: MethodKind) -> &'static str {
    match kind {
        MethodKind::Single => "single",
        MethodKind::ServerStream => "server_stream",
        MethodKind::ClientStream => "client_stream",
        MethodKind::TwoWay => "two_way",
    }
}

fn value(what: &str, value: &Value, f: &mut Formatter<'_>) -> fmt::Result {
    let written = &*value.written;
    if written.contains(EQUALS) || written.starts_with('"') || written.contains('\n') {
        write!(f, "    {what}: {written:?}")?;
    } else {
        write!(f, "    {what}: {written}")?;
    }
    match &value.shape {
        Some(shape) => writeln!(f, "{EQUALS}{shape}"),
        None => f.write_char('\n'),
    }
}

fn ty(name: &str, ty: &Type, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "  type {}", Quoted(name))?;
    match ty {
        Type::Struct(of) => {
            f.write_str(" struct\n")?;
            if of.closed {
                f.write_str("    closed\n")?;
            }
            for field in &of.fields {
                let optional = if field.optional { " (optional)" } else { "" };
                let left_out = if field.left_out { " (left out)" } else { "" };
                let name = Quoted(&field.name);
                writeln!(f, "    field {name}{optional}{left_out}: {}", field.shape)?;
            }
            lines("others", of.others.iter(), f)?;
            lines("flattened", of.flattened.iter(), f)
        }
        Type::Enum(of) => {
            match &of.tag {
                Some(tag) => writeln!(f, " enum tag {}", Quoted(tag))?,
                None => f.write_str(" enum\n")?,
            }
            for variant in &of.variants {
                write!(f, "    variant {}", Quoted(&variant.name))?;
                match &variant.content {
                    Some(content) => writeln!(f, ": {content}")?,
                    None => f.write_char('\n')?,
                }
            }
            Ok(())
        }
        Type::Union(all) => {
            f.write_str(" union\n")?;
            lines("or", all.iter(), f)
        }
        Type::Alias(of) => writeln!(f, " = {of}"),
    }
}

fn lines<'a>(
    word: &str,
    shapes: impl Iterator<Item = &'a Shape>,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    for shape in shapes {
        writeln!(f, "    {word} {shape}")?;
    }
    Ok(())
}
