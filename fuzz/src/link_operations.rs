//! Structured operations on a pair of links: calls of every kind, in both directions, over a network that delays, blocks,
//! damages and loses messages.
//!
//! What is checked is in `grid/src/proto/simulation/world/`: every call ends once, streams deliver what was sent in order
//! and say truly whether it is complete, waiting tasks are woken, and nothing is left at the end.

use grid::__internals::{Kind, Setting, Step, run};

use crate::input::Input;

/// Steps of one input, so that no input takes long.
const STEPS_MAX: usize = 400;

/// Three bytes are the setting; steps follow.
pub fn link_operations(data: &[u8]) {
    let mut input = Input::new(data);
    let setting = setting(&mut input);
    let steps = std::iter::from_fn(|| (!input.is_empty()).then(|| step(&mut input)));
    run(setting, steps.take(STEPS_MAX));
}

fn setting(input: &mut Input<'_>) -> Setting {
    Setting {
        latency_ms: input.u8().into(),
        outbox_bytes: [48, 300, 1 << 18][usize::from(input.u8()) % 3],
        // Any number of calls at once, two, or six.
        requests_bytes_max: [None, Some(2500), Some(6500)][usize::from(input.u8()) % 3],
    }
}

fn step(input: &mut Input<'_>) -> Step {
    match input.u8() % 26 {
        0..=4 => open(input),
        5 | 6 => Step::SendUp(call(input)),
        7 | 8 => Step::SendDown(call(input)),
        9 => Step::RecvUp(call(input)),
        10 => Step::RecvDown(call(input)),
        11 => Step::FinishInput(call(input)),
        12 => Step::Finish(call(input), false),
        13 => Step::Finish(call(input), true),
        14 => Step::Look(call(input)),
        15 => Step::Drop(call(input)),
        16 => Step::Block(input.bool()),
        17 => Step::Cut,
        18 => Step::Connect(input.u8().into()),
        19 => Step::Transmit(input.bool()),
        20 => Step::Damage(input.u16().into()),
        21 => Step::Progress(input.bool()),
        22 => Step::Pass(input.u8().into()),
        23 => Step::Pass(input.u16().into()),
        _ => Step::Pump,
    }
}

/// Which call, counted back from the newest.
fn call(input: &mut Input<'_>) -> usize {
    usize::from(input.u8() % 40)
}

fn open(input: &mut Input<'_>) -> Step {
    let bits = input.u8();
    let kind = match bits % 6 {
        0 => Kind::Single,
        1 => Kind::Post,
        2 => Kind::Bytes,
        _ => {
            let capacities = input.u8() % 25;
            Kind::Stream { incoming: (capacities / 5).into(), outgoing: (capacities % 5).into() }
        }
    };
    let deadline_ms = (bits & 0x80 != 0).then(|| u64::from(input.u16()).pow(2) / 4000 + 1);
    Step::Open { by_a: bits & 0x40 != 0, kind, wait: bits & 0x20 != 0, deadline_ms }
}
