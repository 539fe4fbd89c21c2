//! What a snapshot costs: memory at both ends, and bytes when its transfer is interrupted.

#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "../raft/store.rs"]
#[expect(dead_code, reason = "the tests of clusters use all of it")]
mod store;
mod synthetic;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use grid::testing::TestGrid;
use grid_openraft::{GridClient, RaftGroup, SnapshotRate};
use openraft::errors::StreamingError;
use openraft::network::{RPCOption, RaftNetworkFactory as _, RaftNetworkV2 as _};
use openraft::type_config::alias::{LogIdOf, SnapshotMetaOf, VoteOf};
use openraft::vote::RaftLeaderIdExt as _;
use openraft::vote::leader_id_adv::LeaderId;
use openraft::{BasicNode, Config, Raft, Snapshot};
use peak_alloc::PeakAlloc;
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::store::{Log, Machine, Types};
use self::synthetic::{Figures, Synthetic};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// One test at a time: they measure the memory of the process.
static ALONE: Mutex<()> = Mutex::const_new(());

const MIB: usize = 1 << 20;

/// The soft limit.
const TTL: Duration = Duration::from_secs(15);

type Group = RaftGroup<Types, Machine<Synthetic>>;

/// A node that sends, and one that receives.
struct Pair {
    grid: TestGrid,
    client: GridClient<Types, Synthetic>,
    raft: Raft<Types, Machine<Synthetic>>,
    /// Of the snapshots that are read, and of those that are written.
    sent: Arc<Figures>,
    received: Arc<Figures>,
}

impl Pair {
    async fn start() -> Self {
        Self::with_rate(SnapshotRate::unlimited()).await
    }

    async fn with_rate(rate: SnapshotRate) -> Self {
        let (sent, received) = (Arc::<Figures>::default(), Arc::<Figures>::default());
        let figures = Arc::clone(&received);
        let group = Group::new("", move || {
            let empty = Synthetic::new(0, &figures);
            async { Ok(empty) }
        });
        let served = group.clone();
        let grid = TestGrid::builder(2)
            .configure(move |_, builder| builder.service(served.clone()))
            .start();
        grid.all_connected().await;
        let config = Arc::new(Config::default().validate().unwrap());
        let network = group.network(&grid.node(1), 1);
        let raft = Raft::new(1, config, network, Log::default(), Machine::default()).await.unwrap();
        group.start(raft.clone());
        let mut network = group.network(&grid.node(0), 0).with_snapshot_rate(rate);
        let client = network.new_snapshot_client(1, &BasicNode::new(grid.name(1))).await;
        Self { grid, client, raft, sent, received }
    }

    async fn send(&mut self, len: usize) -> Result<(), StreamingError<Types>> {
        let last = LogIdOf::<Types>::new(LeaderId::new_committed(1, 0), 10);
        let meta = SnapshotMetaOf::<Types> { last_log_id: Some(last), ..Default::default() };
        let snapshot = Snapshot { meta, snapshot: Synthetic::new(len as u64, &self.sent) };
        let vote = VoteOf::<Types>::new_committed(1, 0);
        let option = RPCOption::new(TTL * 4 / 3);
        self.client.full_snapshot(vote, snapshot, std::future::pending(), option).await.map(drop)
    }
}

#[tokio::test(start_paused = true)]
async fn a_gibibyte_needs_little_memory_at_either_end() {
    let _alone = ALONE.lock().await;
    let mut pair = Pair::start().await;
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    pair.send(1024 * MIB).await.unwrap();
    let more = MEMORY.peak_usage() - before;
    println!("{} MiB more, at both ends together", more / MIB);
    assert!(more <= 32 * MIB, "{} MiB more", more / MIB);
    assert_eq!(pair.received.bytes.load(Relaxed), 1 << 30);
    pair.raft.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_make_its_sender_read_ahead() {
    let _alone = ALONE.lock().await;
    let mut pair = Pair::start().await;
    pair.received.pause.store(2, Relaxed); // for each chunk
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let sending = pair.send(512 * MIB);
    tokio::time::timeout(Duration::from_secs(1), sending).await.unwrap_err();
    let more = MEMORY.peak_usage() - before;
    println!("{} MiB more, at both ends together", more / MIB);
    assert!(more <= 32 * MIB, "{} MiB more", more / MIB);
    let ahead = pair.sent.bytes.load(Relaxed) - pair.received.bytes.load(Relaxed);
    assert!(ahead <= 64 * MIB as u64, "{} MiB were read ahead", ahead / MIB as u64);
    pair.raft.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn groups_share_a_rate() {
    let _alone = ALONE.lock().await;
    let rate = SnapshotRate::bytes_per_second(16 * MIB as u64);
    let mut pairs = [Pair::with_rate(rate.clone()).await, Pair::with_rate(rate).await];
    let began = Instant::now();
    let [one, other] = &mut pairs;
    let (one, other) = tokio::join!(one.send(32 * MIB), other.send(32 * MIB));
    one.unwrap();
    other.unwrap();
    let took = began.elapsed().as_secs_f64();
    assert!((3.9..4.2).contains(&took), "{took} s");
    for pair in pairs {
        pair.raft.shutdown().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_not_sent_faster_than_its_rate() {
    let _alone = ALONE.lock().await;
    let mut pair = Pair::with_rate(SnapshotRate::bytes_per_second(16 * MIB as u64)).await;
    for round in 1..=2 {
        let (began, sent) = (Instant::now(), Arc::clone(&pair.sent));
        let before = sent.bytes.load(Relaxed);
        let sending = pair.send(64 * MIB);
        tokio::pin!(sending);
        tokio::time::timeout(Duration::from_secs(2), &mut sending).await.unwrap_err();
        let half = (sent.bytes.load(Relaxed) - before) >> 20;
        assert!((31..=34).contains(&half), "{half} MiB after two seconds");
        sending.await.unwrap();
        let took = began.elapsed().as_secs_f64();
        assert!((3.9..4.2).contains(&took), "round {round} took {took} s");
        // What was not used in a pause is not caught up with.
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    pair.raft.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_disk_is_not_taken_for_a_dead_node() {
    let _alone = ALONE.lock().await;
    let mut pair = Pair::start().await;
    pair.received.pause.store(2 * TTL.as_millis() as u64, Relaxed); // for each chunk
    pair.send(2 * MIB).await.unwrap();
    pair.raft.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_dropped_leaves_nothing() {
    let _alone = ALONE.lock().await;
    let mut pair = Pair::start().await;
    pair.grid.bandwidth(0, 1, 20_000_000);
    let before = MEMORY.current_usage();
    let sending = pair.send(1024 * MIB);
    tokio::time::timeout(Duration::from_secs(5), sending).await.unwrap_err();
    pair.grid.nothing_in_flight().await;
    // The sender drops its end at once. The receiver waits for it to come back, as after a loss of the link.
    assert_eq!(pair.sent.live.load(Relaxed), 0);
    assert!(pair.received.bytes.load(Relaxed) > 50 * MIB as u64);
    tokio::time::sleep(2 * TTL + Duration::from_secs(1)).await;
    assert_eq!(pair.received.live.load(Relaxed), 0);
    let more = MEMORY.current_usage().saturating_sub(before);
    assert!(more < 2 * MIB, "{more} bytes are still used");
    pair.raft.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_transfer_goes_on_where_its_link_was_lost() {
    let _alone = ALONE.lock().await;
    let mut pair = Pair::start().await;
    pair.grid.bandwidth(0, 1, 20_000_000);
    let network = pair.grid.network().clone();
    let (one, other) = (pair.grid.name(0).to_owned(), pair.grid.name(1).to_owned());
    let faults = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(3)).await;
            network.reset(&one, &other);
        }
    };
    let (sent, ()) = tokio::join!(pair.send(256 * MIB), faults);
    sent.unwrap();
    assert_eq!(pair.received.made.load(Relaxed), 1);
    assert_eq!(pair.received.bytes.load(Relaxed) >> 20, 256);
    // What was under way was lost, three times: a window at most.
    let read = pair.sent.bytes.load(Relaxed) >> 20;
    println!("{read} MiB were read for 256");
    assert!(read < 256 + 3 * 20, "{read} MiB were read");
    pair.raft.shutdown().await.unwrap();
}
