//! Points in time as they are sent: in the handshake, where clocks are compared, and in pings, where they are echoed.

use std::time::{Duration, SystemTime};

use bytes::BufMut;

use super::error::DecodeError;
use super::msgpack::Reader;

/// The msgpack extension type of a Go time.
const EXT_GO_TIME: i8 = 5;
/// The msgpack extension type of the standard timestamp, which is read but never written.
const EXT_TIMESTAMP: i8 = -1;
const NANOS_PER_SEC: u32 = 1_000_000_000;

/// Seconds and nanoseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Timestamp {
    pub(crate) secs: i64,
    /// Below one second, and counted upward before 1970 too.
    pub(crate) nanos: u32,
}

impl Timestamp {
    /// Go's `time.Time{}`, the first day of the year 1, which means "no time" in pongs.
    pub(crate) const GO_ZERO: Self = Self { secs: -62_135_596_800, nanos: 0 };

    /// Bytes that [`put`](Self::put) writes.
    pub(super) const ENCODED_LEN: usize = 3 + 12;

    /// Writes the form that Go writes: ext8 of length 12, big endian.
    pub(super) fn put(self, out: &mut impl BufMut) {
        debug_assert!(self.nanos < NANOS_PER_SEC, "nanos are below a second");
        out.put_u8(0xc7);
        out.put_u8(12);
        out.put_i8(EXT_GO_TIME);
        out.put_i64(self.secs);
        out.put_u32(self.nanos);
    }

    /// Reads Go's form, and the standard timestamp in its three sizes.
    pub(super) fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let (kind, bytes) = reader.read_ext(field)?;
        let bad_length = |want| DecodeError::BadLength { field, want, got: bytes.len() };
        let (secs, nanos) = match kind {
            EXT_GO_TIME => {
                let (secs, nanos) = bytes.split_first_chunk().ok_or(bad_length(12))?;
                (i64::from_be_bytes(*secs), be_u32(nanos).ok_or(bad_length(12))?)
            }
            EXT_TIMESTAMP => standard(bytes).ok_or(bad_length(12))?,
            _ => {
                return Err(DecodeError::BadType {
                    field,
                    want: "time",
                    got: "ext of another type",
                });
            }
        };
        // Go's nanoseconds are an i32, and a negative number is too large as a u32.
        if nanos >= NANOS_PER_SEC {
            return Err(DecodeError::OutOfRange { field });
        }
        Ok(Self { secs, nanos })
    }

    /// The absolute difference between two times.
    #[must_use]
    pub(crate) fn abs_diff(self, other: Self) -> Duration {
        let diff = self.total_nanos().abs_diff(other.total_nanos());
        let per_sec = u128::from(NANOS_PER_SEC);
        match (u64::try_from(diff / per_sec), u32::try_from(diff % per_sec)) {
            (Ok(secs), Ok(nanos)) => Duration::new(secs, nanos),
            _ => Duration::MAX,
        }
    }

    /// The time as a `SystemTime`, if that can express it: peers may send any year.
    #[must_use]
    pub(crate) fn to_system_time(self) -> Option<SystemTime> {
        let secs = Duration::from_secs(self.secs.unsigned_abs());
        let start = if self.secs < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(secs)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(secs)
        };
        start?.checked_add(Duration::from_nanos(self.nanos.into()))
    }

    fn total_nanos(self) -> i128 {
        i128::from(self.secs) * i128::from(NANOS_PER_SEC) + i128::from(self.nanos)
    }
}

/// The standard timestamp: seconds as u32, or 30 bits of nanoseconds and 34 of seconds, or u32 and i64.
fn standard(bytes: &[u8]) -> Option<(i64, u32)> {
    if let Some(secs) = be_u32(bytes) {
        return Some((secs.into(), 0));
    }
    if let Ok(both) = <[u8; 8]>::try_from(bytes) {
        let both = u64::from_be_bytes(both);
        return Some(((both & 0x3_ffff_ffff) as i64, (both >> 34) as u32));
    }
    let (nanos, secs) = bytes.split_first_chunk()?;
    Some((i64::from_be_bytes(secs.try_into().ok()?), u32::from_be_bytes(*nanos)))
}

fn be_u32(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => {
                Self { secs: saturating_i64(after.as_secs()), nanos: after.subsec_nanos() }
            }
            Err(error) => {
                let before = error.duration();
                let secs = -saturating_i64(before.as_secs());
                match before.subsec_nanos() {
                    0 => Self { secs, nanos: 0 },
                    nanos => Self { secs: secs.saturating_sub(1), nanos: NANOS_PER_SEC - nanos },
                }
            }
        }
    }
}

fn saturating_i64(secs: u64) -> i64 {
    i64::try_from(secs).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};

    use super::{super::testing::*, *};

    fn read(input: &Bytes) -> Result<Timestamp, DecodeError> {
        Timestamp::read(&mut Reader::new(input), "time")
    }

    #[test]
    fn golden_and_truncated() {
        for (time, hex_form) in [
            (
                Timestamp { secs: 1_795_361_206, nanos: 674_714_208 },
                "c70c05000000006b0309b628375260",
            ),
            (Timestamp::GO_ZERO, "c70c05fffffff1886e090000000000"),
        ] {
            let mut out = BytesMut::new();
            time.put(&mut out);
            assert_eq!(hex(&out), hex_form);
            assert_eq!(out.len(), Timestamp::ENCODED_LEN);
            let out = out.freeze();
            assert_eq!(read(&out), Ok(time));
            every_truncation_fails(&out, read);
        }
    }

    #[test]
    fn standard_timestamps_in_three_sizes() {
        for (hex, secs, nanos) in [
            ("d6ff6b0309b6", 0x6b03_09b6, 0),
            ("d7ffee6b27fc6b0309b6", 0x6b03_09b6, 999_999_999),
            ("d7ff000000036b0309b6", 0x3_6b03_09b6, 0),
            ("c70cff00000007fffffff1886e0900", -62_135_596_800, 7),
        ] {
            let input = unhex(hex);
            assert_eq!(read(&input), Ok(Timestamp { secs, nanos }), "{hex}");
            every_truncation_fails(&input, read);
        }
    }

    #[test]
    fn other_extensions_are_refused() {
        for hex in [
            "c70c06000000006b0309b628375260", // type 6
            "c70b05000000006b0309b6283752",   // 11 bytes
            "d505ffff",                       // 2 bytes
            "d5ffffff",
            "c70c05000000006b0309b63b9aca00", // a whole second of nanoseconds
            "c70c05000000006b0309b6ffffffff", // negative nanoseconds
            "c0",
        ] {
            assert!(read(&unhex(hex)).is_err(), "{hex}");
        }
    }

    #[test]
    fn converts_to_system_time_and_back() {
        for (secs, nanos) in [(0, 0), (-1, 999_999_999), (-1, 0), (1_795_361_206, 1), (-5, 250)] {
            let time = Timestamp { secs, nanos };
            assert_eq!(Timestamp::from(time.to_system_time().unwrap()), time);
        }
        for secs in [i64::MIN, i64::MAX] {
            // The system may not be able to express it, but it must not panic.
            let _ = Timestamp { secs, nanos: 999_999_999 }.to_system_time();
        }
    }

    #[test]
    fn differences_are_absolute_and_do_not_overflow() {
        let (a, b) =
            (Timestamp { secs: -1, nanos: 999_999_999 }, Timestamp { secs: 300, nanos: 0 });
        assert_eq!(a.abs_diff(b), Duration::new(300, 1));
        assert_eq!(b.abs_diff(a), Duration::new(300, 1));
        let (first, last) = (
            Timestamp { secs: i64::MIN, nanos: 0 },
            Timestamp { secs: i64::MAX, nanos: 999_999_999 },
        );
        assert_eq!(first.abs_diff(last), Duration::new(u64::MAX, 999_999_999));
    }
}
