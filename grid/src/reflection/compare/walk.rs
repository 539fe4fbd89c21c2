//! Two versions of a value, side by side.

use super::super::change::{Breaks, Change};
use super::super::row::Row;
use super::super::wire::shape::{Keys, Shape, Type, Types};
use super::super::wire::{Value, written};
use super::{enums, scalars, structs};

/// Aliases that are followed. A schema of a peer may go round in circles.
const ALIASES_MAX: usize = 32;
/// Nesting that is compared. Recursive types end by themselves; values are nested 128 levels deep at most.
const DEPTH_MAX: usize = 128;

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

    pub(super) fn shapes(&mut self, old: &Shape, new: &Shape) {
        let (before, after) = (resolve(old, self.old), resolve(new, self.new));
        match (before, after) {
            (Shape::Named(before), Shape::Named(after)) => self.named_types(before, after),
            (Shape::Optional(before), Shape::Optional(after))
            | (Shape::Json(before), Shape::Json(after)) => self.shapes(before, after),
            (Shape::Optional(before), after) if *after != Shape::Any => {
                let what = format!("`{old}` is now `{new}`, which does not accept `None`");
                self.push(what, Row::OptionRemoved, Unread::OLD);
                self.shapes(before, after);
            }
            (before, Shape::Optional(after)) if *before != Shape::Any => {
                let what = format!("`{old}` is now `{new}`, which may be `None`");
                self.push(what, Row::OptionAdded, Unread::NEW);
                self.shapes(before, after);
            }
            (Shape::List(before, len), Shape::List(after, new_len))
                if scalars::are_bytes(before, after) && len == new_len =>
            {
                self.at("[]", |walk| walk.shapes(before, after));
            }
            (Shape::Tuple(before), Shape::Tuple(after)) if before.len() == after.len() => {
                for (at, (before, after)) in before.iter().zip(after).enumerate() {
                    self.at(&format!(".{at}"), |walk| walk.shapes(before, after));
                }
            }
            (Shape::Map(keys, before), Shape::Map(new_keys, after)) => {
                if keys != new_keys {
                    self.keys(*keys, *new_keys);
                }
                self.at("{}", |walk| walk.shapes(before, after));
            }
            _ => scalars::compare(self, before, after),
        }
    }

    fn keys(&mut self, old: Keys, new: Keys) {
        let what = format!("the keys `{old}` of the map are now `{new}`");
        self.push(what, Row::AnotherType, Unread::BOTH);
    }

    fn named_types(&mut self, old: &str, new: &str) {
        let pair = (old.to_owned(), new.to_owned());
        if self.open.contains(&pair) || self.open.len() > DEPTH_MAX {
            return;
        }
        self.open.push(pair);
        match (self.old.get(old), self.new.get(new)) {
            (Some(Type::Struct(before)), Some(Type::Struct(after))) => {
                structs::compare(self, before, after);
            }
            (Some(Type::Enum(before)), Some(Type::Enum(after))) => {
                enums::compare(self, before, after);
            }
            (Some(Type::Union(before)), Some(Type::Union(after))) => {
                enums::unions(self, before, after);
            }
            _ => {
                let what = format!("`{old}` is now `{new}`, of another form");
                self.push(what, Row::AnotherType, Unread::BOTH);
            }
        }
        self.open.pop();
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
