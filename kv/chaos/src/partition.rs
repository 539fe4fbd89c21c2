//! Partitions: nodes that are separated from others, or from all.

use grid_chaos::Pair;
use rand::RngExt as _;
use tokio::time::{Instant, sleep};

use crate::fault::Kind;
use crate::inject::{HOLD_MS, Injector, LONG_MS};
use crate::site;

/// Nodes of which two can be separated, and the others are a majority of five.
const MAJORITY_OF_FIVE: usize = 4;

impl Injector {
    /// Separates a node, or some, from others.
    pub(crate) async fn part(&mut self, kind: Kind, place: u8, running: &[u8], fails_over: bool) {
        let mut side = vec![place];
        if kind == Kind::Split && running.len() > MAJORITY_OF_FIVE {
            let others: Vec<_> = running.iter().copied().filter(|other| *other != place).collect();
            side.push(others[self.random.random_range(0..others.len())]);
        }
        let clients =
            (0..self.clients).map(site::of_client).filter(|_| kind == Kind::IsolateCompletely);
        let others = running.iter().copied().filter(|other| !side.contains(other)).chain(clients);
        let others: Vec<_> = others.collect();
        let ends: Vec<_> =
            side.iter().flat_map(|one| others.iter().map(|other| (*one, *other))).collect();
        for (one, other) in &ends {
            match kind {
                Kind::Mute => self.fleet.links.silence(*one, *other),
                Kind::Deaf => self.fleet.links.silence(*other, *one),
                _ => self.fleet.links.cut_off(Pair::new(*one, *other)),
            }
        }
        let hold = self.millis(if fails_over { HOLD_MS } else { LONG_MS });
        self.hold(kind, Instant::now(), fails_over, hold).await;
        for (one, other) in ends {
            self.fleet.links.heal(Pair::new(one, other));
        }
    }

    pub(crate) async fn split_all(&mut self, running: &[u8]) {
        let pairs: Vec<_> = pairs(running).collect();
        pairs.iter().for_each(|pair| self.fleet.links.cut_off(*pair));
        let hold = self.millis(LONG_MS);
        sleep(hold).await;
        pairs.iter().for_each(|pair| self.fleet.links.heal(*pair));
    }
}

fn pairs(of: &[u8]) -> impl Iterator<Item = Pair> {
    of.iter().flat_map(|one| {
        of.iter().filter(move |other| one < other).map(|other| Pair::new(*one, *other))
    })
}
