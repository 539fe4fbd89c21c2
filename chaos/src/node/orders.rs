//! Reads the orders of the supervisor.

use std::io;
use std::{process, thread};

use tokio::sync::mpsc;

use crate::message::Order;

/// Orders that wait. The supervisor gives the next one when it has read the answer to the last.
const WAITING_MAX: usize = 16;

pub(super) struct Orders(mpsc::Receiver<Order>);

impl Orders {
    /// Reads them from the standard input, in a thread, because it cannot be read without blocking one. The process ends when
    /// the supervisor has gone.
    pub(super) fn read() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        thread::spawn(move || {
            for line in io::stdin().lines().map_while(Result::ok) {
                let Ok(order) = serde_json::from_str(&line) else { break };
                if sender.blocking_send(order).is_err() {
                    return;
                }
            }
            process::exit(1);
        });
        Self(receiver)
    }

    pub(super) async fn next(&mut self) -> Option<Order> {
        self.0.recv().await
    }
}
