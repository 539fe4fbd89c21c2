//! The extension `drain`: before a node closes a connection it announces that it takes no new calls, and the other one
//! confirms that none of its calls is on the way. So no call is lost whose caller cannot know whether it has run.

pub(super) mod stage;

use self::stage::Stage;
use super::caller::call::Call;
use super::event::Event;
use super::link::Link;
use super::output::header::HeaderTemplate;
use super::session::features::Feature;
use super::session::flood::Waste;
use super::wire::{Message, MuxId, Op};
use crate::error::{CallFailure, ErrorCode, Fault};

/// `seq` of the two messages.
const ANNOUNCEMENT: u32 = 0;
const CONFIRMATION: u32 = 1;

impl Link {
    /// Announces that calls of the peer are refused, if that was not done on this connection.
    pub(super) fn announce_drain(&mut self) {
        if self.refuses_peer() && self.can_drain() && self.drain.own == Stage::Open {
            self.drain.own = Stage::Announced;
            self.push_drain(ANNOUNCEMENT);
        }
    }

    /// Whether calls of the peer may be on their way, although this node has announced that it takes none.
    pub(crate) fn awaits_calls(&self) -> bool {
        self.drain.own == Stage::Announced
    }

    /// The failure of a new call to a peer that takes none.
    pub(super) fn drained_peer(&self) -> Option<CallFailure> {
        let takes_calls = self.drain.peer == Stage::Open;
        let fault = || Fault::new(ErrorCode::ShuttingDown, "the node takes no new calls");
        (!takes_calls).then(|| CallFailure::Handler(fault()))
    }

    pub(super) fn on_drain(&mut self, message: &Message) {
        let is_known = self.can_drain() && message.header.mux == MuxId::CONNECTION;
        match message.header.seq {
            ANNOUNCEMENT if is_known && self.drain.peer == Stage::Open => {
                self.drain.peer = Stage::Announced;
                self.emit(Event::Draining);
                self.fail_queued_calls();
                self.confirm_drain();
            }
            CONFIRMATION if is_known && self.drain.own == Stage::Announced => {
                self.drain.own = Stage::Confirmed;
            }
            _ => self.ignore_as(Waste::Unknown),
        }
    }

    /// Confirms that no call of this node is in flight. Must be called when one has ended.
    pub(super) fn confirm_drain(&mut self) {
        if self.drain.peer == Stage::Announced && self.calls.bound() == 0 && self.can_drain() {
            self.drain.peer = Stage::Confirmed;
            self.push_drain(CONFIRMATION);
        }
    }

    /// Ends the calls that wait to be sent.
    fn fail_queued_calls(&mut self) {
        for key in self.calls.keys() {
            if self.calls.get(key).is_some_and(Call::is_queued)
                && let Some(failure) = self.drained_peer()
            {
                self.fail_call(key, failure);
            }
        }
    }

    fn can_drain(&self) -> bool {
        self.has(Feature::Drain) && !self.is_loopback()
    }

    fn push_drain(&mut self, seq: u32) {
        self.output.push(HeaderTemplate::new(Op::Drain, MuxId::CONNECTION).seq(seq), None);
    }
}
