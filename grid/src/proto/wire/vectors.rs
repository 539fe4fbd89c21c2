//! The recorded messages of `tests/vectors/base.jsonl`: bytes of the Go implementation, with their meaning.
//!
//! Every line must be decoded to the fields in it, and encoded to the same bytes.

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::merged;
use super::testing::*;
use super::*;

const BASE: &str = include_str!("../../../tests/vectors/base.jsonl");

/// A line of the file. A part of a Merged has the same fields.
pub(super) struct Vector {
    pub(super) name: String,
    pub(super) message: Bytes,
    decoded: Value,
}

pub(super) fn all() -> Vec<Vector> {
    let vectors: Vec<_> = BASE
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            Vector {
                name: line["name"].as_str().unwrap().to_owned(),
                message: unhex(line["message_hex"].as_str().unwrap()),
                decoded: line["decoded"].take(),
            }
        })
        .collect();
    assert!(vectors.len() >= 83, "vectors may only be added");
    vectors
}

fn uint(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not an unsigned integer"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string"))
}

/// The header with the vector's fields.
fn header(decoded: &Value) -> Header {
    Header {
        mux: MuxId(uint(&decoded["mux_id"])),
        seq: uint(&decoded["seq"]).try_into().unwrap(),
        deadline_ms: uint(&decoded["deadline_ms"]).try_into().unwrap(),
        handler: uint(&decoded["handler"]).try_into().unwrap(),
        op: Op::from_u8(uint(&decoded["op"]).try_into().unwrap()),
        flags: Flags(uint(&decoded["flags"]).try_into().unwrap()),
    }
}

fn timestamp(value: &Value) -> Timestamp {
    Timestamp {
        secs: value["unix_sec"].as_i64().unwrap(),
        nanos: uint(&value["nsec"]).try_into().unwrap(),
    }
}

/// The flags by the vectors' names.
fn flag(name: &str) -> Flags {
    match name {
        "CRCxxh3" => Flags::CRC,
        "EOF" => Flags::EOF,
        "Stateless" => Flags::STATELESS,
        "PayloadIsErr" => Flags::ERROR,
        "PayloadIsZero" => Flags::EMPTY,
        "Subroute" => Flags::SUBROUTE,
        other => panic!("no test knows flag {other}"),
    }
}

fn check(name: &str, input: &Bytes, decoded: &Value) {
    let message = Message::decode(input.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(message.header, header(decoded), "{name}");
    assert_eq!(message.header.op.to_string(), text(&decoded["op_name"]), "{name}");
    let flags = decoded["flag_names"].as_array().unwrap().iter().map(text).map(flag);
    assert_eq!(message.header.flags, flags.fold(Flags::NONE, Flags::with), "{name}");

    let payload = message.payload.clone().unwrap_or_default();
    assert_eq!(hex(&payload), text(&decoded["payload_hex"]), "{name}");
    assert_eq!(payload.len() as u64, uint(&decoded["payload_len"]), "{name}");
    assert_eq!(
        message.payload.is_none(),
        decoded["payload_nil_as_parsed"].as_bool().unwrap_or(false),
        "{name}"
    );
    let subroute = message.subroute.map_or_else(String::new, |id| hex(&id.0));
    assert_eq!(subroute, text(&decoded["subroute_hex"]), "{name}");
    let crc = if message.header.flags.contains(Flags::CRC) {
        hex(&input[input.len() - 4..])
    } else {
        String::new()
    };
    assert_eq!(crc, text(&decoded["crc_hex"]), "{name}");

    check_payload(name, &message, &payload, decoded);
    check_encoding(name, input, decoded);
}

/// Checks the payload. All ops are listed, so that a vector with a new one fails here.
/// Keys of maps are in the order in which Go and this encoder write them, so payloads are encoded to the same bytes.
fn check_payload(name: &str, message: &Message, payload: &Bytes, decoded: &Value) {
    let expected = &decoded["payload_decoded"];
    match text(&decoded["op_name"]) {
        "Connect" => {
            let connect = Connect::decode(payload).unwrap();
            assert_eq!(hex(&connect.id), text(&expected["ID"]), "{name}");
            assert_eq!(connect.host, text(&expected["Host"]), "{name}");
            assert_eq!(connect.time, timestamp(&expected["Time"]), "{name}");
            assert_eq!(connect.token, text(&expected["Token"]), "{name}");
            assert_eq!(connect.features, Vec::<String>::new(), "{name}");
            assert_eq!(connect.encode(), payload, "{name}");
            every_truncation_fails(payload, Connect::decode);
        }
        "ConnectResponse" => {
            let response = ConnectResponse::decode(payload).unwrap();
            assert_eq!(hex(&response.id), text(&expected["ID"]), "{name}");
            assert_eq!(response.accepted, expected["Accepted"].as_bool().unwrap(), "{name}");
            assert_eq!(response.reason, text(&expected["RejectedReason"]), "{name}");
            assert_eq!(response.features, Vec::<String>::new(), "{name}");
            assert_eq!(response.encode(), payload, "{name}");
            every_truncation_fails(payload, ConnectResponse::decode);
        }
        "Ping" if message.payload.is_none() => {
            assert_eq!(*expected, Value::Null, "{name}");
            assert_eq!(Ping::decode(None).unwrap().time, Timestamp::GO_ZERO, "{name}");
        }
        "Ping" => {
            let ping = Ping::decode(message.payload.as_ref()).unwrap();
            assert_eq!(ping.time, timestamp(&expected["t"]), "{name}");
            assert_eq!(ping.encode(), payload, "{name}");
        }
        "Pong" => {
            let pong = Pong::decode(payload).unwrap();
            assert_eq!(pong.not_found, expected["nf"].as_bool().unwrap(), "{name}");
            assert_eq!(pong.error.as_deref(), expected["e"].as_str(), "{name}");
            assert_eq!(pong.time, timestamp(&expected["t"]), "{name}");
            assert_eq!(pong.encode(), payload, "{name}");
            every_truncation_fails(payload, Pong::decode);
        }
        "MuxConnectError" => {
            let refusal = Refusal::decode(payload).unwrap();
            assert_eq!(refusal.error, text(&expected["Error"]), "{name}");
            assert_eq!(refusal.encode(), payload, "{name}");
            every_truncation_fails(payload, Refusal::decode);
        }
        "Merged" => {
            let expected = decoded["merged_messages"].as_array().unwrap();
            let parts: Vec<Bytes> = merged::parts(message).collect::<Result<_, _>>().unwrap();
            assert_eq!(parts.len(), expected.len(), "{name}");
            for (part, expected) in parts.iter().zip(expected) {
                assert_eq!(hex(part), text(&expected["message_hex"]), "{name}");
                check(&format!("{name}, a part"), part, expected);
            }
        }
        "UnblockSrvMux" | "UnblockClMux" => {
            assert_eq!(decode_credits(message.payload.as_ref()).unwrap().get(), 1, "{name}");
        }
        "MuxServerMsg" | "Response" if message.header.flags.contains(Flags::ERROR) => {
            assert_eq!(payload, text(&expected["error_text"]).as_bytes(), "{name}");
        }
        "ConnectMux" | "MuxClientMsg" | "MuxServerMsg" | "Request" | "Response" => {
            // The payload is the user's.
            assert_eq!(*expected, Value::Null, "{name}");
        }
        "DisconnectClientMux" | "DisconnectServerMux" | "AckMux" | "Disconnect" => {
            assert_eq!(message.payload, None, "{name}");
        }
        other => panic!("{name}: no test knows op {other}"),
    }
}

/// Encodes from the vector's fields alone, not from the decoded message.
fn check_encoding(name: &str, input: &Bytes, decoded: &Value) {
    let header = header(decoded);
    let mut out = BytesMut::new();
    if header.op == Op::Merged {
        let messages = decoded["merged_messages"].as_array().unwrap();
        merged::write_header(messages.len() as u32, &mut out);
        for message in messages {
            let message = unhex(text(&message["message_hex"]));
            merged::write_part_prefix(message.len(), &mut out);
            out.extend_from_slice(&message);
        }
    } else {
        let payload = unhex(text(&decoded["payload_hex"]));
        let is_empty = header.flags.contains(Flags::EMPTY);
        let subroute = unhex(text(&decoded["subroute_hex"]));
        let subroute = <[u8; 32]>::try_from(&subroute[..]).ok().map(SubrouteId);
        let frame = Frame {
            // The encoder must set these three itself.
            header: Header {
                flags: header.flags.without(Flags::EMPTY | Flags::SUBROUTE | Flags::META),
                ..header
            },
            payload: (is_empty || !payload.is_empty()).then_some(&payload[..]),
            meta: &[],
            subroute: subroute.as_ref(),
        };
        frame.encode(&mut out);
        assert_eq!(out.len(), frame.encoded_len(), "{name}");
    }
    assert_eq!(hex(&out), hex(input), "{name}");
}

#[test]
fn every_vector_is_decoded_to_its_fields_and_back() {
    for vector in all() {
        check(&vector.name, &vector.message, &vector.decoded);
    }
}

#[test]
fn handshake_messages_are_encoded_whole() {
    for vector in all() {
        let message = Message::decode(vector.message.clone()).unwrap();
        let payload = message.payload.unwrap_or_default();
        match message.header.op {
            Op::Connect => {
                assert_eq!(Connect::decode(&payload).unwrap().to_message(), vector.message)
            }
            Op::ConnectResponse => {
                assert_eq!(ConnectResponse::decode(&payload).unwrap().to_message(), vector.message);
            }
            _ => {}
        }
    }
}

#[test]
fn subroutes_of_the_vectors_are_the_hash_of_their_text() {
    let mut seen = 0;
    for vector in all() {
        let message = Message::decode(vector.message).unwrap();
        if let Some(subroute) = message.subroute {
            // All of them were recorded with this text.
            assert_eq!(
                subroute,
                SubrouteId::new("sub/route", HandlerId::new(message.header.handler))
            );
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
}

/// Every op of the base protocol was recorded from a socket or encoded by the Go implementation.
#[test]
fn the_vectors_cover_every_op() {
    let vectors = all();
    for op in 1..=17 {
        let name = Op::from_u8(op).to_string();
        assert!(
            vectors.iter().any(|vector| vector.decoded["op_name"] == name.as_str()),
            "no vector of {name}"
        );
    }
}
