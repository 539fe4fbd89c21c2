//! Two versions of a value that has no parts, or that has become something else.

use std::collections::BTreeSet;

use super::super::kind::ChangeKind;
use super::super::wire::shape::{Enum, Keys, Range, Shape, Type, Types};
use super::walk::{Unread, Walk};

/// Nesting in which it is decided whether a `serde_json::Value` reads a type. Deeper ones are not read.
const DEPTH_MAX: usize = 64;

pub(super) fn compare(walk: &mut Walk<'_>, old: &Shape, new: &Shape) {
    if old == new {
        return;
    }
    let what = format!("`{old}` is now `{new}`");
    let unread = Unread { old: !reads(new, old, walk.old), new: !reads(old, new, walk.new) };
    match (old, new) {
        (Shape::Int(before), Shape::Int(after)) => walk.push(what, width(*before, *after), unread),
        (Shape::Float(_), Shape::Float(_)) => walk.push(what, ChangeKind::Precision, unread),
        (Shape::Written(_), _) | (_, Shape::Written(_)) => {
            walk.push(what, ChangeKind::UnknownType, Unread::BOTH);
        }
        _ => {
            let row = match unread {
                Unread::BOTH => ChangeKind::AnotherType,
                Unread::NEW => ChangeKind::TypeExtended,
                Unread::OLD => ChangeKind::TypeRestricted,
                Unread { .. } => ChangeKind::TypeAlike,
            };
            walk.push(what, row, unread);
        }
    }
}

fn width(old: Range, new: Range) -> ChangeKind {
    if new.contains(old) {
        ChangeKind::Widened
    } else if old.contains(new) {
        ChangeKind::Narrowed
    } else {
        ChangeKind::AnotherType
    }
}

/// Whether a receiver of one shape reads all values of another one.
fn reads(receiver: &Shape, sent: &Shape, of_sent: &Types) -> bool {
    match (receiver, sent) {
        (Shape::Any, sent) => any_reads(sent, of_sent, &mut BTreeSet::new(), 0),
        (_, Shape::Never) | (Shape::Float(_), Shape::Float(_)) => true,
        (Shape::Float(_), Shape::Int(sent)) => sent.is_buffered(),
        (Shape::Int(receiver), Shape::Int(sent)) => receiver.contains(*sent),
        (Shape::Text(None), Shape::Text(_)) => true,
        (Shape::Text(Some(receiver)), Shape::Text(Some(sent))) => {
            receiver == "ip" && matches!(&**sent, "ipv4" | "ipv6")
        }
        (Shape::Text(None), Shape::Named(name)) => match of_sent.get(name) {
            Some(Type::Enum(Enum { tag: None, variants })) => {
                variants.iter().all(|variant| variant.content.is_none())
            }
            _ => false,
        },
        (Shape::List(receiver, None), Shape::List(sent, Some(_))) => receiver == sent,
        _ => false,
    }
}

/// Whether a `serde_json::Value` reads all values: it has no bytes, no integers of 128 bits, and no keys but strings.
fn any_reads<'t>(
    sent: &'t Shape,
    types: &'t Types,
    seen: &mut BTreeSet<&'t str>,
    depth: usize,
) -> bool {
    if depth > DEPTH_MAX {
        return false;
    }
    if let Shape::Named(name) = sent
        && !seen.insert(name)
    {
        return true;
    }
    let mut read = |shape: &'t Shape| any_reads(shape, types, seen, depth + 1);
    match sent {
        Shape::Any | Shape::Never | Shape::Null | Shape::Bool => true,
        Shape::Float(_) | Shape::Text(_) => true,
        Shape::Int(range) => range.is_buffered(),
        Shape::Raw | Shape::Json(_) | Shape::Written(_) => false,
        Shape::List(item, _) => !is_byte(item) && read(item),
        Shape::Tuple(items) => {
            (items.is_empty() || !items.iter().all(is_byte)) && items.iter().all(read)
        }
        Shape::Map(keys, value) => *keys == Keys::Any && read(value),
        Shape::Optional(inner) => read(inner),
        Shape::Named(name) => match types.get(name) {
            None => false,
            Some(Type::Alias(inner)) => read(inner),
            Some(Type::Union(all)) => all.iter().all(read),
            Some(Type::Enum(of)) => {
                of.variants.iter().filter_map(|variant| variant.content.as_ref()).all(read)
            }
            Some(Type::Struct(of)) => {
                let fields = of.fields.iter().map(|field| &field.shape);
                fields.chain(&of.others).chain(&of.flattened).all(read)
            }
        },
    }
}

fn is_byte(shape: &Shape) -> bool {
    *shape == Shape::Int(Range::BYTE)
}
