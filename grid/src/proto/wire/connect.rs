//! The handshake's two messages. What must be in them is checked by session/handshake.rs.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::contract::Statement;
use super::error::DecodeError;
use super::message::{Frame, Header, Op};
use super::msgpack::{Reader, put_array_len, put_bin, put_bool, put_map_len, put_str, put_uint};
use super::time::Timestamp;

/// A host is a URL without path: 4 KiB is more than any browser accepts.
const HOST_LEN_MAX: usize = 4 << 10;
/// Tokens may be signed documents with claims.
const TOKEN_LEN_MAX: usize = 64 << 10;
/// A text for people, kept as long as the error.
const REASON_LEN_MAX: usize = 64 << 10;
/// This project names the features, and there are only a few.
const FEATURES_MAX: usize = 64;
const FEATURE_LEN_MAX: usize = 64;

/// Room for a signature with a few certificates of elliptic keys. `PROOF_BYTES_MAX` of the authenticator is the same.
pub(crate) const PROOF_LEN_MAX: usize = 4 << 10;

const ID_LEN: usize = 16;

/// What a node states about its limits, with the extension `limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatedLimits {
    /// The largest message that the node accepts, in bytes.
    pub(crate) message_bytes_max: u64,
    /// What the requests in flight of the other node may make this one hold, in bytes.
    pub(crate) requests_bytes_max: Option<u64>,
}

/// The dialer's first message.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Connect {
    /// Differs between two runs of one node.
    pub(crate) id: [u8; ID_LEN],
    /// The dialer's name.
    pub(crate) host: String,
    /// The dialer's clock.
    pub(crate) time: Timestamp,
    /// A secret.
    pub(crate) token: String,
    /// The name of the node that the dialer wants to reach, with the extension `names`.
    pub(crate) peer: Option<String>,
    /// The number of this dial among those of this run of the dialer to this peer, with the extension `names`.
    pub(crate) dial: Option<u64>,
    /// The dialer's limits, with the extension `limits`.
    pub(crate) limits: Option<StatedLimits>,
    /// The dialer's services, with the extension `contracts`.
    pub(crate) contracts: Statement,
    /// Extensions that the sender knows, see part 2 of the protocol. Empty for a Go node.
    pub(crate) features: Vec<String>,
}

impl Connect {
    /// Encodes the payload, with keys in the order in which Go writes them.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(128 + self.host.len() + self.token.len());
        let optional = [
            self.peer.is_some(),
            self.dial.is_some(),
            self.limits.is_some(),
            !self.contracts.is_empty(),
            !self.features.is_empty(),
        ];
        put_map_len(&mut out, 4 + optional.into_iter().filter(|present| *present).count());
        put_str(&mut out, "ID");
        put_bin(&mut out, &self.id);
        put_str(&mut out, "Host");
        put_str(&mut out, &self.host);
        put_str(&mut out, "Time");
        self.time.put(&mut out);
        put_str(&mut out, "Token");
        put_str(&mut out, &self.token);
        put_optional(&mut out, "Peer", self.peer.as_deref());
        if let Some(dial) = self.dial {
            put_str(&mut out, "Dial");
            put_uint(&mut out, dial);
        }
        put_limits(&mut out, self.limits);
        self.contracts.put(&mut out);
        put_features(&mut out, &self.features);
        out.freeze()
    }

    /// Reads the payload. The token may be missing, the other fields of part 1 may not.
    pub(crate) fn decode(payload: &Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let (mut id, mut host, mut time) = (None, None, None);
        let (mut token, mut peer, mut dial, mut features) = (String::new(), None, None, Vec::new());
        let (mut limits, mut contracts) = (None, Statement::default());
        for _ in 0..reader.read_map_len("Connect")? {
            match reader.read_key()? {
                b"ID" => id = Some(reader.read_bin_array("ID")?),
                b"Host" => host = Some(reader.read_str("Host", HOST_LEN_MAX)?.to_owned()),
                b"Time" => time = Some(Timestamp::read(&mut reader, "Time")?),
                b"Token" => token = reader.read_str("Token", TOKEN_LEN_MAX)?.to_owned(),
                b"Peer" => peer = Some(reader.read_str("Peer", HOST_LEN_MAX)?.to_owned()),
                b"Dial" => dial = Some(reader.read_uint("Dial")?),
                b"Limits" => limits = read_limits(&mut reader)?,
                b"Contracts" => contracts = Statement::take(payload, &mut reader)?,
                b"Ext" => features = read_features(&mut reader)?,
                _ => reader.skip("unknown key of Connect")?,
            }
        }
        Ok(Self {
            id: id.ok_or(DecodeError::Missing { field: "ID" })?,
            host: host.ok_or(DecodeError::Missing { field: "Host" })?,
            time: time.ok_or(DecodeError::Missing { field: "Time" })?,
            token,
            peer,
            dial,
            limits,
            contracts,
            features,
        })
    }

    /// The whole first message: every integer but the op is 0, and there is no CRC.
    pub(crate) fn to_message(&self) -> Bytes {
        Frame::new(Header::new(Op::Connect), Some(&self.encode())).to_bytes()
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("id", &self.id)
            .field("host", &self.host)
            .field("time", &self.time)
            .field("token", &format_args!("[{} bytes]", self.token.len()))
            .field("peer", &self.peer)
            .field("dial", &self.dial)
            .field("limits", &self.limits)
            .field("features", &self.features)
            .finish()
    }
}

/// The listener's answer, and its first message.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ConnectResponse {
    /// The listener's id, as in [`Connect::id`].
    pub(crate) id: [u8; ID_LEN],
    pub(crate) accepted: bool,
    /// Empty if accepted.
    pub(crate) reason: String,
    /// The listener's name, with the extension `names`.
    pub(crate) host: Option<String>,
    /// Whether it is refused because another process with the dialer's name is connected, with the extension `names`.
    pub(crate) name_taken: bool,
    /// The listener's limits, with the extension `limits`.
    pub(crate) limits: Option<StatedLimits>,
    /// The listener's services, with the extension `contracts`.
    pub(crate) contracts: Statement,
    /// That the listener knows the dialer's secret, with the extension `proof`.
    pub(crate) proof: Option<Bytes>,
    pub(crate) features: Vec<String>,
}

impl ConnectResponse {
    /// Encodes the payload, with keys in the order in which Go writes them.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(128 + self.reason.len());
        let optional = [
            self.host.is_some(),
            self.name_taken,
            self.limits.is_some(),
            !self.contracts.is_empty(),
            self.proof.is_some(),
            !self.features.is_empty(),
        ];
        put_map_len(&mut out, 3 + optional.into_iter().filter(|present| *present).count());
        put_str(&mut out, "ID");
        put_bin(&mut out, &self.id);
        put_str(&mut out, "Accepted");
        put_bool(&mut out, self.accepted);
        put_str(&mut out, "RejectedReason");
        put_str(&mut out, &self.reason);
        put_optional(&mut out, "Host", self.host.as_deref());
        if self.name_taken {
            put_str(&mut out, "NameTaken");
            put_bool(&mut out, true);
        }
        put_limits(&mut out, self.limits);
        self.contracts.put(&mut out);
        if let Some(proof) = &self.proof {
            put_str(&mut out, "Proof");
            put_bin(&mut out, proof);
        }
        put_features(&mut out, &self.features);
        out.freeze()
    }

    /// Reads the payload. The reason may be missing, the other fields of part 1 may not.
    pub(crate) fn decode(payload: &Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let (mut id, mut accepted) = (None, None);
        let (mut reason, mut host, mut features) = (String::new(), None, Vec::new());
        let (mut name_taken, mut limits, mut contracts) = (false, None, Statement::default());
        let mut proof = None;
        for _ in 0..reader.read_map_len("ConnectResponse")? {
            match reader.read_key()? {
                b"ID" => id = Some(reader.read_bin_array("ID")?),
                b"Accepted" => accepted = Some(reader.read_bool("Accepted")?),
                b"RejectedReason" => reason = reader.read_text("RejectedReason", REASON_LEN_MAX)?,
                b"Host" => host = Some(reader.read_str("Host", HOST_LEN_MAX)?.to_owned()),
                b"NameTaken" => name_taken = reader.read_bool("NameTaken")?,
                b"Proof" => proof = Some(read_proof(&mut reader)?),
                b"Limits" => limits = read_limits(&mut reader)?,
                b"Contracts" => contracts = Statement::take(payload, &mut reader)?,
                b"Ext" => features = read_features(&mut reader)?,
                _ => reader.skip("unknown key of ConnectResponse")?,
            }
        }
        Ok(Self {
            id: id.ok_or(DecodeError::Missing { field: "ID" })?,
            accepted: accepted.ok_or(DecodeError::Missing { field: "Accepted" })?,
            reason,
            host,
            name_taken,
            limits,
            contracts,
            proof,
            features,
        })
    }

    /// The whole first message: every integer but the op is 0, and there is no CRC.
    pub(crate) fn to_message(&self) -> Bytes {
        Frame::new(Header::new(Op::ConnectResponse), Some(&self.encode())).to_bytes()
    }
}

impl fmt::Debug for ConnectResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proof = self.proof.as_ref().map(Bytes::len);
        f.debug_struct("ConnectResponse")
            .field("id", &self.id)
            .field("accepted", &self.accepted)
            .field("reason", &self.reason)
            .field("host", &self.host)
            .field("name_taken", &self.name_taken)
            .field("limits", &self.limits)
            .field("proof", &proof.map(|len| format!("[{len} bytes]")))
            .field("features", &self.features)
            .finish()
    }
}

/// A key of the extension `names`, or nothing.
fn put_optional(out: &mut BytesMut, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        put_str(out, key);
        put_str(out, value);
    }
}

/// The key `Limits`, or nothing.
fn put_limits(out: &mut BytesMut, limits: Option<StatedLimits>) {
    if let Some(StatedLimits { message_bytes_max, requests_bytes_max }) = limits {
        put_str(out, "Limits");
        put_map_len(out, 1 + usize::from(requests_bytes_max.is_some()));
        put_str(out, "message_bytes_max");
        put_uint(out, message_bytes_max);
        if let Some(requests_bytes_max) = requests_bytes_max {
            put_str(out, "requests_bytes_max");
            put_uint(out, requests_bytes_max);
        }
    }
}

/// Reads the map of limits. Later versions may state more of them.
fn read_limits(reader: &mut Reader<'_>) -> Result<Option<StatedLimits>, DecodeError> {
    let (mut message_bytes_max, mut requests_bytes_max) = (None, None);
    for _ in 0..reader.read_map_len("Limits")? {
        match reader.read_key()? {
            b"message_bytes_max" => {
                message_bytes_max = Some(reader.read_uint("message_bytes_max")?)
            }
            b"requests_bytes_max" => {
                requests_bytes_max = Some(reader.read_uint("requests_bytes_max")?);
            }
            _ => reader.skip("unknown key of Limits")?,
        }
    }
    Ok(message_bytes_max
        .map(|message_bytes_max| StatedLimits { message_bytes_max, requests_bytes_max }))
}

fn read_proof(reader: &mut Reader<'_>) -> Result<Bytes, DecodeError> {
    let proof = reader.read_bin_ref("Proof")?;
    if proof.len() > PROOF_LEN_MAX {
        return Err(DecodeError::TooLong { field: "Proof", len: proof.len(), max: PROOF_LEN_MAX });
    }
    Ok(Bytes::copy_from_slice(proof))
}

/// The key `Ext`, or nothing: without features the map is the same as Go's.
fn put_features(out: &mut BytesMut, features: &[String]) {
    if features.is_empty() {
        return;
    }
    put_str(out, "Ext");
    put_array_len(out, features.len());
    for feature in features {
        put_str(out, feature);
    }
}

fn read_features(reader: &mut Reader<'_>) -> Result<Vec<String>, DecodeError> {
    let count = reader.read_array_len("Ext")? as usize;
    if count > FEATURES_MAX {
        return Err(DecodeError::TooMany { field: "Ext", count, max: FEATURES_MAX });
    }
    (0..count).map(|_| Ok(reader.read_str("feature in Ext", FEATURE_LEN_MAX)?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::contract::ServiceContract, super::testing::*, *};

    fn connect() -> Connect {
        Connect {
            id: *b"0123456789abcdef",
            host: "http://node1:9000".into(),
            time: Timestamp { secs: 1_700_000_000, nanos: 123_456_789 },
            token: "secret".into(),
            peer: None,
            dial: None,
            limits: None,
            contracts: Statement::default(),
            features: vec![],
        }
    }

    fn response() -> ConnectResponse {
        ConnectResponse {
            id: *b"0123456789abcdef",
            accepted: false,
            reason: "clock".into(),
            host: None,
            name_taken: false,
            limits: None,
            contracts: Statement::default(),
            proof: None,
            features: vec!["meta".into()],
        }
    }

    #[test]
    fn names_round_trip() {
        let peer = Some("http://node2:9000".into());
        let connect = Connect { peer, dial: Some(1 << 40), ..connect() };
        let payload = connect.encode();
        assert_eq!(Connect::decode(&payload).unwrap(), connect);
        every_truncation_fails(&payload, Connect::decode);
        let host = Some("http://node2:9000".into());
        let response = ConnectResponse { host, name_taken: true, ..response() };
        let payload = response.encode();
        assert_eq!(ConnectResponse::decode(&payload).unwrap(), response);
        every_truncation_fails(&payload, ConnectResponse::decode);
    }

    #[test]
    fn proofs_round_trip_and_are_limited() {
        for len in [0, 32, PROOF_LEN_MAX] {
            let response = ConnectResponse { proof: Some(vec![7; len].into()), ..response() };
            let payload = response.encode();
            assert_eq!(ConnectResponse::decode(&payload).unwrap(), response);
            every_truncation_fails(&payload, ConnectResponse::decode);
        }
        let long = Some(vec![7; PROOF_LEN_MAX + 1].into());
        let error =
            ConnectResponse::decode(&ConnectResponse { proof: long, ..response() }.encode());
        assert!(matches!(error, Err(DecodeError::TooLong { field: "Proof", .. })), "{error:?}");
    }

    #[test]
    fn debug_hides_the_proof() {
        let response = ConnectResponse { proof: Some((&b"prooftext"[..]).into()), ..response() };
        let text = format!("{response:?}");
        assert!(text.contains("[9 bytes]") && !text.contains("prooftext"), "{text}");
    }

    #[test]
    fn limits_round_trip_and_unknown_ones_are_skipped() {
        let stated =
            StatedLimits { message_bytes_max: 16 << 20, requests_bytes_max: Some(31 << 20) };
        let limits = Some(stated);
        let connect = Connect { limits, ..connect() };
        let payload = connect.encode();
        assert_eq!(Connect::decode(&payload).unwrap(), connect);
        every_truncation_fails(&payload, Connect::decode);
        let response = ConnectResponse { limits, ..response() };
        let payload = response.encode();
        assert_eq!(ConnectResponse::decode(&payload).unwrap(), response);
        every_truncation_fails(&payload, ConnectResponse::decode);
        let mut newer = BytesMut::new();
        put_map_len(&mut newer, 2);
        put_str(&mut newer, "later");
        put_bool(&mut newer, true);
        put_str(&mut newer, "message_bytes_max");
        put_uint(&mut newer, 16 << 20);
        let one = StatedLimits { requests_bytes_max: None, ..stated };
        assert_eq!(read_limits(&mut Reader::new(&newer.freeze())), Ok(Some(one)));
        assert_eq!(read_limits(&mut Reader::new(&unhex("80"))), Ok(None));
    }

    #[test]
    fn connect_round_trips() {
        for features in [vec![], vec!["ids32".to_owned(), "meta".to_owned()]] {
            let connect = Connect { features, ..connect() };
            let payload = connect.encode();
            assert_eq!(Connect::decode(&payload).unwrap(), connect);
            every_truncation_fails(&payload, Connect::decode);
        }
    }

    #[test]
    fn response_round_trips() {
        for accepted in [true, false] {
            let response = ConnectResponse { accepted, ..response() };
            let payload = response.encode();
            assert_eq!(ConnectResponse::decode(&payload).unwrap(), response);
            every_truncation_fails(&payload, ConnectResponse::decode);
        }
    }

    #[test]
    fn golden() {
        // Without features: Go's four keys. With: one more, at the end.
        let plain = hex(&connect().encode());
        assert!(plain.starts_with("84a24944c41030313233"), "{plain}");
        let extended = hex(&Connect { features: vec!["meta".into()], ..connect() }.encode());
        assert_eq!(extended, format!("85{}a3457874{}", &plain[2..], "91a46d657461"));
        assert!(hex(&connect().to_message()).starts_with("97000000000100c4"));
        assert!(hex(&response().to_message()).starts_with("97000000000200c4"));
    }

    #[test]
    fn keys_are_read_in_any_order_and_unknown_ones_are_skipped() {
        let mut out = BytesMut::new();
        put_map_len(&mut out, 6);
        put_str(&mut out, "Token");
        put_str(&mut out, "secret");
        put_str(&mut out, "New");
        out.extend_from_slice(&unhex("82a16193010203a162c0"));
        put_str(&mut out, "Time");
        connect().time.put(&mut out);
        put_str(&mut out, "Host");
        put_str(&mut out, "http://node1:9000");
        put_str(&mut out, "ID");
        put_bin(&mut out, b"0123456789abcdef");
        put_str(&mut out, "");
        put_bool(&mut out, true);
        let payload = out.freeze();
        assert_eq!(Connect::decode(&payload).unwrap(), connect());
        every_truncation_fails(&payload, Connect::decode);
    }

    #[test]
    fn errors_name_the_missing_field() {
        assert_eq!(Connect::decode(&unhex("80")), Err(DecodeError::Missing { field: "ID" }));
        let id = "a24944c41030313233343536373839616263646566";
        assert_eq!(
            Connect::decode(&unhex(&format!("81{id}"))),
            Err(DecodeError::Missing { field: "Host" })
        );
        assert_eq!(
            ConnectResponse::decode(&unhex(&format!("81{id}"))),
            Err(DecodeError::Missing { field: "Accepted" })
        );
        assert_eq!(
            Connect::decode(&unhex("81a24944c401ff")),
            Err(DecodeError::BadLength { field: "ID", want: 16, got: 1 })
        );
    }

    #[test]
    fn long_values_are_refused() {
        let long = |len| "x".repeat(len);
        let cases = [
            Connect { host: long(HOST_LEN_MAX + 1), ..connect() },
            Connect { token: long(TOKEN_LEN_MAX + 1), ..connect() },
            Connect { features: vec![long(FEATURE_LEN_MAX + 1)], ..connect() },
            Connect { features: vec![long(1); FEATURES_MAX + 1], ..connect() },
        ];
        for case in cases {
            let error = Connect::decode(&case.encode()).unwrap_err();
            assert!(
                matches!(error, DecodeError::TooLong { .. } | DecodeError::TooMany { .. }),
                "{error}"
            );
        }
        let limit = Connect {
            host: long(HOST_LEN_MAX),
            token: long(TOKEN_LEN_MAX),
            features: vec![long(FEATURE_LEN_MAX); FEATURES_MAX],
            peer: Some(long(HOST_LEN_MAX)),
            contracts: Statement::of(&[ServiceContract::new(long(16 * 1024 - 64), Vec::new())]),
            ..connect()
        };
        // What a listener reads before the handshake is done.
        assert!(limit.contracts.read().unwrap().len() == 1 && limit.to_message().len() < 96 * 1024);
        assert_eq!(Connect::decode(&limit.encode()).unwrap(), limit);
    }

    #[test]
    fn debug_hides_the_token() {
        let text = format!("{:?}", connect());
        assert!(
            text.contains("node1") && text.contains("[6 bytes]") && !text.contains("secret"),
            "{text}"
        );
    }
}
