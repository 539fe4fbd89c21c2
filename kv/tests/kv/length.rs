//! How long the log is: `Log::measure`.

use grid_kv::model::{Command, Op, Types, Write};
use grid_kv::store::{self, Log, Sync};
use openraft::entry::RaftEntry as _;
use openraft::storage::{RaftLogStorage as _, RaftLogStorageExt as _};
use openraft::type_config::alias::{EntryOf, LogIdOf};
use openraft::vote::RaftLeaderIdExt as _;
use openraft::vote::leader_id_adv::LeaderId;

fn id(index: u64) -> LogIdOf<Types> {
    LogIdOf::<Types>::new(LeaderId::new_committed(1, 1), index)
}

/// Appends entries with a value of this length each, from this index on.
async fn append(log: &mut Log, from: u64, lengths: &[usize]) {
    let entry = |(length, index): (&usize, u64)| {
        let put = Op::Put { key: "a".to_owned(), value: vec![0; *length].into() };
        let write = Write { session: 1, sequence: index, ops: vec![put] };
        EntryOf::<Types>::new_normal(id(index), Command::Write(write))
    };
    let entries: Vec<_> = lengths.iter().zip(from..).map(entry).collect();
    log.blocking_append(entries).await.unwrap();
}

/// The entries that are too much, with up to this many blocks; and the blocks after one entry up to another one.
async fn measure(log: &Log, blocks_max: u64, after: u64, upto: u64) -> (Option<u64>, u64) {
    let measured = log.measure(blocks_max * BLOCK as u64, after, upto).await.unwrap();
    (measured.too_long, measured.between / BLOCK as u64)
}

/// Long enough that what is around the value of an entry does not count.
const BLOCK: usize = 16 << 10;

#[tokio::test]
async fn the_length_is_right_after_all_that_happens_to_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, machine) = store::open(folder.path(), Sync::Never).unwrap();
    assert_eq!(measure(&log, 0, 0, 9).await, (None, 0));
    append(&mut log, 1, &[10 * BLOCK; 10]).await;
    assert_eq!(measure(&log, 200, 0, 10).await, (None, 100));
    assert_eq!(measure(&log, 51, 0, 5).await, (Some(5), 50));
    assert_eq!(measure(&log, 45, 4, 6).await, (Some(6), 20));
    assert_eq!(measure(&log, 0, 10, 20).await, (Some(10), 0));

    // Shorter ones in place of the last.
    log.truncate_after(Some(id(5))).await.unwrap();
    append(&mut log, 6, &[BLOCK; 5]).await;
    assert_eq!(measure(&log, 200, 5, 10).await, (None, 5));
    assert_eq!(measure(&log, 6, 0, 10).await, (Some(5), 55));
    log.purge(id(4)).await.unwrap();
    assert_eq!(measure(&log, 200, 4, 10).await, (None, 15));
    // What is purged has no length.
    assert_eq!(measure(&log, 4, 0, 10).await, (Some(7), 15));

    // All, and again from the beginning; also after the log was closed.
    log.purge(id(10)).await.unwrap();
    assert_eq!(measure(&log, 0, 0, 10).await, (None, 0));
    append(&mut log, 11, &[20 * BLOCK; 2]).await;
    drop((log, machine));
    let mut reopened = None;
    while reopened.is_none() {
        // The task that writes ends a little later.
        tokio::task::yield_now().await;
        reopened = store::open(folder.path(), Sync::Never).ok();
    }
    let (mut log, _machine) = reopened.unwrap();
    append(&mut log, 13, &[20 * BLOCK; 2]).await;
    assert_eq!(measure(&log, 200, 10, 14).await, (None, 80));
    assert_eq!(measure(&log, 45, 12, 13).await, (Some(12), 20));
}
