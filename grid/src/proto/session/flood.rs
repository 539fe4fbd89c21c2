//! The budget for messages that cost this node work and are of no use: pings, answers to calls that are over, calls that
//! are cancelled at once, and the like.
//!
//! Requests that are answered and items that are read need no such budget: they are limited by the number of calls in
//! flight and by credits, and they are what the node is for. Everything else a peer could send as fast as the network
//! carries it, and each message would take time from other links. So it is paid for from a token bucket:
//!
//! - the bucket refills with time, by [`UNITS_PER_SEC`];
//! - each message that this node sends adds [`UNITS_PER_MESSAGE`], because a message of the peer that came too late to be
//!   of use was mostly caused by one of this node: an answer by a call, a credit by an item;
//! - a stream that ends early adds the price of the items that may be on their way.
//!
//! A node that is not hostile does not reach the limit. The largest rate that such nodes were seen to reach is that of a
//! caller that drops 100 000 calls a second, and it may do that for ever.

use std::fmt;
use std::time::{Duration, Instant};

/// Units that are added per second: one per microsecond. Together with the prices in [`Waste::price`], this is the rate
/// that a peer may keep up for ever.
const UNITS_PER_SEC: u64 = 1_000_000;

/// Units of a full bucket. A connection may have been stalled for some seconds, and then everything arrives together.
const UNITS_MAX: u64 = 4 * UNITS_PER_SEC;

/// Units that are added with each message that this node sends.
const UNITS_PER_MESSAGE: u64 = 8;

/// A kind of message that is of no use to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waste {
    /// A ping of the connection. One is sent per ping interval.
    Ping,
    /// A ping of a stream. One is sent every 15 s for each stream.
    StreamPing,
    /// An unknown op, or a message that has no meaning after the handshake.
    Unknown,
    /// A message for a call that is over, and credits that the sender cannot use.
    Stale,
    /// The same, where the protocol demands an answer.
    StaleAnswered,
    /// A call that was cancelled, by the peer or by its deadline, before it was answered.
    Cancelled,
    /// The same for a stream, whose opening and end are both answered.
    CancelledStream,
    /// A call that was not run: there is no such handler, or too many calls are in flight.
    Refused,
    /// A stream that was ended because the peer broke its rules.
    Violation,
    /// A merged message without parts, or a part of a large message that has only a few bytes.
    Tiny,
    /// A WebSocket frame that carries no message: a ping, a pong, text.
    Frame,
    /// A fragment of a WebSocket message that has only a few bytes.
    Fragment,
}

const KINDS: usize = 12;

impl Waste {
    const ALL: [Self; KINDS] = [
        Self::Ping,
        Self::StreamPing,
        Self::Unknown,
        Self::Stale,
        Self::StaleAnswered,
        Self::Cancelled,
        Self::CancelledStream,
        Self::Refused,
        Self::Violation,
        Self::Tiny,
        Self::Frame,
        Self::Fragment,
    ];

    /// The units that one costs, without the answers that this node sends to it.
    const fn price(self) -> u64 {
        match self {
            // 7 800 a second: what is sent once per interval, and what is never sent at all.
            Self::Ping | Self::Unknown | Self::Frame | Self::Violation => 128,
            // 62 500 a second: 900 000 streams on one connection.
            Self::StreamPing | Self::Tiny | Self::Fragment => 16,
            // 125 000 a second, beside those that this node has caused.
            Self::Stale | Self::StaleAnswered => 8,
            // 250 000 a second: a caller that gives up each of its calls.
            Self::Cancelled | Self::CancelledStream => 4,
            // 500 000 a second: as many as a caller makes that waits for each answer and calls again at once.
            Self::Refused => 2,
        }
    }

    /// Messages that this node sends because of one. They must not add to the bucket.
    const fn answers(self) -> u64 {
        match self {
            Self::Unknown | Self::Stale | Self::Cancelled | Self::Tiny => 0,
            // The transport answers pings of the WebSocket itself, at most one for each write.
            Self::Frame | Self::Fragment => 0,
            Self::Ping | Self::StreamPing | Self::StaleAnswered | Self::Refused => 1,
            Self::CancelledStream => 2,
            Self::Violation => 3,
        }
    }

    const fn cost(self) -> u64 {
        self.price() + self.answers() * UNITS_PER_MESSAGE
    }

    /// The rate that is not limited, per second.
    const fn per_sec_max(self) -> u64 {
        UNITS_PER_SEC / self.price()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ping => "pings",
            Self::StreamPing => "pings of streams",
            Self::Unknown => "messages without a meaning",
            Self::Stale | Self::StaleAnswered => "messages for calls that are over",
            Self::Cancelled => "calls that were cancelled before they were answered",
            Self::CancelledStream => "streams that were cancelled",
            Self::Refused => "calls that could not be run",
            Self::Violation => "streams whose rules it broke",
            Self::Tiny => "merged messages or parts that are almost empty",
            Self::Frame => "WebSocket frames without a message",
            Self::Fragment => "small fragments of WebSocket messages",
        }
    }
}

/// The peer has used up its budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flood {
    /// What most of the budget was spent on.
    pub(crate) what: Waste,
    /// How many of them, and in which time.
    pub(crate) count: u64,
    pub(crate) within: Duration,
}

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, count, within } = self;
        let (name, max) = (what.name(), what.per_sec_max());
        write!(f, "a flood: {count} {name} within {within:?}, the limit is {max} per second")
    }
}

impl std::error::Error for Flood {}

/// The budget of one peer.
#[derive(Debug)]
pub(crate) struct FloodBudget {
    units: u64,
    /// When `units` was computed. `None`: it is full.
    at: Option<Instant>,
    /// Messages that this node had sent at that time.
    sent: u64,
    /// Units that were added since for streams that ended early.
    allowed: u64,
    /// What was noted since.
    noted: [u64; KINDS],
    is_noted: bool,
    /// What was noted since the bucket was full, and when that was.
    counts: [u64; KINDS],
    full_at: Option<Instant>,
}

impl Default for FloodBudget {
    fn default() -> Self {
        Self {
            units: UNITS_MAX,
            at: None,
            sent: 0,
            allowed: 0,
            noted: [0; KINDS],
            is_noted: false,
            counts: [0; KINDS],
            full_at: None,
        }
    }
}

impl FloodBudget {
    /// Notes `count` messages of this kind. They are paid for by [`settle`](Self::settle), which is called once for all
    /// messages that are handled together.
    #[inline]
    pub(crate) fn note(&mut self, waste: Waste, count: u64) {
        if let Some(noted) = self.noted.get_mut(waste as usize) {
            *noted += count;
        }
        self.is_noted |= count > 0;
    }

    /// A stream has ended while the peer could still have been sending this many items.
    pub(crate) fn allow(&mut self, items: u32) {
        self.allowed = self.allowed.saturating_add(u64::from(items) * UNITS_PER_MESSAGE);
    }

    /// Whether anything was noted since the last [`settle`](Self::settle).
    #[inline]
    pub(crate) fn is_noted(&self) -> bool {
        self.is_noted
    }

    /// Forgets what was noted.
    pub(crate) fn forgive(&mut self) {
        self.noted = [0; KINDS];
        self.is_noted = false;
    }

    /// Pays for what was noted. `sent` is the number of messages that this node has sent to the peer so far.
    ///
    /// # Errors
    /// If the budget does not suffice. The connection must be closed.
    pub(crate) fn settle(&mut self, now: Instant, sent: u64) -> Result<(), Flood> {
        self.refill(now, sent);
        let noted = std::mem::take(&mut self.noted);
        self.is_noted = false;
        let mut cost = 0;
        for (kind, (count, noted)) in Waste::ALL.iter().zip(self.counts.iter_mut().zip(noted)) {
            *count += noted;
            cost += noted * kind.cost();
        }
        match self.units.checked_sub(cost) {
            Some(left) => {
                self.units = left;
                Ok(())
            }
            None => {
                self.units = 0;
                Err(self.flood(now))
            }
        }
    }

    /// Units that are missing from a full bucket.
    #[cfg(test)]
    pub(in crate::proto) fn spent(&self) -> u64 {
        UNITS_MAX - self.units
    }

    fn refill(&mut self, now: Instant, sent: u64) {
        let elapsed = self.at.map_or(Duration::MAX, |at| now.saturating_duration_since(at));
        let by_time = u64::try_from(elapsed.as_micros()).unwrap_or(UNITS_MAX);
        let by_messages = sent.saturating_sub(self.sent).saturating_mul(UNITS_PER_MESSAGE);
        let units = self.units.saturating_add(by_time).saturating_add(by_messages);
        self.units = units.saturating_add(std::mem::take(&mut self.allowed));
        if self.units >= UNITS_MAX {
            // Messages that were sent before the answers to what is noted now, at most.
            self.units = UNITS_MAX;
            self.counts = [0; KINDS];
            self.full_at = Some(now);
        }
        (self.at, self.sent) = (Some(now), sent);
    }

    fn flood(&self, now: Instant) -> Flood {
        let costs = Waste::ALL.iter().zip(self.counts).map(|(kind, count)| (*kind, count));
        let largest = costs.max_by_key(|(kind, count)| kind.cost() * count);
        let (what, count) = largest.unwrap_or((Waste::Unknown, 0));
        let within = self.full_at.map(|at| now.saturating_duration_since(at)).unwrap_or_default();
        Flood { what, count, within }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Instant {
        crate::proto::simulation::start()
    }

    /// Notes this many per millisecond for some seconds. Returns how many there were when the budget was used up.
    fn feed(waste: Waste, per_ms: u64, seconds: u64) -> Result<(), (u64, Flood)> {
        let (mut budget, mut sent, mut fed) = (FloodBudget::default(), 0, 0);
        for ms in 0..seconds * 1000 {
            budget.note(waste, per_ms);
            sent += per_ms * waste.answers();
            fed += per_ms;
            budget
                .settle(start() + Duration::from_millis(ms), sent)
                .map_err(|flood| (fed, flood))?;
        }
        Ok(())
    }

    #[test]
    fn all_kinds_are_in_the_order_of_their_numbers() {
        assert!(Waste::ALL.iter().enumerate().all(|(number, kind)| *kind as usize == number));
    }

    #[test]
    fn each_kind_may_go_on_for_ever_at_its_rate_and_not_at_four_times_its_rate() {
        for waste in Waste::ALL {
            let per_ms = waste.per_sec_max() / 1000;
            assert_eq!(feed(waste, per_ms, 60), Ok(()), "{waste:?}");
            let (fed, flood) = feed(waste, 4 * per_ms, 60).expect_err("a flood");
            assert_eq!((flood.what, flood.count), (waste, fed));
            assert!(flood.within < Duration::from_secs(3), "{flood}");
        }
    }

    /// The rates that were seen of peers that flood: half a million a second and more.
    #[test]
    fn a_flood_of_pings_ends_at_once() {
        let (fed, flood) = feed(Waste::Ping, 500, 1).expect_err("a flood");
        assert!(fed <= 32_000, "{fed}");
        assert_eq!(
            flood.to_string(),
            "a flood: 32000 pings within 63ms, the limit is 7812 per second"
        );
    }

    #[test]
    fn a_caller_may_drop_a_hundred_thousand_calls_a_second() {
        assert_eq!(feed(Waste::Cancelled, 100, 600), Ok(()));
    }

    /// A peer of the base protocol answers every call, however late, and returns a credit for every item.
    #[test]
    fn late_answers_to_messages_of_this_node_are_not_limited() {
        let (mut budget, mut sent) = (FloodBudget::default(), 0);
        for _ in 0..100_000 {
            sent += 64;
            budget.note(Waste::Stale, 64);
            assert_eq!(budget.settle(start(), sent), Ok(()));
        }
    }

    #[test]
    fn items_that_were_on_their_way_are_paid_for() {
        let mut budget = FloodBudget::default();
        for _ in 0..100_000 {
            budget.allow(64);
            budget.note(Waste::Stale, 64);
            assert_eq!(budget.settle(start(), 0), Ok(()));
        }
        budget.note(Waste::Stale, u64::from(u32::MAX));
        assert!(budget.settle(start(), 0).is_err());
    }

    #[test]
    fn the_budget_is_full_again_after_some_seconds() {
        let mut budget = FloodBudget::default();
        let all = UNITS_MAX / Waste::Unknown.cost();
        budget.note(Waste::Unknown, all);
        assert_eq!(budget.settle(start(), 0), Ok(()));
        budget.note(Waste::Unknown, 1);
        assert!(budget.settle(start(), 0).is_err());
        budget.note(Waste::Unknown, all);
        assert_eq!(budget.settle(start() + Duration::from_secs(4), 0), Ok(()));
        // A clock that goes backwards adds nothing.
        budget.note(Waste::Unknown, 1);
        assert!(budget.settle(start(), 0).is_err());
    }
}
