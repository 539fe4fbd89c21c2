//! [`carry`]: the task of one connection, which carries its bytes between two streams and applies the faults to them.
//!
//! A piece is what one read has yielded. It arrives a delay after it was read, and never before the piece that was sent
//! before it. Without faults it is written at once, and no further one is read until it is written, so the receiver slows
//! down the sender as on a socket.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::conditions::Conditions;
use super::random::Random;
use crate::net::Io;

/// The largest piece.
const PIECE_BYTES: usize = 8 * 1024;

/// Bytes that are on their way in one direction, with a delay. So the throughput is this much per delay.
const IN_FLIGHT_BYTES_MAX: usize = 8 * 1024 * 1024;

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
    mut conditions: watch::Receiver<Conditions>,
    [there, back]: [Random; 2],
) {
    let (from_near, to_near) = split(near);
    let (from_far, to_far) = split(far);
    let direction = |random| Direction::new(number, conditions.clone(), random);
    let (there, back) = (direction(there), direction(back));
    let both = async { tokio::join!(there.run(from_near, to_far), back.run(from_far, to_near)) };
    tokio::select! {
        biased;
        // It fails when the network is gone. Then nobody can change anything any more, and what is frozen ends.
        Ok(_) = conditions.wait_for(|conditions| conditions.has_closed(number)) => {}
        _ = both => {}
    }
}

/// One direction.
struct Direction {
    number: u64,
    conditions: watch::Receiver<Conditions>,
    random: Random,
    /// What is on its way, and when it arrives.
    flight: VecDeque<(Instant, Piece)>,
    flight_bytes: usize,
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
    fn new(number: u64, conditions: watch::Receiver<Conditions>, random: Random) -> Self {
        Self {
            number,
            conditions,
            random,
            flight: VecDeque::new(),
            flight_bytes: 0,
            last_arrival: None,
            is_broken: false,
        }
    }

    async fn run(mut self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut buffer = vec![0; PIECE_BYTES];
        let mut has_ended = false;
        // A receiver of its own: this one waits while the fields change.
        let mut changes = self.conditions.clone();
        loop {
            let moves = !changes.borrow_and_update().has_frozen(self.number);
            let reads = moves && !has_ended && self.has_room();
            tokio::select! {
                biased;
                Ok(()) = changes.changed() => {}
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
                else => return,
            }
        }
    }

    /// Whether more may be read. A piece that should have arrived waits for its receiver, and all others wait for it.
    fn has_room(&self) -> bool {
        let waits = self.flight.front().is_some_and(|(at, _)| *at <= Instant::now());
        !waits && self.flight_bytes < IN_FLIGHT_BYTES_MAX
    }

    /// Puts a piece on its way. Returns `false` if the connection was closed before it was read: what a node has written
    /// after that must not arrive.
    fn send(&mut self, piece: Piece) -> bool {
        let Conditions { delay, loss, closed_below, .. } = *self.conditions.borrow();
        if self.number < closed_below {
            return false;
        }
        let arrival = Instant::now() + delay + self.stall(loss);
        let arrival = self.last_arrival.map_or(arrival, |last| last.max(arrival));
        self.last_arrival = Some(arrival);
        if let Piece::Bytes(bytes) = &piece {
            self.flight_bytes += bytes.len();
        }
        self.flight.push_back((arrival, piece));
        true
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

    use super::*;

    struct Connection {
        near: DuplexStream,
        far: DuplexStream,
        conditions: watch::Sender<Conditions>,
        task: JoinHandle<()>,
    }

    fn connection(conditions: Conditions, seed: u64) -> Connection {
        let (near, near_end) = duplex(1024);
        let (far_end, far) = duplex(1024);
        let (sender, receiver) = watch::channel(conditions);
        let randoms = [("there", 0), ("back", 1)].map(|(of, n)| Random::new(seed, [of, ""], n));
        let task = tokio::spawn(carry(near_end, far_end, 1, receiver, randoms));
        Connection { near, far, conditions: sender, task }
    }

    async fn receive(from: &mut DuplexStream, count: usize) -> Vec<u8> {
        let mut buffer = vec![0; count];
        from.read_exact(&mut buffer).await.unwrap();
        buffer
    }

    /// Sends pieces, one every so many milliseconds. Returns when each arrives, in milliseconds.
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
        let mut connection = connection(Conditions { is_frozen: true, ..Conditions::default() }, 0);
        connection.near.write_all(b"x").await.unwrap();
        let waiting = tokio::time::timeout(Duration::from_secs(60), connection.far.read_u8()).await;
        assert!(waiting.is_err(), "{waiting:?}");
        connection.conditions.send_replace(Conditions::default());
        assert_eq!(receive(&mut connection.far, 1).await, b"x");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_arrives_after_the_connection_was_closed() {
        let mut connection = connection(Conditions::default(), 0);
        connection.near.write_all(b"x").await.unwrap();
        assert_eq!(receive(&mut connection.far, 1).await, b"x");
        connection.conditions.send_replace(Conditions { closed_below: 2, ..Conditions::default() });
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
