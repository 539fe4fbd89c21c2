//! Which faults are in force, which pairs of nodes have recovered from theirs, and how long that took.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::clock::Moment;
use crate::fault::{Kind, Place};
use crate::pair::Pair;

/// What happens in this time after a recovery is still taken for an effect of the fault: the reports of several processes are
/// read in no order.
const AFTERMATH: Duration = Duration::from_secs(2);

/// The faults of all pairs and nodes.
#[derive(Debug)]
pub(crate) struct Troubles {
    in_force: Vec<(Place, Kind, Moment)>,
    pairs: BTreeMap<Pair, Health>,
}

/// How a pair is doing.
#[derive(Debug, Default)]
struct Health {
    /// From the first of several faults until the recovery from the last.
    troubled: Vec<(Moment, Option<Moment>)>,
    /// Set from the end of the last fault until the recovery.
    recovering: Option<Recovering>,
}

#[derive(Debug)]
struct Recovering {
    kind: Kind,
    since: Moment,
    /// When a call of the lower, and of the higher node was answered that began after the end of the fault.
    answered: [Option<Moment>; 2],
    is_overdue: bool,
}

/// What became of a pair after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Both nodes have answered each other, this long after the end of the fault.
    Recovered(Duration),
    /// Another fault began before that.
    Overtaken,
}

impl Troubles {
    pub(crate) fn new(nodes: u8) -> Self {
        let pairs = Pair::all(nodes).into_iter().map(|pair| (pair, Health::default()));
        Self { in_force: Vec::new(), pairs: pairs.collect() }
    }

    /// A fault begins. Returns the kinds of faults that pairs were recovering from.
    pub(crate) fn begin(&mut self, place: Place, kind: Kind, now: Moment) -> Vec<Kind> {
        self.in_force.push((place, kind, now));
        let mut overtaken = Vec::new();
        for (_, health) in self.pairs.iter_mut().filter(|(pair, _)| place.affects(**pair)) {
            if !matches!(health.troubled.last(), Some((_, None))) {
                health.troubled.push((now, None));
            }
            overtaken.extend(health.recovering.take().map(|recovering| recovering.kind));
        }
        overtaken
    }

    /// The fault in this place, of this kind, is over. A pair recovers once nothing else affects it.
    pub(crate) fn end(&mut self, place: Place, kind: Kind, now: Moment) {
        let of = |(other, of, _): &(Place, Kind, Moment)| (*other, *of) == (place, kind);
        if let Some(index) = self.in_force.iter().position(of) {
            self.in_force.remove(index);
        }
        let in_force = &self.in_force;
        for (pair, health) in self.pairs.iter_mut().filter(|(pair, _)| place.affects(**pair)) {
            if !in_force.iter().any(|(other, ..)| other.affects(*pair)) {
                let answered = [None; 2];
                let recovering = Recovering { kind, since: now, answered, is_overdue: false };
                health.recovering = Some(recovering);
            }
        }
    }

    /// A call was answered. Returns the recovery if that is the end of one.
    pub(crate) fn answered(
        &mut self,
        from: u8,
        to: u8,
        began: Moment,
        ended: Moment,
    ) -> Option<(Kind, Outcome)> {
        let pair = Pair::new(from, to);
        let health = self.pairs.get_mut(&pair)?;
        let recovering =
            health.recovering.as_mut().filter(|recovering| recovering.since <= began)?;
        let side = usize::from(from > to);
        let first = recovering.answered[side].get_or_insert(ended);
        *first = (*first).min(ended);
        let [Some(low), Some(high)] = recovering.answered else { return None };
        let (kind, recovered) = (recovering.kind, low.max(high));
        let time = recovered - recovering.since;
        health.recovering = None;
        if let Some((_, until)) = health.troubled.last_mut() {
            *until = Some(recovered);
        }
        Some((kind, Outcome::Recovered(time)))
    }

    /// The pairs that have not recovered in this time, each once.
    pub(crate) fn overdue(&mut self, now: Moment, max: Duration) -> Vec<(Pair, Kind, String)> {
        let mut overdue = Vec::new();
        for (pair, health) in &mut self.pairs {
            if let Some(recovering) = &mut health.recovering
                && now - recovering.since > max
                && !recovering.is_overdue
            {
                recovering.is_overdue = true;
                let silent = pair.nodes().into_iter().zip(recovering.answered);
                let silent = silent.filter(|(_, answered)| answered.is_none());
                let silent: Vec<_> = silent.map(|(node, _)| format!("node{node}")).collect();
                overdue.push((*pair, recovering.kind, silent.join(" and ")));
            }
        }
        overdue
    }

    /// Whether all pairs have recovered from all faults.
    pub(crate) fn are_over(&self) -> bool {
        let of_pairs = |health: &Health| matches!(health.troubled.last(), Some((_, None)));
        self.in_force.is_empty() && !self.pairs.values().any(of_pairs)
    }

    /// Whether nothing was wrong with a pair during all of this time.
    pub(crate) fn were_healthy(&self, pair: Pair, from: Moment, to: Moment) -> bool {
        let Some(health) = self.pairs.get(&pair) else { return false };
        !health
            .troubled
            .iter()
            .rev()
            .any(|(begin, end)| *begin <= to && end.is_none_or(|end| from <= end.after(AFTERMATH)))
    }

    /// The faults that affect one of these nodes, for people.
    pub(crate) fn describe(&self, nodes: &[u8], now: Moment) -> String {
        let mut text = String::new();
        for (place, kind, since) in &self.in_force {
            let is_near = match place {
                Place::Pair(pair) => nodes.iter().any(|node| pair.has(*node)),
                Place::Node(node) => nodes.contains(node),
            };
            if is_near {
                let _ = write!(text, "{} of {place} for {:.1?}; ", kind.name(), now - *since);
            }
        }
        for (pair, health) in &self.pairs {
            if let Some(recovering) = &health.recovering
                && nodes.iter().any(|node| pair.has(*node))
            {
                let (kind, time) = (recovering.kind.name(), now - recovering.since);
                let _ = write!(text, "{pair} have been recovering from a {kind} for {time:.1?}; ");
            }
        }
        if text.is_empty() { "none".to_owned() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment(1_000_000_000 + ms * 1000)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn pair() -> Pair {
        Pair::new(0, 1)
    }

    fn cut() -> (Place, Kind) {
        (Place::Pair(pair()), Kind::Cut)
    }

    /// Three nodes; the link of the first two was cut at 100 ms, and healed at 200 ms.
    fn after_a_cut() -> Troubles {
        let mut troubles = Troubles::new(3);
        let (place, kind) = cut();
        assert_eq!(troubles.begin(place, kind, at(100)), []);
        troubles.end(place, kind, at(200));
        troubles
    }

    #[test]
    fn a_pair_has_recovered_when_both_have_answered() {
        let mut troubles = after_a_cut();
        assert_eq!(troubles.answered(0, 1, at(210), at(290)), None);
        assert_eq!(troubles.answered(0, 1, at(300), at(310)), None);
        assert!(!troubles.are_over());
        let recovered = Some((Kind::Cut, Outcome::Recovered(ms(150))));
        assert_eq!(troubles.answered(1, 0, at(300), at(350)), recovered);
        assert!(troubles.are_over());
    }

    #[test]
    fn answers_to_earlier_calls_and_of_other_pairs_do_not_count() {
        let mut troubles = after_a_cut();
        for (from, to, began) in [(0, 1, 199), (1, 0, 199), (2, 0, 300), (0, 2, 300), (1, 2, 300)] {
            assert_eq!(troubles.answered(from, to, at(began), at(400)), None);
        }
        assert!(!troubles.are_over());
    }

    #[test]
    fn another_fault_overtakes_a_recovery_and_must_end_first() {
        let mut troubles = after_a_cut();
        assert_eq!(troubles.begin(Place::Node(1), Kind::Stop, at(300)), [Kind::Cut]);
        assert_eq!(troubles.begin(Place::Pair(pair()), Kind::Delay, at(310)), []);
        troubles.end(Place::Node(1), Kind::Stop, at(400));
        assert_eq!(troubles.answered(0, 1, at(410), at(420)), None);
        assert_eq!(troubles.answered(1, 0, at(410), at(420)), None);
        troubles.end(Place::Pair(pair()), Kind::Delay, at(500));
        assert_eq!(troubles.answered(0, 1, at(510), at(520)), None);
        let recovered = Some((Kind::Delay, Outcome::Recovered(ms(30))));
        assert_eq!(troubles.answered(1, 0, at(510), at(530)), recovered);
    }

    #[test]
    fn a_pair_that_does_not_recover_is_noticed_once() {
        let mut troubles = after_a_cut();
        troubles.answered(1, 0, at(300), at(310));
        assert_eq!(troubles.overdue(at(1200), ms(1000)), []);
        let overdue = troubles.overdue(at(1201), ms(1000));
        assert_eq!(overdue, [(pair(), Kind::Cut, "node0".to_owned())]);
        assert_eq!(troubles.overdue(at(9000), ms(1000)), []);
    }

    #[test]
    fn a_pair_is_healthy_apart_from_its_faults_and_their_aftermath() {
        let mut troubles = after_a_cut();
        let healthy =
            |troubles: &Troubles, from, to| troubles.were_healthy(pair(), at(from), at(to));
        assert!(healthy(&troubles, 0, 99));
        assert!(!healthy(&troubles, 0, 100));
        assert!(!healthy(&troubles, 9000, 9100));
        troubles.answered(0, 1, at(210), at(300));
        troubles.answered(1, 0, at(210), at(300));
        assert!(!healthy(&troubles, 2300, 2400));
        assert!(healthy(&troubles, 2301, 2400));
        assert!(troubles.were_healthy(Pair::new(1, 2), at(0), at(300)));
    }

    #[test]
    fn faults_are_described_by_their_place() {
        let mut troubles = after_a_cut();
        assert!(troubles.describe(&[1], at(300)).contains("recovering from a cut"));
        troubles.begin(Place::Node(2), Kind::Stop, at(300));
        assert!(troubles.describe(&[2], at(1300)).contains("SIGSTOP of node2 for 1.0s"));
        assert_eq!(Troubles::new(2).describe(&[0, 1], at(0)), "none");
    }
}
