//! The wish of the user or the system that the program ends.

use std::io;

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn interrupted() -> io::Result<()> {
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        result = terminated() => result,
    }
}

#[cfg(unix)]
async fn terminated() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

#[cfg(not(unix))]
async fn terminated() -> io::Result<()> {
    std::future::pending().await
}
