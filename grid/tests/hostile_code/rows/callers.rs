//! Code in the tasks of callers and of handlers, next to what they hold: futures and streams that are dropped at any point,
//! groups of calls, and broadcasts.

use std::pin::Pin;
use std::task::Poll;

use grid::{
    Broadcast, CallError, Capacities, Connection, Group, Outgoing, RawReceiver, RawSender, Update,
};
use tokio::task::yield_now;

use crate::hostile::Hostile;
use crate::row::row;

const STREAM: u8 = 1;
const SLOW: u8 = 2;
const TWO_WAY: Capacities = Capacities { incoming: 1, outgoing: 1 };

/// Polls a future this often, with time for the link in between.
async fn poll_times<F: Future + Unpin>(future: &mut F, times: usize) -> Option<F::Output> {
    for _ in 0..times {
        let polled = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx)));
        if let Poll::Ready(output) = polled.await {
            return Some(output);
        }
        yield_now().await;
    }
    None
}

/// Everything that a caller can hold, at some point of its life.
async fn hold(connection: &Connection, times: usize, hostile: &Hostile) {
    let mut call = connection.request(SLOW, Some("x".into()));
    let answer = poll_times(&mut call, times).await;
    assert!(answer.is_none(), "it does not answer");
    let mut opening = connection.stream(STREAM, TWO_WAY, None);
    let stream: Option<(RawSender, RawReceiver)> =
        poll_times(&mut opening, times).await.map(Result::unwrap);
    let Some((mut input, mut output)) = stream else { return hostile.run() };
    let mut sends = Box::pin(async {
        for _ in 0..3 {
            let _ = input.send(vec![7; 100_000]).await;
        }
    });
    let mut reads = Box::pin(output.next());
    let _ = (poll_times(&mut sends, times).await, poll_times(&mut reads, times).await);
    // With all of them in its hands: what a panic drops is dropped while it unwinds.
    hostile.run();
}

#[test]
fn futures_and_streams_dropped_at_any_point() {
    row(
        |builder, _| {
            builder.single_handler(SLOW, None, |_, _| std::future::pending()).stream_handler(
                STREAM,
                None,
                TWO_WAY,
                |_, _, mut input, mut output| async move {
                    while let Some(Ok(item)) = input.next().await {
                        output.send(item).await?;
                    }
                    Ok(())
                },
            )
        },
        |links, hostile| async move {
            hostile.arm();
            for connection in links.all() {
                for times in 0..8 {
                    let (connection, hostile) = (connection.clone(), hostile.clone());
                    let panics = hostile.panics();
                    let held =
                        tokio::spawn(async move { hold(&connection, times, &hostile).await });
                    assert_eq!(held.await.is_err(), panics);
                }
            }
        },
    );
}

#[grid::service]
trait Ticks {
    /// Converts the items with the code.
    async fn converted(&self, out: Outgoing<u8>);
    async fn plain(&self, out: Outgoing<u8>);
}

#[derive(Clone)]
struct Publisher(Broadcast<u8>, Hostile);

fn number(update: Update<u8>) -> u8 {
    match update {
        Update::Item(number) => number,
        Update::Missed(missed) => panic!("{missed} items were missed"),
    }
}

impl Ticks for Publisher {
    async fn converted(&self, mut out: Outgoing<u8>) {
        let convert = |update| {
            self.1.run();
            number(update)
        };
        self.0.forward_as(&mut out, convert).await;
    }

    async fn plain(&self, mut out: Outgoing<u8>) {
        self.0.forward_as(&mut out, number).await;
    }
}

/// The publisher and other readers do not notice.
#[test]
fn converters_of_broadcasts() {
    row(
        |builder, _| builder,
        |_, hostile| async move {
            let publisher = Publisher(Broadcast::new(16), hostile.clone());
            let ticks = TicksClient::in_process(publisher.clone());
            let (mut plain, mut converted) =
                (ticks.plain().await.unwrap(), ticks.converted().await.unwrap());
            while publisher.0.readers() < 2 {
                yield_now().await;
            }
            hostile.arm();
            for number in 0..3 {
                publisher.0.send(number);
                assert_eq!(plain.next().await, Some(Ok(number)));
            }
            match hostile.panics() {
                true => assert!(matches!(converted.next().await, Some(Err(CallError::Remote(_))))),
                false => assert_eq!(converted.next().await, Some(Ok(0))),
            }
        },
    );
}

#[grid::service]
trait Echoes {
    async fn echo(&self, number: u8) -> u8;
}

struct Node;

impl Echoes for Node {
    async fn echo(&self, number: u8) -> u8 {
        number
    }
}

#[test]
fn closures_that_make_the_calls_of_a_group() {
    row(
        |builder, _| builder.service(EchoesServer::new(Node)),
        |links, hostile| async move {
            hostile.arm();
            let panics = hostile.panics();
            let group = Group::new([links.there, links.own]);
            let asked = tokio::spawn(async move {
                let call = group.ask(|connection| {
                    hostile.run();
                    EchoesClient::new(connection.clone()).echo(7)
                });
                let each = call.each(|call| {
                    hostile.run();
                    call
                });
                each.all().await.len()
            });
            assert_eq!(asked.await.ok(), (!panics).then_some(2));
        },
    );
}
