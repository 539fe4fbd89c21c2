//! `is_terminated`: futures and streams tell whether they have completed, as `select!` in a loop needs.

use futures_util::future::FusedFuture as _;
use futures_util::stream::FusedStream as _;
use grid::{Mock, RemoteError};

use crate::place::{Place, everywhere};
use crate::service::*;

everywhere!(calls_terminate_with_their_result, streams_terminate_with_their_end);

async fn calls_terminate_with_their_result(place: Place) {
    let disk = place.disk().await;
    for (volume, found) in [("v", true), ("missing", false)] {
        let mut call = disk.stat(volume.into());
        assert!(!call.is_terminated());
        assert_eq!((&mut call).await.is_ok(), found);
        assert!(call.is_terminated());
    }

    let mut opening = disk.total();
    assert!(!opening.is_terminated());
    let (mut numbers, mut total) = (&mut opening).await.unwrap();
    assert!(opening.is_terminated());
    numbers.send(7).await.unwrap();
    assert!(!total.is_terminated());
    drop(numbers);
    assert_eq!((&mut total).await.unwrap(), 7);
    assert!(total.is_terminated());
}

async fn streams_terminate_with_their_end(place: Place) {
    let disk = place.disk().await;
    let mut numbers = disk.count_to(1).await.unwrap();
    assert_eq!(numbers.next().await, Some(Ok(0)));
    assert!(!numbers.is_terminated());
    assert_eq!(numbers.next().await, None);
    assert!(numbers.is_terminated());

    let mut events = disk.tail(11).await.unwrap();
    events.next().await.unwrap().unwrap_err();
    assert!(events.is_terminated(), "an error is the last item");
}

#[tokio::test]
async fn a_handlers_input_terminates_with_its_end() {
    let connection = Mock::new()
        .on_client_stream(DiskClient::TOTAL, |(), mut input| async move {
            let mut count = 0;
            while input.next().await.is_some() {
                count += u32::from(!input.is_terminated());
            }
            assert!(input.is_terminated());
            Ok(count)
        })
        .connection();
    let (mut numbers, total) = DiskClient::new(connection).total().await.unwrap();
    numbers.send(7).await.unwrap();
    drop(numbers);
    assert_eq!(total.await.unwrap(), 1);
}

#[tokio::test]
async fn a_select_loop_ends_when_everything_has() {
    let connection = Mock::new()
        .on(DiskClient::LIMITED, |(limit,)| Ok(limit))
        .on_server_stream(DiskClient::COUNT_TO, |(n,), mut out| async move {
            for number in 0..n {
                out.send(number).await.expect("the caller is there");
            }
            Ok(())
        })
        .connection();
    let disk = DiskClient::new(connection);
    let mut call = disk.limited(Some(3));
    let mut numbers = disk.count_to(2).await.unwrap();
    let (mut answers, mut items) = (0, 0);
    loop {
        futures_util::select! {
            answer = call => answers += u32::from(answer.is_ok()),
            item = futures_util::StreamExt::select_next_some(&mut numbers) => items += u32::from(item.is_ok()),
            complete => break,
        }
    }
    assert_eq!((answers, items), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn raw_calls_and_streams_terminate_too() {
    let node = "http://node1:9000";
    let manager = grid::Manager::builder(node)
        .single_handler(1, None, |_, payload| async move { Ok(payload) })
        .stream_handler(
            2,
            None,
            grid::Capacities { incoming: 0, outgoing: 1 },
            |_, _, _, _| async move { Err(RemoteError::new("no items")) },
        )
        .build()
        .unwrap();
    let connection = manager.connection(node).unwrap();
    let mut call = connection.request(1, None);
    assert!(!call.is_terminated());
    (&mut call).await.unwrap();
    assert!(call.is_terminated());

    let mut opening = connection.stream(2, grid::Capacities { incoming: 0, outgoing: 1 }, None);
    let (_, mut items) = (&mut opening).await.unwrap();
    assert!(opening.is_terminated() && !items.is_terminated());
    items.next().await.unwrap().unwrap_err();
    assert!(items.is_terminated());
}
