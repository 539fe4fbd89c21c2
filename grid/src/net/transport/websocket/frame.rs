//! The format of WebSocket frames (RFC 6455, section 5).
//!
//! It is written here, and not taken from the WebSocket library, because the library logs the payload of each frame at
//! the level `trace`.

use bytes::Buf as _;

use crate::entropy;

/// Which end of a connection this is. The dialer is the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net::transport) enum Role {
    Client,
    Server,
}

/// Maximum message size before the handshake is done. It is enough for the longest names, token or reason, and contracts
/// (92 KiB), and limits the memory of unknown peers.
pub(super) const HANDSHAKE_BYTES_MAX: usize = 96 * 1024;

/// Longest header: two bytes, a length of eight bytes, and a mask.
pub(super) const HEADER_BYTES_MAX: usize = 14;

/// Longest payload of a control frame.
pub(super) const CONTROL_BYTES_MAX: usize = 125;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Op {
    fn from_code(code: u8) -> Result<Self, FrameError> {
        Ok(match code {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            code => return Err(FrameError::UnknownOp { code }),
        })
    }

    fn code(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// How a peer violated the WebSocket protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("a frame has reserved bits")]
    ReservedBits,
    #[error("a frame has the unknown opcode {code}")]
    UnknownOp { code: u8 },
    #[error("the dialer sent a frame without a mask")]
    Unmasked,
    #[error("the listener sent a masked frame")]
    Masked,
    #[error("a control frame is fragmented, or longer than {CONTROL_BYTES_MAX} bytes")]
    BadControl,
    #[error("a message continues that has not begun")]
    NotBegun,
    #[error("a message begins before the previous one has ended")]
    NotEnded,
    #[error("a pong carries a message, so its opcode is damaged")]
    MessageInPong,
    /// After the handshake, this is reported as [`LinkError::MessageTooLarge`](crate::LinkError::MessageTooLarge).
    #[error("a message of {len} bytes or more, where the limit is {max}")]
    TooLarge { len: u64, max: usize },
}

/// The header of a received frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// This frame is the last one of its message.
    pub(super) is_last: bool,
    pub(super) op: Op,
    mask: Option<[u8; 4]>,
    /// Length of the payload.
    pub(super) len: usize,
}

impl Header {
    /// Reads the header of a frame that `local` receives. Also returns the length of the header; `None` if it is
    /// incomplete.
    pub(super) fn parse(
        mut bytes: &[u8],
        local: Role,
        payload_bytes_max: usize,
    ) -> Result<Option<(Self, usize)>, FrameError> {
        let whole = bytes.len();
        let (Ok(first), Ok(second)) = (bytes.try_get_u8(), bytes.try_get_u8()) else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(FrameError::ReservedBits);
        }
        let (is_last, op) = (first & 0x80 != 0, Op::from_code(first & 0x0f)?);
        let is_masked = second & 0x80 != 0;
        match local {
            Role::Server if !is_masked => return Err(FrameError::Unmasked),
            Role::Client if is_masked => return Err(FrameError::Masked),
            Role::Server | Role::Client => {}
        }
        let len = match second & 0x7f {
            126 => bytes.try_get_u16().map(u64::from),
            127 => bytes.try_get_u64(),
            len => Ok(len.into()),
        };
        if op.is_control() && (!is_last || usize::from(second & 0x7f) > CONTROL_BYTES_MAX) {
            return Err(FrameError::BadControl);
        }
        let Ok(len) = len else { return Ok(None) };
        let mut mask = [0; 4];
        if is_masked && bytes.try_copy_to_slice(&mut mask).is_err() {
            return Ok(None);
        }
        // Compared before it is narrowed.
        if len > payload_bytes_max as u64 {
            return Err(FrameError::TooLarge { len, max: payload_bytes_max });
        }
        let header = Self { is_last, op, mask: is_masked.then_some(mask), len: len as usize };
        Ok(Some((header, whole - bytes.len())))
    }

    /// Removes the mask from the payload.
    pub(super) fn unmask(&self, payload: &mut [u8]) {
        self.unmask_from(0, payload);
    }

    /// Removes the mask from bytes of the payload, of which the first one has this offset.
    pub(super) fn unmask_from(&self, offset: usize, bytes: &mut [u8]) {
        if let Some(mut mask) = self.mask {
            mask.rotate_left(offset % 4);
            apply_mask(bytes, mask);
        }
    }
}

/// Appends an unfragmented frame that `local` sends. Its payload lies in several places.
pub(super) fn put(out: &mut Vec<u8>, local: Role, op: Op, payload: &[&[u8]]) {
    let len = payload.iter().map(|piece| piece.len()).sum();
    out.reserve(HEADER_BYTES_MAX + len);
    put_header(out, local, op, len);
    if local == Role::Server {
        payload.iter().for_each(|piece| out.extend_from_slice(piece));
        return;
    }
    let mask: [u8; 4] = entropy::random();
    out.extend_from_slice(&mask);
    let start = out.len();
    payload.iter().for_each(|piece| out.extend_from_slice(piece));
    apply_mask(&mut out[start..], mask);
}

/// Appends the header of such a frame, without a mask.
pub(super) fn put_header(out: &mut Vec<u8>, local: Role, op: Op, len: usize) {
    let masked = if local == Role::Client { 0x80 } else { 0 };
    out.push(0x80 | op.code());
    match len {
        0..=125 => out.push(masked | len as u8),
        126..=0xffff => {
            out.push(masked | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(masked | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

fn apply_mask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8], local: Role) -> Result<Option<(Header, usize)>, FrameError> {
        Header::parse(bytes, local, 100_000)
    }

    #[test]
    fn frames_round_trip() {
        for len in [0, 1, 7, 8, 125, 126, 127, 65_535, 65_536, 100_000] {
            let payload: Vec<u8> = (0..len).map(|n: usize| (n % 251) as u8).collect();
            for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
                let mut bytes = Vec::new();
                put(&mut bytes, from, Op::Binary, &[&payload]);
                let (header, used) = parse(&bytes, to).unwrap().unwrap();
                assert_eq!((header.op, header.is_last, header.len), (Op::Binary, true, len));
                for cut in 0..used {
                    assert_eq!(parse(&bytes[..cut], to), Ok(None), "{cut} of {used}");
                }
                let mut received = bytes.split_off(used);
                header.unmask(&mut received);
                assert!(received == payload, "{len} bytes");
            }
        }
    }

    #[test]
    fn violations_are_named() {
        for (bytes, local, error) in [
            (&[0xc2, 0x80][..], Role::Server, FrameError::ReservedBits),
            (&[0x83, 0x80], Role::Server, FrameError::UnknownOp { code: 3 }),
            (&[0x82, 0x00], Role::Server, FrameError::Unmasked),
            (&[0x82, 0x80], Role::Client, FrameError::Masked),
            (&[0x09, 0x00], Role::Client, FrameError::BadControl),
            (&[0x88, 0x7e], Role::Client, FrameError::BadControl),
            (
                &[0x82, 0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0],
                Role::Client,
                FrameError::TooLarge { len: 0xff << 56, max: 100_000 },
            ),
        ] {
            assert_eq!(parse(bytes, local), Err(error), "{bytes:02x?}");
        }
    }
}
