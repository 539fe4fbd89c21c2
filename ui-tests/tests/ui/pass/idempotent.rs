//! Calls of both kinds of methods, where code names their types.

use std::time::Duration;

use grid::{
    Call, CallError, Connection, Group, GroupCall, Hedge, Idempotent, Method, Mock, Once, RemoteError, Retry,
};

#[grid::service]
trait Disk {
    #[handler(idempotent, id = 9, timeout = "1s", compact)]
    async fn read(&self, path: String) -> Result<Vec<u8>, RemoteError>;
    #[handler(idempotent, blocking)]
    fn stat(&self, path: String) -> u64;
    #[handler(idempotent, inline)]
    async fn free(&self) -> u64 {
        7
    }
    async fn append(&self, path: String, line: String) -> Result<(), RemoteError>;
}

fn plain(disk: &DiskClient) -> Call<(), RemoteError> {
    disk.append("a".into(), "b".into())
}

fn once(disk: &DiskClient) -> Call<(), RemoteError, Once> {
    plain(disk).retry(&Retry::new())
}

fn idempotent(disk: &DiskClient, other: &Connection) -> Call<u64, std::convert::Infallible, Idempotent> {
    disk.free().hedge(&Hedge::after(Duration::from_millis(1)), other).retry(&Retry::default())
}

fn name<A: grid::ArgTuple, O, E, K>(method: &Method<A, O, E, K>) -> &'static str {
    method.info().name()
}

fn old_name<A: grid::ArgTuple, O, E>(method: &Method<A, O, E>) -> &'static str {
    method.info().name()
}

async fn group(connections: Vec<Connection>) -> Vec<grid::NodeOutcome<u64, std::convert::Infallible>> {
    let mut group: GroupCall<u64, _> = Group::new(connections.clone()).call(DiskClient::STAT, ("a".into(),));
    for connection in connections {
        group.add("one", DiskClient::new(connection).free());
    }
    group.each(|call: Call<_, _>| call.retry(&Retry::new())).all().await
}

#[tokio::main]
async fn main() -> Result<(), CallError<RemoteError>> {
    assert!(DiskClient::READ.info().is_idempotent() && DiskClient::STAT.info().is_idempotent());
    assert!(!DiskClient::APPEND.info().is_idempotent());
    assert_eq!((name(DiskClient::READ), old_name(DiskClient::APPEND)), ("read", "append"));
    let mock = Mock::new()
        .on(DiskClient::FREE, |()| Ok(8))
        .on(DiskClient::STAT, |(_,)| Ok(8))
        .on(DiskClient::APPEND, |_| Ok(()));
    let connection = mock.connection();
    let disk = DiskClient::new(connection.clone()).with_retry(&Retry::new());
    once(&disk).await?;
    assert_eq!(idempotent(&disk, &connection).await, Ok(8));
    assert_eq!(group(vec![connection]).await.len(), 2);
    Ok(())
}
