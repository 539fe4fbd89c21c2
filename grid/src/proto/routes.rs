//! The handlers of a node: `(handler id, subroute)` → index, kind and capacities.
//!
//! The core needs kinds and capacities to answer a call before its handler runs. The handlers themselves are in a table
//! of the layer above.

use std::borrow::Cow;
use std::collections::HashMap;

use super::hash::Fold;
use super::stream::capacities::Capacities;
use super::wire::{HandlerId, SubrouteId};

/// Index of a handler in the table of the layer above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RouteIndex(pub(crate) usize);

/// How a handler is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteKind {
    Single,
    Stream(Capacities),
}

/// Why a handler cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// Handler ids start at 1.
    ZeroId,
    /// Another handler has the same id and subroute.
    Taken(RouteIndex),
}

/// A handler without a name.
const UNNAMED: &str = "a handler";

/// All handlers of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes {
    by_key: HashMap<(HandlerId, Option<SubrouteId>), RouteIndex, Fold>,
    kinds: Vec<RouteKind>,
    /// For errors. Shorter than `kinds` if the last handlers have no name.
    names: Vec<Cow<'static, str>>,
    /// The largest requests in bytes. Shorter than `kinds` if the last handlers have no limit.
    limits: Vec<Option<usize>>,
}

impl Routes {
    /// Adds a handler. Indexes count up from 0.
    pub(crate) fn insert(
        &mut self,
        handler: HandlerId,
        subroute: Option<SubrouteId>,
        kind: RouteKind,
    ) -> Result<RouteIndex, RouteError> {
        if handler.get() == 0 {
            return Err(RouteError::ZeroId);
        }
        let index = RouteIndex(self.kinds.len());
        if let Some(taken) = self.by_key.get(&(handler, subroute)) {
            return Err(RouteError::Taken(*taken));
        }
        self.by_key.insert((handler, subroute), index);
        self.kinds.push(kind);
        Ok(index)
    }

    /// Names the handler that was added last, for errors.
    pub(crate) fn name_last(&mut self, name: Cow<'static, str>) {
        self.names.resize(self.kinds.len().saturating_sub(1), Cow::Borrowed(UNNAMED));
        self.names.push(name);
    }

    /// The name of a handler, for errors.
    pub(super) fn name(&self, RouteIndex(index): RouteIndex) -> &str {
        self.names.get(index).map_or(UNNAMED, |name| name)
    }

    /// Limits the requests of a handler.
    pub(crate) fn limit_requests(&mut self, RouteIndex(index): RouteIndex, bytes: usize) {
        debug_assert!(index < self.kinds.len(), "the index of a handler that was added");
        self.limits.resize_with(self.limits.len().max(index + 1), || None);
        if let Some(place) = self.limits.get_mut(index) {
            *place = Some(bytes);
        }
    }

    pub(super) fn request_limit(&self, RouteIndex(index): RouteIndex) -> Option<usize> {
        *self.limits.get(index)?
    }

    pub(super) fn find(
        &self,
        handler: HandlerId,
        subroute: Option<SubrouteId>,
    ) -> Option<(RouteIndex, RouteKind)> {
        let index = *self.by_key.get(&(handler, subroute))?;
        Some((index, *self.kinds.get(index.0)?))
    }
}
