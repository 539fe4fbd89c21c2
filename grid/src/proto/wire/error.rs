//! Why bytes of a peer were refused. The cause is the peer or the network, and the connection must be closed.
//!
//! Texts name the field, so that a log line tells what is wrong with the other implementation.

/// Why bytes cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    /// A WebSocket message, or a part of a Merged, without bytes.
    #[error("empty message")]
    EmptyMessage,
    #[error("message is an array of {got}, not of 7")]
    Arity { got: u32 },
    /// The input ends inside a value, or a length in it exceeds the rest of the input.
    #[error("{field} is truncated")]
    Truncated { field: &'static str },
    #[error("{field} is {got}, not {want}")]
    BadType { field: &'static str, want: &'static str, got: &'static str },
    /// An integer that is negative, or too large for the field.
    #[error("integer out of range at {field}")]
    OutOfRange { field: &'static str },
    /// A value of fixed size has another size.
    #[error("{field} is {got} long, not {want}")]
    BadLength { field: &'static str, want: usize, got: usize },
    #[error("{field} is not utf-8")]
    BadUtf8 { field: &'static str },
    /// A limit of this implementation is exceeded. The protocol leaves limits to each node.
    #[error("{field} is {len} bytes long, more than {max}")]
    TooLong { field: &'static str, len: usize, max: usize },
    #[error("{count} entries in {field}, more than {max}")]
    TooMany { field: &'static str, count: usize, max: usize },
    #[error("{field} is missing")]
    Missing { field: &'static str },
    /// The flags announce a trailer, but fewer bytes follow the array.
    #[error("short trailer: {trailer} needs {need} bytes, {got} left")]
    ShortTrailer { trailer: &'static str, need: usize, got: usize },
    #[error("bad checksum: {want:08x} in the message, {got:08x} computed")]
    Checksum { want: u32, got: u32 },
    /// With the extension `crc`, the header of a merged message has one form only, as no checksum covers it.
    #[error("merged message with a damaged header")]
    MergedHeader,
    #[error("{len} bytes after the parts of a merged message")]
    BytesAfterParts { len: usize },
    #[error("merged message has {got} parts, not the {want} it announced")]
    MissingParts { want: u32, got: u32 },
    /// A grant of nothing. No sender has a reason for one, and a peer could send them for ever.
    #[error("grant of nothing")]
    EmptyGrant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_the_field() {
        let texts = [
            (DecodeError::Arity { got: 6 }, "message is an array of 6, not of 7"),
            (DecodeError::Truncated { field: "payload" }, "payload is truncated"),
            (
                DecodeError::Checksum { want: 1, got: 0xdead_beef },
                "bad checksum: 00000001 in the message, deadbeef computed",
            ),
            (
                DecodeError::BadType { field: "payload", want: "bin", got: "nil" },
                "payload is nil, not bin",
            ),
        ];
        for (error, text) in texts {
            assert_eq!(error.to_string(), text);
        }
    }
}
