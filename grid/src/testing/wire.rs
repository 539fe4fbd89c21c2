//! [`carry`]: the task of one connection, which carries its bytes between two streams and applies the faults to them.
//!
//! A piece is what one read has yielded. It arrives a delay after it was read, and never before the piece that was sent
//! before it. Without faults it is written at once, and no further one is read until it is written, so the receiver slows
//! down the sender as on a socket.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::time::{Instant, sleep_until};

use super::conditions::{Heading, WatchedConditions};
use super::random::Random;
use crate::net::Io;

/// The largest piece.
const PIECE_BYTES: usize = 8 * 1024;

/// Bytes that are on their way in one direction, with a delay. So the throughput is this much per delay.
const IN_FLIGHT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How far a sender may be ahead of a limited bandwidth, if that is more than two pieces.
const QUEUE: Duration = Duration::from_millis(100);

/// How long a lost piece stalls its direction: the shortest retransmission timeout of TCP on Linux. It is doubled when the
/// piece is lost again.
const RETRANSMISSION_TIMEOUT: Duration = Duration::from_millis(200);

/// A piece is lost at most this many times in a row, so that it arrives within half a minute.
const LOSSES_MAX: u32 = 7;

/// Carries bytes in both directions until both ends have closed theirs, or the connection is closed by a fault.
pub(super) async fn carry(
    near: impl Io,
    far: impl Io,
    number: u64,
    conditions: WatchedConditions,
    directions: [(Heading, Random); 2],
) {
    let _open = conditions.opened();
    let (from_near, to_near) = split(near);
    let (from_far, to_far) = split(far);
    let [there, back] = directions
        .map(|(heading, random)| Direction::new(number, heading, conditions.clone(), random));
    let both = async { tokio::join!(there.run(from_near, to_far), back.run(from_far, to_near)) };
    tokio::select! {
        biased;
        _ = conditions.wait_for(|conditions| conditions.has_closed(number)) => {}
        _ = both => {}
    }
}

/// One direction.
struct Direction {
    number: u64,
    heading: Heading,
    conditions: WatchedConditions,
    random: Random,
    /// What is on its way, and when it arrives.
    flight: VecDeque<(Instant, Piece)>,
    flight_bytes: usize,
    /// When the piece that was sent last has left its sender, if the bandwidth is limited.
    last_departure: Option<Instant>,
    /// When the piece that was sent last arrives.
    last_arrival: Option<Instant>,
    /// The receiver is gone: nothing is written to it, and the sender learns it from the other direction.
    is_broken: bool,
}

enum Piece {
    Bytes(Bytes),
    /// The sender has closed its end.
    End,
}

impl Direction {
    fn new(number: u64, heading: Heading, conditions: WatchedConditions, random: Random) -> Self {
        Self {
            number,
            heading,
            conditions,
            random,
            flight: VecDeque::new(),
            flight_bytes: 0,
            last_departure: None,
            last_arrival: None,
            is_broken: false,
        }
    }

    async fn run(mut self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut buffer = vec![0; PIECE_BYTES];
        let mut has_ended = false;
        // A handle of its own: this one waits while the fields change.
        let conditions = self.conditions.clone();
        loop {
            let changed = conditions.changed();
            let moves = !conditions.now().has_frozen(self.number, self.heading);
            let reads = moves && !has_ended && self.has_room();
            tokio::select! {
                biased;
                () = changed => {}
                is_over = self.deliver(&mut to), if moves && !self.flight.is_empty() => {
                    if is_over {
                        return;
                    }
                }
                read = from.read(&mut buffer), if reads => match read {
                    Ok(count @ 1..) => {
                        let piece = Bytes::copy_from_slice(&buffer[..count]);
                        if !self.send(Piece::Bytes(piece)) {
                            return;
                        }
                    }
                    // A connection that has failed is over as well.
                    Ok(0) | Err(_) => {
                        has_ended = true;
                        if !self.send(Piece::End) {
                            return;
                        }
                    }
                },
            }
        }
    }

    /// Whether more may be read. A piece that should have arrived waits for its receiver, and all others wait for it.
    fn has_room(&self) -> bool {
        let waits = self.flight.front().is_some_and(|(at, _)| *at <= Instant::now());
        let now = self.conditions.now();
        let queue = now.bandwidth.map_or(IN_FLIGHT_BYTES_MAX, |bytes| {
            let time = (now.delay + QUEUE).as_millis() as u64;
            (u64::from(bytes.get()) * time / 1000).min(IN_FLIGHT_BYTES_MAX as u64) as usize
        });
        // One piece waits behind the one that is sent, or the line would be idle in between.
        !waits && (self.flight.len() < 2 || self.flight_bytes < queue)
    }

    /// Puts a piece on its way. Returns `false` if the connection was closed before it was read: what a node has written
    /// after that must not arrive.
    fn send(&mut self, piece: Piece) -> bool {
        let now = self.conditions.now();
        if now.has_closed(self.number) {
            return false;
        }
        let departure = match (&piece, now.bandwidth) {
            (Piece::Bytes(bytes), Some(bandwidth)) => self.depart(bytes.len(), bandwidth),
            _ => Instant::now(),
        };
        let arrival = departure + now.delay + self.stall(now.loss);
        let arrival = self.last_arrival.map_or(arrival, |last| last.max(arrival));
        self.last_arrival = Some(arrival);
        if let Piece::Bytes(bytes) = &piece {
            self.flight_bytes += bytes.len();
        }
        self.flight.push_back((arrival, piece));
        true
    }

    /// Returns when this number of bytes has left the sender.
    fn depart(&mut self, bytes: usize, bandwidth: NonZeroU32) -> Instant {
        let now = Instant::now();
        let takes = Duration::from_secs(bytes as u64) / bandwidth.get();
        let departure = self.last_departure.map_or(now, |last| last.max(now)) + takes;
        self.last_departure = Some(departure);
        departure
    }

    /// How much later a piece arrives because it was lost.
    fn stall(&mut self, loss: f64) -> Duration {
        let mut stall = Duration::ZERO;
        let mut losses = 0;
        while loss > 0.0 && losses < LOSSES_MAX && self.random.happens(loss) {
            stall += RETRANSMISSION_TIMEOUT * (1 << losses);
            losses += 1;
        }
        stall
    }

    /// Waits until the first piece arrives, and writes a part of it. Returns whether this was the end.
    ///
    /// Cancel safe.
    async fn deliver(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> bool {
        let Some((at, piece)) = self.flight.front_mut() else { return false };
        // A timer has the resolution of a millisecond, and what has arrived needs none.
        if *at > Instant::now() {
            sleep_until(*at).await;
        }
        let (written, is_over) = match piece {
            Piece::End => {
                // It fails if the receiver is gone.
                let _ = to.shutdown().await;
                return true;
            }
            Piece::Bytes(bytes) if self.is_broken => (bytes.len(), true),
            Piece::Bytes(bytes) => match to.write(bytes).await {
                Ok(written @ 1..) => {
                    bytes.advance(written);
                    (written, bytes.is_empty())
                }
                Ok(0) | Err(_) => {
                    self.is_broken = true;
                    (bytes.len(), true)
                }
            },
        };
        self.flight_bytes -= written;
        if is_over {
            self.flight.pop_front();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};
    use tokio::task::JoinHandle;

    use super::super::conditions::Conditions;
    use super::*;

    struct Connection {
        near: DuplexStream,
        far: DuplexStream,
        conditions: WatchedConditions,
        task: JoinHandle<()>,
    }

    fn connection(conditions: Conditions, seed: u64) -> Connection {
        let (near, near_end) = duplex(1024);
        let (far_end, far) = duplex(1024);
        let watched = WatchedConditions::default();
        watched.change(|now| *now = conditions);
        let directions = [(Heading::Up, "there"), (Heading::Down, "back")]
            .map(|(heading, of)| (heading, Random::new(seed, [of, ""], 0)));
        let task = tokio::spawn(carry(near_end, far_end, 1, watched.clone(), directions));
        Connection { near, far, conditions: watched, task }
    }

    async fn receive(from: &mut DuplexStream, count: usize) -> Vec<u8> {
        let mut buffer = vec![0; count];
        from.read_exact(&mut buffer).await.unwrap();
        buffer
    }

    /// Sends 50 pieces, one every `each` milliseconds. Returns when each arrives, in milliseconds.
    async fn arrivals(conditions: Conditions, seed: u64, each: u64) -> Vec<u128> {
        let mut connection = connection(conditions, seed);
        let start = Instant::now();
        let mut far = connection.far;
        let read = tokio::spawn(async move {
            let mut arrivals = Vec::new();
            for number in 0..50 {
                assert_eq!(receive(&mut far, 1).await, [number]);
                arrivals.push(start.elapsed().as_millis());
            }
            arrivals
        });
        for number in 0..50 {
            connection.near.write_all(&[number]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(each)).await;
        }
        read.await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_is_latency_and_does_not_limit_the_throughput() {
        let delay = Duration::from_millis(100);
        let delayed = arrivals(Conditions { delay, ..Conditions::default() }, 0, 10).await;
        assert_eq!(delayed, (0..50).map(|n| 100 + 10 * n).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_bandwidth_spreads_what_is_sent_and_slows_the_sender_down() {
        let bandwidth = NonZeroU32::new(10_000);
        let mut connection = connection(Conditions { bandwidth, ..Conditions::default() }, 0);
        let start = Instant::now();
        let written = async {
            connection.near.write_all(&[7; 30_000]).await.unwrap();
            start.elapsed()
        };
        let mut received = vec![0; 30_000];
        let read = async {
            connection.far.read_exact(&mut received).await.unwrap();
            start.elapsed()
        };
        let (written, read) = tokio::join!(written, read);
        assert!((3000..3005).contains(&read.as_millis()), "{read:?}");
        // The pipes before and behind it hold a KiB each, and a piece is read whole.
        assert!((2000..3000).contains(&written.as_millis()), "{written:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_piece_stalls_those_after_it_and_the_seed_decides_which_are_lost() {
        let conditions = Conditions { loss: 0.1, ..Conditions::default() };
        let first = arrivals(conditions, 1, 100).await;
        assert!(first.is_sorted(), "in the order in which they were sent");
        let late = first.iter().zip(0..).filter(|(at, n)| **at > 100 * n).count();
        assert!((5..40).contains(&late), "{first:?}");
        let pairs = first.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!(pairs > 0, "the next ones wait behind it: {first:?}");
        assert_eq!(first, arrivals(conditions, 1, 100).await);
        assert_ne!(first, arrivals(conditions, 2, 100).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_frozen_arrives_later() {
        let mut connection =
            connection(Conditions { frozen: [true, false], ..Conditions::default() }, 0);
        connection.near.write_all(b"x").await.unwrap();
        connection.far.write_all(b"y").await.unwrap();
        assert_eq!(receive(&mut connection.near, 1).await, b"y", "the other direction");
        let waiting = tokio::time::timeout(Duration::from_secs(60), connection.far.read_u8()).await;
        assert!(waiting.is_err(), "{waiting:?}");
        connection.conditions.change(|now| *now = now.healed());
        assert_eq!(receive(&mut connection.far, 1).await, b"x");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_arrives_after_the_connection_was_closed() {
        let mut connection = connection(Conditions::default(), 0);
        connection.near.write_all(b"x").await.unwrap();
        assert_eq!(receive(&mut connection.far, 1).await, b"x");
        connection.conditions.change(|now| now.closed_below = 2);
        let _ = connection.near.write_all(b"y").await;
        for end in [&mut connection.far, &mut connection.near] {
            assert_eq!(end.read(&mut [0]).await.unwrap(), 0, "closed");
        }
        connection.task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_arrives_after_what_was_sent_before_it() {
        let delay = Duration::from_millis(100);
        let mut connection = connection(Conditions { delay, ..Conditions::default() }, 0);
        connection.near.write_all(b"last").await.unwrap();
        connection.near.shutdown().await.unwrap();
        connection.far.write_all(b"answer").await.unwrap();
        assert_eq!(receive(&mut connection.far, 4).await, b"last");
        assert_eq!(connection.far.read(&mut [0]).await.unwrap(), 0);
        drop(connection.far);
        assert_eq!(receive(&mut connection.near, 6).await, b"answer");
        assert_eq!(connection.near.read(&mut [0]).await.unwrap(), 0);
        connection.task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_does_not_read_slows_the_sender_down() {
        let mut connection = connection(Conditions::default(), 0);
        let sent = connection.near.write_all(&[0; 64 * 1024]);
        assert!(tokio::time::timeout(Duration::from_secs(1), sent).await.is_err());
        let mut received = 0;
        let reading = async {
            loop {
                received += connection.far.read(&mut [0; 1024]).await.unwrap();
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(1), reading).await.is_err());
        assert!(received <= PIECE_BYTES + 2 * 1024 + 1024, "{received} bytes were on their way");
    }
}
