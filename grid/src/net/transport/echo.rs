//! The transport of a node to itself: the link receives what it sends.
//!
//! A link keeps the calls it makes apart from those it serves, so one link can be both ends.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::Transport;
use crate::error::LinkError;

/// Messages between sending and receiving. The driver empties it in the round that fills it.
#[derive(Debug, Default)]
pub(in crate::net) struct Echo(VecDeque<Bytes>);

impl Transport for Echo {
    fn has_room(&self) -> bool {
        self.0.is_empty()
    }

    fn start_send(&mut self, message: Bytes) -> Result<(), LinkError> {
        self.0.push_back(message);
        Ok(())
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        Poll::Ready(Ok(()))
    }

    fn is_flushed(&self) -> bool {
        self.0.is_empty()
    }

    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<Result<Bytes, LinkError>> {
        // No waker is kept: only the driver that polls here puts something in.
        self.0.pop_front().map_or(Poll::Pending, |message| Poll::Ready(Ok(message)))
    }

    fn close(&mut self, _: &mut Context<'_>) {}
}
