//! Bytes into the codec: what is decoded is encoded to something that is decoded to the same.

use std::str;

use bytes::Bytes;
use grid::__internals::{Wire, recode};
use grid::TraceContext;

/// The first byte names a kind of value, the others are the value.
pub fn codec(data: &[u8]) {
    let Some((kind, value)) = data.split_first() else { return };
    match Wire::ALL.get(usize::from(*kind) % (Wire::ALL.len() + 1)) {
        Some(kind) => check(*kind, value),
        None => check_trace(value),
    }
}

fn check(kind: Wire, value: &[u8]) {
    if let Some(again) = recode(kind, &Bytes::copy_from_slice(value)) {
        // There is one encoding of each value.
        assert!(again.is_empty() || recode(kind, &again).as_ref() == Some(&again), "{kind:?}");
    }
}

/// The header `traceparent`, which programs pass on from their own callers.
fn check_trace(value: &[u8]) {
    if let Ok(trace) = str::from_utf8(value).unwrap_or_default().parse::<TraceContext>() {
        assert_eq!(trace.to_string().parse(), Ok(trace));
    }
}
