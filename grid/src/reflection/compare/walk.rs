//! Where a comparison of two versions of a value is, and what it has found. The comparison itself begins in `shapes.rs`.
//!
//! Descriptions may come from a hostile node: recursive types end at pairs that have been seen, nesting and the number of
//! comparisons are limited.

use std::collections::BTreeSet;

use super::super::change::{Breaks, Change};
use super::super::kind::ChangeKind;
use super::super::wire::shape::{Shape, Type, Types};
use super::super::wire::{Value, written};

/// Aliases that are followed. A schema of a peer may go round in circles.
const ALIASES_MAX: usize = 32;

/// Nesting that is compared. Values are nested 128 levels deep at most.
const DEPTH_MAX: usize = 128;

/// Shapes, fields and variants that are compared for one service: some hundred methods with some hundred fields each need a
/// tenth of that.
pub(super) const COMPARISONS_MAX: usize = 1 << 20;

/// Bytes of texts that count as one comparison, so that a long name is not repeated in many changes.
const TEXT_BYTES: usize = 64;

/// What a text counts.
pub(super) fn cost(text: &str) -> usize {
    text.len() / TEXT_BYTES
}

/// Which way a value flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// From callers to handlers.
    Taken,
    /// From handlers to callers.
    Returned,
    /// The same, of errors: what a caller does not know arrives as text.
    Error,
}

/// Where the comparison is, and what it has found.
pub(super) struct Walk<'a> {
    pub(super) old: &'a Types,
    pub(super) new: &'a Types,
    pub(super) flow: Flow,
    /// Structs are arrays, in one of the versions at least.
    pub(super) compact: bool,
    pub(super) path: String,
    pub(super) changes: &'a mut Vec<Change>,
    /// How many comparisons are left for the service.
    pub(super) left: &'a mut usize,
    /// Compares two shapes: `shapes::compare`, which those that call it need not import.
    pub(super) compare: fn(&mut Walk<'_>, &Shape, &Shape),
    depth: usize,
    /// The pairs of names that were compared, and whether structs were arrays there.
    seen: BTreeSet<(String, String, bool)>,
}

/// Which values of one version the other one does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unread {
    /// The new version does not read all values of the old one.
    pub(super) old: bool,
    /// The old version does not read all values of the new one.
    pub(super) new: bool,
}

impl Unread {
    pub(super) const NONE: Self = Self { old: false, new: false };
    pub(super) const OLD: Self = Self { old: true, new: false };
    pub(super) const NEW: Self = Self { old: false, new: true };
    pub(super) const BOTH: Self = Self { old: true, new: true };
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        [old, new]: [&'a Types; 2],
        flow: Flow,
        path: String,
        changes: &'a mut Vec<Change>,
        left: &'a mut usize,
        compare: fn(&mut Walk<'_>, &Shape, &Shape),
    ) -> Self {
        let (compact, depth, seen) = (false, 0, BTreeSet::new());
        Self { old, new, flow, compact, path, changes, left, compare, depth, seen }
    }

    /// The one place that decides who is broken: of an error nobody is, because one that cannot be decoded arrives as text.
    pub(super) fn push(&mut self, what: String, row: ChangeKind, unread: Unread) {
        let (row, breaks) = match self.flow {
            Flow::Taken => (row, Breaks::of(unread.old, unread.new)),
            Flow::Returned => (row, Breaks::of(unread.new, unread.old)),
            Flow::Error => (ChangeKind::Error, Breaks::Nothing),
        };
        self.note(what, row, breaks);
    }

    /// Notes a change of which it is known who is broken.
    pub(super) fn note(&mut self, what: String, row: ChangeKind, breaks: Breaks) {
        if self.spend(cost(&self.path) + cost(&what)) {
            self.changes.push(Change::new(&*self.path, what, row, breaks));
        }
    }

    /// Compares at a place inside this one.
    pub(super) fn at(&mut self, place: &str, compare: impl FnOnce(&mut Self)) {
        let len = self.path.len();
        self.path.push_str(place);
        compare(self);
        self.path.truncate(len);
    }

    /// Compares inside a type that is sent with the names of its fields in compact methods as well.
    pub(super) fn with_names(&mut self, compare: impl FnOnce(&mut Self)) {
        let compact = std::mem::replace(&mut self.compact, false);
        compare(self);
        self.compact = compact;
    }

    pub(super) fn values(&mut self, old: &Value, new: &Value) {
        if let (Some(before), Some(after)) = (&old.shape, &new.shape) {
            let count = self.changes.len();
            self.shapes(before, after);
            if old.written == new.written || self.changes.len() > count {
                return;
            }
            let what = format!("the type `{}` is now `{}`", old.written, new.written);
            if written::differ_unseen([&old.written, &new.written], [before, after]) {
                self.push(what, ChangeKind::UnknownType, Unread::BOTH);
            } else {
                self.push(what, ChangeKind::NameOfType, Unread::NONE);
            }
        } else {
            self.shapes(&written::shape(&old.written), &written::shape(&new.written));
        }
    }

    /// Whether a value that is not sent at all is accepted: it is read as nil.
    pub(super) fn accepts_nothing(&self, value: &Value, is_old: bool) -> bool {
        let shape = value.shape.clone().unwrap_or_else(|| written::shape(&value.written));
        let shape = resolve(&shape, if is_old { self.old } else { self.new });
        matches!(shape, Shape::Optional(_) | Shape::Null | Shape::Any | Shape::Raw)
    }

    /// Compares two shapes at this place.
    pub(super) fn shapes(&mut self, old: &Shape, new: &Shape) {
        if !self.spend(1) {
            return;
        }
        if self.depth == DEPTH_MAX {
            let what = "it is nested too deeply to be compared".to_owned();
            return self.push(what, ChangeKind::UnknownType, Unread::BOTH);
        }
        if let (Shape::Named(old), Shape::Named(new)) = (old, new)
            && !self.seen.insert((old.clone(), new.clone(), self.compact))
        {
            return;
        }
        self.depth += 1;
        (self.compare)(self, old, new);
        self.depth -= 1;
    }

    /// Counts comparisons. False if none is left, which the first one that needs more notes as a change.
    #[must_use]
    pub(super) fn spend(&mut self, count: usize) -> bool {
        if *self.left > count {
            *self.left -= count;
            return true;
        }
        if std::mem::take(self.left) > 0 {
            let what = "the service is too large to be compared further".to_owned();
            self.changes.push(Change::new(
                &*self.path,
                what,
                ChangeKind::UnknownType,
                Breaks::Both,
            ));
        }
        false
    }

    /// Which values are not read, and whether there is any change, without noting it.
    pub(super) fn judge(&mut self, old: &Shape, new: &Shape) -> (Unread, bool) {
        let mut changes = Vec::new();
        let mut walk = Walk {
            path: String::new(),
            flow: Flow::Taken,
            changes: &mut changes,
            left: &mut *self.left,
            seen: BTreeSet::new(),
            ..*self
        };
        walk.shapes(old, new);
        let has = |one: Breaks| {
            changes.iter().any(|change| change.breaks == one || change.breaks == Breaks::Both)
        };
        let unread = Unread { old: has(Breaks::OldCallers), new: has(Breaks::NewCallers) };
        // Where nothing is left, nothing is known.
        let unread = if *self.left == 0 { Unread::BOTH } else { unread };
        (unread, !changes.is_empty())
    }
}

/// The shape behind newtypes.
pub(super) fn resolve<'s>(shape: &'s Shape, types: &'s Types) -> &'s Shape {
    let mut shape = shape;
    for _ in 0..ALIASES_MAX {
        match shape {
            Shape::Named(name) => match types.get(name) {
                Some(Type::Alias(inner)) => shape = inner,
                _ => break,
            },
            _ => break,
        }
    }
    shape
}
