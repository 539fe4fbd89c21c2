//! Random schedules of all that two nodes and a bad network can do, with invariants that are checked at every step.
//!
//! proptest prints the schedule of a failing case, and how to repeat it.

use proptest::collection::vec;
use proptest::prelude::*;

use super::pair::{millis, secs};
use super::world::{Kind, World};
use crate::proto::session::features::Feature;
use crate::proto::{Features, Limits};

/// One step of a schedule. Numbers select one of the calls.
#[derive(Debug, Clone)]
enum Step {
    Open {
        by_a: bool,
        kind: Kind,
        wait: bool,
        deadline_ms: Option<u64>,
    },
    SendUp(usize),
    SendDown(usize),
    RecvUp(usize),
    RecvDown(usize),
    FinishInput(usize),
    /// The handler answers or returns. The flag: with an error.
    Finish(usize, bool),
    /// The owner polls the answer or the opening.
    Look(usize),
    Drop(usize),
    /// Neither socket can be written, or both can again.
    Block(bool),
    Cut,
    Connect(usize),
    Pass(u64),
    Pump,
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Single),
        (0..5u32, 0..5u32).prop_map(|(incoming, outgoing)| Kind::Stream { incoming, outgoing }),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let deadline = prop_oneof![
        2 => Just(None),
        1 => (1..3000u64).prop_map(Some),
        1 => (20_000..200_000u64).prop_map(Some),
    ];
    let open = (any::<bool>(), any_kind(), any::<bool>(), deadline)
        .prop_map(|(by_a, kind, wait, deadline_ms)| Step::Open { by_a, kind, wait, deadline_ms });
    // Small numbers, counted from the newest call, so that several steps act on the same call.
    let call = || prop_oneof![6 => 0..3usize, 1 => 0..40usize];
    let time = prop_oneof![4 => 0..5u64, 2 => 0..2000u64, 1 => 0..70_000u64];
    prop_oneof![
        6 => open,
        8 => call().prop_map(Step::SendUp),
        8 => call().prop_map(Step::SendDown),
        8 => call().prop_map(Step::RecvUp),
        8 => call().prop_map(Step::RecvDown),
        4 => call().prop_map(Step::FinishInput),
        3 => (call(), any::<bool>()).prop_map(|(call, fails)| Step::Finish(call, fails)),
        4 => call().prop_map(Step::Look),
        2 => call().prop_map(Step::Drop),
        5 => any::<bool>().prop_map(Step::Block),
        1 => Just(Step::Cut),
        3 => (0..5usize).prop_map(Step::Connect),
        4 => time.prop_map(Step::Pass),
        6 => Just(Step::Pump),
    ]
}

fn features(pick: usize) -> Features {
    let all = Features::all();
    let without = |feature| all.without(feature);
    let some = [Feature::Credits, Feature::Cancel, Feature::Chunks].map(without);
    [all, Features::NONE, some[0], some[1], some[2]][pick % 5]
}

fn run(latency_ms: u64, outbox_bytes: usize, room: Option<usize>, steps: Vec<Step>) {
    // Two of five payloads are large.
    let limits = Limits {
        outbox_bytes,
        large_bytes: 60,
        part_bytes: 24,
        transfer_bytes: outbox_bytes,
        ..Limits::default()
    };
    let mut world = World::new(limits, millis(latency_ms));
    world.pair.room = room;
    world.connect(Features::all());
    for step in steps {
        match step {
            Step::Open { by_a, kind, wait, deadline_ms } => {
                world.open(by_a, kind, wait, deadline_ms.map(millis));
            }
            // Three at once, so that small outboxes become full.
            Step::SendUp(call) => {
                world.with(call, |world, n| (0..3).for_each(|_| world.send_up(n)))
            }
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
            Step::Pass(ms) => world.pass(millis(ms)),
            Step::Pump => world.pass(secs(0)),
        }
        world.collect();
    }
    world.end();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_confused_or_left_behind(
        latency_ms in prop_oneof![Just(0u64), 1..300u64],
        outbox_bytes in prop_oneof![Just(48usize), Just(300), Just(1 << 18)],
        // Two calls at once, or six.
        room in prop_oneof![2 => Just(None), 1 => Just(Some(2500usize)), 1 => Just(Some(6500))],
        steps in vec(any_step(), 1..250),
    ) {
        run(latency_ms, outbox_bytes, room, steps);
    }
}

/// The heap of timers and the queues are bounded by the number of live calls, however long a link runs.
#[test]
fn timers_and_queues_stay_bounded_in_a_long_run() {
    let limits = Limits { outbox_bytes: 300, large_bytes: 60, part_bytes: 24, ..Limits::default() };
    let mut world = World::new(limits, millis(1));
    world.connect(Features::all());
    for round in 0..4000u32 {
        let kind = match round % 3 {
            0 => Kind::Single,
            _ => Kind::Stream { incoming: 1, outgoing: round % 5 },
        };
        world.open(round % 2 == 0, kind, round % 5 == 0, Some(secs(100 + u64::from(round % 50))));
        world.pass(millis(3));
        world.with(0, World::send_up);
        world.with(1, World::send_down);
        world.with(2, |world, n| world.finish(n, n % 4 == 0));
        world.with(8, World::drop_call);
        if round % 500 == 499 {
            world.cut();
            world.connect(Features::all());
        }
        world.collect();
        world.forget_the_old();
    }
    let (a, b) = (world.pair.a.link.backlog(), world.pair.b.link.backlog());
    assert!(a.0 < 200 && b.0 < 200 && a.1 < 3000 && b.1 < 3000, "{a:?} {b:?}");
    world.end();
}
