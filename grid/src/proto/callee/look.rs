//! What operators see of the streams that this node serves.

use super::served::{Served, ServedState};
use crate::proto::event::StreamOf;
use crate::proto::stream::look::StreamLook;
use crate::proto::ticks::Ticks;

impl Served {
    /// The stream, unless it is a single request.
    pub(in crate::proto) fn look(&self, now: Ticks) -> Option<StreamLook> {
        let ServedState::Stream(stream) = &self.state else { return None };
        // A handler that has returned an error is still here because its caller has no room for the error.
        let is_finishing = stream.finish.is_some();
        let receives = stream.core.look_at_receiving(!stream.input_ended);
        Some(StreamLook {
            of: StreamOf::Served(self.route),
            age: Some(stream.core.age(now)),
            is_open: true,
            sends: Some(stream.core.look_at_sending(now, is_finishing)),
            receives: (!stream.input_ended || receives.unread > 0).then_some(receives),
        })
    }
}
