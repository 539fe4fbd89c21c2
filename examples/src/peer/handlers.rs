//! The handlers that the checks call. Any node under test must serve them.
//!
//! | id | subroutes | kind | what it does |
//! |---|---|---|---|
//! | 78 | none, `sub/route` | single | returns the payload; see [`single`] for payloads with a special meaning |
//! | 79 | none, `sub/route` | stream, in 4, out 4 | returns each message, prefixed with the initial payload |
//! | 10 | none | stream, in 0, out 1 | sends the number of messages that the payload asks for |
//! | 11 | none | single | adds `resp: ok` to a map of texts |

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use grid::{Builder, Capacities, RawReceiver, RawSender, RemoteError};

/// Returns the request.
pub const ECHO: u8 = 78;
/// Returns each message of a stream.
pub const ECHO_STREAM: u8 = 79;
/// Capacities of [`ECHO_STREAM`].
pub const ECHO_CAPACITIES: Capacities = Capacities { incoming: 4, outgoing: 4 };
/// Sends the requested number of messages.
pub const COUNT: u8 = 10;
/// Capacities of [`COUNT`].
pub const COUNT_CAPACITIES: Capacities = Capacities { incoming: 0, outgoing: 1 };
/// Length of each message of [`COUNT`].
pub const COUNT_ITEM_BYTES: usize = 512;
/// Adds an entry to a map.
pub const MAP: u8 = 11;
/// Subroute under which [`ECHO`] and [`ECHO_STREAM`] are served as well.
pub const SUBROUTE: &str = "sub/route";

/// Request and answer of [`MAP`], encoded as msgpack.
pub type Texts = BTreeMap<String, String>;

/// Adds all handlers to a node.
pub fn install(builder: Builder) -> Builder {
    [None, Some(SUBROUTE)]
        .into_iter()
        .fold(builder, |builder, subroute| {
            builder.single_handler(ECHO, subroute, |_cx, payload| single(payload)).stream_handler(
                ECHO_STREAM,
                subroute,
                ECHO_CAPACITIES,
                |_cx, prefix, input, output| echo(prefix.unwrap_or_default(), input, output),
            )
        })
        .stream_handler(COUNT, None, COUNT_CAPACITIES, |_cx, payload, _input, output| {
            count(payload.unwrap_or_default(), output)
        })
        .single_handler(MAP, None, |_cx, payload| async move { map(&payload.unwrap_or_default()) })
}

/// Returns the payload, or an empty one if it is absent.
///
/// Special payloads: `nil` returns no payload, `fail` the error `boom: fail`, `sleep:N` the payload after N
/// milliseconds, and `panic` panics.
pub async fn single(payload: Option<Bytes>) -> Result<Option<Bytes>, RemoteError> {
    let payload = payload.unwrap_or_default();
    match &*payload {
        b"nil" => return Ok(None),
        b"fail" => return Err(RemoteError::new("boom: fail")),
        b"panic" => panic!("the caller asked for it"),
        other => {
            if let Some(pause) = pause_in(other) {
                tokio::time::sleep(pause).await;
            }
        }
    }
    Ok(Some(payload))
}

/// Parses `sleep:N`.
fn pause_in(payload: &[u8]) -> Option<Duration> {
    let millis = payload.strip_prefix(b"sleep:")?;
    std::str::from_utf8(millis).ok()?.parse().ok().map(Duration::from_millis)
}

/// Returns each message of the input, prefixed with `prefix`. The message `fail` ends the stream with the error
/// `stream boom`.
pub async fn echo(
    prefix: Bytes,
    mut input: RawReceiver,
    mut output: RawSender,
) -> Result<(), RemoteError> {
    while let Some(item) = input.next().await {
        let item = item.map_err(|error| RemoteError::new(error.to_string()))?;
        if item == "fail" {
            return Err(RemoteError::new("stream boom"));
        }
        let answer = if prefix.is_empty() { item } else { [&*prefix, &*item].concat().into() };
        output.send(answer).await?;
    }
    Ok(())
}

/// Sends as many messages as the payload says, a decimal number.
pub async fn count(payload: Bytes, mut output: RawSender) -> Result<(), RemoteError> {
    let count = std::str::from_utf8(&payload).ok().and_then(|text| text.parse::<u64>().ok());
    for _ in 0..count.ok_or_else(|| RemoteError::new("bad count"))? {
        output.send(Bytes::from_static(&[b'.'; COUNT_ITEM_BYTES])).await?;
    }
    Ok(())
}

fn map(payload: &[u8]) -> Result<Option<Bytes>, RemoteError> {
    let text = |error: &dyn std::error::Error| RemoteError::new(format!("bad map: {error}"));
    let mut texts: Texts = rmp_serde::from_slice(payload).map_err(|error| text(&error))?;
    texts.insert("resp".to_owned(), "ok".to_owned());
    rmp_serde::to_vec(&texts).map(|bytes| Some(bytes.into())).map_err(|error| text(&error))
}
