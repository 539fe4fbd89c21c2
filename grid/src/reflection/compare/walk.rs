//! Where a comparison of two versions of a value is, and what it has found. The comparison itself begins in `shapes.rs`.

use super::super::change::{Breaks, Change};
use super::super::row::Row;
use super::super::wire::shape::{Shape, Type, Types};
use super::super::wire::{Value, written};

/// Aliases that are followed. A schema of a peer may go round in circles.
const ALIASES_MAX: usize = 32;

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
    /// The names of fields are sent nevertheless, see docs/guide/payloads.md.
    pub(super) named: bool,
    pub(super) path: String,
    /// The named types around the place.
    pub(super) open: Vec<(String, String)>,
    pub(super) changes: &'a mut Vec<Change>,
    /// Compares two shapes: `shapes::compare`, which those that call it need not import.
    pub(super) compare: fn(&mut Walk<'_>, &Shape, &Shape),
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
    pub(super) fn push(&mut self, what: String, row: Row, unread: Unread) {
        let breaks = match self.flow {
            Flow::Taken => Breaks::of(unread.old, unread.new),
            Flow::Returned | Flow::Error => Breaks::of(unread.new, unread.old),
        };
        self.changes.push(Change::new(&*self.path, what, row, breaks));
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
        let named = std::mem::replace(&mut self.named, true);
        compare(self);
        self.named = named;
    }

    pub(super) fn values(&mut self, old: &Value, new: &Value) {
        if let (Some(before), Some(after)) = (&old.shape, &new.shape) {
            let count = self.changes.len();
            self.shapes(before, after);
            if old.written != new.written && self.changes.len() == count {
                let what = format!("the type `{}` is now `{}`", old.written, new.written);
                self.push(what, Row::NameOfType, Unread::NONE);
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
        (self.compare)(self, old, new);
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
