//! Two versions of an enum.

use super::super::row::Row;
use super::super::wire::shape::{Enum, Shape, Variant};
use super::walk::{Flow, Unread, Walk};

pub(super) fn compare(walk: &mut Walk<'_>, old: &Enum, new: &Enum) {
    if old.tag != new.tag {
        let text = |tag: &Option<String>| match tag {
            Some(tag) => format!("tagged by a field `{tag}`"),
            None => "tagged externally".to_owned(),
        };
        let what = format!("the enum was {}, and is {}", text(&old.tag), text(&new.tag));
        walk.push(what, Row::Tag, Unread::BOTH);
        return;
    }
    let find = |of: &Enum, name: &str| of.variants.iter().position(|known| known.name == name);
    let gone: Vec<_> = old.variants.iter().filter(|of| find(new, &of.name).is_none()).collect();
    let added: Vec<_> = new.variants.iter().filter(|of| find(old, &of.name).is_none()).collect();
    match (&gone[..], &added[..]) {
        ([before], [after])
            if before.content == after.content
                && find(old, &before.name) == find(new, &after.name) =>
        {
            let what = format!("the variant `{}` is now called `{}`", before.name, after.name);
            walk.push(what, Row::VariantRenamed, Unread::BOTH);
        }
        _ => added_and_removed(walk, &gone, &added),
    }
    for before in &old.variants {
        if let Some(at) = find(new, &before.name) {
            let after = &new.variants[at];
            walk.at(&format!(".{}", before.name), |walk| contents(walk, before, after, old));
        }
    }
}

fn added_and_removed(walk: &mut Walk<'_>, gone: &[&Variant], added: &[&Variant]) {
    let error = walk.flow == Flow::Error;
    for variant in added {
        let what = format!("the variant `{}` was added", variant.name);
        if error {
            walk.push(what, Row::ErrorVariant, Unread::NONE);
        } else {
            walk.push(what, Row::VariantAdded, Unread::NEW);
        }
    }
    for variant in gone {
        let what = format!("the variant `{}` was removed", variant.name);
        if error {
            walk.push(what, Row::ErrorVariant, Unread::NONE);
        } else {
            walk.push(what, Row::VariantRemoved, Unread::OLD);
        }
    }
}

fn contents(walk: &mut Walk<'_>, before: &Variant, after: &Variant, of: &Enum) {
    match (&before.content, &after.content) {
        (Some(before), Some(after)) if of.tag.is_some() => {
            walk.with_names(|walk| walk.shapes(before, after));
        }
        (Some(before), Some(after)) => walk.shapes(before, after),
        (None, None) => {}
        (before, _) => {
            let what =
                if before.is_some() { "contains nothing now" } else { "contains a value now" };
            walk.push(format!("the variant {what}"), Row::AnotherType, Unread::BOTH);
        }
    }
}

/// Untagged enums, of which the first variant that accepts a value is decoded: compared by position.
pub(super) fn unions(walk: &mut Walk<'_>, old: &[Shape], new: &[Shape]) {
    for (at, (before, after)) in old.iter().zip(new).enumerate() {
        walk.at(&format!(".{at}"), |walk| walk.with_names(|walk| walk.shapes(before, after)));
    }
    for added in new.iter().skip(old.len()) {
        let what = format!("the untagged variant `{added}` was added");
        walk.push(what, Row::VariantAdded, Unread::NEW);
    }
    for gone in old.iter().skip(new.len()) {
        let what = format!("the untagged variant `{gone}` was removed");
        walk.push(what, Row::VariantRemoved, Unread::OLD);
    }
}
