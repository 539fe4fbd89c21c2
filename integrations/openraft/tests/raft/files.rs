//! Files as snapshots, which is what programs use.

use std::io::{Read as _, Seek as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use grid::testing::TestGrid;
use grid_openraft::RaftGroup;
use openraft::network::{RPCOption, RaftNetworkFactory as _, RaftNetworkV2 as _};
use openraft::type_config::alias::{LogIdOf, SnapshotMetaOf, VoteOf};
use openraft::vote::RaftLeaderIdExt as _;
use openraft::vote::leader_id_adv::LeaderId;
use openraft::{BasicNode, Config, Raft, Snapshot};
use tokio::fs::File;

use super::store::{Content, Log, Machine, Types};

impl Content for File {
    fn of(state: &[String]) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(state.join("\n").as_bytes()).unwrap();
        file.rewind().unwrap();
        Self::from_std(file)
    }

    fn state(self) -> Vec<String> {
        let mut text = String::new();
        self.try_into_std().unwrap().read_to_string(&mut text).unwrap();
        text.split('\n').map(str::to_owned).collect()
    }
}

async fn create() -> std::io::Result<File> {
    Ok(File::from_std(tempfile::tempfile()?))
}

#[tokio::test(start_paused = true)]
async fn the_transfer_of_a_file_is_continued() {
    let group = RaftGroup::<Types, Machine<File>>::new("", create);
    let served = group.clone();
    let configure = move |_, builder: grid::Builder| builder.service(served.clone());
    let grid = TestGrid::builder(2).configure(configure).start();
    grid.all_connected().await;
    let machine = Machine::default();
    let config = Arc::new(Config::default().validate().unwrap());
    let network = group.network(&grid.node(1), 1);
    let raft = Raft::new(1, config, network, Log::default(), machine.clone()).await.unwrap();
    group.start(raft.clone());

    grid.bandwidth(0, 1, 10_000_000);
    let mut network = group.network(&grid.node(0), 0);
    let mut client = network.new_snapshot_client(1, &BasicNode::new(grid.name(1))).await;
    let writes: Vec<_> = (0..1_000_000).map(|number| format!("write {number}")).collect();
    let last = LogIdOf::<Types>::new(LeaderId::new_committed(1, 0), 10);
    let meta = SnapshotMetaOf::<Types> { last_log_id: Some(last), ..Default::default() };
    let snapshot = Snapshot { meta, snapshot: File::of(&writes) };
    let vote = VoteOf::<Types>::new_committed(1, 0);
    let option = RPCOption::new(Duration::from_secs(20));
    let sending = client.full_snapshot(vote, snapshot, std::future::pending(), option);
    let fault = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        grid.reset(0, 1);
    };
    let (sent, ()) = tokio::join!(sending, fault);
    sent.unwrap();
    assert!(machine.writes() == writes, "the writes are others");
    raft.shutdown().await.unwrap();
}
