//! Single requests: answers, errors, payloads of every kind, deadlines, and calls that are dropped.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future;
#[cfg(feature = "json")]
use grid::Json;
use grid::{CallError, ErrorCode, RemoteError};

use crate::place::{Place, everywhere};
use crate::service::*;

everywhere!(
    single_requests,
    several_arguments,
    payloads_of_other_kinds,
    a_call_is_an_independent_future,
    deadlines_and_panics,
    a_dropped_call_drops_the_handler,
);

async fn single_requests(place: Place) {
    let disk = place.disk().await;
    assert_eq!(disk.stat("v".into()).await.unwrap().size, 1 << 40);
    let error = disk.stat("missing".into()).await.unwrap_err();
    assert_eq!(error, CallError::Handler(DiskError::NotFound { name: "missing".into() }));
    assert_eq!(disk.uptime().await.unwrap(), Duration::from_millis(1500));
    disk.reset().await.unwrap();
    assert_eq!(disk.by_hand(4).await.unwrap(), 8);
    assert_eq!(disk.provided(4).await.unwrap(), 9);
    assert_eq!(disk.provided(0).await.unwrap(), 7);
    assert_eq!(disk.aliased(false).await.unwrap(), 3);
    assert_eq!(disk.aliased(true).await.unwrap_err(), CallError::Handler(DiskError::Gone));
}

async fn several_arguments(place: Place) {
    let disk = place.disk().await;
    let text = disk.rename("a".into(), "b".into(), None, 3).await.unwrap();
    assert_eq!(text, "a b None 3");
    let error = disk.rename("a".into(), "a".into(), Some(true), 0).await.unwrap_err();
    assert_eq!(error, CallError::Handler(RemoteError::new("the same name")));
    assert_eq!(disk.packed(Volume { size: 4, ..volume("v") }, true).await.unwrap().size, 8);
}

async fn payloads_of_other_kinds(place: Place) {
    let disk = place.disk().await;
    let data = Bytes::from_static(b"\xc1 no msgpack");
    assert_eq!(disk.raw(data.clone().into()).await.unwrap().0, data);
    assert_eq!(disk.bytes(data.clone()).await.unwrap(), data);
    #[cfg(feature = "json")]
    assert_eq!(disk.json(Json(volume("v"))).await.unwrap().0, volume("v"));
    assert_eq!(disk.limited(None).await.unwrap(), None);
    assert_eq!(disk.limited(Some(5)).await.unwrap(), Some(5));
}

async fn a_call_is_an_independent_future(place: Place) {
    let disk = place.disk().await;
    let call = disk.stat("v".into()).timeout(Duration::from_secs(1));
    assert_eq!(tokio::spawn(call).await.unwrap().unwrap().name, "v");
    let all = future::join_all(["a", "b"].map(|name| disk.stat(name.into()))).await;
    assert_eq!(all.len(), 2);
    let mut call = disk.uptime();
    tokio::select! {
        uptime = &mut call => assert!(uptime.is_ok()),
        () = tokio::time::sleep(Duration::from_secs(5)) => panic!("late"),
    }
}

async fn deadlines_and_panics(place: Place) {
    let disk = place.disk().await;
    let error = disk.hang().timeout(Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(error, CallError::DeadlineExceeded { .. }), "{error:?}");
    let error = disk.crash().await.unwrap_err();
    assert!(
        matches!(&error, CallError::Remote(error) if error.code == ErrorCode::Panicked),
        "{error:?}"
    );
}

async fn a_dropped_call_drops_the_handler(place: Place) {
    let fake = Fake::default();
    let dropped = fake.dropped.clone();
    let disk = place.serve_fake(fake).await;
    let call = disk.hang();
    tokio::time::timeout(Duration::from_millis(50), call).await.unwrap_err();
    wait_for(|| *dropped.lock().unwrap() == ["hang"]).await;
}
