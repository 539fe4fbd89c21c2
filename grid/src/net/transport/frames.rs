//! Recognises the frames in the bytes that are read from a WebSocket, and counts those that carry no message.
//!
//! The WebSocket library skips fragments silently, and reports other frames only after it has handled them. A peer can
//! send millions of them per second, so they are counted here, for the budget in `proto/session/flood.rs`.

/// Headers are at most this long: two bytes, eight of the length, four of the mask.
const HEADER_LEN_MAX: usize = 14;

/// A fragment with less payload than this costs more than its bytes are worth. Proxies that fragment messages use
/// fragments of some KiB.
const SMALL_FRAGMENT_BYTES: u64 = 512;

/// Follows the frames of one direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The beginning of a header of which the rest has not been read.
    head: [u8; HEADER_LEN_MAX],
    head_len: usize,
    /// Bytes of the current frame's payload that have not been read.
    payload_left: u64,
    /// The current message is a text.
    is_text: bool,
    /// Pings, pongs and texts since they were taken.
    empty: u64,
    /// Small fragments since they were taken.
    small: u64,
}

/// What matters of a frame's header.
struct Header {
    len: usize,
    is_last: bool,
    opcode: u8,
    payload_len: u64,
}

impl Frames {
    /// Follows the next bytes of the connection.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let skipped = usize::try_from(self.payload_left)
                    .map_or(bytes.len(), |left| left.min(bytes.len()));
                self.payload_left -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            bytes = self.read_header(bytes);
        }
    }

    /// Reads a header, or the beginning of one. Returns the bytes after it.
    fn read_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        // Mostly the whole header is there, and need not be copied.
        if self.head_len == 0
            && let Some(header) = Header::parse(bytes)
        {
            self.begin(&header);
            return &bytes[header.len..];
        }
        self.head[self.head_len] = bytes[0];
        self.head_len += 1;
        if let Some(header) = Header::parse(&self.head[..self.head_len]) {
            self.head_len = 0;
            self.begin(&header);
        }
        &bytes[1..]
    }

    fn begin(&mut self, header: &Header) {
        self.payload_left = header.payload_len;
        match header.opcode {
            // A continuation belongs to the message that was begun.
            0 => {}
            1 | 2 => self.is_text = header.opcode == 1,
            _ => {
                self.empty += 1;
                return;
            }
        }
        self.empty += u64::from(self.is_text && header.is_last);
        self.small += u64::from(!header.is_last && header.payload_len < SMALL_FRAGMENT_BYTES);
    }

    /// Pings, pongs and texts since this was called last.
    pub(super) fn take_empty(&mut self) -> u64 {
        std::mem::take(&mut self.empty)
    }

    /// Small fragments since this was called last.
    pub(super) fn take_small(&mut self) -> u64 {
        std::mem::take(&mut self.small)
    }
}

impl Header {
    /// `None` if bytes are missing.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let [first, second, rest @ ..] = bytes else { return None };
        let (payload_len, extended) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
            127 => (u64::from_be_bytes(*rest.first_chunk()?), 8),
            short => (u64::from(short), 0),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let len = 2 + extended + mask;
        let (is_last, opcode) = (first & 0x80 != 0, first & 0x0f);
        (bytes.len() >= len).then_some(Self { len, is_last, opcode, payload_len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Masked or not, with a payload of zeros.
    fn frame(first: u8, payload_len: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = match payload_len {
            0..126 => vec![first, mask | payload_len as u8],
            126..65536 => [&[first, mask | 126][..], &(payload_len as u16).to_be_bytes()].concat(),
            _ => [&[first, mask | 127][..], &(payload_len as u64).to_be_bytes()].concat(),
        };
        frame.resize(frame.len() + if masked { 4 } else { 0 } + payload_len, 0);
        frame
    }

    const BINARY: u8 = 0x82;
    const TEXT: u8 = 0x81;
    const PING: u8 = 0x89;
    const PONG: u8 = 0x8a;

    #[test]
    fn frames_are_recognised_however_they_are_read() {
        let frames = [
            (BINARY, 0),
            (BINARY, 125),
            (PING, 0),
            (BINARY, 126),
            (BINARY, 65_535),
            (PONG, 125),
            (BINARY, 70_000),
            (TEXT, 200),
            // A message in three fragments with a ping between them, of which one is small.
            (0x02, 1000),
            (PING, 3),
            (0x00, 5),
            (0x80, 5),
            // A text in two fragments.
            (0x01, 600),
            (0x80, 1),
        ];
        for masked in [false, true] {
            let frame = |(first, len): &(u8, usize)| frame(*first, *len, masked);
            let bytes: Vec<u8> = frames.iter().flat_map(frame).collect();
            for at_once in [1, 2, 3, 7, 13, 4096, bytes.len()] {
                let mut read = Frames::default();
                bytes.chunks(at_once).for_each(|bytes| read.read(bytes));
                assert_eq!((read.take_empty(), read.take_small()), (5, 1), "{at_once} at once");
                assert_eq!((read.take_empty(), read.payload_left, read.head_len), (0, 0, 0));
            }
        }
    }

    #[test]
    fn a_length_of_any_size_is_followed() {
        let mut frames = Frames::default();
        frames.read(&[BINARY, 127, 255, 255, 255, 255, 255, 255, 255, 255]);
        frames.read(&[0; 1000]);
        assert_eq!(frames.payload_left, u64::MAX - 1000);
    }
}
