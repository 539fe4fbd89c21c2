//! Faults that happen once, at a certain place in the bytes of a connection.

use super::frames::{At, Frames};
use crate::clock::Moment;

/// A fault that happens once. `random` decides about the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hit {
    /// The connection is reset after a part of a frame.
    Reset { random: u64 },
    /// One bit of a message after the handshake is flipped.
    Corrupt { random: u64 },
    /// One bit of the upgrade or of the handshake is flipped.
    CorruptHandshake { random: u64 },
}

/// What was done, for the texts of violations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) at: Moment,
    pub(crate) what: String,
}

/// What is to be done to some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Blow {
    /// Send only this number of bytes, and reset the connection.
    ResetAfter(usize),
    /// Flip this bit of this byte.
    Flip { byte: usize, bit: u8, at: At },
}

impl Hit {
    fn random(self) -> u64 {
        match self {
            Self::Reset { random }
            | Self::Corrupt { random }
            | Self::CorruptHandshake { random } => random,
        }
    }

    /// The direction that is hit: that of the dialer is 0.
    pub(super) fn way(self) -> usize {
        (self.random() & 1) as usize
    }

    /// Where these bytes are hit; `None` if it has no place in them.
    pub(super) fn place(self, frames: &Frames, bytes: &[u8]) -> Option<Blow> {
        let mut frames = frames.clone();
        let mut before = Vec::with_capacity(bytes.len());
        for byte in bytes {
            before.push(frames.at());
            frames.advance(&[*byte]);
        }
        let random = self.random() >> 1;
        let places: Vec<usize> =
            (0..bytes.len()).filter(|place| self.fits(before[*place])).collect();
        // A frame's header is short: without this it would be hit rarely.
        let in_header = |place: &&usize| matches!(before[**place], At::Header { .. });
        let headers: Vec<usize> = places.iter().filter(in_header).copied().collect();
        let places = if random & 1 == 0 && !headers.is_empty() { headers } else { places };
        let place = *places.get((random >> 8) as usize % places.len().max(1))?;
        Some(match self {
            Self::Reset { .. } => Blow::ResetAfter(place),
            _ => Blow::Flip { byte: place, bit: (random >> 1 & 7) as u8, at: before[place] },
        })
    }

    /// Whether the byte that comes next can be hit.
    fn fits(self, at: At) -> bool {
        match self {
            Self::Reset { .. } => at.is_after_handshake() && at.is_inside_frame(),
            Self::Corrupt { .. } => at.is_after_handshake(),
            Self::CorruptHandshake { .. } => !at.is_after_handshake(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After the handshake, two frames of 3 and 5 bytes.
    const BYTES: [u8; 12] = [0x82, 3, 1, 2, 3, 0x82, 5, 1, 2, 3, 4, 5];

    fn after_the_handshake() -> Frames {
        let mut frames = Frames::default();
        frames.advance(b"HTTP/1.1 101 ok\r\n\r\n\x82\x01h");
        frames
    }

    #[test]
    fn a_reset_is_always_inside_a_frame() {
        for random in 0..10_000 {
            let hit = Hit::Reset { random: random * 0x9e37_79b9 };
            let Some(Blow::ResetAfter(place)) = hit.place(&after_the_handshake(), &BYTES) else {
                panic!("there is a place");
            };
            assert!(![0, 5].contains(&place), "{place} is between two frames");
        }
        // A frame of which nothing is left to be sent cannot be reset in.
        assert_eq!(Hit::Reset { random: 7 }.place(&after_the_handshake(), &[]), None);
    }

    #[test]
    fn every_bit_after_the_handshake_can_be_flipped() {
        let mut hit = [[false; 8]; 12];
        for random in 0..100_000_u64 {
            let random = random.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let blow = Hit::Corrupt { random }.place(&after_the_handshake(), &BYTES);
            let Some(Blow::Flip { byte, bit, .. }) = blow else { panic!("there is a place") };
            hit[byte][usize::from(bit)] = true;
        }
        assert!(hit.iter().flatten().all(|hit| *hit), "{hit:?}");
    }

    #[test]
    fn the_handshake_and_what_follows_are_told_apart() {
        let (handshake, bytes) = (Hit::CorruptHandshake { random: 9 }, b"GET / HTTP/1.1\r\n");
        assert_eq!(Hit::Corrupt { random: 9 }.place(&Frames::default(), bytes), None);
        assert!(handshake.place(&Frames::default(), bytes).is_some());
        assert_eq!(handshake.place(&after_the_handshake(), &BYTES), None);
    }
}
