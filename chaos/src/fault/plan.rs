//! The plan of a run: which faults there are, when, where, and for how long. It follows from the seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::kind::{Fault, LinkFault};
use crate::pair::Pair;

/// A fault and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    /// When it begins, from the start of the run.
    pub(crate) at: Duration,
    /// How long it lasts.
    pub(crate) hold: Duration,
    pub(crate) fault: Fault,
}

/// The longest time for which a process is stopped. A node notices after a few seconds; its peers must notice its return.
const STOP_MAX: Duration = Duration::from_secs(40);

/// Processes that are stopped or down at the same time.
const NODES_AT_ONCE: usize = 2;

/// This node is stopped, but never ended, so that its resources can be compared over the whole run.
pub(crate) const NODE_THAT_STAYS: u8 = 0;

/// Plans the faults of a run, in the order of their times.
///
/// At most one fault of a link and one of a process are in force at a time in each place. All are over at the end.
pub(crate) fn plan(seed: u64, nodes: u8, time: Duration) -> Vec<Planned> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut planned = links(&mut random, nodes, time);
    planned.extend(processes(&mut random, nodes, time));
    planned.retain(|planned| planned.at + planned.hold + Duration::from_secs(1) <= time);
    planned.sort_by_key(|planned| planned.at);
    planned
}

/// The unit of pauses and faults: short runs have short ones.
fn unit(time: Duration) -> Duration {
    (time / 20).clamp(Duration::from_secs(2), Duration::from_secs(12))
}

fn links(random: &mut StdRng, nodes: u8, time: Duration) -> Vec<Planned> {
    let unit = unit(time);
    let mut planned = Vec::new();
    let mut next: Vec<_> = Pair::all(nodes)
        .into_iter()
        .map(|pair| (between(random, Duration::ZERO, unit), pair))
        .collect();
    let mut deck = Vec::new();
    loop {
        next.sort();
        let Some((at, pair)) = next.first_mut().filter(|(at, _)| *at < time) else { break };
        if deck.is_empty() {
            deck = link_faults(random);
            deck.shuffle(random);
        }
        let Some(fault) = deck.pop() else { break };
        let hold = match fault {
            LinkFault::Cut | LinkFault::Reset => Duration::ZERO,
            LinkFault::Corrupt | LinkFault::CorruptHandshake => Duration::ZERO,
            _ => between(random, unit / 4, unit),
        };
        planned.push(Planned { at: *at, hold, fault: Fault::Link(*pair, fault) });
        *at += hold + between(random, unit / 2, unit * 3 / 2);
    }
    planned
}

/// One fault of each kind; those that are over at once are twice as frequent.
fn link_faults(random: &mut StdRng) -> Vec<LinkFault> {
    let one_way = random.random();
    let delay = Duration::from_millis(random.random_range(1..=200));
    let bandwidth = *[16, 64, 256, 1024].choose(random).unwrap_or(&64) * 1024;
    vec![
        LinkFault::Cut,
        LinkFault::Reset,
        LinkFault::Reset,
        LinkFault::Swallow([true, true]),
        LinkFault::Swallow([one_way, !one_way]),
        LinkFault::Stall,
        LinkFault::Dribble,
        LinkFault::Delay(delay),
        LinkFault::Bandwidth(bandwidth),
        LinkFault::Corrupt,
        LinkFault::Corrupt,
        LinkFault::CorruptHandshake,
    ]
}

fn processes(random: &mut StdRng, nodes: u8, time: Duration) -> Vec<Planned> {
    let unit = unit(time);
    let mut planned: Vec<Planned> = Vec::new();
    let mut deck = Vec::new();
    let mut at = unit / 2;
    while at < time {
        let busy = |node: u8| {
            // Until the node is up again and has been for a while.
            let until = |planned: &Planned| planned.at + planned.hold + unit / 2;
            let of_node = |planned: &&Planned| planned.fault.place() == super::Place::Node(node);
            planned.iter().filter(of_node).any(|planned| until(planned) > at)
        };
        let free: Vec<u8> = (0..nodes).filter(|node| !busy(*node)).collect();
        if usize::from(nodes) - free.len() < NODES_AT_ONCE {
            if deck.is_empty() {
                deck = vec![Fault::Kill, Fault::Stop, Fault::Restart];
                deck.shuffle(random);
            }
            if let (Some(node), Some(fault)) = (free.choose(random), deck.pop()) {
                let fault = match fault(*node) {
                    Fault::Kill(NODE_THAT_STAYS) | Fault::Restart(NODE_THAT_STAYS) => {
                        Fault::Stop(NODE_THAT_STAYS)
                    }
                    fault => fault,
                };
                let hold = match fault {
                    Fault::Stop(_) => stop_time(random, time),
                    _ => between(random, Duration::ZERO, unit / 4),
                };
                planned.push(Planned { at, hold, fault });
            }
        }
        at += between(random, unit / 2, unit * 3 / 2);
    }
    planned
}

/// Half of all stops are short: those that the peers should survive.
fn stop_time(random: &mut StdRng, time: Duration) -> Duration {
    let longest = STOP_MAX.min(time / 5).max(Duration::from_secs(1));
    let shortest = Duration::from_secs(1);
    match random.random() {
        true => between(random, shortest, longest.min(Duration::from_secs(4))),
        false => between(random, shortest, longest),
    }
}

fn between(random: &mut StdRng, from: Duration, to: Duration) -> Duration {
    random.random_range(from..=to.max(from))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::{Kind, Place};
    use super::*;

    const MINUTES: Duration = Duration::from_secs(600);

    #[test]
    fn a_seed_always_plans_the_same() {
        assert_eq!(plan(1, 5, MINUTES), plan(1, 5, MINUTES));
        assert_ne!(plan(1, 5, MINUTES), plan(2, 5, MINUTES));
    }

    #[test]
    fn ten_minutes_have_many_faults_of_each_kind() {
        for seed in 0..20 {
            let mut counts: HashMap<Kind, usize> = HashMap::new();
            for planned in plan(seed, 5, MINUTES) {
                *counts.entry(planned.fault.kind()).or_default() += 1;
            }
            assert_eq!(counts.len(), 13, "seed {seed}: {counts:?}");
            assert!(counts.values().all(|count| *count >= 5), "seed {seed}: {counts:?}");
        }
    }

    #[test]
    fn twenty_seconds_have_most_kinds() {
        for seed in 0..20 {
            let mut kinds: Vec<_> =
                plan(seed, 4, Duration::from_secs(20)).iter().map(|p| p.fault.kind()).collect();
            kinds.sort();
            kinds.dedup();
            assert!(kinds.len() >= 9, "seed {seed}: {kinds:?}");
        }
    }

    #[test]
    fn faults_in_one_place_do_not_overlap_and_end_in_time() {
        for (seed, time) in (0..20).flat_map(|seed| [(seed, 20), (seed, 120), (seed, 600)]) {
            let time = Duration::from_secs(time);
            let mut until: Vec<(Place, Duration)> = Vec::new();
            for Planned { at, hold, fault } in plan(seed, 5, time) {
                assert!(at + hold < time);
                let earlier = until.iter().filter(|(place, _)| *place == fault.place());
                for (place, over) in earlier {
                    assert!(*over <= at, "seed {seed}: {place} at {at:?}");
                }
                until.push((fault.place(), at + hold));
            }
        }
    }

    #[test]
    fn stops_are_of_one_to_forty_seconds_and_one_node_stays() {
        let mut stops = Vec::new();
        for planned in (0..20).flat_map(|seed| plan(seed, 5, MINUTES)) {
            match planned.fault {
                Fault::Stop(_) => stops.push(planned.hold),
                Fault::Kill(node) | Fault::Restart(node) => assert_ne!(node, NODE_THAT_STAYS),
                Fault::Link(..) => {}
            }
        }
        let within = |time: &&Duration| (1.0..=40.0).contains(&time.as_secs_f64());
        assert_eq!(stops.iter().filter(within).count(), stops.len());
        assert!(stops.iter().any(|time| time.as_secs() >= 35));
    }
}
