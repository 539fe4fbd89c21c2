//! [`Kind`]: the kinds of faults, and [`Deck`], which decides their order.

use clap::ValueEnum;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use serde::Serialize;

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The process is killed. What it has written is with the operating system.
    Kill,
    /// The process is killed, and what it has not synced is lost, or torn.
    PowerLoss,
    /// The same for all nodes at once.
    PowerLossOfAll,
    /// The node is told to shut down, and started again.
    Restart,
    /// The process does not run for less than an election.
    ShortStop,
    /// The process does not run for some seconds.
    Stop,
    /// The other nodes do not reach the node, and clients do.
    Isolate,
    /// Nobody reaches the node.
    IsolateCompletely,
    /// What the node sends to the others vanishes.
    Mute,
    /// What the others send to the node vanishes.
    Deaf,
    /// Some nodes, fewer than half, are separated from the others. Clients reach both sides.
    Split,
    /// All nodes are separated from each other.
    SplitAll,
    /// The disk is full, and the node ends.
    DiskFull,
    /// The time of day of the node is stepped, by up to two hours in either direction, while its links are closed.
    ClockStep,
}

impl Kind {
    /// How often a kind is in a deck. Those that end a leader are frequent, because failovers are measured.
    fn weight(self) -> usize {
        match self {
            Self::Kill | Self::PowerLoss => 4,
            Self::Stop | Self::Isolate | Self::IsolateCompletely => 3,
            Self::ShortStop | Self::DiskFull | Self::Split => 2,
            Self::PowerLossOfAll | Self::Restart | Self::Mute | Self::Deaf => 2,
            Self::SplitAll | Self::ClockStep => 1,
        }
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::PowerLoss => "power loss",
            Self::PowerLossOfAll => "power loss of all nodes",
            Self::Restart => "graceful restart",
            Self::ShortStop => "SIGSTOP, short",
            Self::Stop => "SIGSTOP, long",
            Self::Isolate => "partition of one node",
            Self::IsolateCompletely => "the same, also from clients",
            Self::Mute => "partition one way, out",
            Self::Deaf => "partition one way, in",
            Self::Split => "partition into two sides",
            Self::SplitAll => "partition of all nodes",
            Self::DiskFull => "disk full",
            Self::ClockStep => "clock step",
        }
    }

    /// Whether a leader that has this is replaced by another one.
    pub(crate) fn ends_leader(self) -> bool {
        !matches!(
            self,
            Self::PowerLossOfAll | Self::ShortStop | Self::SplitAll | Self::ClockStep | Self::Deaf
        )
    }

    /// Whether there is no majority while it lasts.
    pub(crate) fn takes_majority(self) -> bool {
        matches!(self, Self::PowerLossOfAll | Self::SplitAll)
    }
}

/// Kinds of faults in an order that a seed decides. Each kind has come once before it comes often.
#[derive(Debug)]
pub(crate) struct Deck {
    kinds: Vec<Kind>,
    left: Vec<Kind>,
}

impl Deck {
    /// A deck of these kinds; of all kinds if `only` is empty.
    pub(crate) fn new(only: &[Kind], can_step_clocks: bool) -> Self {
        let is_possible = |kind: &Kind| can_step_clocks || *kind != Kind::ClockStep;
        let kinds = if only.is_empty() { Kind::value_variants() } else { only };
        Self { kinds: kinds.iter().copied().filter(is_possible).collect(), left: Vec::new() }
    }

    pub(crate) fn draw(&mut self, random: &mut StdRng) -> Option<Kind> {
        if self.left.is_empty() {
            let times = |kind: &Kind| std::iter::repeat_n(*kind, kind.weight());
            self.left = self.kinds.iter().flat_map(times).collect();
            self.left.shuffle(random);
        }
        self.left.pop()
    }
}

/// How often a fault of one node is one of the leader, if there is one.
const OF_LEADER: f64 = 0.7;

/// The place that is hit.
pub(crate) fn target(random: &mut StdRng, running: &[u8], leader: Option<u8>) -> Option<u8> {
    match leader {
        Some(leader) if running.contains(&leader) && random.random_bool(OF_LEADER) => Some(leader),
        _ => running.choose(random).copied(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng as _;

    use super::*;

    fn draws(seed: u64, only: &[Kind], count: usize) -> Vec<Kind> {
        let (mut random, mut deck) = (StdRng::seed_from_u64(seed), Deck::new(only, true));
        (0..count).filter_map(|_| deck.draw(&mut random)).collect()
    }

    #[test]
    fn a_deck_has_all_kinds_and_follows_from_the_seed() {
        let deck: usize = Kind::all().map(Kind::weight).sum();
        let drawn = draws(1, &[], deck);
        assert_eq!(drawn.iter().copied().collect::<HashSet<_>>(), Kind::all().collect());
        assert_eq!(drawn, draws(1, &[], deck));
        assert_ne!(drawn, draws(2, &[], deck));
        assert_eq!(draws(1, &[Kind::Stop], 3), [Kind::Stop; 3]);
    }

    #[test]
    fn a_clock_that_cannot_be_stepped_is_not() {
        let (mut random, mut deck) = (StdRng::seed_from_u64(1), Deck::new(&[], false));
        assert!((0..100).all(|_| deck.draw(&mut random).is_some_and(|k| k != Kind::ClockStep)));
    }
}
