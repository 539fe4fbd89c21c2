//! The loopback transport of a node: the link receives the messages that it sends.
//!
//! A link has separate tables for calls it makes and calls it serves, so one link can be both ends.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::Transport;
use crate::error::LinkError;
use crate::proto::Outbound;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::net) struct Echo {
    /// Messages that were not received yet. The driver receives them in the round that sends them.
    sent: VecDeque<Bytes>,
    spent: Vec<Bytes>,
}

impl Transport for Echo {
    fn has_room(&self) -> bool {
        self.sent.is_empty()
    }

    fn start_send(&mut self, message: Outbound) -> Result<(), LinkError> {
        self.sent.push_back(message.to_bytes());
        self.spent.extend(message.into_shared());
        Ok(())
    }

    fn take_spent(&mut self) -> Option<Bytes> {
        self.spent.pop()
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        Poll::Ready(Ok(()))
    }

    fn is_flushed(&self) -> bool {
        self.sent.is_empty()
    }

    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<Result<Bytes, LinkError>> {
        // No waker is registered: only the task that polls here adds messages.
        self.sent.pop_front().map_or(Poll::Pending, |message| Poll::Ready(Ok(message)))
    }

    fn close(&mut self, _: &LinkError, _: &mut Context<'_>) {}
}
