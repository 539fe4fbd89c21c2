//! [`CallGenerator`]: decides which calls a node makes, and with which options.

use std::collections::BTreeSet;
use std::time::Duration;

use grid::Connection;

use crate::random::Random;
use crate::service::End;

/// An attempt of a call with a policy takes this long at most.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// A request that travels in parts.
pub(crate) const LARGE_BYTES: u32 = 200 << 10;

/// The shape of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    Run,
    Look,
    Compute,
    Note,
    List,
    Gather,
    Talk,
}

impl Shape {
    pub(crate) const ALL: [Self; 7] =
        [Self::Run, Self::Look, Self::Compute, Self::Note, Self::List, Self::Gather, Self::Talk];

    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Self::List | Self::Gather | Self::Talk)
    }
}

/// One call, and what its handler and its caller do.
#[derive(Debug, Clone)]
pub(crate) struct CallSpec {
    pub(crate) shape: Shape,
    /// One of both nodes speaks the base protocol only, in which errors have no codes.
    pub(crate) is_base: bool,
    pub(crate) timeout: Option<Duration>,
    /// Waits for a connection.
    pub(crate) waits: bool,
    /// The caller drops it after this time.
    pub(crate) dropped_after: Option<Duration>,
    pub(crate) has_metadata: bool,
    pub(crate) has_subroute: bool,
    /// How often it may be made at its node.
    pub(crate) attempts: u32,
    /// Another node that is asked as well after this time.
    pub(crate) hedge: Option<(Connection, Duration)>,
    pub(crate) request_bytes: u32,
    /// Of the answer, and of each item.
    pub(crate) bytes: u32,
    pub(crate) items: u32,
    /// A handler with an input reads up to its end, and does not stop after the last item.
    pub(crate) reads_on: bool,
    /// Of the handler.
    pub(crate) pause: Duration,
    pub(crate) sender_pause: Duration,
    pub(crate) reader_pause: Duration,
    pub(crate) end: End,
    pub(crate) calls_back: bool,
    /// A handler makes it, and can be dropped with it.
    pub(crate) is_back: bool,
    /// Nothing happens that it may be lost by: its caller knows whether it has run.
    pub(crate) is_safe: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct CallGenerator {
    pub(crate) random: Random,
    /// Whether this node speaks the base protocol only.
    pub(crate) is_base: bool,
    /// Nodes that do.
    pub(crate) base: BTreeSet<String>,
    /// The largest payload.
    pub(crate) bytes_max: u64,
    /// How often payloads are larger than some KiB.
    pub(crate) large_ratio: f64,
}

impl CallSpec {
    /// How often its handler may run.
    pub(crate) fn runs_max(&self) -> u32 {
        self.attempts + u32::from(self.hedge.is_some())
    }

    /// The other node that may serve it.
    pub(crate) fn other(&self) -> Option<&str> {
        Some(self.hedge.as_ref()?.0.peer())
    }
}

impl CallGenerator {
    /// The next call to this node. `other` can serve it as well.
    pub(crate) fn next(&mut self, to: &str, other: Option<Connection>) -> CallSpec {
        let shape = self.random.weighted(&[
            (40, Shape::Run),
            (8, Shape::Look),
            (5, Shape::Compute),
            (5, Shape::Note),
            (14, Shape::List),
            (14, Shape::Gather),
            (14, Shape::Talk),
        ]);
        let mut spec = self.plain(to, shape);
        let random = &mut self.random;
        // A post has no owner: nothing can be set or dropped.
        if shape != Shape::Note {
            spec.timeout = random.chance(0.7).then(|| random.log_uniform_millis(1..20_000));
            spec.waits = random.chance(0.3);
            spec.dropped_after = random.chance(0.1).then(|| random.log_uniform_millis(1..5_000));
        }
        // The base protocol has no metadata.
        spec.has_metadata = !spec.is_base && random.chance(0.2);
        spec.has_subroute = random.chance(0.2);
        if shape == Shape::Look {
            match random.range(0..3) {
                0 => spec.attempts = random.range(2..4) as u32,
                1 => self.set_hedge(&mut spec, other),
                _ => {}
            }
        }
        let random = &mut self.random;
        spec.end = random.weighted(&[(92, End::Well), (6, End::Fails), (2, End::Panics)]);
        spec.calls_back = shape == Shape::Run && random.chance(0.1);
        self.set_sizes_and_pauses(&mut spec);
        spec
    }

    /// Payloads, items, and how fast both ends are.
    fn set_sizes_and_pauses(&mut self, spec: &mut CallSpec) {
        let Self { random, bytes_max, large_ratio, .. } = self;
        let bytes = |random: &mut Random| match random.chance(*large_ratio) {
            true => random.log_uniform(1 << 10..*bytes_max) as u32,
            false => random.log_uniform(1..2 << 10) as u32,
        };
        spec.request_bytes = bytes(random);
        spec.bytes = bytes(random);
        if !spec.shape.is_stream() {
            if random.chance(0.3) {
                spec.pause = random.log_uniform_millis(1..30_000);
            }
            return;
        }
        let items_max = if spec.bytes > 64 << 10 { 8 } else { 200 };
        spec.items = random.log_uniform(1..items_max) as u32;
        spec.reads_on = spec.shape != Shape::List && random.chance(0.8);
        let pause = |random: &mut Random| match random.chance(0.3) {
            true => random.log_uniform_millis(1..500),
            false => Duration::ZERO,
        };
        spec.pause = pause(random);
        spec.sender_pause = pause(random);
        spec.reader_pause = pause(random);
    }

    fn set_hedge(&mut self, spec: &mut CallSpec, other: Option<Connection>) {
        // The other node is asked without a subroute, and with the same metadata.
        spec.hedge = other
            .filter(|other| !self.base.contains(other.peer()))
            .map(|other| (other, self.random.log_uniform_millis(1..2_000)));
        spec.has_subroute &= spec.hedge.is_none();
    }

    /// A call back from a handler.
    pub(crate) fn back(&mut self, to: &str) -> CallSpec {
        let mut spec = self.plain(to, Shape::Run);
        spec.is_back = true;
        spec.pause = self.random.millis(0..20);
        spec
    }

    /// A small call without options, which is answered at once.
    pub(crate) fn plain(&self, to: &str, shape: Shape) -> CallSpec {
        CallSpec {
            shape,
            is_base: self.is_base || self.base.contains(to),
            timeout: None,
            waits: false,
            dropped_after: None,
            has_metadata: false,
            has_subroute: false,
            attempts: 1,
            hedge: None,
            request_bytes: 10,
            bytes: 10,
            items: 3,
            reads_on: shape != Shape::List,
            pause: Duration::ZERO,
            sender_pause: Duration::ZERO,
            reader_pause: Duration::ZERO,
            end: End::Well,
            calls_back: false,
            is_back: false,
            is_safe: false,
        }
    }
}
