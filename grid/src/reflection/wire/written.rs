//! Types as written in a trait: which of them are sent, and the structure of those that everybody knows.
//!
//! A type is recognised by the last segment of its path, as the attribute does.

use super::shape::{Range, Shape, Width};
use crate::descriptor::MethodKind;
use crate::reflection::description::MethodDescription;

/// What a method sends besides its arguments, as written.
pub(super) struct Signature {
    pub(super) input: Option<String>,
    pub(super) answer: String,
    pub(super) error: Option<String>,
}

impl Signature {
    pub(super) fn of(method: &MethodDescription) -> Self {
        let (arguments, returns) = parts(&method.signature);
        let end = |name: &str| {
            arguments.iter().find_map(|argument| {
                let (_, ty) = argument.split_once(": ")?;
                parameters(ty, name)?.first().map(|item| (*item).to_owned())
            })
        };
        let (answer, error) = result(returns);
        let has_items = matches!(method.kind, MethodKind::ServerStream | MethodKind::TwoWay);
        let answer = match end("Outgoing") {
            Some(item) => item,
            None if has_items => pulled(answer).to_owned(),
            None => answer.to_owned(),
        };
        Self { input: end("Incoming"), answer, error }
    }
}

/// The arguments and the return type of `name(a: A, b: B) -> R`.
fn parts(signature: &str) -> (Vec<&str>, &str) {
    let Some((_, rest)) = signature.split_once('(') else { return (Vec::new(), "()") };
    let end = level(rest).find(|(_, c, depth)| *c == ')' && *depth < 0).map(|(at, _, _)| at);
    let (arguments, rest) = rest.split_at(end.unwrap_or(rest.len()));
    let returns = rest.strip_prefix(") -> ").filter(|returns| !returns.is_empty());
    (split(arguments), returns.unwrap_or("()"))
}

/// The `T` of a `Result<T, E>`, and its `E`. Of an alias such as `io::Result<T>`, the error is the alias.
fn result(returns: &str) -> (&str, Option<String>) {
    match parameters(returns, "Result").as_deref() {
        Some([ok, error]) if last_segment(error) == "RemoteError" => {
            (ok, Some("RemoteError".to_owned()))
        }
        Some([ok, error]) => (ok, Some((*error).to_owned())),
        Some([ok]) => (ok, Some(path(returns).to_owned())),
        Some(_) => ("()", Some(path(returns).to_owned())),
        None if last_segment(returns) == "Result" => ("()", Some(returns.to_owned())),
        None => (returns, None),
    }
}

/// The item of `impl Stream<Item = T> + Send`, of which `T` may be a `Result`.
fn pulled(returns: &str) -> &str {
    let Some((_, item)) = returns.split_once("Item = ") else { return returns };
    let end = level(item).find(|(_, _, depth)| *depth < 0).map(|(at, _, _)| at);
    result(&item[..end.unwrap_or(item.len())]).0
}

/// The parameters of a type of this name.
fn parameters<'a>(ty: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let inside = ty.strip_suffix('>')?;
    let (path, inside) = inside.split_once('<')?;
    (last_segment(path) == name).then(|| split(inside))
}

fn path(ty: &str) -> &str {
    ty.split('<').next().unwrap_or(ty)
}

fn last_segment(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path).trim()
}

/// Splits at the commas that are in no brackets.
fn split(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _, _) in level(list).filter(|(_, c, depth)| *c == ',' && *depth == 0) {
        parts.push(list[from..at].trim());
        from = at + 1;
    }
    parts.push(list[from..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// Each character with the depth of brackets behind it. The `>` of an arrow is no bracket.
fn level(text: &str) -> impl Iterator<Item = (usize, char, i32)> {
    let mut depth = 0;
    let mut before = ' ';
    text.char_indices().map(move |(at, c)| {
        match c {
            '(' | '[' | '<' | '{' => depth += 1,
            '>' if before == '-' => {}
            ')' | ']' | '>' | '}' => depth -= 1,
            _ => {}
        }
        before = c;
        (at, c, depth)
    })
}

/// The structure of a type that everybody knows; others are known by their text only.
pub(crate) fn shape(ty: &str) -> Shape {
    let inner = |name: &str| match parameters(ty, name).as_deref() {
        Some([inner]) => Some(Box::new(shape(inner))),
        _ => None,
    };
    if let Some(inner) = inner("Option") {
        return Shape::Optional(inner);
    }
    if let Some(item) = inner("Vec") {
        return Shape::List(item, None);
    }
    let integer = match ty {
        "usize" => "uint64".to_owned(),
        "isize" => "int64".to_owned(),
        _ => ty.replacen('u', "uint", 1).replacen('i', "int", usize::from(ty.starts_with('i'))),
    };
    match ty {
        "()" => Shape::Null,
        "bool" => Shape::Bool,
        "f32" => Shape::Float(Width::Single),
        "f64" => Shape::Float(Width::Double),
        "char" => Shape::Text(Some("char".to_owned())),
        "String" => Shape::Text(None),
        _ => Range::named(&integer).map_or_else(|| Shape::Written(ty.to_owned()), Shape::Int),
    }
}
