//! Schedules of all that two nodes and a bad network can do, with the invariants that [`World`] checks at every step.
//!
//! `proto/tests/schedule.rs` makes them at random, and fuzz/ from the bytes of a fuzzer.

use super::pair::{millis, secs};
pub use super::world::Kind;
use super::world::World;
use crate::proto::session::features::Feature;
use crate::proto::{Features, Limits};

/// What does not change in a schedule.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// How long a message is on the wire.
    pub latency_ms: u64,
    /// As in the configuration of a node.
    pub outbox_bytes: usize,
    /// What the requests in flight may make either node hold, if it has stated that.
    pub requests_bytes_max: Option<usize>,
}

/// One step of a schedule. A `usize` selects one of the calls, counted back from the newest.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// A call starts.
    Open {
        /// By the first node, and not by the second.
        by_a: bool,
        /// What kind of call.
        kind: Kind,
        /// It waits for a connection.
        wait: bool,
        /// Its deadline, from now.
        deadline_ms: Option<u64>,
    },
    /// The caller sends three items, so that small outboxes become full.
    SendUp(usize),
    /// The handler does.
    SendDown(usize),
    /// The handler receives an item.
    RecvUp(usize),
    /// The caller does.
    RecvDown(usize),
    /// The caller sends no more items.
    FinishInput(usize),
    /// The handler answers or returns. The flag: with an error.
    Finish(usize, bool),
    /// The owner polls the answer or the opening.
    Look(usize),
    /// The owner drops the call.
    Drop(usize),
    /// Neither socket can be written, or both can again.
    Block(bool),
    /// The connection is lost.
    Cut,
    /// There is a connection, with one of five sets of extensions.
    Connect(usize),
    /// One message is put on the wire, to the second node or to the first, even if the sockets are blocked.
    Transmit(bool),
    /// This bit of the message that arrives next is flipped.
    Damage(usize),
    /// The first or the second node receives bytes that are not a whole message.
    Progress(bool),
    /// Milliseconds pass, and what arrives in them is handled.
    Pass(u64),
    /// What has arrived is handled.
    Pump,
}

/// Runs a schedule. Panics if an invariant does not hold.
pub fn run(setting: Setting, steps: impl IntoIterator<Item = Step>) {
    let Setting { latency_ms, outbox_bytes, requests_bytes_max } = setting;
    // Two of five payloads are large.
    let limits = Limits {
        outbox_bytes,
        large_bytes: 60,
        part_bytes: 24,
        transfer_bytes: outbox_bytes,
        ..Limits::default()
    };
    let mut world = World::new(limits, millis(latency_ms));
    world.pair.room = requests_bytes_max;
    world.connect(Features::all());
    for step in steps {
        take(&mut world, step);
        world.collect();
    }
    world.end();
}

fn take(world: &mut World, step: Step) {
    match step {
        Step::Open { by_a, kind, wait, deadline_ms } => {
            world.open(by_a, kind, wait, deadline_ms.map(millis));
        }
        Step::SendUp(call) => world.with(call, |world, n| (0..3).for_each(|_| world.send_up(n))),
        Step::SendDown(call) => {
            world.with(call, |world, n| (0..3).for_each(|_| world.send_down(n)));
        }
        Step::RecvUp(call) => world.with(call, World::recv_up),
        Step::RecvDown(call) => world.with(call, World::recv_down),
        Step::FinishInput(call) => world.with(call, World::finish_input),
        Step::Finish(call, fails) => world.with(call, |world, n| world.finish(n, fails)),
        Step::Look(call) => world.with(call, World::look),
        Step::Drop(call) => world.with(call, World::drop_call),
        Step::Block(blocked) => world.pair.blocked = blocked,
        Step::Cut => world.cut(),
        Step::Connect(pick) => world.connect(features(pick)),
        Step::Transmit(to_b) => {
            world.pair.transmit_one(to_b);
        }
        Step::Damage(bit) => world.damage(bit),
        Step::Progress(at_a) => world.progress(at_a),
        Step::Pass(ms) => world.pass(millis(ms)),
        Step::Pump => world.pass(secs(0)),
    }
}

fn features(pick: usize) -> Features {
    let all = Features::all();
    let without = |feature| all.without(feature);
    let some = [Feature::Credits, Feature::Cancel, Feature::Chunks].map(without);
    [all, Features::NONE, some[0], some[1], some[2]][pick % 5]
}
