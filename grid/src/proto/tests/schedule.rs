//! Random schedules of all that two nodes and a bad network can do, with invariants that are checked at every step.
//!
//! proptest prints the schedule of a failing case, and how to repeat it.

use proptest::collection::vec;
use proptest::prelude::*;

use super::pair::{millis, secs};
use super::steps::{Kind, Setting, Step, run};
use crate::proto::simulation::world::World;
use crate::proto::{Features, Limits};

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        3 => Just(Kind::Single),
        1 => Just(Kind::Post),
        4 => (0..5u32, 0..5u32).prop_map(|(incoming, outgoing)| Kind::Stream { incoming, outgoing }),
        1 => Just(Kind::Bytes),
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
        2 => any::<bool>().prop_map(Step::Transmit),
        1 => (0..4000usize).prop_map(Step::Damage),
        1 => any::<bool>().prop_map(Step::Progress),
        4 => time.prop_map(Step::Pass),
        6 => Just(Step::Pump),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_confused_or_left_behind(
        latency_ms in prop_oneof![Just(0u64), 1..300u64],
        outbox_bytes in prop_oneof![Just(48usize), Just(300), Just(1 << 18)],
        // Two calls at once, or six.
        requests_bytes_max in prop_oneof![2 => Just(None), 1 => Just(Some(2500usize)), 1 => Just(Some(6500))],
        steps in vec(any_step(), 1..250),
    ) {
        run(Setting { latency_ms, outbox_bytes, requests_bytes_max }, steps);
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
