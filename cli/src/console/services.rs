//! [`ServiceRow`]: what nodes serve, each description once with the nodes that have it.

use grid::reflection::ServiceDescription;
use serde::{Deserialize, Serialize};

use crate::grouped::{Group, grouped};

/// A service, and the nodes that describe it in the same way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ServiceRow {
    pub(super) nodes: Vec<String>,
    pub(super) service: ServiceDescription,
}

/// The services of nodes as rows.
pub(super) fn rows<'a>(
    all: impl IntoIterator<Item = (&'a str, &'a ServiceDescription)>,
) -> Vec<ServiceRow> {
    let row = |Group { of, nodes }: Group<'_, &ServiceDescription>| ServiceRow {
        nodes: nodes.into_iter().map(str::to_owned).collect(),
        service: of.clone(),
    };
    let mut rows: Vec<_> = grouped(all).into_iter().map(row).collect();
    rows.sort_by(|one, other| one.service.name.cmp(&other.service.name));
    rows
}
