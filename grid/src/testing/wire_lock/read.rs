//! Reads a `wire.lock`: each line by its first word, the lines of a method or type into the last one.

use std::collections::{BTreeMap, BTreeSet};

use super::shapes::Text;
use super::write::{self, EQUALS, VERSION};
use crate::MethodKind;
use crate::reflection::wire::shape::{Enum, Field, Shape, Struct, Type, Variant};
use crate::reflection::wire::{Argument, Method, Service, Value};

/// Why the text of a `wire.lock` cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireLockError {
    /// The file has no version, or one that this version of the library does not know.
    #[error(
        "the file has no line `version {VERSION}`: it is not a wire.lock, or was written by a later version of grid-rpc"
    )]
    Version,
    /// A line that is not understood, that is there twice, or the line of a method without an id, a kind or an answer.
    #[error(
        "line {number} is not understood: `{line}`; restore the file from version control, or merge it again"
    )]
    #[non_exhaustive]
    Line {
        /// Its number, from 1.
        number: usize,
        /// Its text.
        line: String,
    },
    /// Two services have the same name and subroute.
    #[error(
        "the service `{service}` is in the file twice; restore the file from version control, or merge it again"
    )]
    #[non_exhaustive]
    Twice {
        /// Its name.
        service: String,
    },
}

/// The services of a file.
pub(super) fn file(text: &str) -> Result<Vec<Service>, WireLockError> {
    let lines = text.lines().map(str::trim_end).enumerate();
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let version = lines.next().and_then(|(_, line)| line.strip_prefix("version ")?.parse().ok());
    if version != Some(VERSION) {
        return Err(WireLockError::Version);
    }
    let mut reader = Reader { services: Vec::new(), place: Place::Service, open: None };
    for (at, line) in lines {
        let number = at + 1;
        let error = |line: &str| WireLockError::Line { number, line: line.trim_start().to_owned() };
        if !line.starts_with("    ") {
            reader.close()?;
            if line.starts_with("  method ") {
                let line = line.trim_start().to_owned();
                reader.open = Some(Open { number, line, facts: BTreeSet::new() });
            }
        }
        reader.read(line).ok_or_else(|| error(line))?;
    }
    reader.close()?;
    let mut keys = BTreeSet::new();
    match reader.services.iter().find(|service| !keys.insert((&service.name, &service.subroute))) {
        Some(twice) => Err(WireLockError::Twice { service: twice.name.clone() }),
        None => Ok(reader.services),
    }
}

/// What the lines with four spaces belong to.
enum Place {
    Service,
    Method(String),
    Type(String),
}

/// A method of which lines are read: where it begins, and what it has.
struct Open {
    number: usize,
    line: String,
    facts: BTreeSet<String>,
}

struct Reader {
    services: Vec<Service>,
    place: Place,
    open: Option<Open>,
}

impl Reader {
    /// Ends a method, which has at least an id, a kind and an answer.
    fn close(&mut self) -> Result<(), WireLockError> {
        let Some(Open { number, line, facts }) = self.open.take() else { return Ok(()) };
        if ["id", "kind", "answer:"].iter().all(|fact| facts.contains(*fact)) {
            return Ok(());
        }
        Err(WireLockError::Line { number, line })
    }

    fn read(&mut self, line: &str) -> Option<()> {
        let mut text = Text::new(line);
        if text.take("service ").is_some() {
            let (name, methods, types) = (text.name()?, BTreeMap::new(), BTreeMap::new());
            self.services.push(Service { name, subroute: None, methods, types });
            self.place = Place::Service;
            return text.end();
        }
        let service = self.services.last_mut()?;
        if text.take("    ").is_some() {
            match &self.place {
                Place::Service => None,
                Place::Method(name) => {
                    let facts = &mut self.open.as_mut()?.facts;
                    method(text.rest, service.methods.get_mut(name)?, facts)
                }
                Place::Type(name) => part(&mut text, service.types.get_mut(name)?),
            }
        } else if text.take("  subroute ").is_some() {
            let known = service.subroute.replace(text.name()?);
            text.end().filter(|()| known.is_none())
        } else if text.take("  method ").is_some() {
            let name = text.name()?;
            let known = service.methods.insert(name.clone(), empty());
            self.place = Place::Method(name);
            text.end().filter(|()| known.is_none())
        } else {
            text.take("  type ")?;
            let name = text.name()?;
            let known = service.types.insert(name.clone(), ty(&mut text)?);
            self.place = Place::Type(name);
            text.end().filter(|()| known.is_none())
        }
    }
}

/// A method of which no line has been read.
fn empty() -> Method {
    Method {
        id: 0,
        kind: MethodKind::Single,
        incoming: None,
        outgoing: None,
        timeout_ms: None,
        request_bytes_max: None,
        compact: false,
        inline: false,
        blocking: false,
        idempotent: false,
        arguments: Vec::new(),
        input: None,
        answer: Value { written: "()".to_owned(), shape: None },
        error: None,
    }
}

/// A line of a method. Only arguments have several, each of another name.
fn method(line: &str, method: &mut Method, facts: &mut BTreeSet<String>) -> Option<()> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    if word != "argument" && !facts.insert(word.to_owned()) {
        return None;
    }
    match word {
        "id" => method.id = u32::from_str_radix(rest.strip_prefix("0x")?, 16).ok()?,
        "kind" => method.kind = kind(rest)?,
        "incoming" => method.incoming = Some(rest.parse().ok()?),
        "outgoing" => method.outgoing = Some(rest.parse().ok()?),
        "timeout_ms" => method.timeout_ms = Some(rest.parse().ok()?),
        "request_bytes_max" => method.request_bytes_max = Some(rest.parse().ok()?),
        "compact" => method.compact = true,
        "inline" => method.inline = true,
        "blocking" => method.blocking = true,
        "idempotent" => method.idempotent = true,
        "argument" => {
            let mut text = Text::new(rest);
            let name = text.name()?;
            let default = text.take(" (default)").is_some();
            text.take(": ")?;
            if !facts.insert(format!("argument {name}")) {
                return None;
            }
            method.arguments.push(Argument { name, default, value: value(text.rest)? });
        }
        "input:" => method.input = Some(value(rest)?),
        "answer:" => method.answer = value(rest)?,
        "error:" => method.error = Some(value(rest)?),
        _ => return None,
    }
    Some(())
}

fn kind(word: &str) -> Option<MethodKind> {
    let all = [
        MethodKind::Single,
        MethodKind::ServerStream,
        MethodKind::ClientStream,
        MethodKind::TwoWay,
    ];
    all.into_iter().find(|kind| write::kind(*kind) == word)
}

/// A type as written, and its shape.
fn value(line: &str) -> Option<Value> {
    let mut text = Text::new(line);
    let written = if line.starts_with('"') {
        text.name()?
    } else {
        let (written, rest) = line.split_at(line.find(EQUALS).unwrap_or(line.len()));
        text = Text::new(rest);
        written.to_owned()
    };
    let shape = match text.take(EQUALS) {
        Some(()) => Some(text.shape()?),
        None => None,
    };
    text.end().map(|()| Value { written, shape })
}

fn ty(text: &mut Text<'_>) -> Option<Type> {
    if text.take(" struct").is_some() {
        Some(Type::Struct(Struct::default()))
    } else if text.take(" enum").is_some() {
        let tag = match text.take(" tag ") {
            Some(()) => Some(text.name()?),
            None => None,
        };
        Some(Type::Enum(Enum { tag, variants: Vec::new() }))
    } else if text.take(" union").is_some() {
        Some(Type::Union(Vec::new()))
    } else {
        text.take(" = ")?;
        Some(Type::Alias(text.shape()?))
    }
}

/// A line of a type.
fn part(text: &mut Text<'_>, ty: &mut Type) -> Option<()> {
    match ty {
        Type::Struct(of) if text.take("field ").is_some() => {
            let name = text.name()?;
            let optional = text.take(" (optional)").is_some();
            let left_out = text.take(" (left out)").is_some();
            text.take(": ")?;
            of.fields.push(Field { name, optional, left_out, shape: text.shape()? });
        }
        Type::Struct(of) if text.take("closed").is_some() => of.closed = true,
        Type::Struct(of) if text.take("others ").is_some() => of.others = Some(text.shape()?),
        Type::Struct(of) => {
            text.take("flattened ")?;
            of.flattened.push(text.shape()?);
        }
        Type::Enum(of) => {
            text.take("variant ")?;
            let name = text.name()?;
            let content: Option<Shape> = match text.take(": ") {
                Some(()) => Some(text.shape()?),
                None => None,
            };
            of.variants.push(Variant { name, content });
        }
        Type::Union(all) => {
            text.take("or ")?;
            all.push(text.shape()?);
        }
        Type::Alias(_) => return None,
    }
    text.end()
}
