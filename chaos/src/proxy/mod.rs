//! The proxy that carries all connections between nodes, and causes the faults of their links.
//!
//! Each node dials each other one through a listener of its own here, so that it is known whose connection it is. Only one of
//! the two nodes of a pair dials; the other listener stays unused.

mod carry;
mod conditions;
mod connection;
mod frames;
mod hit;
mod pump;
mod route;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

pub use self::conditions::Conditions;
pub(crate) use self::hit::{Damage, Hit};
use self::route::Route;
use crate::pair::Pair;

/// All links of a grid.
#[derive(Debug)]
pub struct Proxy {
    /// By the node that dials and the one that is dialed.
    routes: BTreeMap<(u8, u8), Arc<Route>>,
}

impl Proxy {
    /// Listens for each node at each other one.
    ///
    /// # Errors
    /// If there are no free ports.
    pub async fn start(nodes: u8) -> io::Result<Self> {
        let mut routes = BTreeMap::new();
        for pair in Pair::all(nodes) {
            let [low, high] = pair.nodes();
            for ends in [(low, high), (high, low)] {
                routes.insert(ends, Route::start().await?);
            }
        }
        Ok(Self { routes })
    }

    /// For each node, the port that leads there from this one.
    pub fn ports(&self, from: u8, nodes: u8) -> Vec<u16> {
        let port = |to| self.routes.get(&(from, to)).map_or(0, |route| route.port());
        (0..nodes).map(port).collect()
    }

    /// A node accepts connections on this port, or on none.
    pub fn set_target(&self, node: u8, port: Option<u16>) {
        for (_, route) in self.routes.iter().filter(|((_, to), _)| *to == node) {
            route.set_target(port);
        }
    }

    /// Sets the faults that last, as seen from the lower node.
    pub fn set(&self, pair: Pair, conditions: Conditions) {
        let [low, high] = pair.nodes();
        for (ends, conditions) in
            [((low, high), conditions), ((high, low), conditions.seen_from_the_other_end())]
        {
            if let Some(route) = self.routes.get(&ends) {
                route.set(conditions);
            }
        }
    }

    /// Closes the connections of two nodes. Returns whether there were any.
    pub fn cut(&self, pair: Pair) -> bool {
        // All of them: not `any`, which stops at the first.
        self.of(pair).filter(|route| route.cut()).count() > 0
    }

    /// Does this to the next message of the connection of two nodes; `None` if there is no connection that it can be done to.
    pub(crate) async fn hit(&self, pair: Pair, hit: Hit) -> Option<Damage> {
        for route in self.of(pair) {
            if let Some(done) = route.hit(hit) {
                return done.await.ok();
            }
        }
        None
    }

    /// Cuts the connection of two nodes, and damages the handshake of the next one; `None` if there was no handshake.
    pub(crate) async fn damage_handshake(&self, pair: Pair, hit: Hit) -> Option<Damage> {
        let route = self.of(pair).find(|route| route.is_used())?;
        let done = route.hit_next(hit);
        route.cut();
        done.await.ok()
    }

    /// Connections of two nodes that are open.
    pub(crate) fn connections(&self, pair: Pair) -> usize {
        self.of(pair).map(|route| route.connections()).sum()
    }

    /// Connections of two nodes that were damaged and are open nevertheless, each once.
    pub(crate) fn damaged(&self, pair: Pair) -> Vec<Damage> {
        self.of(pair).flat_map(|route| route.damaged()).collect()
    }

    fn of(&self, pair: Pair) -> impl Iterator<Item = &Arc<Route>> {
        let [low, high] = pair.nodes();
        [(low, high), (high, low)].into_iter().filter_map(|ends| self.routes.get(&ends))
    }
}
