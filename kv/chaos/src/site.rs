//! Places, names, and who dials whom: everything goes through the proxy.
//!
//! A node has an id that is never used again, and runs at one of a few places, which the proxy knows. Clients have places as well.

use grid::{Dial, Dialing, Io, LinkError};
use tokio::net::TcpStream;

/// Places of nodes: five members at most.
pub(crate) const PLACES: u8 = 5;

/// Members when the group begins, and when it is small again.
pub(crate) const MEMBERS: u8 = 3;

/// The place from which the supervisor itself asks nodes. Its links have no faults.
pub(crate) const OPERATOR: u8 = PLACES;

/// The place of a client.
pub(crate) fn of_client(client: u8) -> u8 {
    OPERATOR + 1 + client
}

/// The secrets of a run, which only this machine reaches.
pub(crate) const NODES_SECRET: &str = "of the nodes of a run";
pub(crate) const CLIENTS_SECRET: &str = "of its clients";
pub(crate) const OPERATORS_SECRET: &str = "of its operator";

/// The place of a node.
pub(crate) fn place(id: u64) -> u8 {
    // Less than `PLACES`.
    ((id - 1) % u64::from(PLACES)) as u8
}

/// The id of the node that is the so-manyth at a place.
pub(crate) fn id(place: u8, generation: u64) -> u64 {
    generation * u64::from(PLACES) + u64::from(place) + 1
}

/// The name of a node.
pub(crate) fn name(id: u64) -> String {
    format!("http://node{id}:9000")
}

/// The id of the node with a name.
pub(crate) fn named(name: &str) -> Option<u64> {
    let id = name.strip_prefix("http://node")?.strip_suffix(":9000")?.parse().ok();
    id.filter(|id| *id > 0)
}

/// Dials nodes through the proxy, by the port for each place.
#[derive(Debug, Clone)]
pub(crate) struct ThroughProxy(pub(crate) Vec<u16>);

impl Dial for ThroughProxy {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        Box::pin(async move {
            let id = named(name).ok_or_else(|| LinkError::resolve("not a node"))?;
            let port = self.0.get(usize::from(place(id)));
            let port = *port.ok_or_else(|| LinkError::resolve("not a place"))?;
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            grid::tune(&stream)?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_many_nodes_and_a_node_has_one_place() {
        for (at, generation) in (0..PLACES).flat_map(|at| [(at, 0), (at, 1), (at, 7)]) {
            let id = id(at, generation);
            assert_eq!((place(id), named(&name(id))), (at, Some(id)));
        }
        assert_eq!(id(0, 0), 1);
        assert_eq!(id(4, 1), 10);
        assert_eq!(named("http://node0:9000"), None);
    }
}
