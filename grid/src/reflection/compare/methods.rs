//! The methods of two versions of a service: which there are, and all but their values.

use super::super::change::{Breaks, Change};
use super::super::row::Row;
use super::super::wire::{Method, Service, Value};
use super::walk::{Flow, Walk};
use super::{arguments, shapes};

pub(super) fn compare(old: &Service, new: &Service) -> Vec<Change> {
    let mut changes = Vec::new();
    let names = old.methods.keys().chain(new.methods.keys());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.dedup();
    for name in names {
        let path = format!("{}/{name}", new.name);
        match (old.methods.get(name), new.methods.get(name)) {
            (Some(before), Some(after)) => {
                let versions = Versions { path, old, new, before, after, changes: &mut changes };
                versions.compare();
            }
            (Some(gone), None) => changes.push(removed(path, gone, old, new)),
            (None, _) => {
                let what = "the method was added";
                changes.push(Change::new(path, what, Row::MethodAdded, Breaks::Nothing));
            }
        }
    }
    changes
}

/// A method that the new version does not have under its old name.
fn removed(path: String, gone: &Method, old: &Service, new: &Service) -> Change {
    let added = |(name, _): &(&String, &Method)| !old.methods.contains_key(*name);
    let mut added = new.methods.iter().filter(added);
    if let Some((name, _)) = added.clone().find(|(_, method)| method.id == gone.id) {
        let what = format!("the method is now called `{name}`, with the same id");
        return Change::new(path, what, Row::NameOfType, Breaks::Nothing);
    }
    let mut change =
        Change::new(path, "the method was removed", Row::MethodRemoved, Breaks::OldCallers);
    let like = |method: &Method| Method { id: gone.id, ..method.clone() } == *gone;
    if let Some((name, _)) = added.find(|(_, method)| like(method)) {
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
        arguments::compare(&mut self.walk("", Flow::Taken), arguments);
        if let (Some(before), Some(after)) = (&self.before.input, &self.after.input) {
            self.walk(", input", Flow::Taken).values(before, after);
        }
        let answers = (&self.before.answer, &self.after.answer);
        self.walk(", answer", Flow::Returned).values(answers.0, answers.1);
        self.errors(self.before.error.as_ref(), self.after.error.as_ref());
    }

    fn walk(&mut self, place: &str, flow: Flow) -> Walk<'_> {
        Walk {
            old: &self.old.types,
            new: &self.new.types,
            flow,
            compact: self.before.compact || self.after.compact,
            named: false,
            path: format!("{}{place}", self.path),
            open: Vec::new(),
            changes: self.changes,
            compare: shapes::compare,
        }
    }

    fn push(&mut self, what: String, row: Row, breaks: Breaks) {
        self.changes.push(Change::new(&*self.path, what, row, breaks));
    }

    fn identity(&mut self) {
        let (before, after) = (self.before, self.after);
        if before.id != after.id {
            let what = format!("the id changed from {:#x} to {:#x}", before.id, after.id);
            self.push(what, Row::Id, Breaks::Both);
        }
        if before.kind != after.kind {
            let what = format!("the kind changed from {:?} to {:?}", before.kind, after.kind);
            self.push(what, Row::Kind, Breaks::Both);
        }
        if before.compact != after.compact {
            let what = format!("`compact` was turned {}", if after.compact { "on" } else { "off" });
            self.push(what, Row::Layout, Breaks::Nothing);
        }
    }

    fn options(&mut self) {
        let (before, after) = (self.before, self.after);
        match (before.idempotent, after.idempotent) {
            (true, false) => {
                let what = "`idempotent` was removed".to_owned();
                self.push(what, Row::IdempotentRemoved, Breaks::OldCallers);
            }
            (false, true) => {
                let what = "`idempotent` was added".to_owned();
                self.push(what, Row::IdempotentAdded, Breaks::Nothing);
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
                self.push(what, Row::RequestLowered, Breaks::OldCallers);
            } else {
                self.push(what, Row::RequestRaised, Breaks::Nothing);
            }
        }
        let rest = |of: &Method| (of.incoming, of.outgoing, of.timeout_ms, of.inline, of.blocking);
        if rest(before) != rest(after) {
            let what = "a limit of its own end changed".to_owned();
            self.push(what, Row::Limits, Breaks::Nothing);
        }
    }

    fn errors(&mut self, before: Option<&Value>, after: Option<&Value>) {
        let (before, after) = match (before, after) {
            (None, None) => return,
            (Some(before), Some(after)) => (before, after),
            (before, _) => {
                let can = if before.is_some() { "can no longer fail" } else { "can fail now" };
                self.push(format!("the method {can}"), Row::Fallible, Breaks::Nothing);
                return;
            }
        };
        let is_text = |value: &Value| value.written == "RemoteError";
        if is_text(before) == is_text(after) {
            self.walk(", error", Flow::Error).values(before, after);
        } else {
            let what = format!("the error `{}` is now `{}`", before.written, after.written);
            self.push(what, Row::ErrorVariant, Breaks::Nothing);
        }
    }
}
