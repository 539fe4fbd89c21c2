//! Follows the bytes of one direction of a connection: the HTTP upgrade, then WebSocket frames.
//!
//! Only lengths are read, and nothing is checked: the bytes are those of our own nodes. After a bit was flipped here, what the
//! receiver makes of the bytes differs from this.

/// Where the next byte of a direction belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Upgrade,
    /// In the header of a frame, after its first `passed` bytes. Frames are counted from 1.
    Header {
        frame: u64,
        passed: usize,
    },
    Payload {
        frame: u64,
    },
}

impl At {
    /// The first frame of each direction is the handshake.
    pub(super) fn is_after_handshake(self) -> bool {
        match self {
            Self::Upgrade => false,
            Self::Header { frame, .. } | Self::Payload { frame } => frame > 1,
        }
    }

    /// Whether a part of the frame has passed.
    pub(super) fn is_inside_frame(self) -> bool {
        match self {
            Self::Upgrade => false,
            Self::Header { passed, .. } => passed > 0,
            Self::Payload { .. } => true,
        }
    }
}

/// Follows the bytes of one direction.
#[derive(Debug, Clone, Default)]
pub(super) struct Frames {
    /// How many bytes of the blank line that ends the upgrade have passed.
    blank_line: usize,
    /// Frames that have begun or are next.
    frame: u64,
    header: Vec<u8>,
    payload_left: u64,
}

const BLANK_LINE: &[u8] = b"\r\n\r\n";

impl Frames {
    /// Where the next byte belongs.
    pub(super) fn at(&self) -> At {
        match self.frame {
            0 => At::Upgrade,
            frame if self.payload_left > 0 => At::Payload { frame },
            frame => At::Header { frame, passed: self.header.len() },
        }
    }

    /// These bytes have passed.
    pub(super) fn advance(&mut self, mut bytes: &[u8]) {
        while let Some((byte, rest)) = bytes.split_first() {
            match self.at() {
                At::Payload { .. } => {
                    let skipped = self.payload_left.min(bytes.len() as u64);
                    self.payload_left -= skipped;
                    if self.payload_left == 0 {
                        self.frame += 1;
                    }
                    bytes = &bytes[skipped as usize..];
                    continue;
                }
                At::Upgrade => self.advance_upgrade(*byte),
                At::Header { .. } => self.advance_header(*byte),
            }
            bytes = rest;
        }
    }

    fn advance_upgrade(&mut self, byte: u8) {
        self.blank_line = match byte == BLANK_LINE[self.blank_line] {
            true => self.blank_line + 1,
            false => usize::from(byte == BLANK_LINE[0]),
        };
        if self.blank_line == BLANK_LINE.len() {
            (self.frame, self.blank_line) = (1, 0);
        }
    }

    fn advance_header(&mut self, byte: u8) {
        self.header.push(byte);
        let Some(second) = self.header.get(1) else { return };
        let long = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        if self.header.len() == 2 + long + mask {
            let length = &self.header[2..2 + long];
            self.payload_left = match long {
                0 => u64::from(second & 0x7f),
                _ => length.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
            };
            self.header.clear();
            if self.payload_left == 0 {
                self.frame += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame with a payload of this length.
    fn frame(length: usize, is_masked: bool) -> Vec<u8> {
        let mask = if is_masked { 0x80 } else { 0 };
        let mut frame = match length {
            0..126 => vec![0x82, mask | length as u8],
            126..65_536 => vec![0x82, mask | 126, (length >> 8) as u8, length as u8],
            _ => [&[0x82, mask | 127][..], &(length as u64).to_be_bytes()].concat(),
        };
        frame.extend_from_slice(if is_masked { &[1, 2, 3, 4] } else { &[] });
        // What looks like an upgrade or a header in a payload is none.
        frame.extend(b"\r\n\r\n\x82\x05".iter().cycle().take(length));
        frame
    }

    #[test]
    fn frames_are_found_whatever_their_lengths_are_and_however_they_are_cut() {
        let lengths = [1, 0, 125, 126, 300, 65_535, 65_536, 7];
        for (is_masked, step) in [(false, 1), (true, 1), (false, 1000), (true, 70_000)] {
            let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
            let mut ends = vec![(bytes.len(), 1)];
            for (index, length) in lengths.into_iter().enumerate() {
                bytes.extend(frame(length, is_masked));
                ends.push((bytes.len(), index as u64 + 2));
            }
            let mut frames = Frames::default();
            let mut passed = 0;
            for chunk in bytes.chunks(step) {
                frames.advance(chunk);
                passed += chunk.len();
                let next = ends.iter().find(|(end, _)| *end == passed).map(|(_, frame)| *frame);
                let boundary = match frames.at() {
                    At::Header { frame, passed: 0 } => Some(frame),
                    _ => None,
                };
                assert_eq!(boundary, next, "after {passed} bytes");
            }
        }
    }

    #[test]
    fn places_are_named() {
        let mut frames = Frames::default();
        assert_eq!(frames.at(), At::Upgrade);
        frames.advance(b"HTTP/1.1 101\r\n\r\r\n\r\n");
        assert_eq!(frames.at(), At::Header { frame: 1, passed: 0 });
        frames.advance(&[0x82]);
        assert!(frames.at().is_inside_frame() && !frames.at().is_after_handshake());
        frames.advance(&[1, 9, 0x82, 2, 9]);
        assert_eq!(frames.at(), At::Payload { frame: 2 });
        assert!(frames.at().is_inside_frame() && frames.at().is_after_handshake());
        frames.advance(&[9]);
        assert!(!frames.at().is_inside_frame());
    }
}
