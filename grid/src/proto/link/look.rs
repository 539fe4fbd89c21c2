//! What operators see of the streams of a link.

use std::time::Instant;

use crate::proto::link::Link;
use crate::proto::stream::look::StreamLook;

impl Link {
    /// The streams that have not ended, first those that this node has opened. It looks at all calls, which takes as long as the
    /// check for slow readers that comes with each ping.
    pub(crate) fn streams(&self, now: Instant) -> impl Iterator<Item = StreamLook> {
        let ticks = self.epoch.ticks(now);
        let made = self.calls.values().filter_map(move |call| call.look(ticks));
        made.chain(self.served.values().filter_map(move |served| served.look(ticks)))
    }
}
