//! What the service does.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::activity::Activity;
use super::event::{AdminEvent, unix_ms};
use super::operators::LogFilter;
use super::service::{Admin, AdminClient};
use super::status::{LinkStatus, NodeStatus};
use super::streams::StreamStatus;
use super::tap::{TapFilter, TappedCall};
use super::timeline::Timeline;
use super::watch::Watch;
use crate::net::WeakManager;
use crate::{Context, Manager, Outgoing, RemoteError};

/// The shortest and the longest time between two reports of [`Admin::activity`].
const REPORTS_EVERY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

/// Time between two batches of tapped calls, unless there are many. Each wakes threads, which disturbs a busy node more than what
/// is in it: with 20 ms, a node that had 600 000 calls a second lost a tenth of them. Nobody reads faster.
const TAPPED_EVERY: Duration = Duration::from_millis(100);

/// What the service of one node knows.
pub(super) struct Node {
    /// Set when the node is built.
    manager: OnceLock<WeakManager>,
    timeline: Timeline,
    watch: Watch,
    log: Option<Arc<dyn LogFilter>>,
}

impl Node {
    pub(super) fn new(watch: Watch, log: Option<Arc<dyn LogFilter>>) -> Self {
        Self { manager: OnceLock::new(), timeline: Timeline::new(), watch, log }
    }

    /// The node is built. Follows its events until it is shut down.
    pub(super) fn start(self: Arc<Self>, manager: &Manager) {
        // A builder builds one node, so it is not set yet.
        let _ = self.manager.set(manager.downgrade());
        let (mut members, mut warnings) = (manager.members().events(), manager.warnings());
        let clock = manager.downgrade();
        manager.spawn(async move {
            loop {
                let event = tokio::select! {
                    biased;
                    Some(event) = members.next() => AdminEvent::of_member(&event),
                    Some(warning) = warnings.next() => AdminEvent::of_warning(&warning),
                    else => break,
                };
                let Some(node) = clock.upgrade() else { break };
                self.timeline.add(AdminEvent { at_unix_ms: unix_ms(node.time_of_day()), ..event });
            }
        });
    }

    fn manager(&self) -> Result<Manager, RemoteError> {
        let manager = self.manager.get().and_then(WeakManager::upgrade);
        manager.ok_or_else(|| RemoteError::new("the node is shut down"))
    }

    fn filter(&self) -> Result<&dyn LogFilter, RemoteError> {
        let text =
            "the program has no filter of its log that can be changed: see `Operators::log_filter`";
        self.log.as_deref().ok_or_else(|| RemoteError::new(text))
    }
}

/// The handlers share the node with the task that follows its events.
pub(super) struct Handlers(pub(super) Arc<Node>);

impl Admin for Handlers {
    async fn node(&self) -> Result<NodeStatus, RemoteError> {
        Ok(NodeStatus::of(&self.0.manager()?))
    }

    async fn links(&self) -> Result<Vec<LinkStatus>, RemoteError> {
        Ok(LinkStatus::all(&self.0.manager()?))
    }

    async fn streams(&self, at_most: u32) -> Result<Vec<StreamStatus>, RemoteError> {
        Ok(StreamStatus::all(&self.0.manager()?, at_most, AdminClient::DESCRIPTOR))
    }

    async fn recent_events(&self, at_most: u32) -> Result<Vec<AdminEvent>, RemoteError> {
        Ok(self.0.timeline.latest(at_most as usize))
    }

    async fn events(
        &self,
        cx: &Context,
        recent: u32,
        mut out: Outgoing<AdminEvent>,
    ) -> Result<(), RemoteError> {
        let mut events = self.0.timeline.follow(recent as usize);
        until_shutdown(cx, async {
            while let Some(event) = events.next().await {
                out.send(event).await?;
            }
            Ok(())
        })
        .await
    }

    async fn activity(
        &self,
        cx: &Context,
        every_ms: u32,
        mut out: Outgoing<Activity>,
    ) -> Result<(), RemoteError> {
        let every = Duration::from_millis(every_ms.into());
        if !(REPORTS_EVERY.0..=REPORTS_EVERY.1).contains(&every) {
            let text = format!("reports come every 100 ms to 60 s, not every {every:?}");
            return Err(RemoteError::new(text));
        }
        let counting = self.0.watch.count()?;
        let mut ticks = tokio::time::interval(every);
        // A reader that was slow is not sent reports of no time.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await; // The first is at once.
        until_shutdown(cx, async {
            loop {
                ticks.tick().await;
                out.send(counting.take()).await?;
            }
        })
        .await
    }

    async fn tap(
        &self,
        cx: &Context,
        filter: TapFilter,
        mut out: Outgoing<TappedCall>,
    ) -> Result<(), RemoteError> {
        let mut tap = self.0.watch.tap(filter)?;
        until_shutdown(cx, async {
            // Many at a time: to wake the link for each call would cost the node ten times as much.
            let mut calls = Vec::new();
            while tap.next_several(&mut calls).await {
                for call in calls.drain(..) {
                    out.send(call).await?;
                }
                tap.pause(TAPPED_EVERY).await;
            }
            Ok(())
        })
        .await
    }

    async fn log_filter(&self) -> Result<String, RemoteError> {
        Ok(self.0.filter()?.get())
    }

    async fn set_log_filter(&self, filter: String) -> Result<(), RemoteError> {
        self.0.filter()?.set(&filter).map_err(|reason| {
            RemoteError::new(format!("the filter {filter:?} of the log was refused: {reason}"))
        })
    }
}

/// Ends what would never end when the node shuts down, which would wait for it.
async fn until_shutdown(
    cx: &Context,
    streaming: impl Future<Output = Result<(), RemoteError>>,
) -> Result<(), RemoteError> {
    tokio::select! {
        biased;
        result = streaming => result,
        () = cx.draining() => Ok(()),
    }
}
