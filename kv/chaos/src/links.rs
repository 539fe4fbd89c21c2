//! [`Links`]: the proxy, and which faults each link has.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use grid_chaos::Pair;
use grid_chaos::proxy::{Conditions, Proxy};

/// All links between nodes, and between them and clients.
#[derive(Debug)]
pub(crate) struct Links {
    proxy: Proxy,
    ends: u8,
    faults: Mutex<BTreeMap<Pair, Faults>>,
}

/// A link can be slow and be cut off at the same time, and the end of the one must not be that of the other.
#[derive(Debug, Clone, Copy, Default)]
struct Faults {
    slow: Option<Conditions>,
    cut_off: Option<Conditions>,
}

impl Faults {
    fn conditions(self) -> Conditions {
        self.cut_off.or(self.slow).unwrap_or_default()
    }
}

impl Links {
    pub(crate) async fn start(ends: u8) -> io::Result<Self> {
        Ok(Self { proxy: Proxy::start(ends).await?, ends, faults: Mutex::default() })
    }

    /// For each end, the port that leads there from this one.
    pub(crate) fn ports(&self, from: u8) -> Vec<u16> {
        self.proxy.ports(from, self.ends)
    }

    /// The node at a place accepts connections on this port, or on none.
    pub(crate) fn set_target(&self, place: u8, port: Option<u16>) {
        self.proxy.set_target(place, port);
    }

    /// Closes the connections of two ends.
    pub(crate) fn close(&self, pair: Pair) {
        self.proxy.cut(pair);
    }

    fn set(&self, pair: Pair, change: impl FnOnce(&mut Faults)) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let faults = faults.entry(pair).or_default();
        change(faults);
        self.proxy.set(pair, faults.conditions());
    }

    /// Makes a link slow, or as fast as it was.
    pub(crate) fn slow(&self, pair: Pair, conditions: Option<Conditions>) {
        self.set(pair, |faults| faults.slow = conditions);
    }

    /// Nothing passes between two ends, and nothing is lost: what is sent arrives afterwards, as after a partition of a network.
    pub(crate) fn cut_off(&self, pair: Pair) {
        let conditions = Conditions { is_stalled: true, ..Conditions::default() };
        self.set(pair, |faults| faults.cut_off = Some(conditions));
    }

    /// What one end sends to another vanishes, and not what that one sends.
    pub(crate) fn silence(&self, from: u8, to: u8) {
        // Conditions are as seen from the lower end.
        let swallows = [from < to, from > to];
        let conditions = Conditions { swallows, ..Conditions::default() };
        self.set(Pair::new(from, to), |faults| faults.cut_off = Some(conditions));
    }

    /// Ends both.
    pub(crate) fn heal(&self, pair: Pair) {
        self.set(pair, |faults| {
            // A connection of which bytes have vanished never carries any again.
            if faults.cut_off.is_some_and(|conditions| conditions.swallows.contains(&true)) {
                self.proxy.cut(pair);
            }
            faults.cut_off = None;
        });
    }

    /// Ends all faults.
    pub(crate) fn restore(&self) {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs: Vec<_> = faults.keys().copied().collect();
        drop(faults);
        for pair in pairs {
            self.heal(pair);
            self.slow(pair, None);
        }
    }
}
