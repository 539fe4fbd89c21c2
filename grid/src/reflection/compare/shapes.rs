//! Two versions of a value, side by side.

use super::super::kind::ChangeKind;
use super::super::wire::shape::{Keys, Shape, Struct, Type, Types};
use super::walk::{Unread, Walk, resolve};
use super::{enums, scalars, structs};

/// Called by [`Walk::shapes`], which ends recursion.
pub(super) fn compare(walk: &mut Walk<'_>, old: &Shape, new: &Shape) {
    let (before, after) = (resolve(old, walk.old), resolve(new, walk.new));
    match (before, after) {
        (Shape::Named(before), Shape::Named(after)) => named_types(walk, before, after),
        (Shape::Optional(before), Shape::Optional(after)) => walk.shapes(before, after),
        // JSON has names in all methods.
        (Shape::Json(before), Shape::Json(after)) => {
            walk.with_names(|walk| walk.shapes(before, after));
        }
        (Shape::Optional(before), after) if *after != Shape::Any => {
            let what = format!("`{old}` is now `{new}`, which does not accept `None`");
            walk.push(what, ChangeKind::OptionRemoved, Unread::OLD);
            walk.shapes(before, after);
        }
        (before, Shape::Optional(after)) if *before != Shape::Any => {
            let what = format!("`{old}` is now `{new}`, which may be `None`");
            walk.push(what, ChangeKind::OptionAdded, Unread::NEW);
            walk.shapes(before, after);
        }
        // Bytes are read as lists of numbers, and the reverse.
        (Shape::List(before, len), Shape::List(after, new_len)) if len == new_len => {
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
        _ => match (as_struct(before, walk.old), as_struct(after, walk.new)) {
            (Some(before), Some(after)) => structs::compare(walk, &before, &after),
            _ => scalars::compare(walk, before, after),
        },
    }
}

/// A struct with a flattened map, which without fields looks like a map.
fn as_struct(shape: &Shape, types: &Types) -> Option<Struct> {
    match shape {
        Shape::Map(Keys::Any, value) => {
            Some(Struct { others: Some((**value).clone()), ..Struct::default() })
        }
        Shape::Named(name) => match types.get(name) {
            Some(Type::Struct(of)) if of.others.is_some() => Some(of.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn other_keys(walk: &mut Walk<'_>, old: Keys, new: Keys) {
    let what = format!("the keys `{old}` of the map are now `{new}`");
    walk.push(what, ChangeKind::AnotherType, Unread::BOTH);
}

fn named_types(walk: &mut Walk<'_>, old: &str, new: &str) {
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
        // A reference to nothing, or aliases that go round in circles: of the same name, no change is known.
        (None | Some(Type::Alias(_)), None | Some(Type::Alias(_))) if old == new => {}
        (None | Some(Type::Alias(_)), _) | (_, None | Some(Type::Alias(_))) => {
            let what = format!("`{old}` is now `{new}`, and one of them is not described");
            walk.push(what, ChangeKind::UnknownType, Unread::BOTH);
        }
        _ => {
            let what = format!("`{old}` is now `{new}`, of another form");
            walk.push(what, ChangeKind::AnotherType, Unread::BOTH);
        }
    }
}
