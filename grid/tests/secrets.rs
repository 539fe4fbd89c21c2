//! Tokens and payloads are in no log, at no level, of this library or of those that it uses.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "support/log.rs"]
mod lines;
mod support;

use std::sync::Mutex;
use std::time::Duration;

use grid::{Builder, SharedSecret};
use lines::Lines;
use support::pair;
use tracing::Level;

const TOKEN: &str = "correct-horse-battery";
const PAYLOAD: &str = "attack at dawn";

/// What libraries log through the crate `log`.
struct Logger(Mutex<Vec<String>>);

static LOGGER: Logger = Logger(Mutex::new(Vec::new()));

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(format!("{} {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// Forms in which bytes are usually logged.
fn forms(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let join = |separator: &str, form: fn(&u8) -> String| {
        bytes.iter().map(form).collect::<Vec<_>>().join(separator)
    };
    let hex = |byte: &u8| format!("{byte:02x}");
    vec![text.to_owned(), join("", hex), join(" ", hex), join(", ", ToString::to_string)]
}

#[tokio::test(start_paused = true)]
async fn neither_tokens_nor_payloads_are_logged() {
    log::set_logger(&LOGGER).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let (lines, _guard) = Lines::collect();
    let configure = |builder: Builder| {
        builder
            .token(SharedSecret::new(TOKEN))
            .single_handler(7, None, |_cx, payload| async move { Ok(payload) })
    };
    let (_network, a, b) = pair(configure).await;
    for (from, to) in [(&a, &b), (&b, &a)] {
        let connection = from.connection(to.name()).unwrap();
        let answer = connection.request(7, Some(PAYLOAD.into())).await.unwrap();
        assert_eq!(answer, Some(PAYLOAD.into()));
    }
    let connection = a.connection(b.name()).unwrap();
    let call = connection.request(7, Some(PAYLOAD.into())).metadata("key", PAYLOAD);
    let unread = connection.request(8, Some(PAYLOAD.into()));
    let unread = tokio::spawn(unread);
    tokio::task::yield_now().await;
    let shown = format!("{a:?} {b:?} {connection:?} {call:?} {unread:?}");
    unread.abort();
    a.shutdown(Duration::from_secs(1)).await;
    let mut logged = LOGGER.0.lock().unwrap().clone();
    logged.extend(lines.with(Level::TRACE, ""));
    assert!(logged.iter().any(|line| line.contains("link is up")), "logs are collected");
    logged.push(shown);
    for secret in [TOKEN, PAYLOAD] {
        for form in forms(secret) {
            let found = logged.iter().find(|line| line.to_lowercase().contains(&form));
            assert!(found.is_none(), "{found:?}");
        }
    }
}
