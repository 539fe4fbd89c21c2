//! The service between the nodes: items that their owner has.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

/// The length of a value. With [`ITEMS_MAX`], it limits the values of a node to 256 MiB.
pub(crate) const VALUE_BYTES_MAX: usize = 64 * 1024;
/// The length of a key: enough for a path or two hashes.
pub(crate) const KEY_BYTES_MAX: usize = 256;
/// The number of items of a node.
const ITEMS_MAX: usize = 4096;

#[grid::service(schema)]
pub(crate) trait Items {
    #[handler(timeout = "5s")]
    async fn get(&self, key: String) -> Option<Bytes>;
    #[handler(timeout = "5s")]
    async fn put(&self, key: String, value: Bytes) -> Result<(), PutError>;
}

/// Why an item was not stored.
#[derive(Debug, Serialize, Deserialize, JsonSchema, thiserror::Error)]
pub(crate) enum PutError {
    #[error("the node has {ITEMS_MAX} items already")]
    Full,
    #[error("a key has at most {KEY_BYTES_MAX} bytes, and a value {VALUE_BYTES_MAX}")]
    TooLarge,
}

/// The items of this node, in memory.
#[derive(Default)]
pub(crate) struct Store(Mutex<HashMap<String, Bytes>>);

impl Items for Store {
    async fn get(&self, key: String) -> Option<Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    async fn put(&self, key: String, value: Bytes) -> Result<(), PutError> {
        if key.len() > KEY_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
            return Err(PutError::TooLarge);
        }
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if items.len() >= ITEMS_MAX && !items.contains_key(&key) {
            return Err(PutError::Full);
        }
        // A copy: a received value counts as memory of its peer until it is dropped.
        items.insert(key, Bytes::copy_from_slice(&value));
        Ok(())
    }
}

/// The owner of a key: the host whose name and the key have the highest hash together. All nodes find the same one, and if a
/// host is added or removed, only its own keys change their owner.
pub(crate) fn owner(hosts: impl Iterator<Item = String>, key: &str) -> Option<String> {
    hosts.max_by_key(|host| XxHash3_64::oneshot(format!("{host}\n{key}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_leaves_takes_only_its_own_keys_with_it() {
        let hosts = |count| (0..count).map(|number| format!("http://node{number}:9000"));
        let mut owned = [0; 4];
        for key in (0..4000).map(|number| number.to_string()) {
            let (four, three) = (owner(hosts(4), &key).unwrap(), owner(hosts(3), &key).unwrap());
            assert!(four == three || four == "http://node3:9000", "{key}");
            owned[hosts(4).position(|host| host == four).unwrap()] += 1;
        }
        assert!(owned.iter().all(|count| (800..1200).contains(count)), "{owned:?}");
    }

    #[tokio::test]
    async fn a_full_store_still_replaces() {
        let items = ItemsClient::in_process(Store::default());
        for key in 0..ITEMS_MAX {
            items.put(key.to_string(), Bytes::from_static(b"1")).await.unwrap();
        }
        items.put("0".into(), Bytes::from_static(b"2")).await.unwrap();
        assert_eq!(items.get("0".into()).await.unwrap().unwrap(), "2");
        assert!(items.put("new".into(), Bytes::new()).await.is_err());
    }
}
