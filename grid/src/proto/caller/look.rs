//! What operators see of the streams that this node has opened.

use super::call::{Call, CallState};
use crate::proto::event::StreamOf;
use crate::proto::stream::look::StreamLook;
use crate::proto::ticks::Ticks;

impl Call {
    /// The stream, unless it is a single request or has ended.
    pub(in crate::proto) fn look(&self, now: Ticks) -> Option<StreamLook> {
        match &self.state {
            CallState::Stream(stream) if stream.end.is_none() => Some(StreamLook {
                of: StreamOf::Made(stream.handler),
                age: Some(stream.core.age(now)),
                is_open: stream.opened,
                // Before it is open, nothing can be sent, which is no fault of the reader.
                sends: (stream.opened && (!stream.input_ended || stream.core.has_queued_item()))
                    .then(|| stream.core.look_at_sending(now, false)),
                receives: Some(stream.core.look_at_receiving(true)),
            }),
            CallState::Queued(queued) if queued.is_stream() => Some(StreamLook {
                of: StreamOf::Made(queued.handler()),
                age: None,
                is_open: false,
                sends: None,
                receives: None,
            }),
            CallState::Stream(_)
            | CallState::Queued(_)
            | CallState::Single
            | CallState::Posted(_)
            | CallState::Answered(..)
            | CallState::Failed(_) => None,
        }
    }
}
