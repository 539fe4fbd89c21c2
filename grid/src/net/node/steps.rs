//! Limits the time of each step of connecting.

use std::time::Duration;

use crate::error::LinkError;

/// Runs one step of an attempt, which is limited by `Config::connect_timeout`. The error names the step that was slow.
pub(super) async fn within<T>(
    limit: Duration,
    step: &'static str,
    work: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    let late = |_| LinkError::TimedOut { step, limit, setting: Some("connect_timeout") };
    tokio::time::timeout(limit, work).await.map_err(late)?
}

/// Like [`within`], for a limit that cannot be set.
pub(super) async fn within_fixed<T>(
    limit: Duration,
    step: &'static str,
    work: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    let late = |_| LinkError::TimedOut { step, limit, setting: None };
    tokio::time::timeout(limit, work).await.map_err(late)?
}
