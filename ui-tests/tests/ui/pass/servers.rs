//! Servers as values and types: in a field, in a signature, and two services implemented by one type.
#![deny(warnings)]

use std::sync::Arc;

use grid::{Manager, RegisterError, Registrar, Service};

#[grid::service]
trait Disk {
    async fn size(&self) -> u64;
}

mod locks {
    #[grid::service]
    pub(super) trait Lock {
        async fn hold(&self, name: String) -> bool;
    }
}
use locks::{Lock, LockClient, LockServer};

struct Node;

impl Disk for Node {
    async fn size(&self) -> u64 {
        512
    }
}

impl Lock for Node {
    async fn hold(&self, name: String) -> bool {
        name == "a"
    }
}

struct Both<T> {
    disk: DiskServer<T>,
    lock: LockServer<T>,
}

impl<T: Disk + Lock> Service for Both<T> {
    fn register(self, to: &mut Registrar<'_>) -> Result<(), RegisterError> {
        self.disk.register(to)?;
        self.lock.register(&mut to.under("locks"))
    }
}

fn below(server: DiskServer<Node>, path: &str) -> DiskServer<Node> {
    server.subroute("disks").subroute(path)
}

#[tokio::main]
async fn main() {
    let node = Arc::new(Node);
    let both = Both { disk: DiskServer::from_arc(node.clone()), lock: LockServer::from_arc(node) };
    let disk = below(DiskServer::new(Node), "0");
    assert_eq!(format!("{disk:?}"), "Served { service: \"Disk\", subroute: Some(\"disks/0\"), .. }");
    let manager =
        Manager::builder("http://a:1").service(both).service(disk.clone()).build().unwrap();
    let connection = manager.connection("http://a:1").unwrap();
    let disk = DiskClient::new(connection.clone());
    assert_eq!(disk.size().await.unwrap(), 512);
    assert_eq!(disk.subroute("disks").subroute("0").size().await.unwrap(), 512);
    assert!(disk.subroute("disks").size().await.is_err());
    let lock = LockClient::new(connection).subroute("locks");
    assert!(lock.hold("a".into()).await.unwrap());
}
