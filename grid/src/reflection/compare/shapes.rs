//! Two versions of a value, side by side.

use super::super::row::Row;
use super::super::wire::shape::{Keys, Shape, Type};
use super::walk::{Unread, Walk, resolve};
use super::{enums, scalars, structs};

/// Nesting that is compared. Recursive types end by themselves; values are nested 128 levels deep at most.
const DEPTH_MAX: usize = 128;

pub(super) fn compare(walk: &mut Walk<'_>, old: &Shape, new: &Shape) {
    let (before, after) = (resolve(old, walk.old), resolve(new, walk.new));
    match (before, after) {
        (Shape::Named(before), Shape::Named(after)) => named_types(walk, before, after),
        (Shape::Optional(before), Shape::Optional(after))
        | (Shape::Json(before), Shape::Json(after)) => walk.shapes(before, after),
        (Shape::Optional(before), after) if *after != Shape::Any => {
            let what = format!("`{old}` is now `{new}`, which does not accept `None`");
            walk.push(what, Row::OptionRemoved, Unread::OLD);
            walk.shapes(before, after);
        }
        (before, Shape::Optional(after)) if *before != Shape::Any => {
            let what = format!("`{old}` is now `{new}`, which may be `None`");
            walk.push(what, Row::OptionAdded, Unread::NEW);
            walk.shapes(before, after);
        }
        (Shape::List(before, len), Shape::List(after, new_len))
            if scalars::are_bytes(before, after) && len == new_len =>
        {
            walk.at("[]", |walk| walk.shapes(before, after));
        }
        (Shape::Tuple(before), Shape::Tuple(after)) if before.len() == after.len() => {
            for (at, (before, after)) in before.iter().zip(after).enumerate() {
                walk.at(&format!(".{at}"), |walk| walk.shapes(before, after));
            }
        }
        (Shape::Map(keys, before), Shape::Map(new_keys, after)) => {
            if keys != new_keys {
                other_keys(walk, *keys, *new_keys);
            }
            walk.at("{}", |walk| walk.shapes(before, after));
        }
        _ => scalars::compare(walk, before, after),
    }
}

fn other_keys(walk: &mut Walk<'_>, old: Keys, new: Keys) {
    let what = format!("the keys `{old}` of the map are now `{new}`");
    walk.push(what, Row::AnotherType, Unread::BOTH);
}

fn named_types(walk: &mut Walk<'_>, old: &str, new: &str) {
    let pair = (old.to_owned(), new.to_owned());
    if walk.open.contains(&pair) || walk.open.len() > DEPTH_MAX {
        return;
    }
    walk.open.push(pair);
    match (walk.old.get(old), walk.new.get(new)) {
        (Some(Type::Struct(before)), Some(Type::Struct(after))) => {
            structs::compare(walk, before, after);
        }
        (Some(Type::Enum(before)), Some(Type::Enum(after))) => {
            enums::compare(walk, before, after);
        }
        (Some(Type::Union(before)), Some(Type::Union(after))) => {
            enums::unions(walk, before, after);
        }
        _ => {
            let what = format!("`{old}` is now `{new}`, of another form");
            walk.push(what, Row::AnotherType, Unread::BOTH);
        }
    }
    walk.open.pop();
}
