//! Close frames: the reason why a node ends a connection, as its peer reads it.

use bytes::{Buf as _, Bytes};

use super::frame::{CONTROL_BYTES_MAX, FrameError};
use crate::error::{LinkError, one_line, shortened};
use crate::proto::ProtocolError;

/// The code of a close frame that tells a node that another process uses its name. Codes from 4000 on are private.
const CODE_NAME_TAKEN: u16 = 4001;

/// The payload of a close frame that tells the peer why this node closes the connection.
pub(super) fn payload(reason: &LinkError) -> Vec<u8> {
    let (code, text) = reason_of(reason);
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(shortened(&text, CONTROL_BYTES_MAX - payload.len()).as_bytes());
    payload
}

/// The code of a close frame, and its text.
fn reason_of(reason: &LinkError) -> (u16, String) {
    use LinkError as E;
    let code = match reason {
        E::WebSocket(cause) => match cause.downcast_ref() {
            Some(FrameError::TooLarge { .. }) => 1009,
            _ => 1002,
        },
        E::MessageTooLarge { bytes, max } => {
            // The text of the error says "this node", which is the other one for the reader.
            let text = format!(
                "a message of {bytes} bytes, the limit is {max} (`Config::message_bytes_max`)"
            );
            return (1009, text);
        }
        E::Protocol(cause) => match cause.downcast_ref() {
            Some(ProtocolError::Flood(_)) => 1008,
            _ => 1002,
        },
        E::Handshake { .. } => 1002,
        E::NameTaken { detail } => return (CODE_NAME_TAKEN, detail.clone()),
        E::Replaced { by: Some(by) } => return (CODE_NAME_TAKEN, format!("{by} has connected")),
        E::Replaced { by: None } | E::ShutDown | E::RuntimeGone | E::Removed { .. } => 1001,
        // The text of a panic is not for other nodes.
        E::Panicked { .. } => return (1011, "internal error".to_owned()),
        E::Closed { .. } | E::Io(_) => return (1000, String::new()),
        _ => 1008,
    };
    (code, reason.full_text().to_string())
}

/// Reads the payload of a close frame.
pub(super) fn closed(mut payload: Bytes) -> LinkError {
    let code = payload.try_get_u16().ok();
    // A peer may send bytes that are not UTF-8; the rest of its text still helps.
    let reason = one_line(&String::from_utf8_lossy(&payload));
    match code {
        Some(CODE_NAME_TAKEN) => LinkError::NameTaken { detail: reason },
        code => LinkError::Closed { code, reason },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::proto::wire::Op;
    use crate::proto::{FloodBudget, Waste};

    fn flood() -> ProtocolError {
        let mut budget = FloodBudget::default();
        budget.note(Waste::Frame, u32::MAX.into());
        budget.settle(tokio::time::Instant::now().into_std(), 0).unwrap_err().into()
    }

    #[test]
    fn close_frames_carry_the_reason() {
        let denied = LinkError::Denied { reason: "é".repeat(100) };
        let frame = payload(&denied);
        assert!(frame.len() <= CONTROL_BYTES_MAX);
        let LinkError::Closed { code, reason } = closed(frame.into()) else { panic!("closed") };
        assert_eq!(code, Some(1008));
        assert!(reason.starts_with("auth token: éé") && reason.ends_with("é …"), "{reason}");
        assert_eq!(shortened("the two nodes have different secrets", 22), "the two nodes …");
        let too_large = FrameError::TooLarge { len: 9, max: 8 };
        for (reason, code) in [
            (LinkError::WebSocket(Arc::new(too_large)), 1009),
            (LinkError::MessageTooLarge { bytes: 9, max: 8 }, 1009),
            (LinkError::WebSocket(Arc::new(FrameError::Masked)), 1002),
            (LinkError::Protocol(Arc::new(ProtocolError::InParts(Op::Merged))), 1002),
            (LinkError::Protocol(Arc::new(flood())), 1008),
            (LinkError::ShutDown, 1001),
            (LinkError::Panicked { text: "secret".into() }, 1011),
            (LinkError::Replaced { by: None }, 1001),
        ] {
            let frame = payload(&reason);
            assert!(!String::from_utf8_lossy(&frame).contains("secret"));
            assert!(
                matches!(closed(frame.into()), LinkError::Closed { code: Some(read), .. } if read == code)
            );
        }
        let taken = LinkError::NameTaken { detail: "x".into() };
        assert_eq!(closed(payload(&taken).into()), taken);
        for (payload, reason) in [(&b""[..], ""), (b"\x03", " "), (b"\x03\xe8a\xffb", "a\u{fffd}b")]
        {
            let LinkError::Closed { reason: read, .. } = closed(Bytes::from_static(payload)) else {
                panic!("closed")
            };
            assert_eq!(read, reason);
        }
    }
}
