//! Two versions of an enum.

use std::collections::BTreeMap;

use super::super::kind::ChangeKind;
use super::super::wire::shape::{Enum, Shape, Variant};
use super::walk::{Unread, Walk, cost};

pub(super) fn compare(walk: &mut Walk<'_>, old: &Enum, new: &Enum) {
    let variants = old.variants.iter().chain(&new.variants);
    if !walk.spend(variants.map(|variant| 1 + cost(&variant.name)).sum()) {
        return;
    }
    if old.tag != new.tag {
        let text = |tag: &Option<String>| match tag {
            Some(tag) => format!("tagged by a field `{tag}`"),
            None => "tagged externally".to_owned(),
        };
        let what = format!("the enum was {}, and is {}", text(&old.tag), text(&new.tag));
        walk.push(what, ChangeKind::Tag, Unread::BOTH);
        return;
    }
    let (before, after) = (by_name(old), by_name(new));
    let gone: Vec<_> = old.variants.iter().filter(|of| !after.contains_key(&*of.name)).collect();
    let added: Vec<_> = new.variants.iter().filter(|of| !before.contains_key(&*of.name)).collect();
    match (&gone[..], &added[..]) {
        ([before], [after]) if before.content == after.content => {
            let what = format!("the variant `{}` is now called `{}`", before.name, after.name);
            walk.push(what, ChangeKind::VariantRenamed, Unread::BOTH);
            walk.at(&format!(".{}", after.name), |walk| contents(walk, before, after));
        }
        _ => added_and_removed(walk, &gone, &added),
    }
    for before in &old.variants {
        if let Some(after) = after.get(&*before.name) {
            walk.at(&format!(".{}", before.name), |walk| contents(walk, before, after));
        }
    }
}

fn by_name(of: &Enum) -> BTreeMap<&str, &Variant> {
    of.variants.iter().map(|variant| (&*variant.name, variant)).collect()
}

fn added_and_removed(walk: &mut Walk<'_>, gone: &[&Variant], added: &[&Variant]) {
    for variant in added {
        let what = format!("the variant `{}` was added", variant.name);
        walk.push(what, ChangeKind::VariantAdded, Unread::NEW);
    }
    for variant in gone {
        let what = format!("the variant `{}` was removed", variant.name);
        walk.push(what, ChangeKind::VariantRemoved, Unread::OLD);
    }
}

fn contents(walk: &mut Walk<'_>, before: &Variant, after: &Variant) {
    match (&before.content, &after.content) {
        (Some(before), Some(after)) => walk.shapes(before, after),
        (None, None) => {}
        (before, _) => {
            let what =
                if before.is_some() { "contains nothing now" } else { "contains a value now" };
            walk.push(format!("the variant {what}"), ChangeKind::AnotherType, Unread::BOTH);
        }
    }
}

/// Untagged enums, of which the first variant that accepts a value is decoded: compared by position. A variant that has changed
/// may take the values of those behind it.
pub(super) fn unions(walk: &mut Walk<'_>, old: &[Shape], new: &[Shape]) {
    if !walk.spend(old.len() + new.len()) {
        return;
    }
    for (at, (before, after)) in old.iter().zip(new).enumerate() {
        let is_last = at + 1 == old.len().max(new.len());
        if !is_last && walk.judge(before, after).1 {
            let what = format!("the untagged variant {at} has changed, and is not the last one");
            walk.push(what, ChangeKind::UntaggedVariant, Unread::BOTH);
        }
        walk.at(&format!(".{at}"), |walk| walk.shapes(before, after));
    }
    for added in new.iter().skip(old.len()) {
        let what = format!("the untagged variant `{added}` was added");
        walk.push(what, ChangeKind::VariantAdded, Unread::NEW);
    }
    for gone in old.iter().skip(new.len()) {
        let what = format!("the untagged variant `{gone}` was removed");
        walk.push(what, ChangeKind::VariantRemoved, Unread::OLD);
    }
}
