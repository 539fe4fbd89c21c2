//! Two versions of a struct: a map by the names of its fields or, in a compact method, an array.

use super::super::row::Row;
use super::super::wire::shape::{Field, Shape, Struct, Type, Types};
use super::walk::{Unread, Walk, resolve};

pub(super) fn compare(walk: &mut Walk<'_>, old: &Struct, new: &Struct) {
    let (old, new) = (merged(old, walk.old), merged(new, walk.new));
    let names = |of: &Struct| of.fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>();
    if let Some((before, after)) = renamed(&old, &new) {
        rename(walk, before, after, &old, &new);
    } else if walk.compact && names(&old) != names(&new) {
        let what = format!("the fields were {}, and are {}", list(&old), list(&new));
        walk.push(what, Row::CompactFields, Unread::BOTH);
    } else {
        added_and_removed(walk, &old, &new);
    }
    kept(walk, &old, &new);
    rest(walk, &old, &new);
}

fn list(of: &Struct) -> String {
    let names: Vec<_> = of.fields.iter().map(|field| format!("`{}`", field.name)).collect();
    names.join(", ")
}

/// A struct with the fields of the structs that are flattened into it.
fn merged(of: &Struct, types: &Types) -> Struct {
    let mut merged = Struct { flattened: Vec::new(), ..of.clone() };
    for part in &of.flattened {
        match resolve(part, types) {
            Shape::Named(name) => match types.get(name) {
                Some(Type::Struct(inner)) if inner.flattened.is_empty() => {
                    merged.fields.extend(inner.fields.iter().cloned());
                }
                _ => merged.flattened.push(part.clone()),
            },
            _ => merged.flattened.push(part.clone()),
        }
    }
    merged
}

fn find<'a>(of: &'a Struct, name: &str) -> Option<&'a Field> {
    of.fields.iter().find(|field| field.name == name)
}

/// The only field that has another name: at the same place, and of the same type.
fn renamed<'a>(old: &'a Struct, new: &'a Struct) -> Option<(&'a Field, &'a Field)> {
    let pairs = old.fields.iter().zip(&new.fields);
    let mut other = pairs.filter(|(before, after)| before.name != after.name);
    let (before, after) = other.next()?;
    let is_new = find(old, &after.name).is_none() && find(new, &before.name).is_none();
    let is_only = other.next().is_none() && old.fields.len() == new.fields.len();
    (is_only && is_new && before.shape == after.shape).then_some((before, after))
}

fn rename(walk: &mut Walk<'_>, before: &Field, after: &Field, old: &Struct, new: &Struct) {
    let what = format!("the field `{}` is now called `{}`", before.name, after.name);
    // An array has no names. A struct with fields that may be left out is not always sent as one.
    let is_array = |of: &Struct| {
        of.fields.iter().all(|field| !field.optional)
            && of.others.is_none()
            && of.flattened.is_empty()
    };
    if walk.compact && !walk.named && is_array(old) && is_array(new) {
        walk.push(what, Row::CompactRenamed, Unread::NONE);
    } else {
        walk.push(what, Row::FieldRenamed, Unread::BOTH);
    }
}

fn added_and_removed(walk: &mut Walk<'_>, old: &Struct, new: &Struct) {
    for added in new.fields.iter().filter(|field| find(old, &field.name).is_none()) {
        let unread = Unread { old: !added.optional, new: old.closed };
        let row = match unread {
            Unread { new: true, .. } => Row::UnknownFields,
            Unread { old: true, .. } => Row::FieldAdded,
            _ => Row::OptionalFieldAdded,
        };
        let default = if added.optional { "with" } else { "without" };
        walk.push(
            format!("the field `{}` was added, {default} a default", added.name),
            row,
            unread,
        );
    }
    for gone in old.fields.iter().filter(|field| find(new, &field.name).is_none()) {
        let unread = Unread { old: new.closed, new: !gone.optional };
        let row = match unread {
            Unread { old: true, .. } => Row::UnknownFields,
            Unread { new: true, .. } => Row::FieldRemoved,
            _ => Row::OptionalFieldRemoved,
        };
        let default = if gone.optional { "had a" } else { "had no" };
        walk.push(
            format!("the field `{}` was removed, which {default} default", gone.name),
            row,
            unread,
        );
    }
    let positions = old
        .fields
        .iter()
        .filter_map(|field| new.fields.iter().position(|known| known.name == field.name));
    if !positions.is_sorted() {
        walk.push("the fields were reordered".to_owned(), Row::FieldsReordered, Unread::NONE);
    }
}

fn kept(walk: &mut Walk<'_>, old: &Struct, new: &Struct) {
    for before in &old.fields {
        let Some(after) = find(new, &before.name) else { continue };
        walk.at(&format!(".{}", before.name), |walk| {
            let count = walk.changes.len();
            walk.shapes(&before.shape, &after.shape);
            // An `Option` that comes or goes says it already.
            if walk.changes.len() > count {
                return;
            }
            match (before.optional, after.optional) {
                (true, false) => {
                    let what = "the field has no default any more".to_owned();
                    walk.push(what, Row::DefaultRemoved, Unread::OLD);
                }
                (false, true) => {
                    let what = "the field has a default now".to_owned();
                    walk.push(what, Row::DefaultAdded, Unread::NONE);
                }
                _ => {}
            }
        });
    }
}

/// What is flattened.
fn rest(walk: &mut Walk<'_>, old: &Struct, new: &Struct) {
    if let (Some(before), Some(after)) = (&old.others, &new.others) {
        walk.at("{}", |walk| walk.shapes(before, after));
    }
    if old.flattened.len() == new.flattened.len() {
        for (before, after) in old.flattened.iter().zip(&new.flattened) {
            walk.with_names(|walk| walk.shapes(before, after));
        }
    } else {
        let what = "another number of enums is flattened into it".to_owned();
        walk.push(what, Row::AnotherType, Unread::BOTH);
    }
}
