//! [`Settings`]: what a node needs to know.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use grid_openraft::SnapshotRate;

use crate::store::{Files, OsFiles, Sync};

/// A node of the group: `1=http://node1:9000`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Peer {
    /// The id in the group, which is never used again for another node or another disk.
    pub id: u64,
    /// The name in the grid.
    pub name: String,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?}: write ID=URL, such as 1=http://node1:9000");
        let (id, name) = text.split_once('=').ok_or_else(wrong)?;
        let id = id.trim().parse().map_err(|_| wrong())?;
        Ok(Self { id, name: name.trim().to_owned() })
    }
}

impl TryFrom<String> for Peer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.id, self.name)
    }
}

/// The shortest [`Settings::election_timeout`]. Heartbeats have a fifth of it, which is counted in milliseconds.
pub const ELECTION_TIMEOUT_MIN: Duration = Duration::from_millis(10);

/// What a node needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of this node, which is one of the peers.
    pub name: String,
    /// The nodes of the group when it begins; or, for a node that joins, itself and one that is a member at least. Later, the
    /// members are in the log.
    pub peers: Vec<Peer>,
    /// Whether the node waits to be added to a group, instead of beginning one.
    pub join: bool,
    /// The folder of the storage.
    pub data: PathBuf,
    /// When a write counts as stored.
    pub sync: Sync,
    /// Where the databases are.
    pub files: Arc<dyn Files>,
    /// Time without the leader after which a node stands for election, at least; at most twice as long. Nodes vote for another one
    /// when twice this time has passed, the lease of the leader, so that a failover takes up to four times as long.
    pub election_timeout: Duration,
    /// Entries from one snapshot to the next, at most. The log has about as many, and 1000 more; and the leader's more, while a member
    /// needs them, because it is down or is getting a snapshot.
    pub snapshot_entries: u64,
    /// Bytes of the entries of the log, about. If they are more, those that a snapshot has are dropped although a member needs them, which
    /// then gets a snapshot; and a snapshot is made once the entries after the last one exceed half of this.
    ///
    /// If clients write more than this during the transfer of a snapshot, the member needs another one. Choose less than a
    /// quarter of the free space of the disk: the log grows to this size while a member is down, and its file may be four times as long.
    pub log_bytes_max: u64,
    /// How fast snapshots are sent to other nodes.
    pub snapshot_rate: SnapshotRate,
}

impl Settings {
    /// Settings with the defaults: syncing always, elections after 500 ms, snapshots after 10 000 entries, sent at
    /// 16 MiB/s, and a log of 1 GiB.
    pub fn new(name: impl Into<String>, peers: Vec<Peer>, data: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            peers,
            join: false,
            data: data.into(),
            sync: Sync::default(),
            files: Arc::new(OsFiles),
            election_timeout: Duration::from_millis(500),
            snapshot_entries: 10_000,
            log_bytes_max: 1 << 30,
            snapshot_rate: SnapshotRate::default(),
        }
    }

    /// The id of this node, or what is wrong.
    pub(super) fn check(&self) -> Result<u64, String> {
        let election = self.election_timeout;
        if election < ELECTION_TIMEOUT_MIN {
            return Err(format!(
                "election_ms = {}: must be at least {}",
                election.as_millis(),
                ELECTION_TIMEOUT_MIN.as_millis()
            ));
        }
        if self.snapshot_entries == 0 {
            return Err("snapshot_entries = 0: must be at least 1".to_owned());
        }
        for (place, peer) in self.peers.iter().enumerate() {
            let twice =
                |other: &Peer| (other.id == peer.id) != (other.name == peer.name) || other == peer;
            if self.peers[..place].iter().any(twice) {
                return Err(format!("peers: {peer} has the id or the name of another one"));
            }
        }
        let own = self.peers.iter().find(|peer| peer.name == self.name);
        own.map(|own| own.id).ok_or_else(|| format!("peers: {} is not one of them", self.name))
    }
}
