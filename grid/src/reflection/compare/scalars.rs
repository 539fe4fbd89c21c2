//! Two versions of a value that has no parts, or that has become something else.

use super::super::row::Row;
use super::super::wire::shape::{Enum, Range, Shape, Type, Types};
use super::walk::{Unread, Walk};

pub(super) fn compare(walk: &mut Walk<'_>, old: &Shape, new: &Shape) {
    if old == new {
        return;
    }
    let what = format!("`{old}` is now `{new}`");
    let unread = Unread { old: !reads(new, old, walk.old), new: !reads(old, new, walk.new) };
    match (old, new) {
        (Shape::Int(before), Shape::Int(after)) => walk.push(what, width(*before, *after), unread),
        (Shape::Float(_), Shape::Float(_)) => walk.push(what, Row::Precision, unread),
        (Shape::Written(_), _) | (_, Shape::Written(_)) => {
            walk.push(what, Row::UnknownType, Unread::BOTH);
        }
        _ => walk.push(what, Row::AnotherType, unread),
    }
}

fn width(old: Range, new: Range) -> Row {
    if new.contains(old) {
        Row::Widened
    } else if old.contains(new) {
        Row::Narrowed
    } else {
        Row::AnotherType
    }
}

/// Whether a receiver of one shape reads all values of another one.
fn reads(receiver: &Shape, sent: &Shape, of_sent: &Types) -> bool {
    match (receiver, sent) {
        (Shape::Any, Shape::Raw) => false,
        (Shape::Any, _) | (_, Shape::Never) | (Shape::Float(_), Shape::Float(_)) => true,
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

/// Whether both of two lists are bytes, which have a form of their own, or neither is.
pub(super) fn are_bytes(old: &Shape, new: &Shape) -> bool {
    let byte = |shape: &Shape| *shape == Shape::Int(Range { min: 0, max: 255 });
    byte(old) == byte(new)
}
