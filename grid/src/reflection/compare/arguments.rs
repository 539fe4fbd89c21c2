//! The arguments of two versions of a method: none are an absent payload, one is the whole payload, several are a map by name
//! or, in a compact method, an array.

use super::super::change::Breaks;
use super::super::kind::ChangeKind;
use super::super::wire::Argument;
use super::walk::Walk;

/// Compares them. Of a method that is compact in one version only, callers send names to nodes that know positions, or the
/// reverse: then both the names and the positions count.
pub(super) fn compare(walk: &mut Walk<'_>, [old, new]: [&[Argument]; 2], both_compact: bool) {
    // Each is looked for among all others.
    if !walk.spend(old.len().saturating_mul(new.len())) {
        return;
    }
    match (old.len(), new.len()) {
        (1, 1) => single(walk, &old[0], &new[0]),
        (0, _) | (_, 0) => added_and_removed(walk, old, new),
        (1, _) | (_, 1) => {
            let what = format!("there were {} arguments, and there are {}", old.len(), new.len());
            walk.note(what, ChangeKind::SingleArgument, Breaks::Both);
        }
        _ if walk.compact && is_moved(old, new) => {
            let what = "the arguments were reordered".to_owned();
            walk.note(what, ChangeKind::CompactArguments, Breaks::Both);
        }
        _ if both_compact => by_position(walk, old, new),
        _ => by_name(walk, old, new),
    }
}

fn single(walk: &mut Walk<'_>, old: &Argument, new: &Argument) {
    if old.name != new.name {
        let what = format!("the argument `{}` is now called `{}`", old.name, new.name);
        walk.note(what, ChangeKind::NameOfType, Breaks::Nothing);
    }
    both(walk, old, new);
}

/// An argument of both versions.
fn both(walk: &mut Walk<'_>, old: &Argument, new: &Argument) {
    if is_optional(walk, old, true) && old.default && !is_optional(walk, new, false) {
        let what = format!("the argument `{}` has no `#[default]` any more", new.name);
        walk.note(what, ChangeKind::ArgumentDefault, Breaks::Nothing);
    }
    walk.at(&format!(", argument {}", new.name), |walk| walk.values(&old.value, &new.value));
}

/// Whether a node takes a call without it.
fn is_optional(walk: &Walk<'_>, argument: &Argument, is_old: bool) -> bool {
    argument.default || walk.accepts_nothing(&argument.value, is_old)
}

fn added_and_removed(walk: &mut Walk<'_>, old: &[Argument], new: &[Argument]) {
    let has = |all: &[Argument], argument: &Argument| all.iter().any(|of| of.name == argument.name);
    for gone in old.iter().filter(|argument| !has(new, argument)) {
        let what = format!("the argument `{}` was removed", gone.name);
        if is_optional(walk, gone, true) {
            walk.note(what, ChangeKind::OptionalArgumentRemoved, Breaks::Nothing);
        } else {
            walk.note(what, ChangeKind::ArgumentRemoved, Breaks::NewCallers);
        }
    }
    for added in new.iter().filter(|argument| !has(old, argument)) {
        let what = format!("the argument `{}` was added", added.name);
        if is_optional(walk, added, false) {
            walk.note(what, ChangeKind::OptionalArgumentAdded, Breaks::Nothing);
        } else {
            walk.note(what, ChangeKind::ArgumentAdded, Breaks::OldCallers);
        }
    }
}

fn by_name(walk: &mut Walk<'_>, old: &[Argument], new: &[Argument]) {
    let position = |all: &[Argument], name: &str| all.iter().position(|of| of.name == name);
    let gone: Vec<_> =
        (0..old.len()).filter(|at| position(new, &old[*at].name).is_none()).collect();
    let added: Vec<_> =
        (0..new.len()).filter(|at| position(old, &new[*at].name).is_none()).collect();
    match (&gone[..], &added[..]) {
        ([gone], [added]) if gone == added && old[*gone].value == new[*added].value => {
            let what =
                format!("the argument `{}` is now called `{}`", old[*gone].name, new[*added].name);
            walk.note(what, ChangeKind::ArgumentRenamed, Breaks::Both);
            both(walk, &old[*gone], &new[*added]);
        }
        _ => added_and_removed(walk, old, new),
    }
    let kept = old.iter().filter_map(|argument| position(new, &argument.name));
    if !kept.clone().is_sorted() {
        let what = "the arguments were reordered".to_owned();
        walk.note(what, ChangeKind::ArgumentsReordered, Breaks::Nothing);
    }
    for at in kept {
        let before = position(old, &new[at].name).map(|at| &old[at]);
        if let Some(before) = before {
            both(walk, before, &new[at]);
        }
    }
}

/// Whether an argument of both versions is at another position.
fn is_moved(old: &[Argument], new: &[Argument]) -> bool {
    old.iter().enumerate().any(|(at, before)| {
        let now = new.iter().position(|after| after.name == before.name);
        now.is_some_and(|now| now != at)
    })
}

/// Those of a compact method. A node ignores what is behind its own arguments, and needs those that have no default.
fn by_position(walk: &mut Walk<'_>, old: &[Argument], new: &[Argument]) {
    for (before, after) in old.iter().zip(new) {
        if before.name != after.name {
            let what = format!("the argument `{}` is now called `{}`", before.name, after.name);
            walk.note(what, ChangeKind::CompactArgumentRenamed, Breaks::Nothing);
        }
        both(walk, before, after);
    }
    let shared = old.len().min(new.len());
    added_and_removed(walk, &old[shared..], &new[shared..]);
}
