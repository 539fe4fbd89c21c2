//! Bytes into a link after the handshake, with any set of extensions, while both sides have calls and streams in flight.
//!
//! The input is a list of steps. Some messages have arbitrary bytes, others arbitrary fields, so that the fuzzer need not
//! guess checksums.

use bytes::Bytes;
use grid::__internals::{
    CallerAct, Fields, HandlerAct, Hostile, HostileSetting, Made, checksum, merge,
};

use crate::input::Input;

/// Steps of one input, and bytes of its messages, so that no input takes long.
const STEPS_MAX: usize = 300;
const BYTES_MAX: usize = 4 << 20;

/// Two bytes select the extensions, one the checksums; steps follow.
pub fn link_bytes(data: &[u8]) {
    let mut input = Input::new(data);
    let setting = HostileSetting { features: input.u16(), checksum: input.bool() };
    let mut run = Run { link: Hostile::new(setting), bytes_left: BYTES_MAX };
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        run.step(&mut input);
    }
    run.link.end();
}

struct Run {
    link: Hostile,
    bytes_left: usize,
}

impl Run {
    fn receive(&mut self, message: Bytes) {
        if let Some(left) = self.bytes_left.checked_sub(message.len()) {
            self.bytes_left = left;
            self.link.receive(message);
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.u8() % 16 {
            0 => self.receive(Bytes::copy_from_slice(input.slice())),
            1 => self.receive(sealed(input.slice())),
            2..=5 => self.receive(message(input)),
            6 => self.receive(merged(input)),
            7 => {
                let (message, count) = (message(input), input.u8());
                (0..count).for_each(|_| self.receive(message.clone()));
            }
            other => use_link(&mut self.link, other, input),
        }
    }
}

fn use_link(link: &mut Hostile, step: u8, input: &mut Input<'_>) {
    match step {
        8 => {
            let made = match input.u8() % 4 {
                0 | 1 => Made::Single,
                2 => Made::Stream(input.u8().into(), input.u8().into()),
                _ => Made::Bytes,
            };
            let timeout = u64::from(input.u16());
            let timeout = Some(timeout).filter(|timeout| *timeout > 0);
            link.call(made, timeout, input.u16().into(), input.bool());
        }
        9 | 10 => {
            let (at, act) = (input.u8().into(), input.u8());
            let act = match act % 4 {
                0 => CallerAct::Poll,
                1 => CallerAct::Send(input.u16().into()),
                2 => CallerAct::FinishInput,
                _ => CallerAct::Drop,
            };
            link.use_call(at, act);
        }
        11 | 12 => {
            let (at, act) = (input.u8().into(), input.u8());
            let act = match act % 4 {
                0 => HandlerAct::Receive,
                1 => HandlerAct::Send(input.u16().into()),
                2 => HandlerAct::Finish(input.u16().into()),
                _ => HandlerAct::Fail,
            };
            link.use_handler(at, act);
        }
        13 => link.pass(input.u16().into()),
        14 => link.transmit(),
        _ => {
            link.cut();
            link.connect();
        }
    }
}

/// These bytes and their checksum.
fn sealed(bytes: &[u8]) -> Bytes {
    [bytes, &checksum(bytes).to_le_bytes()].concat().into()
}

/// Handlers that the link has, and one that it does not have.
const HANDLERS: [u32; 8] = [78, 0x1234_5678, 99, 100, 101, 110, 122, 9];

/// A message with arbitrary fields, most of them small, as the ids of the link's calls are.
fn message(input: &mut Input<'_>) -> Bytes {
    let (op, flags, mux) = (input.u8() % 21, input.u8(), input.u8());
    let mux = if mux == u8::MAX { u64::from(input.u32()) << 8 } else { u64::from(mux % 32) };
    let seq = input.u8();
    let seq = if seq == u8::MAX { input.u32() } else { seq.into() };
    let handler = HANDLERS[usize::from(input.u8()) % HANDLERS.len()];
    let deadline_ms = u32::from(input.u16());
    let shape = input.u8();
    let repeated;
    let payload = match shape % 4 {
        0 => None,
        1 | 2 => Some(input.slice()),
        // Large ones without large inputs.
        _ => {
            repeated = input.take(1).repeat(input.u16().into());
            Some(&repeated[..])
        }
    };
    let meta = if shape & 4 == 4 { input.slice() } else { &[] };
    let subroute = shape & 8 == 8;
    Fields { mux, seq, deadline_ms, handler, op, flags, payload, meta, subroute }.encode()
}

fn merged(input: &mut Input<'_>) -> Bytes {
    let count = input.u8() % 8;
    merge(&(0..count).map(|_| message(input)).collect::<Vec<_>>())
}
