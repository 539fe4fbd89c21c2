//! Types as written in a trait: which of them are sent, and the structure of those that everybody knows.
//!
//! A type is recognised by the last segment of its path, as the attribute does.

use super::shape::{Range, Shape, Width};
use crate::descriptor::MethodKind;
use crate::reflection::description::MethodDescription;

/// `Option`s and `Vec`s in each other that are read, more than anybody writes: each level searches the text for its end. What is
/// inside is known by its text.
const DEPTH_MAX: usize = 16;

/// Maps in one type whose keys are read.
const MAPS_MAX: usize = 64;

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

/// The item of `impl Stream<Item = T> + Send` or `BoxStream<T>`, of which `T` may be a `Result`.
fn pulled(returns: &str) -> &str {
    if let Some(item) = parameters(returns, "BoxStream").and_then(|all| all.last().copied()) {
        return result(item).0;
    }
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
    nested(ty, 0)
}

fn nested(ty: &str, depth: usize) -> Shape {
    let inner = |name: &str| match parameters(ty, name).as_deref() {
        Some([inner]) if depth < DEPTH_MAX => Some(Box::new(nested(inner, depth + 1))),
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

/// The name of a type, without its path and parameters; `None` if it is a tuple, an array or the like.
#[cfg(feature = "schema")]
pub(super) fn name(ty: &str) -> Option<&str> {
    let name = last_segment(path(ty));
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// Whether two types that have the same schemas may have other forms on the wire: of keys of maps, and of some well-known types
/// that are texts, schemas say too little.
pub(crate) fn differ_unseen(written: [&str; 2], shapes: [&Shape; 2]) -> bool {
    let [old, new] = written.map(texts);
    if !old.is_empty() && !new.is_empty() && old != new {
        return true;
    }
    let [old, new] = written.map(keys);
    (old != new || old.is_empty()) && shapes.into_iter().any(has_map)
}

/// The well-known types in a type that are texts without a format.
fn texts(ty: &str) -> Vec<&str> {
    let words = ty.split(|c: char| !c.is_alphanumeric() && c != '_');
    let known = words.filter_map(|word| match word {
        "String" | "str" | "Path" | "PathBuf" => Some("String"),
        "SocketAddr" | "SocketAddrV4" | "SocketAddrV6" => Some(word),
        _ => None,
    });
    known.collect()
}

/// The keys of the maps in a type.
fn keys(ty: &str) -> Vec<&str> {
    let maps = ty.match_indices("Map<").take(MAPS_MAX);
    let keys = maps.filter_map(|(at, map)| {
        let inside = &ty[at + map.len()..];
        let (end, _, _) = level(inside).find(|(_, c, depth)| *c == ',' && *depth == 0)?;
        Some(last_segment(&inside[..end]))
    });
    keys.collect()
}

/// Whether there is a map outside all named types.
fn has_map(shape: &Shape) -> bool {
    match shape {
        Shape::Map(..) => true,
        Shape::List(inner, _) | Shape::Optional(inner) | Shape::Json(inner) => has_map(inner),
        Shape::Tuple(items) => items.iter().any(has_map),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_are_nested_without_end_are_known_by_their_text() {
        for name in ["Vec<", "Option<"] {
            let deep = format!("{}u8{}", name.repeat(50_000), ">".repeat(50_000));
            let mut shape = &shape(&deep);
            let mut depth = 0;
            while let Shape::List(inner, None) | Shape::Optional(inner) = shape {
                (shape, depth) = (inner, depth + 1);
            }
            assert!(depth == DEPTH_MAX && matches!(shape, Shape::Written(_)), "{depth}");
        }
    }

    #[test]
    fn what_schemas_do_not_say_is_read_from_the_text() {
        let map = Shape::Map(super::super::shape::Keys::Any, Box::new(Shape::Bool));
        let differ = |old, new| differ_unseen([old, new], [&map, &map]);
        assert!(!differ("HashMap<String, bool>", "std::collections::BTreeMap<String, bool>"));
        assert!(differ("HashMap<String, bool>", "HashMap<IpAddr, bool>"));
        assert!(differ("HashMap<(u8, u8), bool>", "HashMap<(u8, u16), bool>"));
        assert!(differ("Flags", "Switches"), "aliases of maps");
        let text = Shape::Text(None);
        let differ = |old, new| differ_unseen([old, new], [&text, &text]);
        assert!(
            differ("String", "std::net::SocketAddr") && differ("Vec<SocketAddr>", "Vec<String>")
        );
        assert!(!differ("String", "Name") && !differ("Box<str>", "String"));
    }
}
