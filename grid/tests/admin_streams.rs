//! Operators see single streams, and who waits for whom.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::time::Duration;

use grid::admin::{AdminClient, Operators, StreamStatus};
use grid::testing::TestGrid;
use grid::{Builder, Incoming, Outgoing, RemoteError};
use tokio::time::sleep;

#[grid::service]
trait Pulse {
    /// Sends its input back, and reads nothing before the time is over.
    #[handler(incoming = 16, outgoing = 4)]
    async fn slow(
        &self,
        time_ms: u64,
        input: Incoming<u32>,
        out: Outgoing<u32>,
    ) -> Result<(), RemoteError>;
}

struct Heart;

impl Pulse for Heart {
    async fn slow(
        &self,
        time_ms: u64,
        mut input: Incoming<u32>,
        mut out: Outgoing<u32>,
    ) -> Result<(), RemoteError> {
        sleep(Duration::from_millis(time_ms)).await;
        while let Some(number) = input.next().await {
            out.send(number.map_err(|error| RemoteError::new(error.to_string()))?).await?;
        }
        Ok(())
    }
}

/// A test that waits for what does not come fails after a minute of virtual time.
async fn within(test: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(60), test).await.unwrap();
}

/// Two nodes, and a client of the first one.
async fn grid() -> (TestGrid, PulseClient) {
    let configure = |_, builder: Builder| {
        builder.service(PulseServer::new(Heart)).admin(Operators::permit(|_| Ok(())))
    };
    let grid = TestGrid::builder(2).configure(configure).start();
    grid.all_connected().await;
    let pulse = PulseClient::new(grid.connection(1, 0));
    (grid, pulse)
}

/// The streams at each node of the grid.
async fn streams(grid: &TestGrid) -> [Vec<StreamStatus>; 2] {
    let of = |node| AdminClient::new(grid.connection(0, node));
    [of(0).streams(1000).await.unwrap(), of(1).streams(1000).await.unwrap()]
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_reader_does_not_read_is_blamed_at_both_ends() {
    within(async {
        let (grid, pulse) = grid().await;
        let (mut input, mut output) = pulse.slow(30_000).await.unwrap();
        sleep(Duration::from_millis(500)).await;
        let [served, made] = streams(&grid).await;
        assert!(!made[0].waits() && made[0].text.is_empty(), "{made:?}");
        assert_eq!((made[0].age_ms, served[0].age_ms), (Some(500), Some(500)));
        let sends = made[0].sends.clone().unwrap();
        assert_eq!((sends.items, sends.items_max), (Some(16), Some(16)));

        let sending = tokio::spawn(async move {
            for number in 0..17 {
                input.send(number).await.unwrap();
            }
            drop(input); // Ends the input.
        });
        sleep(Duration::from_millis(500)).await;
        let [served, made] = streams(&grid).await;
        let ([served], [made]) = (&served[..], &made[..]) else { panic!("{served:?} {made:?}") };
        assert_eq!(
            (&*made.method, &*made.peer, made.is_served),
            ("Pulse/slow", grid.name(0), false)
        );
        assert_eq!(
            (&*served.method, &*served.peer, served.is_served),
            ("Pulse/slow", grid.name(1), true)
        );
        assert_eq!(
            (&made.waits_for[..], made.waits_ms),
            (&["reader_at_peer".to_owned()][..], None)
        );
        let text = format!("the caller here waits until the handler at {} reads", grid.name(0));
        assert_eq!(made.text, text);
        let sends = made.sends.clone().unwrap();
        assert_eq!((sends.items, sends.items_max, sends.unread), (Some(0), Some(16), 0));
        assert_eq!(served.waits_for, ["reader_here"]);
        let text =
            format!("the caller at {} waits until the handler here reads: 16 unread", grid.name(1));
        assert_eq!(served.text, text);
        let receives = served.receives.clone().unwrap();
        assert_eq!((receives.items, receives.items_max, receives.unread), (Some(0), Some(16), 16));
        assert!(receives.bytes < receives.bytes_max, "{receives:?}");

        // With two pings the time of the wait is known, at least.
        sleep(Duration::from_secs(25)).await;
        let [_, made] = streams(&grid).await;
        assert!((10_000..=25_500).contains(&made[0].waits_ms.unwrap()), "{made:?}");

        // The handler reads, and answers until the caller should read: now each waits for the other.
        sleep(Duration::from_secs(5)).await;
        let [served, made] = streams(&grid).await;
        for (stream, unread) in [(&served[0], 11), (&made[0], 4)] {
            assert_eq!(stream.waits_for, ["reader_at_peer", "reader_here"]);
            assert_eq!(stream.receives.clone().unwrap().unread, unread);
        }
        let sends = served[0].sends.clone().unwrap();
        assert_eq!((sends.items, sends.items_max), (Some(0), Some(4)));
        let mut items = 0;
        while let Some(item) = output.next().await {
            items += 1;
            item.unwrap();
        }
        sending.await.unwrap();
        assert_eq!((items, streams(&grid).await), (17, [vec![], vec![]]), "they have ended");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn streams_that_wait_come_first_and_no_more_are_sent_than_asked_for() {
    within(async {
        let (grid, pulse) = grid().await;
        let admin = AdminClient::new(grid.connection(1, 0));
        let mut open = Vec::new();
        for number in 0..1200_u32 {
            let (mut input, output) = pulse.slow(60_000).await.unwrap();
            if number == 700 {
                for number in 0..16 {
                    input.send(number).await.unwrap();
                }
            }
            open.push((input, output));
            sleep(Duration::from_millis(1)).await;
        }
        // Neither the streams of operators nor single requests are listed.
        let _events = admin.events(0).await.unwrap();
        let listed = admin.streams(3).await.unwrap();
        let waits: Vec<_> = listed.iter().map(StreamStatus::waits).collect();
        assert_eq!(waits, [true, false, false]);
        assert!(listed[0].age_ms < listed[1].age_ms && listed[1].age_ms >= listed[2].age_ms);
        assert_eq!(admin.streams(0).await.unwrap(), []);
        let most = admin.streams(u32::MAX).await.unwrap();
        assert_eq!(most.len(), 1000);
        assert!(most.iter().all(|of| of.method == "Pulse/slow"));
        drop(open);
        sleep(Duration::from_millis(10)).await;
        assert_eq!(streams(&grid).await, [vec![], vec![]]);
    })
    .await;
}
