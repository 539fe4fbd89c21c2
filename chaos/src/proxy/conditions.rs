//! The faults of a link that last.

use std::time::Duration;

/// The faults of a link that last. The default is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conditions {
    /// What is sent arrives so much later.
    pub delay: Duration,
    /// Bytes per second, in each direction.
    pub bandwidth: Option<u32>,
    /// One byte in each segment.
    pub dribbles: bool,
    /// Nothing passes, and nothing is lost.
    pub is_stalled: bool,
    /// What is sent vanishes, by direction.
    pub swallows: [bool; 2],
}

/// Single bytes are sent without a pause up to this number. With timers of a millisecond, some ten thousand pass in a second.
const DRIBBLED_AT_ONCE: usize = 16;

/// With a limited bandwidth, a part of a second's bytes is sent at once.
const PARTS_PER_SECOND: u32 = 50;

/// How the next bytes are sent.
pub(super) struct Piece {
    /// How many bytes are sent before the pause.
    pub(super) bytes: usize,
    /// How many of them in one write.
    pub(super) write: usize,
    /// How long nothing is sent after them.
    pub(super) pause: Duration,
}

impl Conditions {
    /// The same link, as seen from its other end.
    pub(super) fn seen_from_the_other_end(self) -> Self {
        let [one, other] = self.swallows;
        Self { swallows: [other, one], ..self }
    }

    /// How the next of these bytes are sent.
    pub(super) fn piece(self, left: usize) -> Piece {
        if self.dribbles {
            let bytes = left.min(DRIBBLED_AT_ONCE);
            return Piece { bytes, write: 1, pause: Duration::from_millis(1) };
        }
        match self.bandwidth {
            None => Piece { bytes: left, write: left, pause: Duration::ZERO },
            Some(rate) => {
                let bytes = left.min((rate / PARTS_PER_SECOND).max(1) as usize);
                let pause = Duration::from_secs_f64(bytes as f64 / f64::from(rate));
                Piece { bytes, write: bytes, pause }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_bandwidth_is_kept() {
        let slow = Conditions { bandwidth: Some(64 * 1024), ..Conditions::default() };
        let (mut left, mut time) = (128 * 1024, Duration::ZERO);
        while left > 0 {
            let piece = slow.piece(left);
            (left, time) = (left - piece.bytes, time + piece.pause);
        }
        assert!((1.9..2.1).contains(&time.as_secs_f64()), "{time:?}");
    }

    #[test]
    fn without_faults_everything_is_sent_at_once() {
        let piece = Conditions::default().piece(1000);
        assert_eq!((piece.bytes, piece.write, piece.pause), (1000, 1000, Duration::ZERO));
        let dribbling = Conditions { dribbles: true, ..Conditions::default() };
        assert_eq!(dribbling.piece(1000).write, 1);
    }
}
