//! [`Admin`]: the service.

use super::activity::Activity;
use super::event::AdminEvent;
use super::status::{LinkStatus, NodeStatus};
use super::streams::StreamStatus;
use super::tap::{TapFilter, TappedCall};
use crate::{Context, Outgoing, RemoteError};

/// Looks into a running node.
///
/// `grid.Admin` is its name on the wire. Its methods, and the fields of what they return, are never removed; new ones may be
/// added. Words such as those for states and events may become more. Its streams end when the node shuts down.
#[grid_macros::service(name = "grid.Admin", crate = crate)]
pub trait Admin {
    /// The node itself.
    #[handler(idempotent)]
    async fn node(&self) -> Result<NodeStatus, RemoteError>;
    /// The links of the node: to itself, to other nodes in the order of their names, and to guests.
    #[handler(idempotent)]
    async fn links(&self) -> Result<Vec<LinkStatus>, RemoteError>;
    /// The streams of all links that have not ended, up to this many and at most 1000, without those of operators: those that wait
    /// first, of them those that have waited longest, then the oldest.
    #[handler(idempotent)]
    async fn streams(&self, at_most: u32) -> Result<Vec<StreamStatus>, RemoteError>;
    /// What has happened: up to this many of the latest events, at most 256, the oldest of them first.
    #[handler(idempotent)]
    async fn recent_events(&self, at_most: u32) -> Result<Vec<AdminEvent>, RemoteError>;
    /// What has happened: up to this many of the latest events, at most 256, and then each one when it happens.
    async fn events(
        &self,
        cx: &Context,
        recent: u32,
        out: Outgoing<AdminEvent>,
    ) -> Result<(), RemoteError>;
    /// Counts the calls that the node serves and makes, by method and peer, and reports them at this interval in
    /// milliseconds, from 100 to 60 000. A report has what has ended since the one before it.
    async fn activity(
        &self,
        cx: &Context,
        every_ms: u32,
        out: Outgoing<Activity>,
    ) -> Result<(), RemoteError>;
    /// The calls that the node serves and makes, when they are over.
    async fn tap(
        &self,
        cx: &Context,
        filter: TapFilter,
        out: Outgoing<TappedCall>,
    ) -> Result<(), RemoteError>;
    /// What of the log is written. An error if the node has no filter, see
    /// [`Operators::log_filter`](crate::admin::Operators::log_filter).
    #[handler(idempotent)]
    async fn log_filter(&self) -> Result<String, RemoteError>;
    /// Sets what of the log is written.
    #[handler(idempotent)]
    async fn set_log_filter(&self, filter: String) -> Result<(), RemoteError>;
}
