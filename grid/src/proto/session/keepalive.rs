//! When to ping the connection, and when the peer counts as gone. Whatever is received is a sign of life.
//!
//! Towards a node of the base protocol, a ping is sent once per interval, and the peer is gone if nothing has been received
//! for more than two intervals when a ping is due: two to three intervals after its death.
//!
//! Between nodes of this implementation a ping is sent as soon as nothing has been received for a third of an interval, so
//! that something is received that often, and the peer is gone after two intervals of silence. So its death is noticed
//! within two intervals and a round trip, and a pause of one and a half intervals is survived whenever it begins.

use std::time::{Duration, Instant, SystemTime};

use crate::proto::error::ProtocolError;

/// The schedule of connection pings.
#[derive(Debug)]
pub(in crate::proto) struct Keepalive {
    every: Duration,
    /// The silence after which a ping is sent early. `None`: the peer is a node of the base protocol.
    probe_after: Option<Duration>,
    last_ping: Instant,
    last_heard: Instant,
    last_pong: Instant,
    rtt: Option<Duration>,
    /// Time of day at `started`, as pings carry a time of day and the core has no clock.
    started: Instant,
    started_wall: SystemTime,
}

impl Keepalive {
    pub(in crate::proto) fn new(
        now: Instant,
        wall: SystemTime,
        every: Duration,
        probes: bool,
    ) -> Self {
        Self {
            every,
            probe_after: probes.then(|| every / 3),
            last_ping: now,
            last_heard: now,
            last_pong: now,
            rtt: None,
            started: now,
            started_wall: wall,
        }
    }

    pub(in crate::proto) fn next_timeout(&self) -> Instant {
        let ping = self.next_ping();
        if self.probe_after.is_some() { ping.min(self.last_heard + 2 * self.every) } else { ping }
    }

    fn next_ping(&self) -> Instant {
        let regular = self.last_ping + self.every;
        match self.probe_after {
            Some(after) if self.last_heard >= self.last_ping => {
                regular.min(self.last_heard + after)
            }
            _ => regular,
        }
    }

    /// Whether a ping is due. Fails if the peer counts as gone.
    pub(in crate::proto) fn tick(&mut self, now: Instant) -> Result<bool, ProtocolError> {
        let due = self.next_timeout();
        if now < due {
            return Ok(false);
        }
        let silent = now.saturating_duration_since(self.last_heard);
        let max = 2 * self.every;
        let is_gone = if self.probe_after.is_some() { silent >= max } else { silent > max };
        if is_gone {
            // If this node itself has not run in time, what the peer has sent may be unread: it has one more interval.
            if now.saturating_duration_since(due) <= self.every / 4 {
                return Err(ProtocolError::Silent(silent));
            }
            self.last_heard += silent - self.every;
            self.last_ping = now;
            return Ok(true);
        }
        if now < self.next_ping() {
            return Ok(false);
        }
        self.last_ping = now;
        Ok(true)
    }

    /// The time of day, computed from that at the start of the connection.
    pub(in crate::proto) fn wall(&self, now: Instant) -> SystemTime {
        self.started_wall + now.saturating_duration_since(self.started)
    }

    /// Something was received.
    pub(in crate::proto) fn heard(&mut self, now: Instant) {
        self.last_heard = now;
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

    fn keepalive(every: Duration, probes: bool) -> Keepalive {
        Keepalive::new(tests_now(), SystemTime::UNIX_EPOCH, every, probes)
    }

    #[test]
    fn a_node_of_the_base_protocol_is_gone_at_the_third_ping() {
        let start = tests_now();
        let mut keepalive = keepalive(EVERY, false);
        assert_eq!(keepalive.tick(start + EVERY / 2), Ok(false));
        assert_eq!(keepalive.tick(start + EVERY), Ok(true));
        assert_eq!(keepalive.tick(start + EVERY * 2), Ok(true));
        assert_eq!(keepalive.tick(start + EVERY * 3), Err(ProtocolError::Silent(EVERY * 3)));
    }

    #[test]
    fn pongs_keep_the_connection_and_measure_the_round_trip() {
        let start = tests_now();
        let mut keepalive = keepalive(EVERY, false);
        let mut now = start;
        for _ in 0..10 {
            now += EVERY;
            assert_eq!(keepalive.tick(now), Ok(true));
            let sent = keepalive.wall(now);
            keepalive.heard(now + Duration::from_millis(3));
            keepalive.pong(now + Duration::from_millis(3), Some(sent));
        }
        assert_eq!(keepalive.rtt(), Some(Duration::from_millis(3)));
    }

    /// Runs a connection without calls, whose peer answers pings after a round trip but does not run from `stop` to
    /// `stop + pause`. Returns when the peer counts as gone, if it does within a minute.
    fn gone(every: Duration, stop: Duration, pause: Duration) -> Option<Duration> {
        const RTT: Duration = Duration::from_millis(20);
        let start = tests_now();
        let mut keepalive = keepalive(every, true);
        let mut answers = std::collections::VecDeque::new();
        let mut now = start;
        while now < start + Duration::from_secs(60) {
            let next = answers.front().copied().unwrap_or(now + Duration::from_secs(60));
            now = next.min(keepalive.next_timeout());
            if answers.front().is_some_and(|at| *at <= now) {
                answers.pop_front();
                keepalive.heard(now);
                continue;
            }
            match keepalive.tick(now) {
                Ok(true) => {
                    let mut answered = now + RTT / 2;
                    if (start + stop..start + stop + pause).contains(&answered) {
                        answered = start + stop + pause;
                    }
                    answers.push_back(answered + RTT / 2);
                }
                Ok(false) => {}
                Err(_) => return Some(now - start),
            }
        }
        None
    }

    #[test]
    fn a_death_is_noticed_within_two_intervals_and_a_pause_is_survived() {
        let every = Duration::from_secs(2);
        for stop in (1_000..9_000).step_by(7).map(Duration::from_millis) {
            let noticed = gone(every, stop, Duration::from_secs(3600)).expect("it is dead");
            let after = noticed - stop;
            assert!(after <= 2 * every + Duration::from_millis(20), "{after:?} after {stop:?}");
            assert_eq!(gone(every, stop, Duration::from_secs(3)), None, "stopped at {stop:?}");
        }
    }

    #[test]
    fn a_connection_that_is_in_use_is_pinged_once_per_interval() {
        let mut keepalive = keepalive(EVERY, true);
        let mut pings = 0;
        for ms in 0..60_000 {
            let now = tests_now() + Duration::from_millis(ms);
            keepalive.heard(now);
            pings += u32::from(keepalive.tick(now).expect("alive"));
        }
        assert_eq!(pings, 5);
    }

    /// What has been received meanwhile is read after this node runs again.
    #[test]
    fn a_pause_of_this_node_is_not_the_death_of_its_peer() {
        for probes in [false, true] {
            let mut keepalive = keepalive(EVERY, probes);
            let now = tests_now() + 100 * EVERY;
            assert_eq!(keepalive.tick(now), Ok(true), "a last ping");
            let next = keepalive.next_timeout();
            assert_eq!(next, now + EVERY);
            keepalive.heard(now + EVERY / 2);
            assert!(keepalive.tick(next).is_ok());
        }
        let mut keepalive = keepalive(EVERY, true);
        let now = tests_now() + 100 * EVERY;
        assert_eq!(keepalive.tick(now), Ok(true));
        assert!(keepalive.tick(now + EVERY).is_err(), "it was dead");
    }

    fn tests_now() -> Instant {
        crate::proto::simulation::start()
    }
}
