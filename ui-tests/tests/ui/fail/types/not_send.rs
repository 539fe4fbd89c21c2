use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, RwLockReadGuard};

use grid::{Incoming, RemoteError};

#[grid::service]
trait Disk {
    async fn guard(&self, guard: MutexGuard<'static, u8>, n: u8) -> u8;
    async fn elided(&self, guard: RwLockReadGuard<'_, Vec<u8>>);
    async fn shared(&self, name: Rc<str>) -> u8;
    async fn inside(&self, names: Vec<Option<Rc<String>>>) -> Result<u8, RemoteError>;
    async fn back(&self) -> Result<std::rc::Rc<String>, RemoteError>;
    async fn items(&self, names: Incoming<Rc<String>>) -> u8;
}

struct Node;

impl Disk for Node {
    async fn guard(&self, guard: MutexGuard<'static, u8>, n: u8) -> u8 {
        std::future::ready(()).await;
        *guard + n
    }
    async fn elided(&self, guard: RwLockReadGuard<'_, Vec<u8>>) {
        std::future::ready(()).await;
        drop(guard);
    }
    async fn shared(&self, name: Rc<str>) -> u8 {
        std::future::ready(()).await;
        name.len() as u8
    }
    async fn inside(&self, names: Vec<Option<Rc<String>>>) -> Result<u8, RemoteError> {
        std::future::ready(()).await;
        Ok(names.len() as u8)
    }
    async fn back(&self) -> Result<Rc<String>, RemoteError> {
        Ok(Rc::default())
    }
    async fn items(&self, _: Incoming<Rc<String>>) -> u8 {
        0
    }
}

async fn call(disk: DiskClient, guarded: &'static Mutex<u8>) {
    let one: u8 = disk.guard(guarded.lock().unwrap(), 1).await.unwrap();
    let _ = disk.shared(Rc::from("name")).await;
    let _ = disk.inside(vec![None]).await;
    let _ = (one, disk.back().await.unwrap().len());
    let (mut names, reply) = disk.items().await.unwrap();
    let _ = names.send(Rc::default()).await;
    let _ = reply.await;
}

fn main() {
    let _ = call(DiskClient::in_process(Node), Box::leak(Box::default()));
}
