//! The TLS handshake of accepted streams, and the strangers that do without. `net/tls/` performs it.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::steps::within_fixed;
use super::strangers::{Entry, Stage};
use crate::error::LinkError;
use crate::net::transport::{Io, Secured, Security, TLS_HANDSHAKE, TLS_READ_BYTES, failure};

/// Time limit for the first byte of an accepted connection, if [`Config::connect_timeout`](crate::Config) is not
/// shorter. A dialer sends its request as soon as it is connected; this is enough for two lost packets.
pub(super) const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(3);

/// What a dialer reads that begins without TLS.
pub(super) const EXPECTS_TLS: &str =
    "the listener expects TLS: use names with https:// on all nodes, and `Builder::tls`";

/// Performs the TLS handshake of an accepted stream. Returns the stream as it is if the dialer begins without TLS.
pub(super) async fn begin_tls(
    security: &dyn Security,
    stream: Box<dyn Io>,
    limit: Duration,
    entry: &mut Entry,
) -> Result<Result<Secured, Box<dyn Io>>, LinkError> {
    let mut stream = BufReader::with_capacity(TLS_READ_BYTES, stream);
    let first_limit = limit.min(FIRST_BYTE_TIMEOUT);
    let first = async { stream.fill_buf().await.map(|bytes| bytes.first().copied()) };
    let first = async { first.await.map_err(failure) };
    match within_fixed(first_limit, "nothing was received", first).await? {
        None => return Err(LinkError::Closed { code: None, reason: String::new() }),
        Some(TLS_HANDSHAKE) => {}
        Some(_) => return Ok(Err(Box::new(stream))),
    }
    entry.reach(Stage::Unknown);
    security.accept(Box::new(stream), limit).await.map(Ok)
}
