//! [`TappedCall`]: single calls, as operators see them.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use super::event::{cut, micros, unix_ms};
use super::rate::Rate;
use super::watcher::{Watcher, Watching};
use crate::RemoteError;
use crate::entropy;
use crate::intercept::Finished;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Calls that wait for one reader, at most. With texts of errors of at most a kilobyte, at most some 1.2 MiB.
const CALLS_MAX: usize = 1024;

/// Time without calls after which more of them are looked at, if not all are.
const CHOOSE_EVERY: Duration = Duration::from_secs(1);

/// Which calls are shown; by default all. A call must fit all fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TapFilter {
    /// The name of the other node; `None`: all.
    pub peer: Option<String>,
    /// A method as `Service/method`, or all of a service as `Service`; `None`: all.
    pub method: Option<String>,
    /// Only calls that the node serves, or only those that it makes; `None`: both.
    pub is_served: Option<bool>,
    /// Only calls that have failed. Those that were cancelled have not.
    pub is_failed: bool,
    /// Only calls that took longer, in microseconds. 0: all.
    pub slower_than_us: u64,
    /// The share of the calls that is shown, from 0 to 1, at random.
    pub share: f64,
    /// How many calls are shown in a second, about; 0: all. Others are counted by [`TappedCall::missed`], about, since a node
    /// that has many calls does not look at each of them.
    ///
    /// A call that is shown costs the node some ten times as much as one that is counted.
    pub per_second_max: u32,
}

impl Default for TapFilter {
    fn default() -> Self {
        Self {
            peer: None,
            method: None,
            is_served: None,
            is_failed: false,
            slower_than_us: 0,
            share: 1.0,
            per_second_max: 0,
        }
    }
}

/// A call that is over, without its payloads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TappedCall {
    /// When it was over, by the clock of the node, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// The method as `Service/method`; at the byte level, `handler` with its id.
    pub method: String,
    /// Name of the other node.
    pub peer: String,
    /// Whether the node has served it. Otherwise it has made it.
    pub is_served: bool,
    /// Whether it was a stream.
    pub is_stream: bool,
    /// One word for what happened: `ok`, `cancelled`, or the word for the error.
    pub outcome: String,
    /// The text of the error.
    pub error: Option<String>,
    /// How long it took, in microseconds: until the answer, or until the stream has ended.
    pub took_us: u64,
    /// Bytes of the arguments, in encoded form.
    pub request_bytes: u64,
    /// Bytes of the answer, in encoded form; 0 for streams and errors.
    pub answer_bytes: u64,
    /// Calls before this one that should be here, and were left out: the reader was too slow, or allows no more in a second.
    pub missed: u64,
}

impl TapFilter {
    fn fits(&self, call: &Finished<'_>) -> bool {
        self.is_served.is_none_or(|is_served| is_served == call.is_served())
            && self.peer.as_deref().is_none_or(|peer| peer == call.peer())
            && call.took().as_micros() >= self.slower_than_us.into()
            && !(self.is_failed && matches!(call.label(), "ok" | "cancelled"))
            && self.method.as_deref().is_none_or(|method| is_of(call, method))
            // Those that are not seen are a part of those that are not shown.
            && (self.share >= 1.0 || entropy::random::<f64>() < self.share * f64::from(call.weight()))
    }

    /// How many calls that fit this one stands for, where no more are looked at.
    fn stands_for(&self, call: &Finished<'_>) -> u64 {
        (self.share * f64::from(call.weight())).round().max(1.0) as u64
    }
}

/// Whether this is the method of the call, or its service.
fn is_of(call: &Finished<'_>, method: &str) -> bool {
    call.service() == method && !method.is_empty() || call.full_method() == method
}

/// Passes calls that fit to its reader.
pub(super) struct Tap {
    filter: TapFilter,
    rate: Option<Rate>,
    calls: Sender<TappedCall>,
    /// Told when half of the calls that may wait do.
    is_half_full: Arc<Notify>,
    missed: AtomicU64,
}

impl Tap {
    pub(super) fn new(filter: TapFilter) -> Result<(Self, Tapped), RemoteError> {
        if !(0.0..=1.0).contains(&filter.share) {
            let text = format!("the share of the calls is from 0 to 1, not {}", filter.share);
            return Err(RemoteError::new(text));
        }
        let (calls, reader) = channel(CALLS_MAX);
        let is_half_full = Arc::<Notify>::default();
        let tapped = Tapped { calls: reader, is_half_full: Arc::clone(&is_half_full) };
        let rate = Rate::new(filter.per_second_max);
        Ok((Self { filter, rate, calls, is_half_full, missed: AtomicU64::new(0) }, tapped))
    }
}

impl Watcher for Tap {
    fn one_in(&self) -> u32 {
        // 0 and whatever is beyond the greatest number become that.
        let of_share = (1.0 / self.filter.share).max(1.0) as u32;
        let of_rate = self.rate.as_ref().map_or(1, |rate| rate.pace().one_in());
        of_share.max(of_rate)
    }

    fn see(&self, call: &Finished<'_>) {
        if !self.filter.fits(call) {
            return;
        }
        let stands_for = self.filter.stands_for(call);
        let is_shown = self.rate.as_ref().is_none_or(Rate::take);
        let Some(place) = is_shown.then(|| self.calls.try_reserve().ok()).flatten() else {
            self.missed.fetch_add(stands_for, Ordering::Relaxed);
            return;
        };
        let missed = self.missed.swap(stands_for - 1, Ordering::Relaxed);
        place.send(TappedCall { missed, ..tapped(call) });
        if self.calls.capacity() == CALLS_MAX / 2 {
            self.is_half_full.notify_one();
        }
    }
}

fn tapped(call: &Finished<'_>) -> TappedCall {
    TappedCall {
        at_unix_ms: unix_ms(entropy::time_of_day()),
        method: call.full_method().into_owned(),
        peer: call.peer().to_owned(),
        is_served: call.is_served(),
        is_stream: call.is_stream(),
        outcome: call.label().to_owned(),
        error: call.error().map(|error| cut(error.to_string())),
        took_us: micros(call.took()),
        request_bytes: call.request_bytes() as u64,
        answer_bytes: call.answer_bytes() as u64,
        missed: 0,
    }
}

/// The calls that a tap shows.
pub(super) struct Tapped {
    calls: Receiver<TappedCall>,
    is_half_full: Arc<Notify>,
}

/// The calls that a tap shows, until this is dropped.
pub(super) struct Tapping {
    tap: Arc<Tap>,
    watching: Watching,
    tapped: Tapped,
}

impl Tapping {
    pub(super) fn new(tap: Arc<Tap>, watching: Watching, tapped: Tapped) -> Self {
        Self { tap, watching, tapped }
    }

    /// Waits for calls, and adds those that are there. `false`: there will be no more.
    pub(super) async fn next_several(&mut self, calls: &mut Vec<TappedCall>) -> bool {
        loop {
            match timeout(CHOOSE_EVERY, self.tapped.calls.recv_many(calls, CALLS_MAX)).await {
                Ok(count) => return count > 0,
                Err(_) => self.choose(),
            }
        }
    }

    /// Chooses how many calls are looked at.
    fn choose(&self) {
        if let Some(rate) = &self.tap.rate {
            rate.pace().choose();
            self.watching.refresh();
        }
    }

    /// Waits for this time, or until many calls wait.
    pub(super) async fn pause(&self, time: Duration) {
        self.choose();
        // Early if it is told late, which does no harm.
        let _ = timeout(time, self.tapped.is_half_full.notified()).await;
    }
}
