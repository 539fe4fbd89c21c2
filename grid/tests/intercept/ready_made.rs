//! The interceptors that come with the library.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use grid::intercept::{ConcurrencyLimit, Deadlines, Faults, Log, RateLimit, only};
use grid::{CallError, ErrorCode, Manager};
use tokio::time::{Instant, sleep};

use crate::support::{A, B, pair};
use crate::{ShopClient, ShopServer, Stall};

/// A pair whose callee has this interceptor.
macro_rules! shop_with {
    ($interceptor:expr) => {{
        let nodes =
            pair(|builder| builder.service(ShopServer::new(Stall)).intercept($interceptor)).await;
        (ShopClient::new(nodes.1.connection(B).unwrap()), nodes)
    }};
}

fn is_overloaded<T, E>(outcome: &Result<T, CallError<E>>) -> bool {
    matches!(outcome, Err(error @ CallError::Remote(remote))
        if remote.code == ErrorCode::Overloaded && error.is_retryable())
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_for_each_peer() {
    let (shop, nodes) = shop_with!(RateLimit::per_peer(10.0, 3));
    let prices = async |count: usize| {
        let calls = join_all((0..count).map(|_| shop.price("fig".into()))).await;
        calls.iter().filter(|outcome| outcome.is_ok()).count()
    };
    assert_eq!(prices(5).await, 3, "the burst");
    let refused = shop.price("fig".into()).await;
    assert!(is_overloaded(&refused), "{refused:?}");
    let text = format!("more than 10 calls a second: {A} (Shop/price at {B})");
    let refused = refused.unwrap_err();
    assert_eq!(refused.to_string(), text);
    let CallError::Remote(refused) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.retry_after, Some(Duration::from_millis(100)), "the next call of the rate");
    sleep(Duration::from_millis(100)).await;
    assert_eq!(prices(5).await, 1, "the rate");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(prices(5).await, 3, "never more than the burst");
    let own = ShopClient::new(nodes.2.connection(B).unwrap());
    assert_eq!(own.price("fig".into()).await, Ok(3), "another caller has its own");
}

#[tokio::test(start_paused = true)]
async fn methods_can_have_rates_of_their_own() {
    let (shop, _nodes) = shop_with!(RateLimit::per_peer_and_method(1.0, 1));
    assert!(shop.price("fig".into()).await.is_ok() && shop.seen().await.is_ok());
    let refused = shop.price("fig".into()).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        format!("more than 1 calls a second: Shop/price of {A} (Shop/price at {B})")
    );
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_limited_and_cancelled_ones_do_not_count() {
    let (shop, _nodes) = shop_with!(ConcurrencyLimit::per_peer(2));
    let waiting: Vec<_> = (0..2).map(|_| tokio::spawn(shop.wait())).collect();
    sleep(Duration::from_millis(1)).await;
    let refused = shop.price("fig".into()).await;
    assert!(is_overloaded(&refused), "{refused:?}");
    let refused = refused.unwrap_err();
    assert_eq!(refused.to_string(), format!("2 calls in flight: {A} (Shop/price at {B})"));
    assert!(
        matches!(refused, CallError::Remote(error) if error.retry_after.is_none()),
        "when there is room is not known"
    );
    waiting[0].abort();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(shop.price("fig".into()).await, Ok(3));
    let stream = shop.double().await.unwrap();
    let refused = shop.price("fig".into()).await;
    assert!(is_overloaded(&refused), "a stream counts until it has ended");
    drop(stream);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(shop.price("fig".into()).await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn calls_with_too_little_time_do_not_run() {
    let (shop, _nodes) = shop_with!(
        Deadlines::new().shortest(Duration::from_millis(20)).longest(Duration::from_secs(2))
    );
    let (_, left) = shop.seen().await.unwrap();
    assert_eq!(left, Some(2000));
    let refused = shop.seen().timeout(Duration::from_millis(10)).await.unwrap_err();
    assert!(matches!(&refused, CallError::Remote(error) if error.code == ErrorCode::BadRequest));
    assert!(!refused.may_have_run() && !refused.is_retryable());
    let text = format!("Shop/seen needs 20ms, and its caller {A} leaves 10ms (Shop/seen at {B})");
    assert_eq!(refused.to_string(), text);
}

#[tokio::test(start_paused = true)]
async fn faults_hit_their_share_of_the_calls() {
    let faults =
        Faults::new().delay(1.0, Duration::from_millis(200)).fail(0.5, ErrorCode::Overloaded);
    let (shop, _nodes) = shop_with!(only("Shop/price", faults.clone()));
    let began = Instant::now();
    let outcomes = join_all((0..400).map(|_| shop.price("fig".into()))).await;
    assert_eq!(began.elapsed(), Duration::from_millis(200));
    let failed = outcomes.iter().filter(|outcome| is_overloaded(outcome)).count();
    // A fair coin is outside once in 10^15 runs.
    assert!((120..280).contains(&failed), "{failed} of 400");
    assert!(shop.seen().await.is_ok());
    assert_eq!(began.elapsed(), Duration::from_millis(200), "other methods are not delayed");
}

/// Lines of the log of the current thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A node that logs, alone on this thread so that its log is.
async fn logged(log: Log) -> (ShopClient, Lines, (Manager, tracing::subscriber::DefaultGuard)) {
    let lines = Lines::default();
    let guard = tracing::subscriber::set_default(lines.clone());
    let node = Manager::builder(A).service(ShopServer::new(Stall)).record(log).build().unwrap();
    let shop = ShopClient::new(node.connection(A).unwrap());
    (shop, lines, (node, guard))
}

#[tokio::test(start_paused = true)]
async fn each_call_has_its_line() {
    let (shop, lines, _kept) = logged(Log::new()).await;
    shop.price("apple".into()).await.unwrap();
    shop.price("nothing".into()).await.unwrap_err();
    let late = shop.wait().timeout(Duration::from_millis(30)).await;
    assert!(late.is_err());
    sleep(Duration::from_millis(1)).await;
    let dropped = tokio::time::timeout(Duration::from_millis(30), shop.wait()).await;
    assert!(dropped.is_err());
    sleep(Duration::from_millis(1)).await;
    let (served, made): (Vec<_>, Vec<_>) =
        lines.take().into_iter().partition(|line| line.contains("is_served=true"));
    assert_eq!(made.len(), 4, "{made:?}");
    let outcome = |line: &String| {
        line.split("outcome=").nth(1).unwrap().split(' ').next().unwrap().to_owned()
    };
    let made: Vec<_> = made.iter().map(outcome).collect();
    assert_eq!(made, ["ok", "handler", "deadline_exceeded", "cancelled"]);
    let [ok, failed, late, cancelled] = &served[..] else { panic!("four lines: {served:?}") };
    assert!(late.starts_with("INFO") && late.contains("outcome=deadline_exceeded"), "{late}");
    assert!(
        ok.starts_with("DEBUG a call method=Shop/price peer=http://a:1 is_served=true"),
        "{ok}"
    );
    assert!(ok.contains("outcome=ok") && ok.contains("answer_bytes=1"), "{ok}");
    assert!(failed.starts_with("INFO"), "{failed}");
    assert!(
        failed.contains("outcome=handler") && failed.ends_with("error=not sold here"),
        "{failed}"
    );
    assert!(
        cancelled.contains("method=Shop/wait") && cancelled.contains("outcome=cancelled"),
        "{cancelled}"
    );
    assert!(cancelled.contains("took=30ms"), "{cancelled}");
}

#[tokio::test(start_paused = true)]
async fn only_slow_calls_and_failures_have_a_line() {
    let (shop, lines, _kept) = logged(Log::slower_than(Duration::from_millis(20))).await;
    shop.price("apple".into()).await.unwrap();
    assert_eq!(lines.take(), [""; 0]);
    shop.price("nothing".into()).await.unwrap_err();
    let _ = shop.wait().timeout(Duration::from_millis(30)).await;
    sleep(Duration::from_millis(1)).await;
    let lines = lines.take();
    assert_eq!(lines.iter().filter(|line| line.contains("is_served=true")).count(), 2);
    assert_eq!(lines.len(), 4);
}

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "grid::intercept::log"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line { text: event.metadata().level().to_string(), fields: String::new() };
        event.record(&mut line);
        self.0.lock().unwrap().push(line.text + &line.fields);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

struct Line {
    text: String,
    fields: String,
}

impl tracing::field::Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "message" => self.text += &format!(" {value:?}"),
            name => self.fields += &format!(" {name}={value:?}"),
        }
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.fields += &format!(" {}={value}", field.name());
    }
}
