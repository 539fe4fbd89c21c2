//! W3C trace context: the trace that a call belongs to.

use std::fmt;
use std::str::FromStr;

/// The place of a call in a distributed trace, as in a W3C `traceparent` header.
///
/// ```
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let trace: grid::TraceContext = text.parse()?;
/// assert_eq!(trace.to_string(), text);
/// # Ok::<(), grid::BadTraceContext>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// Version of the format, 0 today.
    pub version: u8,
    /// The whole trace.
    pub trace_id: [u8; 16],
    /// The span that makes the call.
    pub parent_id: [u8; 8],
    /// Bit 0: the trace is recorded.
    pub flags: u8,
}

/// The string is not a valid `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent: it must look like 00-<32 hex digits>-<16 hex digits>-<2 hex digits>")]
#[non_exhaustive]
pub struct BadTraceContext;

impl FromStr for TraceContext {
    type Err = BadTraceContext;

    fn from_str(text: &str) -> Result<Self, BadTraceContext> {
        let mut parts = text.split('-').map(str::as_bytes);
        let mut next = || parts.next().ok_or(BadTraceContext);
        let ([version], trace_id, parent_id, [flags]) =
            (bytes(next()?)?, bytes(next()?)?, bytes(next()?)?, bytes(next()?)?);
        if parts.next().is_some() {
            return Err(BadTraceContext);
        }
        Ok(Self { version, trace_id, parent_id, flags })
    }
}

/// Exactly `N` bytes in hex digits.
fn bytes<const N: usize>(digits: &[u8]) -> Result<[u8; N], BadTraceContext> {
    let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(BadTraceContext);
    if digits.len() != 2 * N {
        return Err(BadTraceContext);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for part in pair {
            *byte = *byte << 4 | digit(*part)? as u8;
        }
    }
    Ok(bytes)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}-", self.version)?;
        self.trace_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-")?;
        self.parent_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "-{:02x}", self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_strings_are_refused() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(good.parse::<TraceContext>().is_ok());
        for bad in ["", "00", &good[1..], &format!("{good}-"), &good.replace('f', "g"), "é"] {
            assert_eq!(bad.parse::<TraceContext>(), Err(BadTraceContext), "{bad:?}");
        }
    }
}
