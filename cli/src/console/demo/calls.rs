//! Calls of the made-up nodes, for a tap.

use std::time::Duration;

use grid::admin::{TapFilter, TappedCall};
use tokio::sync::mpsc::Sender;
use tokio::time::sleep;

use super::basis::{METHODS, NODES, name, noise};
use crate::console::state::{TapItem, Tapped, unix_ms};

/// Made-up calls that fit the filter, about ten a second.
pub(in crate::console) async fn calls(filter: TapFilter, calls: Sender<TapItem>) {
    for number in 0_u64.. {
        sleep(Duration::from_millis(100)).await;
        let (method, _, micros) = METHODS[(noise(number, 5) * 6.0) as usize % 6];
        let is_failed = number.is_multiple_of(23);
        let mut call = TappedCall::default();
        call.at_unix_ms = unix_ms();
        method.clone_into(&mut call.method);
        call.peer = name((noise(number, 6) * NODES as f64) as u64);
        call.is_served = true;
        call.outcome = if is_failed { "overloaded" } else { "ok" }.to_owned();
        call.error = is_failed.then(|| "too many requests".to_owned());
        call.took_us = (micros * (0.5 + noise(number, 7) * 3.0)) as u64;
        (call.request_bytes, call.answer_bytes) = (40, (noise(number, 8) * 900.0) as u64);
        let service = method.split('/').next();
        let fits = filter.method.as_deref().is_none_or(|of| of == method || Some(of) == service)
            && filter.peer.as_deref().is_none_or(|peer| peer == call.peer)
            && (is_failed || !filter.is_failed)
            && call.took_us >= filter.slower_than_us
            && noise(number, 9) < filter.share;
        let node = name((noise(number, 10) * NODES as f64) as u64);
        if fits && calls.send(Ok(Tapped { node, call })).await.is_err() {
            return;
        }
    }
}
