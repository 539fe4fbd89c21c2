//! [`ServiceRow`]: what nodes serve, each description once with the nodes that have it.

use grid::reflection::ServiceDescription;
use serde::{Deserialize, Serialize};

/// A service, and the nodes that describe it in the same way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ServiceRow {
    pub(super) nodes: Vec<String>,
    pub(super) service: ServiceDescription,
}

/// Groups the services of nodes.
pub(super) fn grouped<'a>(
    all: impl IntoIterator<Item = (&'a str, &'a ServiceDescription)>,
) -> Vec<ServiceRow> {
    let mut rows: Vec<ServiceRow> = Vec::new();
    for (node, service) in all {
        match rows.iter_mut().find(|row| row.service == *service) {
            Some(row) => row.nodes.push(node.to_owned()),
            None => {
                rows.push(ServiceRow { nodes: vec![node.to_owned()], service: service.clone() });
            }
        }
    }
    rows.sort_by(|one, other| one.service.name.cmp(&other.service.name));
    rows
}
