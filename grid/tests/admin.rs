//! Operators look into a running node.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use grid::admin::{AdminClient, AdminEvent, LogFilter, Operators, TapFilter, TappedCall};
use grid::reflection::ReflectionClient;
use grid::testing::TestGrid;
use grid::{Builder, CallError, Denied, ErrorCode, Outgoing, RemoteError, Responses};
use tokio::time::sleep;

#[grid::service]
trait Clock {
    async fn wait(&self, time_ms: u64);
    async fn fail(&self, text: String) -> Result<(), RemoteError>;
    async fn ticks(&self, count: u32, out: Outgoing<u32>) -> Result<(), RemoteError>;
}

struct Quartz;

impl Clock for Quartz {
    async fn wait(&self, time_ms: u64) {
        sleep(Duration::from_millis(time_ms)).await;
    }

    async fn fail(&self, text: String) -> Result<(), RemoteError> {
        Err(RemoteError::new(text))
    }

    async fn ticks(&self, count: u32, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        for number in 0..count {
            out.send(number).await?;
        }
        Ok(())
    }
}

fn administered(_: usize, builder: Builder) -> Builder {
    builder.service(ClockServer::new(Quartz)).admin(Operators::permit(|_| Ok(())))
}

/// A test that waits for what does not come fails after a minute of virtual time.
async fn within(test: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(60), test).await.unwrap();
}

/// Two nodes, a client of the first one's clock, and a client of its administration.
async fn grid() -> (TestGrid, ClockClient, AdminClient) {
    let grid = TestGrid::builder(2).configure(administered).start();
    grid.all_connected().await;
    let clock = ClockClient::new(grid.connection(1, 0));
    let admin = AdminClient::new(grid.connection(1, 0));
    (grid, clock, admin)
}

fn filter(set: impl FnOnce(&mut TapFilter)) -> TapFilter {
    let mut filter = TapFilter::default();
    set(&mut filter);
    filter
}

/// A tap that shows calls from now on: it is open when a call that it must show has arrived.
async fn tap(
    clock: &ClockClient,
    admin: &AdminClient,
    filter: TapFilter,
) -> Responses<TappedCall, RemoteError> {
    let mut calls = admin.tap(filter).await.unwrap();
    loop {
        tokio::select! {
            biased;
            Some(call) = calls.next() => {
                call.unwrap();
                return calls;
            }
            () = sleep(Duration::from_millis(1)) => {
                let _ = clock.fail("is the tap open?".into()).await;
            }
        }
    }
}

fn code<E: std::fmt::Debug>(error: &CallError<E>) -> ErrorCode {
    match error {
        CallError::Remote(error) => error.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_tells_its_state_and_that_of_its_links() {
    within(async {
        let (grid, clock, admin) = grid().await;
        clock.wait(5).await.unwrap();
        let node = admin.node().await.unwrap();
        assert_eq!((&*node.name, node.hosts.len()), (grid.name(0), 2));
        assert!(node.extensions.contains(&"cancel".to_owned()), "{node:?}");
        assert_eq!((node.instance.len(), node.guests), (36, 0));
        let links = admin.links().await.unwrap();
        let [own, other] = &links[..] else { panic!("{links:?}") };
        assert_eq!((&*own.kind, &*own.peer), ("self", grid.name(0)));
        assert_eq!((&*other.kind, &*other.peer), ("node", grid.name(1)));
        assert!(other.is_connected() && other.instance.is_some() && other.up_ms.is_some());
        assert!(other.calls_in >= 2 && other.bytes_in > 0, "{other:?}");

        grid.kill(1);
        let admin = AdminClient::new(grid.connection(0, 0));
        let mut events = admin.events(0).await.unwrap();
        let down = events.next().await.unwrap().unwrap();
        assert_eq!((&*down.kind, down.peer.as_deref()), ("down", Some(grid.name(1))));
        let links = admin.links().await.unwrap();
        assert!(!links[1].is_connected() && links[1].instance.is_none(), "{links:?}");
        assert!(links[1].text.starts_with("not connected"), "{links:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn events_of_the_past_come_first_and_then_each_new_one() {
    within(async {
        let (grid, _, _) = grid().await;
        let admin = AdminClient::new(grid.connection(0, 0));
        let kinds = |events: &[AdminEvent]| -> Vec<_> {
            events.iter().map(|event| event.kind.clone()).collect()
        };
        let mut events = admin.events(1000).await.unwrap();
        let up = events.next().await.unwrap().unwrap();
        assert_eq!((&*up.kind, up.is_warning), ("up", false));
        assert!(up.at_unix_ms > 1_700_000_000_000, "{up:?}");
        grid.kill(1);
        grid.restart(1).await;
        let mut later = Vec::new();
        while kinds(&later).last().is_none_or(|kind| kind != "up") {
            later.push(events.next().await.unwrap().unwrap());
        }
        assert!(kinds(&later).contains(&"down".to_owned()), "{later:?}");
        // The latest one only.
        let mut latest = admin.events(1).await.unwrap();
        let last = later[later.len() - 1].clone();
        assert_eq!(latest.next().await.unwrap().unwrap(), last);
        assert_eq!(admin.recent_events(1).await.unwrap(), [last]);
        assert_eq!(admin.recent_events(256).await.unwrap().len(), 1 + later.len());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn activity_counts_calls_by_method_and_peer() {
    within(async {
        let (grid, clock, admin) = grid().await;
        let mut reports = admin.activity(1000).await.unwrap();
        // From the first report on, the node counts.
        let first = reports.next().await.unwrap().unwrap();
        assert_eq!(first.within_us, 1_000_000);
        for time in [10, 20, 30, 40] {
            clock.wait(time).await.unwrap();
        }
        let _ = clock.fail("no".into()).await;
        let _ = tokio::time::timeout(Duration::from_millis(1), clock.wait(500)).await;
        let report = reports.next().await.unwrap().unwrap();
        let names: Vec<_> = report.methods.iter().map(|of| &*of.method).collect();
        assert_eq!(names, ["Clock/fail", "Clock/wait"], "and none of operators");
        let [fail, wait] = &report.methods[..] else { panic!("{report:?}") };
        assert_eq!((fail.calls(), fail.failed(), fail.outcomes["handler"]), (1, 1, 1));
        assert_eq!((wait.calls(), wait.failed(), wait.outcomes["ok"]), (5, 0, 4));
        assert_eq!(wait.outcomes["cancelled"], 1);
        assert!(wait.is_served && wait.peer == grid.name(1) && wait.request_bytes > 0);
        let millis = |share| wait.durations.quantile(share).unwrap().as_millis();
        assert!((40..=46).contains(&millis(1.0)) && (20..=23).contains(&millis(0.5)), "{wait:?}");

        for wrong in [0, 99, 60_001] {
            let mut refused = admin.activity(wrong).await.unwrap();
            let error = refused.next().await.unwrap().unwrap_err();
            assert!(error.to_string().contains("every 100 ms to 60 s"), "{error}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_tap_shows_the_calls_that_fit_its_filter() {
    within(async {
        let (grid, clock, admin) = grid().await;
        let failed = filter(|of| of.is_failed = true);
        let mut failures = tap(&clock, &admin, failed).await;
        clock.wait(1).await.unwrap();
        let _ = clock.fail("out of springs".into()).await;
        let call = failures.next().await.unwrap().unwrap();
        assert_eq!((&*call.method, &*call.peer), ("Clock/fail", grid.name(1)));
        assert_eq!((&*call.outcome, call.is_served, call.is_stream), ("handler", true, false));
        assert!(call.error.unwrap().contains("out of springs"));

        let slow =
            filter(|of| (of.slower_than_us, of.method) = (20_000, Some("Clock/wait".into())));
        let all = admin.tap(slow).await.unwrap();
        let served = filter(|of| (of.is_served, of.method) = (Some(true), Some("Clock".into())));
        let mut of_service = tap(&clock, &admin, served).await;
        clock.wait(10).await.unwrap();
        clock.wait(30).await.unwrap();
        let mut ticks = clock.ticks(3).await.unwrap();
        while ticks.next().await.is_some() {}
        let mut methods = Vec::new();
        while methods.last().is_none_or(|(method, _)| method != "Clock/ticks") {
            let call = of_service.next().await.unwrap().unwrap();
            methods.push((call.method, call.is_stream));
        }
        methods.retain(|(method, _)| method != "Clock/fail");
        let expected = [("Clock/wait", false), ("Clock/wait", false), ("Clock/ticks", true)];
        assert_eq!(methods, expected.map(|(method, is_stream)| (method.to_owned(), is_stream)));
        let mut all = all;
        assert!((30_000..31_000).contains(&all.next().await.unwrap().unwrap().took_us));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_tap_that_is_not_read_loses_calls_and_says_how_many() {
    within(async {
        let (_grid, clock, admin) = grid().await;
        let mut calls = tap(&clock, &admin, TapFilter::default()).await;
        for _ in 0..3000 {
            clock.wait(0).await.unwrap();
        }
        let (mut shown, mut missed) = (0, 0);
        while shown + missed < 3000 {
            let call = tokio::time::timeout(Duration::from_secs(1), calls.next()).await;
            // What was lost at the end is told with the next call.
            let Ok(call) = call else {
                clock.wait(0).await.unwrap();
                continue;
            };
            let call = call.unwrap().unwrap();
            shown += u64::from(call.method == "Clock/wait");
            missed += call.missed;
        }
        assert!(missed > 500 && shown > 1000, "{shown} shown, {missed} missed");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_tap_shows_no_more_calls_in_a_second_than_its_reader_wants() {
    within(async {
        let (_grid, clock, admin) = grid().await;
        let few = filter(|of| {
            (of.per_second_max, of.is_served) = (100, Some(true));
            of.method = Some("Clock/wait".into());
        });
        let mut calls = admin.tap(few).await.unwrap();
        let (mut shown, mut missed) = (0, 0);
        // Ten seconds, with a thousand calls in each; the last call tells what was missed.
        for call in 0..=10_000 {
            clock.wait(1).await.unwrap();
            if call % 100 == 0 {
                while let Ok(call) =
                    tokio::time::timeout(Duration::from_millis(30), calls.next()).await
                {
                    shown += 1;
                    missed += call.unwrap().unwrap().missed;
                }
            }
        }
        assert!((1000..1400).contains(&shown), "{shown} shown, {missed} missed");
        assert!((9_000..11_000).contains(&(shown + missed)), "{shown} shown, {missed} missed");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn watchers_are_limited_and_leave_when_they_are_dropped() {
    within(async {
        let (_grid, clock, admin) = grid().await;
        let wrong = filter(|of| of.share = f64::NAN);
        let error = admin.tap(wrong).await.unwrap().next().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("from 0 to 1"), "{error}");
        let mut all = Vec::new();
        for _ in 0..16 {
            all.push(tap(&clock, &admin, TapFilter::default()).await);
        }
        let mut refused = admin.tap(TapFilter::default()).await.unwrap();
        let error = refused.next().await.unwrap().unwrap_err();
        assert_eq!(code(&error), ErrorCode::Overloaded);
        all.pop();
        // The cancellation takes a moment.
        loop {
            let mut again = admin.tap(TapFilter::default()).await.unwrap();
            let _ = clock.fail("is the tap open?".into()).await;
            if again.next().await.unwrap().is_ok() {
                break;
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn whoever_is_not_permitted_learns_nothing() {
    within(async {
        let configure = |_, builder: Builder| {
            builder.service(ClockServer::new(Quartz)).admin(Operators::permit(|call| {
                match call.peer().contains("node1") {
                    true => Ok(()),
                    false => Err(Denied::new("only operators may look into nodes")),
                }
            }))
        };
        let grid = TestGrid::builder(2).configure(configure).start();
        grid.all_connected().await;
        let admin = AdminClient::new(grid.connection(1, 0));
        let mut refused = vec![
            admin.recent_events(9).await.unwrap_err(),
            admin.node().await.unwrap_err(),
            admin.links().await.unwrap_err(),
            admin.streams(9).await.unwrap_err(),
            admin.log_filter().await.unwrap_err(),
            admin.set_log_filter("trace".into()).await.unwrap_err(),
        ];
        refused.push(admin.events(9).await.unwrap().next().await.unwrap().unwrap_err());
        refused.push(admin.activity(1000).await.unwrap().next().await.unwrap().unwrap_err());
        let tap = admin.tap(TapFilter::default()).await;
        refused.push(tap.unwrap().next().await.unwrap().unwrap_err());
        for error in refused {
            assert_eq!(code(&error), ErrorCode::NotPermitted, "{error}");
            assert!(!error.to_string().contains("Clock"), "{error}");
        }
        // Other services are not its matter.
        ClockClient::new(grid.connection(1, 0)).wait(0).await.unwrap();
        AdminClient::new(grid.connection(0, 0)).node().await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_service_is_there_only_if_it_was_added() {
    within(async {
        let with = |node, builder: Builder| match node {
            0 => administered(node, builder),
            _ => builder,
        };
        let grid = TestGrid::builder(2).configure(with).start();
        grid.all_connected().await;
        let error = AdminClient::new(grid.connection(0, 1)).node().await.unwrap_err();
        assert_eq!(code(&error), ErrorCode::UnknownHandler);
        let services = ReflectionClient::new(grid.connection(1, 0)).services().await.unwrap();
        let names: Vec<_> = services.iter().map(|service| &*service.name).collect();
        assert_eq!(names, ["Clock", "grid.Admin", "grid.Reflection"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn operators_set_the_filter_of_the_log() {
    struct Filter(Arc<Mutex<String>>);
    impl LogFilter for Filter {
        fn get(&self) -> String {
            self.0.lock().unwrap().clone()
        }
        fn set(&self, filter: &str) -> Result<(), String> {
            if filter == "loud" {
                return Err("no such level".into());
            }
            filter.clone_into(&mut self.0.lock().unwrap());
            Ok(())
        }
    }
    within(async {
        let current = Arc::new(Mutex::new("info".to_owned()));
        let shared = Arc::clone(&current);
        let configure = move |node, builder: Builder| {
            let operators = Operators::permit(|_| Ok(()));
            let filter = Filter(Arc::clone(&shared));
            builder.admin(if node == 0 { operators.log_filter(filter) } else { operators })
        };
        let grid = TestGrid::builder(2).configure(configure).start();
        grid.all_connected().await;
        let admin = AdminClient::new(grid.connection(1, 0));
        assert_eq!(admin.log_filter().await.unwrap(), "info");
        admin.set_log_filter("debug".into()).await.unwrap();
        assert_eq!(*current.lock().unwrap(), "debug");
        let refused = admin.set_log_filter("loud".into()).await.unwrap_err();
        assert!(refused.to_string().contains(r#""loud" of the log was refused: no such level"#));
        let without = AdminClient::new(grid.connection(0, 1)).log_filter().await.unwrap_err();
        assert!(without.to_string().contains("Operators::log_filter"), "{without}");
    })
    .await;
}
