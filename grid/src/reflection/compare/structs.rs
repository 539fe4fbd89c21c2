//! Two versions of a struct: a map by the names of its fields or, in a compact method, an array.

use std::collections::BTreeMap;

use super::super::kind::ChangeKind;
use super::super::wire::shape::{Field, Shape, Struct, Type, Types};
use super::walk::{Unread, Walk, cost, resolve};

pub(super) fn compare(walk: &mut Walk<'_>, old: &Struct, new: &Struct) {
    let (old, new) = (merged(old, walk.old), merged(new, walk.new));
    let fields = old.fields.iter().chain(&new.fields);
    if !walk.spend(fields.map(|field| 1 + cost(&field.name)).sum()) {
        return;
    }
    let versions = Versions { old: &old, new: &new, before: by_name(&old), after: by_name(&new) };
    if let Some((before, after)) = versions.renamed() {
        let what = format!("the field `{}` is now called `{}`", before.name, after.name);
        walk.push(what, ChangeKind::FieldRenamed, Unread::BOTH);
        field(walk, before, after);
    } else if walk.compact && names(&old) != names(&new) {
        let what = format!("the fields were {}, and are {}", list(&old), list(&new));
        walk.push(what, ChangeKind::CompactFields, Unread::BOTH);
    } else {
        versions.added(walk);
        versions.removed(walk);
        versions.reordered(walk);
    }
    for before in &old.fields {
        if let Some(after) = versions.after.get(&*before.name) {
            field(walk, before, after);
        }
    }
    rest(walk, &old, &new);
}

fn names(of: &Struct) -> Vec<&str> {
    of.fields.iter().map(|field| &*field.name).collect()
}

fn list(of: &Struct) -> String {
    let names: Vec<_> = of.fields.iter().map(|field| format!("`{}`", field.name)).collect();
    names.join(", ")
}

fn by_name(of: &Struct) -> BTreeMap<&str, &Field> {
    of.fields.iter().map(|field| (&*field.name, field)).collect()
}

/// A struct with the fields of the structs that are flattened into it.
fn merged(of: &Struct, types: &Types) -> Struct {
    let mut merged = Struct { flattened: Vec::new(), ..of.clone() };
    for part in &of.flattened {
        match resolve(part, types) {
            Shape::Named(name) => match types.get(name) {
                Some(Type::Struct(inner)) if inner.flattened.is_empty() => {
                    merged.fields.extend(inner.fields.iter().cloned());
                    merged.others = merged.others.or_else(|| inner.others.clone());
                }
                _ => merged.flattened.push(part.clone()),
            },
            _ => merged.flattened.push(part.clone()),
        }
    }
    merged
}

struct Versions<'a> {
    old: &'a Struct,
    new: &'a Struct,
    before: BTreeMap<&'a str, &'a Field>,
    after: BTreeMap<&'a str, &'a Field>,
}

impl<'a> Versions<'a> {
    /// The only field that has another name: at the same place, and of the same type.
    fn renamed(&self) -> Option<(&'a Field, &'a Field)> {
        let pairs = self.old.fields.iter().zip(&self.new.fields);
        let mut other = pairs.filter(|(before, after)| before.name != after.name);
        let (before, after) = other.next()?;
        let is_new =
            !self.before.contains_key(&*after.name) && !self.after.contains_key(&*before.name);
        let is_only = other.next().is_none() && self.old.fields.len() == self.new.fields.len();
        (is_only && is_new && before.shape == after.shape).then_some((before, after))
    }

    fn added(&self, walk: &mut Walk<'_>) {
        for added in self.new.fields.iter().filter(|field| !self.before.contains_key(&*field.name))
        {
            let default = if added.optional { "with" } else { "without" };
            let what = format!("the field `{}` was added, {default} a default", added.name);
            if self.old.closed {
                walk.push(what.clone(), ChangeKind::UnknownFieldAdded, Unread::NEW);
            }
            if let Some(others) = &self.old.others
                && walk.judge(others, &added.shape).0.new
            {
                walk.push(what.clone(), ChangeKind::MapFieldAdded, Unread::NEW);
            }
            if added.optional {
                walk.push(what, ChangeKind::OptionalFieldAdded, Unread::NONE);
            } else {
                walk.push(what, ChangeKind::FieldAdded, Unread::OLD);
            }
        }
    }

    fn removed(&self, walk: &mut Walk<'_>) {
        for gone in self.old.fields.iter().filter(|field| !self.after.contains_key(&*field.name)) {
            let default = if gone.optional { "had a" } else { "had no" };
            let what = format!("the field `{}` was removed, which {default} default", gone.name);
            if self.new.closed {
                walk.push(what.clone(), ChangeKind::UnknownFieldRemoved, Unread::OLD);
            }
            if let Some(others) = &self.new.others
                && walk.judge(&gone.shape, others).0.old
            {
                walk.push(what.clone(), ChangeKind::MapFieldRemoved, Unread::OLD);
            }
            if gone.optional {
                walk.push(what, ChangeKind::OptionalFieldRemoved, Unread::NONE);
            } else {
                walk.push(what, ChangeKind::FieldRemoved, Unread::NEW);
            }
        }
    }

    fn reordered(&self, walk: &mut Walk<'_>) {
        let both = |of: &'a Struct, other: &BTreeMap<&str, &Field>| {
            let shared = of.fields.iter().filter(|field| other.contains_key(&*field.name));
            shared.map(|field| &*field.name).collect::<Vec<_>>()
        };
        if both(self.old, &self.after) != both(self.new, &self.before) {
            walk.push(
                "the fields were reordered".to_owned(),
                ChangeKind::FieldsReordered,
                Unread::NONE,
            );
        }
    }
}

/// A field of both versions.
fn field(walk: &mut Walk<'_>, before: &Field, after: &Field) {
    walk.at(&format!(".{}", before.name), |walk| {
        walk.shapes(&before.shape, &after.shape);
        if after.left_out && !before.left_out && !before.optional {
            let what = "the field may be left out now".to_owned();
            walk.push(what, ChangeKind::LeftOut, Unread::NEW);
        }
        let is_option =
            |field: &Field, types| matches!(resolve(&field.shape, types), Shape::Optional(_));
        if is_option(before, walk.old) != is_option(after, walk.new) {
            // That an `Option` comes or goes is said already.
            return;
        }
        match (before.optional, after.optional) {
            (true, false) => {
                let what = "the field has no default any more".to_owned();
                walk.push(what, ChangeKind::DefaultRemoved, Unread::OLD);
            }
            (false, true) => {
                let what = "the field has a default now".to_owned();
                walk.push(what, ChangeKind::DefaultAdded, Unread::NONE);
            }
            _ => {}
        }
    });
}

/// What is flattened, and whether unknown fields are accepted.
fn rest(walk: &mut Walk<'_>, old: &Struct, new: &Struct) {
    match (&old.others, &new.others) {
        (Some(before), Some(after)) => walk.at("{}", |walk| walk.shapes(before, after)),
        (None, None) => {}
        (before, _) => {
            let (text, unread) = match before {
                Some(_) => ("had", Unread { old: new.closed, new: false }),
                None => ("has", Unread { old: false, new: old.closed }),
            };
            let row = match unread {
                Unread::NONE => ChangeKind::FlattenedMap,
                Unread { old: true, .. } => ChangeKind::UnknownFieldRemoved,
                _ => ChangeKind::UnknownFieldAdded,
            };
            walk.push(format!("one version {text} a flattened map"), row, unread);
        }
    }
    if old.closed != new.closed {
        let what = if new.closed { "refused now" } else { "ignored now" };
        walk.push(format!("unknown fields are {what}"), ChangeKind::Closed, Unread::NONE);
    }
    if old.flattened.len() == new.flattened.len() {
        for (before, after) in old.flattened.iter().zip(&new.flattened) {
            walk.shapes(before, after);
        }
    } else {
        let what = "another number of enums is flattened into it".to_owned();
        walk.push(what, ChangeKind::AnotherType, Unread::BOTH);
    }
}
