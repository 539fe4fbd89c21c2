//! openraft's suite for storages.

use grid_kv::model::Types;
use grid_kv::store::{self, Log, Machine, Sync};
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;

struct Builder(Sync);

impl StoreBuilder<Types, Log, Machine, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, Log, Machine), StorageError<Types>> {
        let folder = tempfile::tempdir().unwrap();
        let (log, machine) = store::open(folder.path(), self.0).unwrap();
        Ok((folder, log, machine))
    }
}

#[tokio::test]
async fn passes_the_suite_of_openraft() {
    Suite::test_all(Builder(Sync::Always)).await.unwrap();
}

#[tokio::test]
async fn passes_it_without_syncing() {
    Suite::test_all(Builder(Sync::Never)).await.unwrap();
}
