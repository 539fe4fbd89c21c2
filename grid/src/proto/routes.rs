//! The handlers of a node: `(handler id, subroute)` → index, kind and capacities.
//!
//! The core needs kinds and capacities to answer a call before its handler runs. The handlers themselves are in a table
//! of the layer above.

use std::borrow::Cow;
use std::collections::HashMap;

use super::hash::Fold;
use super::stream::core::Capacities;
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

/// The largest request that a handler accepts.
#[derive(Debug, Clone)]
pub(crate) struct RequestLimit {
    pub(crate) bytes: usize,
    /// Name of the handler, for the error.
    pub(crate) method: Cow<'static, str>,
}

/// Why a handler cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// Handler ids start at 1.
    ZeroId,
    /// Another handler has the same id and subroute.
    Taken(RouteIndex),
}

/// All handlers of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes {
    by_key: HashMap<(HandlerId, Option<SubrouteId>), RouteIndex, Fold>,
    kinds: Vec<RouteKind>,
    /// Shorter than `kinds` if the last handlers have no limit.
    limits: Vec<Option<Box<RequestLimit>>>,
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

    /// Limits the requests of a handler.
    pub(crate) fn limit_requests(&mut self, RouteIndex(index): RouteIndex, limit: RequestLimit) {
        debug_assert!(index < self.kinds.len(), "the index of a handler that was added");
        self.limits.resize_with(self.limits.len().max(index + 1), || None);
        if let Some(place) = self.limits.get_mut(index) {
            *place = Some(Box::new(limit));
        }
    }

    pub(super) fn request_limit(&self, RouteIndex(index): RouteIndex) -> Option<&RequestLimit> {
        self.limits.get(index)?.as_deref()
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
