//! The names of a node's handlers, for contexts, logs and errors.

use std::borrow::Cow;
use std::sync::Arc;

use crate::proto::RouteIndex;

/// The names of one handler.
#[derive(Debug, Clone)]
pub(in crate::net) struct Label {
    /// `Service/method`, or `handler 78` at the byte level.
    pub(in crate::net) method: Cow<'static, str>,
    pub(in crate::net) subroute: Option<Arc<str>>,
}

/// The names of all handlers, indexed by route.
#[derive(Debug, Clone, Default)]
pub(in crate::net) struct Labels(Vec<Label>);

impl Labels {
    /// Adds the names of the next route.
    pub(in crate::net) fn push(&mut self, label: Label) {
        self.0.push(label);
    }

    /// Returns the names of a handler.
    pub(in crate::net) fn get(&self, route: RouteIndex) -> Option<&Label> {
        self.0.get(route.0)
    }
}
