//! When to ping the connection, and when the peer counts as gone. Only pongs count as signs of life.

use std::time::{Duration, Instant, SystemTime};

use crate::proto::error::ProtocolError;

/// The schedule of connection pings.
#[derive(Debug)]
pub(in crate::proto) struct Keepalive {
    every: Duration,
    next_ping: Instant,
    last_pong: Instant,
    rtt: Option<Duration>,
    /// Time of day at `started`, as pings carry a time of day and the core has no clock.
    started: Instant,
    started_wall: SystemTime,
}

impl Keepalive {
    pub(in crate::proto) fn new(now: Instant, wall: SystemTime, every: Duration) -> Self {
        Self {
            every,
            next_ping: now + every,
            last_pong: now,
            rtt: None,
            started: now,
            started_wall: wall,
        }
    }

    pub(in crate::proto) fn next_timeout(&self) -> Instant {
        self.next_ping
    }

    /// Whether a ping is due. Fails if there has been no pong for two intervals.
    pub(in crate::proto) fn tick(&mut self, now: Instant) -> Result<bool, ProtocolError> {
        if now < self.next_ping {
            return Ok(false);
        }
        let silent = now.saturating_duration_since(self.last_pong);
        if silent > self.every * 2 {
            return Err(ProtocolError::Silent(silent));
        }
        self.next_ping = now + self.every;
        Ok(true)
    }

    /// The time of day, computed from that at the start of the connection.
    pub(in crate::proto) fn wall(&self, now: Instant) -> SystemTime {
        self.started_wall + now.saturating_duration_since(self.started)
    }

    /// A pong was received. `ping_sent` is the time in it: that of its ping, if the peer copied it.
    pub(in crate::proto) fn pong(&mut self, now: Instant, ping_sent: Option<SystemTime>) {
        self.last_pong = now;
        self.rtt = ping_sent.and_then(|sent| self.wall(now).duration_since(sent).ok());
    }

    pub(in crate::proto) fn last_pong(&self) -> Instant {
        self.last_pong
    }

    /// Time between the last ping and its pong.
    pub(in crate::proto) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(10);

    #[test]
    fn a_peer_is_gone_after_two_intervals_without_a_pong() {
        let start = tests_now();
        let mut keepalive = Keepalive::new(start, SystemTime::UNIX_EPOCH, EVERY);
        assert_eq!(keepalive.tick(start + EVERY / 2), Ok(false));
        assert_eq!(keepalive.tick(start + EVERY), Ok(true));
        assert_eq!(keepalive.tick(start + EVERY * 2), Ok(true));
        assert_eq!(keepalive.tick(start + EVERY * 3), Err(ProtocolError::Silent(EVERY * 3)));
    }

    #[test]
    fn pongs_keep_the_connection_and_measure_the_round_trip() {
        let start = tests_now();
        let mut keepalive = Keepalive::new(start, SystemTime::UNIX_EPOCH, EVERY);
        let mut now = start;
        for _ in 0..10 {
            now += EVERY;
            assert_eq!(keepalive.tick(now), Ok(true));
            let sent = keepalive.wall(now);
            keepalive.pong(now + Duration::from_millis(3), Some(sent));
        }
        assert_eq!(keepalive.rtt(), Some(Duration::from_millis(3)));
    }

    fn tests_now() -> Instant {
        crate::proto::tests::start()
    }
}
