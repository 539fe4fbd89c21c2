//! Whether a request asks for a WebSocket, and the answers to requests. Both ways of accepting use it: the listener in
//! server.rs, which reads requests itself, and the service of net/node/http_service.rs, which receives them from an HTTP
//! server.

use tungstenite::handshake::derive_accept_key;
use tungstenite::http::header::{self, HeaderName, HeaderValue};
use tungstenite::http::{HeaderMap, Method, StatusCode, Version};

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// The version of the WebSocket protocol.
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// What a request states.
#[derive(Clone, Copy)]
pub(in crate::net) struct Head<'a> {
    pub(in crate::net) method: &'a Method,
    pub(in crate::net) version: Version,
    pub(in crate::net) path: &'a str,
    pub(in crate::net) headers: &'a HeaderMap,
    /// The protocol of an extended CONNECT (RFC 8441).
    pub(in crate::net) protocol: Option<&'a str>,
}

/// The answer to a request.
#[derive(Debug)]
pub(in crate::net) struct Answer {
    pub(in crate::net) status: StatusCode,
    pub(in crate::net) headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; empty if the request is accepted.
    pub(in crate::net) text: String,
}

impl Answer {
    pub(in crate::net) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), text: text.into() }
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl Head<'_> {
    /// Whether no node sends such a request: it neither asks for a WebSocket nor has a token.
    pub(in crate::net) fn is_probe(&self) -> bool {
        let has = |name| self.headers.contains_key(name);
        !has(header::UPGRADE) && !has(header::AUTHORIZATION) && self.protocol.is_none()
    }

    /// Checks that the request asks for a WebSocket. Returns the answer to one that does not.
    pub(in crate::net) fn check(&self) -> Result<(), Answer> {
        let is_http2 = self.version == Version::HTTP_2;
        if is_http2 {
            self.check_connect()?
        } else {
            self.check_upgrade()?
        }
        if self.headers.get(header::SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
            let text = "this route accepts version 13 of the WebSocket protocol only";
            let answer = Answer::new(StatusCode::UPGRADE_REQUIRED, text)
                .with(header::SEC_WEBSOCKET_VERSION, VERSION);
            return Err(if is_http2 { answer } else { answer.asking_for_upgrade() });
        }
        if !is_http2 && !self.headers.contains_key(header::SEC_WEBSOCKET_KEY) {
            let text = "the upgrade request has no Sec-WebSocket-Key";
            return Err(Answer::new(StatusCode::BAD_REQUEST, text));
        }
        Ok(())
    }

    /// The upgrade of HTTP/1.1, RFC 6455.
    fn check_upgrade(&self) -> Result<(), Answer> {
        if self.method != Method::GET {
            let text = format!("a WebSocket is requested with GET, not {}", self.method);
            return Err(Answer::new(StatusCode::METHOD_NOT_ALLOWED, text)
                .with(header::ALLOW, HeaderValue::from_static("GET")));
        }
        let missing = if self.version != Version::HTTP_11 {
            "a WebSocket needs HTTP/1.1; a proxy in between may use another version"
        } else if !has_token(self.headers, header::UPGRADE, "websocket")
            || !has_token(self.headers, header::CONNECTION, "upgrade")
        {
            "this route is for WebSockets only; a proxy in between may have removed the headers Upgrade and Connection"
        } else {
            return Ok(());
        };
        Err(Answer::new(StatusCode::UPGRADE_REQUIRED, missing).asking_for_upgrade())
    }

    /// The extended CONNECT of HTTP/2, RFC 8441.
    fn check_connect(&self) -> Result<(), Answer> {
        if self.method != Method::CONNECT {
            let text = format!(
                "over HTTP/2, a WebSocket is requested with extended CONNECT (RFC 8441), not {}",
                self.method
            );
            return Err(Answer::new(StatusCode::METHOD_NOT_ALLOWED, text)
                .with(header::ALLOW, HeaderValue::from_static("CONNECT")));
        }
        match self.protocol {
            Some("websocket") => Ok(()),
            Some(other) => {
                let text = format!("this route is for WebSockets only, not for {other:?}");
                Err(Answer::new(StatusCode::BAD_REQUEST, text))
            }
            None => {
                let text = if cfg!(feature = "http2") {
                    "the CONNECT has no :protocol (RFC 8441)"
                } else {
                    "this node accepts WebSockets over HTTP/1.1 only: it is built without the feature `http2`"
                };
                Err(Answer::new(StatusCode::BAD_REQUEST, text))
            }
        }
    }

    /// The answer to a request that is accepted.
    pub(in crate::net) fn acceptance(&self) -> Answer {
        match self.headers.get(header::SEC_WEBSOCKET_KEY) {
            Some(key) if self.version != Version::HTTP_2 => {
                let key = derive_accept_key(key.as_bytes());
                let key = HeaderValue::try_from(key).expect("base64 fits into a header");
                Answer::new(StatusCode::SWITCHING_PROTOCOLS, "")
                    .asking_for_upgrade()
                    .with(header::SEC_WEBSOCKET_ACCEPT, key)
            }
            // HTTP/2 has no key, and 101 does not exist.
            _ => Answer::new(StatusCode::OK, ""),
        }
    }
}

impl Answer {
    /// Names the protocol to change to. HTTP/2 does not permit these headers.
    fn asking_for_upgrade(self) -> Self {
        self.with(header::CONNECTION, HeaderValue::from_static("Upgrade"))
            .with(header::UPGRADE, WEBSOCKET)
    }
}

/// Whether a header, which may occur several times, has a token in its lists.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(HeaderName, &str); 4] = [
        (header::CONNECTION, "keep-alive, upgrade"),
        (header::UPGRADE, "WebSocket"),
        (header::SEC_WEBSOCKET_VERSION, "13"),
        (header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn headers(without: &[HeaderName]) -> HeaderMap {
        let kept = GOOD.into_iter().filter(|(name, _)| !without.contains(name));
        kept.map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
    }

    fn head<'a>(method: &'a Method, version: Version, headers: &'a HeaderMap) -> Head<'a> {
        Head { method, version, path: "/grid", headers, protocol: None }
    }

    #[test]
    fn a_good_request_is_accepted_as_the_rfc_shows() {
        let headers = headers(&[]);
        let head = head(&Method::GET, Version::HTTP_11, &headers);
        head.check().expect("a WebSocket");
        let answer = head.acceptance();
        let headers: HeaderMap = answer.headers.into_iter().collect();
        assert_eq!(answer.status, StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(headers[header::SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(has_token(&headers, header::UPGRADE, "websocket"));
    }

    #[test]
    fn each_wrong_request_has_its_status_and_says_what_is_missing() {
        for (method, version, without, status, (name, value)) in [
            (Method::POST, Version::HTTP_11, None, 405, (header::ALLOW, "GET")),
            (Method::GET, Version::HTTP_10, None, 426, (header::UPGRADE, "websocket")),
            (
                Method::GET,
                Version::HTTP_11,
                Some(header::UPGRADE),
                426,
                (header::UPGRADE, "websocket"),
            ),
            (
                Method::GET,
                Version::HTTP_11,
                Some(header::CONNECTION),
                426,
                (header::CONNECTION, "Upgrade"),
            ),
            (
                Method::GET,
                Version::HTTP_11,
                Some(header::SEC_WEBSOCKET_VERSION),
                426,
                (header::SEC_WEBSOCKET_VERSION, "13"),
            ),
            (Method::GET, Version::HTTP_2, None, 405, (header::ALLOW, "CONNECT")),
        ] {
            let headers = headers(&Vec::from_iter(without));
            let refused = head(&method, version, &headers).check().expect_err("not a WebSocket");
            assert_eq!(refused.status.as_u16(), status, "{refused:?}");
            let headers: HeaderMap = refused.headers.into_iter().collect();
            assert_eq!(headers[name], value, "{headers:?}");
            let is_http2 = version == Version::HTTP_2;
            assert!(!is_http2 || !headers.contains_key(header::UPGRADE));
            assert!(!refused.text.is_empty());
        }
        let no_key = headers(&[header::SEC_WEBSOCKET_KEY]);
        let refused = head(&Method::GET, Version::HTTP_11, &no_key).check().expect_err("no key");
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn an_extended_connect_names_the_protocol() {
        let headers = headers(&[header::CONNECTION, header::UPGRADE, header::SEC_WEBSOCKET_KEY]);
        let connect = head(&Method::CONNECT, Version::HTTP_2, &headers);
        let with = |protocol| Head { protocol, ..connect };
        with(Some("websocket")).check().expect("a WebSocket");
        assert_eq!(with(Some("websocket")).acceptance().status, StatusCode::OK);
        for other in [None, Some("connect-udp")] {
            assert_eq!(with(other).check().expect_err("not a WebSocket").status, 400);
        }
        assert!(with(None).is_probe() && !with(Some("websocket")).is_probe());
    }
}
