//! The methods of two versions of a service: which there are, and all but their values.

use std::collections::{BTreeMap, BTreeSet};

use super::super::change::{Breaks, Change};
use super::super::kind::ChangeKind;
use super::super::wire::{Method, Service, Value};
use super::walk::{COMPARISONS_MAX, Flow, Walk};
use super::{arguments, shapes};

pub(super) fn compare(old: &Service, new: &Service) -> Vec<Change> {
    let (mut changes, mut left) = (Vec::new(), COMPARISONS_MAX);
    for (name, before, after) in pairs(old, new) {
        let path = format!("{}/{name}", new.name);
        match (before, after) {
            (Some((old_name, before)), Some(after)) => {
                if old_name != name {
                    let what = format!("the method `{old_name}` has another name, and the same id");
                    changes.push(Change::new(
                        &path,
                        what,
                        ChangeKind::MethodRenamed,
                        Breaks::Nothing,
                    ));
                }
                let (changes, left) = (&mut changes, &mut left);
                let versions = Versions { path, old, new, before, after, changes, left };
                versions.compare();
            }
            (Some((_, gone)), None) => changes.push(removed(path, gone, old, new)),
            (None, _) => {
                let what = "the method was added";
                changes.push(Change::new(path, what, ChangeKind::MethodAdded, Breaks::Nothing));
            }
        }
    }
    changes
}

/// New methods among which the new name of an old one is looked for.
const LIKE_MAX: usize = 64;

/// The name of a method, both versions of it, and the name of the old one.
type Pair<'a> = (&'a str, Option<(&'a str, &'a Method)>, Option<&'a Method>);

/// The methods of both versions: those of the same name, then those of the same id, which is all that a call states.
fn pairs<'a>(old: &'a Service, new: &'a Service) -> Vec<Pair<'a>> {
    let gone = || old.methods.iter().filter(|(name, _)| !new.methods.contains_key(*name));
    let mut gone_ids: BTreeMap<u32, &str> = gone().map(|(name, of)| (of.id, &**name)).collect();
    let mut renamed = BTreeSet::new();
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    for (name, after) in &new.methods {
        let old_name = match old.methods.get(name) {
            Some(_) => Some(&**name),
            None => gone_ids.remove(&after.id),
        };
        let before = old_name.and_then(|name| Some((name, old.methods.get(name)?)));
        renamed.extend(old_name);
        pairs.push((name, before, Some(after)));
    }
    let gone = gone().filter(|(name, _)| !renamed.contains(&***name));
    pairs.extend(gone.map(|(name, before)| (&**name, Some((&**name, before)), None)));
    pairs.sort_by_key(|(name, ..)| *name);
    pairs
}

/// A method that the new version has neither under its old name nor under its id.
fn removed(path: String, gone: &Method, old: &Service, new: &Service) -> Change {
    let mut change =
        Change::new(path, "the method was removed", ChangeKind::MethodRemoved, Breaks::OldCallers);
    let like = |method: &Method| Method { id: gone.id, ..method.clone() } == *gone;
    let added = new.methods.iter().filter(|(name, _)| !old.methods.contains_key(*name));
    if let Some((name, _)) = added.take(LIKE_MAX).find(|(_, method)| like(method)) {
        let old = change.path.rsplit('/').next().unwrap_or_default();
        change.advice =
            format!("if `{name}` is its new name, write `#[handler(name = \"{old}\")]` before it");
    }
    change
}

/// Two versions of one method.
struct Versions<'a> {
    path: String,
    old: &'a Service,
    new: &'a Service,
    before: &'a Method,
    after: &'a Method,
    changes: &'a mut Vec<Change>,
    left: &'a mut usize,
}

impl Versions<'_> {
    fn compare(mut self) {
        self.identity();
        self.options();
        if self.before.kind != self.after.kind {
            // Its values have other meanings now.
            return;
        }
        let arguments = [&self.before.arguments[..], &self.after.arguments[..]];
        let compact = self.before.compact && self.after.compact;
        arguments::compare(&mut self.walk("", Flow::Taken), arguments, compact);
        if let (Some(before), Some(after)) = (&self.before.input, &self.after.input) {
            self.walk(", input", Flow::Taken).values(before, after);
        }
        let answers = (&self.before.answer, &self.after.answer);
        self.walk(", answer", Flow::Returned).values(answers.0, answers.1);
        self.errors(self.before.error.as_ref(), self.after.error.as_ref());
    }

    fn walk(&mut self, place: &str, flow: Flow) -> Walk<'_> {
        let path = format!("{}{place}", self.path);
        let types = [&self.old.types, &self.new.types];
        let mut walk = Walk::new(types, flow, path, self.changes, self.left, shapes::compare);
        // Errors are sent with names in all methods.
        walk.compact = flow != Flow::Error && (self.before.compact || self.after.compact);
        walk
    }

    fn push(&mut self, what: String, row: ChangeKind, breaks: Breaks) {
        self.changes.push(Change::new(&*self.path, what, row, breaks));
    }

    fn identity(&mut self) {
        let (before, after) = (self.before, self.after);
        if before.id != after.id {
            let what = format!("the id changed from {:#x} to {:#x}", before.id, after.id);
            self.push(what, ChangeKind::Id, Breaks::Both);
        }
        if before.kind != after.kind {
            let what = format!("the kind changed from {:?} to {:?}", before.kind, after.kind);
            self.push(what, ChangeKind::Kind, Breaks::Both);
        }
        if before.compact != after.compact {
            let what = format!("`compact` was turned {}", if after.compact { "on" } else { "off" });
            self.push(what, ChangeKind::Layout, Breaks::Nothing);
        }
    }

    fn options(&mut self) {
        let (before, after) = (self.before, self.after);
        match (before.idempotent, after.idempotent) {
            (true, false) => {
                let what = "`idempotent` was removed".to_owned();
                self.push(what, ChangeKind::IdempotentRemoved, Breaks::OldCallers);
            }
            (false, true) => {
                let what = "`idempotent` was added".to_owned();
                self.push(what, ChangeKind::IdempotentAdded, Breaks::Nothing);
            }
            _ => {}
        }
        let limits = [before, after].map(|of| of.request_bytes_max.unwrap_or(u64::MAX));
        if limits[0] != limits[1] {
            let text =
                |max: Option<u64>| max.map_or_else(|| "none".to_owned(), |max| max.to_string());
            let limits_text = [before, after].map(|of| text(of.request_bytes_max));
            let what = format!(
                "`request_bytes_max` changed from {} to {}",
                limits_text[0], limits_text[1]
            );
            if limits[1] < limits[0] {
                self.push(what, ChangeKind::RequestLowered, Breaks::OldCallers);
            } else {
                self.push(what, ChangeKind::RequestRaised, Breaks::NewCallers);
            }
        }
        let rest = |of: &Method| (of.incoming, of.outgoing, of.timeout_ms, of.inline, of.blocking);
        if rest(before) != rest(after) {
            let what = "a limit of its own end changed".to_owned();
            self.push(what, ChangeKind::Limits, Breaks::Nothing);
        }
    }

    fn errors(&mut self, before: Option<&Value>, after: Option<&Value>) {
        let (before, after) = match (before, after) {
            (None, None) => return,
            (Some(before), Some(after)) => (before, after),
            (before, _) => {
                let can = if before.is_some() { "can no longer fail" } else { "can fail now" };
                self.push(format!("the method {can}"), ChangeKind::Fallible, Breaks::Nothing);
                return;
            }
        };
        let is_text = |value: &Value| value.written == "RemoteError";
        if is_text(before) == is_text(after) {
            self.walk(", error", Flow::Error).values(before, after);
        } else {
            let what = format!("the error `{}` is now `{}`", before.written, after.written);
            self.push(what, ChangeKind::Error, Breaks::Nothing);
        }
    }
}
