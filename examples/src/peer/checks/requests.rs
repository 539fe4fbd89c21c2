//! Single requests: payloads of all sizes, errors, deadlines.

use std::time::Duration;

use grid::Connection;
use tokio::time::Instant;

use super::check::{Check, Checked, pattern, text};
use super::expect::{
    deadline_passed, echoes, handler_error, panicked, same, still_good, took, unknown,
};
use crate::peer::handlers::{ECHO, ECHO_STREAM, MAP, Texts};

/// Lengths around each one at which the header of a frame or payload changes its form, and beyond a socket's buffer.
const SIZES: [usize; 13] =
    [1, 125, 126, 127, 200, 255, 256, 300, 65_535, 65_536, 70_000, 200_000, 1 << 20];

/// An id that is not served.
const NOBODY: u8 = 40;

pub(super) fn checks() -> Vec<Check> {
    let mut checks = vec![
        Check::new("echo", |peer| async move { echoes(&peer, "hello grid".into()).await }),
        Check::new("echo with a deadline", echo_with_deadline),
        Check::new("empty payload", |peer| async move {
            same(&peer.request(ECHO, text("")).await?, &text(""))
        }),
        Check::new("absent payload", |peer| async move {
            same(&peer.request(ECHO, None).await?, &text(""))
        }),
        Check::new("absent response", |peer| async move {
            same(&peer.request(ECHO, text("nil")).await?, &None)
        }),
    ];
    checks.extend(SIZES.into_iter().map(|len| {
        Check::new(format!("echo of {len} bytes"), move |peer| async move {
            echoes(&peer, pattern(len)).await
        })
    }));
    checks.extend([
        Check::new("error", |peer| async move {
            handler_error(peer.request(ECHO, text("fail")).await, "boom: fail")
        }),
        Check::new("panic", |peer| async move {
            panicked(peer.request(ECHO, text("panic")).await)?;
            still_good(&peer).await
        }),
        Check::new("sleep within the deadline", sleep_within_deadline),
        Check::new("sleep past the deadline", sleep_past_deadline),
        Check::new("cancelled request", cancelled),
        Check::new("unknown handler", |peer| async move {
            unknown(peer.request(NOBODY, text("x")).await)
        }),
        Check::new("request to a stream handler", |peer| async move {
            unknown(peer.request(ECHO_STREAM, text("x")).await)
        }),
        Check::new("map", map),
    ]);
    checks
}

async fn echo_with_deadline(peer: Connection) -> Checked {
    let answer = peer.request(ECHO, text("hello grid")).timeout(Duration::from_secs(5)).await?;
    same(&answer, &text("hello grid"))
}

async fn sleep_within_deadline(peer: Connection) -> Checked {
    let start = Instant::now();
    let answer = peer.request(ECHO, text("sleep:100")).timeout(Duration::from_secs(5)).await?;
    same(&answer, &text("sleep:100"))?;
    took(start, Duration::from_millis(100))
}

async fn sleep_past_deadline(peer: Connection) -> Checked {
    const DEADLINE: Duration = Duration::from_millis(200);
    let start = Instant::now();
    let answer = peer.request(ECHO, text("sleep:2000")).timeout(DEADLINE).await;
    deadline_passed(answer, start, DEADLINE)?;
    still_good(&peer).await
}

async fn cancelled(peer: Connection) -> Checked {
    let call = peer.request(ECHO, text("sleep:2000"));
    if tokio::time::timeout(Duration::from_millis(50), call).await.is_ok() {
        return Err("answered before it was cancelled".into());
    }
    still_good(&peer).await
}

async fn map(peer: Connection) -> Checked {
    let mut texts: Texts =
        [("a", "1"), ("ключ", "значение")].map(|(key, value)| (key.into(), value.into())).into();
    let request = rmp_serde::to_vec(&texts)?;
    let answer = peer.request(MAP, Some(request.into())).await?.ok_or("no payload")?;
    texts.insert("resp".into(), "ok".into());
    same(&rmp_serde::from_slice::<Texts>(&answer)?, &texts)
}
