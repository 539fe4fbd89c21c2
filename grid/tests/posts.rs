//! Posts: calls that are made without waiting for the answer.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use grid::intercept::{Faults, Finished, Intercepted, Next};
use grid::testing::{CallLog, TestGrid};
use grid::{Builder, CallError, Config, Connection, ErrorCode, RemoteError, Retry};
use tokio::sync::Semaphore;
use tokio::time::sleep;

#[grid::service]
trait Audit {
    /// Notes at once.
    #[handler(inline)]
    async fn note(&self, line: u32);
    /// Notes, and waits.
    #[handler(inline)]
    async fn slow(&self, line: u32);
    /// Fails after it has noted.
    #[handler(idempotent)]
    async fn fail(&self, line: u32) -> Result<u32, RemoteError>;
    async fn large(&self, line: Vec<u8>);
}

#[derive(Clone)]
struct Lines {
    lines: Arc<Mutex<Vec<u32>>>,
    finished: Arc<AtomicUsize>,
    /// Opened, it lets slow handlers finish.
    gate: Arc<Semaphore>,
    /// How often `fail` refuses.
    refusals: Arc<AtomicUsize>,
}

impl Default for Lines {
    fn default() -> Self {
        let gate = Arc::new(Semaphore::new(0));
        Self { lines: Arc::default(), finished: Arc::default(), gate, refusals: Arc::default() }
    }
}

impl Lines {
    fn get(&self) -> Vec<u32> {
        self.lines.lock().unwrap().clone()
    }

    fn add(&self, line: u32) {
        self.lines.lock().unwrap().push(line);
    }

    fn finished(&self) -> usize {
        self.finished.load(Ordering::Relaxed)
    }
}

impl Audit for Lines {
    async fn note(&self, line: u32) {
        self.add(line);
    }

    async fn slow(&self, line: u32) {
        self.add(line);
        let _open = self.gate.acquire().await;
        self.finished.fetch_add(1, Ordering::Relaxed);
    }

    async fn fail(&self, line: u32) -> Result<u32, RemoteError> {
        self.add(line);
        let left = self
            .refusals
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match left {
            Ok(_) => Err(RemoteError::overloaded("busy", None)),
            Err(_) => Err(RemoteError::new("disk full")),
        }
    }

    async fn large(&self, line: Vec<u8>) {
        self.add(line.len() as u32);
    }
}

/// Two nodes, of which node 1 notes.
async fn nodes(
    configure: impl Fn(usize, Builder) -> Builder + Send + Sync + 'static,
) -> (TestGrid, Lines) {
    let lines = Lines::default();
    let of_node = lines.clone();
    let grid = TestGrid::builder(2)
        .configure(move |node, builder| {
            configure(node, builder.service(AuditServer::new(of_node.clone())))
        })
        .start();
    grid.all_connected().await;
    (grid, lines)
}

async fn plain() -> (TestGrid, Lines) {
    nodes(|_, builder| builder).await
}

/// Both nodes record.
async fn recorded() -> (TestGrid, Lines, CallLog) {
    let (lines, calls) = (Lines::default(), CallLog::new());
    let of_node = lines.clone();
    let grid = TestGrid::builder(2)
        .configure(move |_, builder| builder.service(AuditServer::new(of_node.clone())))
        .record(&calls)
        .start();
    grid.all_connected().await;
    (grid, lines, calls)
}

fn client(grid: &TestGrid) -> AuditClient {
    AuditClient::new(grid.connection(0, 1))
}

const NOW: Duration = Duration::from_millis(10);

#[tokio::test(start_paused = true)]
async fn posts_begin_in_their_order_and_leave_nothing_behind() {
    let (grid, lines) = plain().await;
    let audit = client(&grid);
    for line in 0..3000 {
        let note = if line % 2 == 0 { audit.note(line) } else { audit.slow(line) };
        note.post().unwrap();
    }
    sleep(NOW).await;
    assert_eq!(lines.get(), (0..3000).collect::<Vec<_>>());
    lines.gate.add_permits(1);
    grid.nothing_in_flight().await;
    assert_eq!(lines.finished(), 1500);
}

#[tokio::test(start_paused = true)]
async fn dropping_what_has_posted_cancels_nothing() {
    let (grid, lines) = plain().await;
    let audit = client(&grid);
    let task = tokio::spawn(async move {
        audit.slow(1).post().unwrap();
        std::future::pending::<()>().await;
    });
    sleep(NOW).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    sleep(NOW).await;
    lines.gate.add_permits(1);
    grid.nothing_in_flight().await;
    assert_eq!((lines.get(), lines.finished()), (vec![1], 1));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_a_post() {
    let (grid, lines) = plain().await;
    client(&grid).slow(1).timeout(Duration::from_secs(1)).post().unwrap();
    sleep(Duration::from_millis(900)).await;
    assert_eq!(grid.connection(0, 1).stats().in_flight_out, 1);
    sleep(Duration::from_millis(150)).await;
    grid.nothing_in_flight().await;
    assert_eq!((lines.get(), lines.finished()), (vec![1], 0), "the handler is dropped");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_refused_at_once() {
    let (grid, lines) = plain().await;
    let audit = client(&grid);
    let error = audit.large(vec![7; 20 << 20]).post().unwrap_err();
    assert!(matches!(error, CallError::Encode(_)), "{error}");
    assert!(error.to_string().contains("Audit/large"), "{error}");
    let mut begun = audit.note(1);
    assert!((&mut begun).now_or_never().is_none());
    // It goes on as it has begun.
    begun.post().unwrap();
    grid.nothing_in_flight().await;
    assert_eq!(lines.get(), [1]);

    grid.cut(0, 1);
    grid.disconnected(0, 1).await;
    let error = audit.note(2).post().unwrap_err();
    assert!(matches!(error, CallError::Disconnected { .. }) && error.is_retryable(), "{error}");
    audit.note(3).wait_connected().post().unwrap();
    audit.note(4).wait_connected().post().unwrap();
    audit.note(5).wait_connected().timeout(NOW).post().unwrap();
    sleep(2 * NOW).await;
    grid.heal(0, 1);
    grid.all_connected().await;
    grid.nothing_in_flight().await;
    assert_eq!(lines.get(), [1, 3, 4]);
    grid.shutdown(0, Duration::ZERO).await;
    assert!(matches!(audit.note(6).post(), Err(CallError::ShutDown)));
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_bounded() {
    for watched in [false, true] {
        let max = 4 * 1100;
        let (grid, lines) = nodes(move |node, builder| {
            let builder = builder.config(Config::default().posts_bytes_max(max));
            match node == 0 && watched {
                true => builder.record(|_: &Finished<'_>| {}),
                false => builder,
            }
        })
        .await;
        let audit = client(&grid);
        for line in 0..4 {
            audit.slow(line).post().unwrap();
        }
        let error = audit.slow(4).post().unwrap_err();
        assert!(error.is_retryable() && !error.may_have_run());
        let text = error.to_string();
        assert!(text.ends_with("the limit is 4400 bytes (`Config::posts_bytes_max`)"), "{text}");
        audit.note(5).await.unwrap();
        lines.gate.add_permits(1);
        grid.nothing_in_flight().await;
        sleep(NOW).await;
        audit.slow(6).post().unwrap();
        grid.nothing_in_flight().await;
        assert_eq!(lines.get(), [0, 1, 2, 3, 5, 6]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_handler_is_only_recorded() {
    let (grid, lines, calls) = recorded().await;
    let audit = client(&grid);
    for line in 0..100 {
        audit.fail(line).post().unwrap();
        audit.note(line).post().unwrap();
    }
    grid.nothing_in_flight().await;
    sleep(NOW).await;
    assert_eq!(lines.get().len(), 200);
    let made = calls.made("Audit/fail");
    assert_eq!(made.len(), 100);
    assert!(made.iter().all(|call| call.outcome == Some("handler")), "{:?}", made[0]);
    assert!(calls.made("Audit/note").iter().all(|call| call.outcome == Some("ok")));
    assert_eq!(calls.served("Audit/fail").len(), 100);
}

#[tokio::test(start_paused = true)]
async fn posts_of_a_node_with_recorders_keep_their_order() {
    let (grid, lines, _recorder) = recorded().await;
    let audit = client(&grid);
    (0..1000).for_each(|line| audit.note(line).post().unwrap());
    grid.nothing_in_flight().await;
    assert_eq!(lines.get(), (0..1000).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn interceptors_see_posts_and_may_refuse_them() {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    let (grid, lines) = nodes(move |node, builder| {
        let counted = Arc::clone(&counted);
        match node {
            0 => builder.intercept_calls(move |call: Intercepted, next: Next| {
                let counted = Arc::clone(&counted);
                async move {
                    sleep(Duration::from_millis(5)).await;
                    let outcome = next.run(call).await;
                    counted.fetch_add(1, Ordering::Relaxed);
                    outcome
                }
            }),
            _ => builder,
        }
    })
    .await;
    client(&grid).note(1).post().unwrap();
    assert_eq!(grid.connection(0, 1).stats().in_flight_out, 0, "the interceptor has it");
    sleep(2 * NOW).await;
    assert_eq!((lines.get(), seen.load(Ordering::Relaxed)), (vec![1], 1));

    let (grid, lines) =
        nodes(|_, builder| builder.intercept_calls(Faults::new().fail(1.0, ErrorCode::Overloaded)))
            .await;
    assert!(matches!(client(&grid).note(1).post(), Err(CallError::Remote(_))));
    sleep(NOW).await;
    assert!(lines.get().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_post_with_a_policy_is_repeated() {
    let (grid, lines) = plain().await;
    lines.refusals.store(2, Ordering::Relaxed);
    let retry = Retry::new().attempts(5);
    client(&grid).fail(7).retry(&retry).post().unwrap();
    sleep(Duration::from_secs(30)).await;
    grid.nothing_in_flight().await;
    assert_eq!(lines.get(), [7, 7, 7]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_extensions_takes_posts() {
    let (grid, lines) = nodes(|node, builder| match node {
        1 => builder.extensions([""; 0]),
        _ => builder,
    })
    .await;
    // Ids of methods need an extension, so this is at the byte level.
    let connection = grid.connection(0, 1);
    assert!(matches!(client(&grid).note(1).post(), Err(CallError::Unsupported { .. })));
    for _ in 0..3 {
        connection.request(200, None).post().unwrap();
    }
    grid.nothing_in_flight().await;
    assert!(lines.get().is_empty());
    drop(grid);

    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let grid = TestGrid::builder(2)
        .configure(move |_, builder| {
            let noted = Arc::clone(&noted);
            builder.extensions([""; 0]).single_handler(78, None, move |_, payload| {
                noted.lock().unwrap().push(payload.unwrap());
                async { Err(RemoteError::new("no")) }
            })
        })
        .start();
    grid.all_connected().await;
    let connection: Connection = grid.connection(0, 1);
    for text in ["a", "b", "c"] {
        connection.request(78, Some(text.into())).post().unwrap();
    }
    grid.nothing_in_flight().await;
    assert_eq!(*seen.lock().unwrap(), ["a", "b", "c"]);
}

#[tokio::test]
async fn posts_in_process() {
    let lines = Lines::default();
    let audit = AuditClient::in_process(lines.clone());
    (0..10).for_each(|line| audit.note(line).post().unwrap());
    audit.note(10).await.unwrap();
    assert_eq!(lines.get(), (0..=10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn metadata_counts_as_well() {
    let (grid, _lines) = plain().await;
    grid.cut(0, 1);
    grid.disconnected(0, 1).await;
    let connection = grid.connection(0, 1).with_metadata("token", vec![7; 60 << 10]);
    let audit = AuditClient::new(connection);
    let posts = (0..).take_while(|line| audit.note(*line).wait_connected().post().is_ok()).count();
    let max = Config::default().posts_bytes_max;
    assert!(posts * (60 << 10) <= max, "{posts} posts with 60 KiB of metadata each");
    assert!(posts > 200, "{posts}");
}

/// With a recorder as well, for which a task waits for the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_are_made_from_threads_without_a_runtime() {
    let (grid, lines, _calls) = recorded().await;
    let audit = client(&grid);
    let thread = std::thread::spawn(move || audit.note(7).post());
    thread.join().unwrap().unwrap();
    grid.nothing_in_flight().await;
    assert_eq!(lines.get(), [7]);
}
