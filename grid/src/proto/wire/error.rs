//! Why bytes were refused. Always the peer's fault (or the network's), always the end of the connection.
//!
//! Texts name the field, so that a log line says what the other implementation got wrong.

/// Every way in which bytes can fail to be what the protocol says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    /// A WebSocket message, or a part of a Merged, of no bytes at all.
    #[error("empty message")]
    EmptyMessage,
    #[error("message is an array of {got}, not of 7")]
    Arity { got: u32 },
    /// The input ended inside a value, or a length in it reaches past its end.
    #[error("{field} is truncated")]
    Truncated { field: &'static str },
    #[error("{field} is {got}, not {want}")]
    BadType { field: &'static str, want: &'static str, got: &'static str },
    /// Negative, or too big for the field.
    #[error("integer out of range at {field}")]
    OutOfRange { field: &'static str },
    /// A value of fixed size in another size.
    #[error("{field} is {got} long, not {want}")]
    BadLength { field: &'static str, want: usize, got: usize },
    #[error("{field} is not utf-8")]
    BadUtf8 { field: &'static str },
    /// Over one of our own limits, which the protocol leaves to each node.
    #[error("{field} is {len} bytes long, more than {max}")]
    TooLong { field: &'static str, len: usize, max: usize },
    #[error("{count} entries in {field}, more than {max}")]
    TooMany { field: &'static str, count: usize, max: usize },
    #[error("{field} is missing")]
    Missing { field: &'static str },
    /// The flags promise a trailer, and fewer bytes than that follow the array.
    #[error("short trailer: {trailer} needs {need} bytes, {got} left")]
    ShortTrailer { trailer: &'static str, need: usize, got: usize },
    #[error("bad checksum: message says {want:08x}, its bytes give {got:08x}")]
    Checksum { want: u32, got: u32 },
    #[error("merged message has {got} parts, not the {want} it announced")]
    MissingParts { want: u32, got: u32 },
    /// A grant of nothing: no sender has a reason for one, and it would consume a sequence number for ever.
    #[error("grant of zero credits")]
    ZeroCredits,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_what_is_wrong() {
        let texts = [
            (DecodeError::Arity { got: 6 }, "message is an array of 6, not of 7"),
            (DecodeError::Truncated { field: "payload" }, "payload is truncated"),
            (
                DecodeError::Checksum { want: 1, got: 0xdead_beef },
                "bad checksum: message says 00000001, its bytes give deadbeef",
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
