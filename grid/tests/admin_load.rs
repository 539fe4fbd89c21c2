//! Operators watch a node that has much to do, or shuts down.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::time::Duration;

use grid::Builder;
use grid::admin::{AdminClient, Operators, TapFilter};
use grid::testing::TestGrid;
use tokio::time::{Instant, timeout};

#[grid::service]
trait Echo {
    async fn echo(&self, number: u32) -> u32;
}

struct Plain;

impl Echo for Plain {
    async fn echo(&self, number: u32) -> u32 {
        number
    }
}

const LIMIT: Duration = Duration::from_secs(60);

fn grid() -> TestGrid {
    let configure = |_, builder: Builder| {
        builder.service(EchoServer::new(Plain)).admin(Operators::permit(|_| Ok(())))
    };
    TestGrid::builder(2).configure(configure).start()
}

/// In virtual time, all of these happen within a moment, so that the node has more calls a second than it can look at.
const CALLS: u32 = 20_000;

/// Far more than chance changes the figures.
fn is_about(figure: u64, wanted: u32) -> bool {
    let wanted = f64::from(wanted);
    (wanted * 0.6..wanted * 1.4).contains(&(figure as f64))
}

#[tokio::test(start_paused = true)]
async fn a_share_of_many_calls_is_looked_at_and_each_stands_for_several() {
    let grid = grid();
    grid.all_connected().await;
    let admin = AdminClient::new(grid.connection(1, 0));
    let mut reports = admin.activity(60_000).await.unwrap();
    let mut filter = TapFilter::default();
    filter.share = 0.02;
    let mut tapped = admin.tap(filter).await.unwrap();
    // Both are open when these have been answered.
    admin.node().await.unwrap();
    let echo = EchoClient::new(grid.connection(1, 0));
    for number in 0..CALLS {
        assert_eq!(echo.echo(number).await.unwrap(), number);
    }
    let report = timeout(2 * LIMIT, reports.next()).await.unwrap().unwrap().unwrap();
    assert!(report.one_in > 1, "{report:?}");
    let served = report.methods.iter().find(|of| of.is_served && of.method == "Echo/echo").unwrap();
    assert!(is_about(served.calls(), CALLS), "{} calls", served.calls());
    assert_eq!(served.durations.count(), served.calls());
    assert!(is_about(served.request_bytes, 3 * CALLS - 200), "{}", served.request_bytes);
    let mut shown = 0;
    while let Ok(call) = timeout(LIMIT, tapped.next()).await {
        call.unwrap().unwrap();
        shown += 1;
    }
    assert!(is_about(shown, CALLS / 50), "{shown} calls were shown");
}

#[tokio::test(start_paused = true)]
async fn all_calls_are_shown_to_whoever_asks_for_all() {
    let grid = grid();
    grid.all_connected().await;
    let admin = AdminClient::new(grid.connection(1, 0));
    let mut reports = admin.activity(60_000).await.unwrap();
    let mut tapped = admin.tap(TapFilter::default()).await.unwrap();
    admin.node().await.unwrap();
    let echo = EchoClient::new(grid.connection(1, 0));
    let mut shown = 0_u64;
    for number in 0..3000 {
        echo.echo(number).await.unwrap();
        if number % 500 == 499 {
            while let Ok(call) = timeout(Duration::from_millis(200), tapped.next()).await {
                shown += 1 + call.unwrap().unwrap().missed;
            }
        }
    }
    assert_eq!(shown, 3000);
    let report = timeout(2 * LIMIT, reports.next()).await.unwrap().unwrap().unwrap();
    assert_eq!((report.one_in, report.methods[0].calls()), (1, 3000));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_those_who_watch() {
    let grid = grid();
    grid.all_connected().await;
    let admin = AdminClient::new(grid.connection(1, 0));
    let mut reports = admin.activity(60_000).await.unwrap();
    let mut tapped = admin.tap(TapFilter::default()).await.unwrap();
    let mut events = admin.events(0).await.unwrap();
    admin.node().await.unwrap();
    let began = Instant::now();
    grid.node(0).shutdown(LIMIT).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(reports.next().await.is_none(), "the stream ends without an error");
    assert!(tapped.next().await.is_none());
    // What had happened before comes first.
    while let Some(event) = events.next().await {
        event.unwrap();
    }
}
