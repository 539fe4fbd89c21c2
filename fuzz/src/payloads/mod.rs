//! Bytes as values of types that are hard to decode: recursive, tagged in every way, flattened, with bytes, 128-bit integers,
//! maps, and options in options.
//!
//! The same for the arguments of a method.
//!
//! A value that was decoded is encoded again in each layout, to bytes that are decoded to an equal value, or is refused.

mod check;
mod types;

use std::panic::resume_unwind;
use std::thread;

use bytes::Bytes;

use self::types::CHECKS;
use crate::input::Input;

/// Threads of tokio have this stack.
const STACK_BYTES: usize = 2 << 20;

/// Levels of an attack on the stack. Values may have 128.
const LEVELS_MAX: usize = 2000;

/// The first byte selects a type, the second one how the value is made of the others.
pub fn payloads(data: &[u8]) {
    let mut input = Input::new(data);
    let (kind, shape) = (input.u8(), input.u8());
    let check = CHECKS[usize::from(kind) % CHECKS.len()];
    if shape & 1 == 0 {
        return check(&Bytes::copy_from_slice(input.rest()));
    }
    // Nested: the beginning as often as the input says, then the rest.
    let (levels, begin) = (usize::from(input.u16()) % LEVELS_MAX, usize::from(input.u8() % 32));
    let mut value = input.take(begin).repeat(levels);
    value.extend(input.rest());
    on_small_stack(move || check(&value.into()));
}

fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(run);
    if let Err(panic) = thread.expect("a thread").join() {
        resume_unwind(panic);
    }
}
