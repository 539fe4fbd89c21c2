//! [`Guard`]: which requests are answered, and the headers of all answers.
//!
//! On loopback, the danger is a page of another site in the same browser: it can send requests, and through DNS rebinding read
//! the answers. So the `Host` must be a name of this machine, and requests that a browser says to be of another site are
//! refused. Elsewhere a token is needed, which no other site knows.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// No script, style or connection except those of the console itself, and no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Which requests are answered.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Whether only this machine can connect.
    pub(crate) is_loopback: bool,
    pub(crate) token: Option<String>,
}

/// Why a request is refused.
type Refused = (StatusCode, &'static str);

impl Guard {
    fn check(&self, path: &str, headers: &HeaderMap) -> Result<(), Refused> {
        if self.is_loopback && !headers.get(header::HOST).is_some_and(is_local) {
            let text = "the header Host must be localhost or a loopback address";
            return Err((StatusCode::FORBIDDEN, text));
        }
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        if site.is_some_and(|site| !matches!(site, b"same-origin" | b"none")) {
            return Err((StatusCode::FORBIDDEN, "the request is from a page of another site"));
        }
        // The page itself is no secret, and asks for the token.
        if path.starts_with("/api/")
            && !self.token.as_deref().is_none_or(|token| has(headers, token))
        {
            return Err((StatusCode::UNAUTHORIZED, "the token is missing or wrong"));
        }
        Ok(())
    }
}

/// Whether the host is this machine, by an address that is no other machine's, or a name that nobody else can have. The port may
/// be another one, of a tunnel.
fn is_local(host: &HeaderValue) -> bool {
    let host = host.to_str().unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|of| of.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse().map(IpAddr::V6).ok(),
        None => name.parse().map(IpAddr::V4).ok(),
    };
    name.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

fn has(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let wanted = format!("Bearer {token}");
    // All bytes are compared, so that the time does not tell how many are right.
    let differ =
        given.iter().zip(wanted.as_bytes()).fold(0, |differ, (one, other)| differ | (one ^ other));
    given.len() == wanted.len() && differ == 0
}

/// Refuses requests, and adds the headers.
pub(super) async fn guarded(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let checked = guard.check(request.uri().path(), request.headers());
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    response.headers_mut().extend(HEADERS.map(|(name, value)| (Some(name), value)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(guard: &Guard, path: &str, headers: &[(&'static str, &'static str)]) -> u16 {
        let header =
            |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let headers = headers.iter().map(header).collect();
        guard.check(path, &headers).map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn only_names_of_this_machine_are_answered_on_loopback() {
        let guard = Guard { is_loopback: true, token: None };
        let host = |host| checked(&guard, "/api/state", &[("host", host)]);
        for own in ["127.0.0.1:9900", "127.0.0.2:9900", "localhost", "LOCALHOST:1", "[::1]:9900"] {
            assert_eq!(host(own), 200, "{own}");
        }
        for other in [
            "evil.example:9900",
            "127.0.0.1.evil.example",
            "",
            "localhost:9900.evil",
            "[::1",
            "::1",
            "192.168.0.1",
            "[127.0.0.1]",
            "0.0.0.0",
        ] {
            assert_eq!(host(other), 403, "{other}");
        }
        assert_eq!(checked(&guard, "/", &[]), 403);
    }

    #[test]
    fn requests_of_other_sites_are_refused() {
        let guard = Guard { is_loopback: true, token: None };
        let site = |site| checked(&guard, "/", &[("host", "localhost"), ("sec-fetch-site", site)]);
        assert_eq!(
            ["same-origin", "none", "cross-site", "same-site"].map(site),
            [200, 200, 403, 403]
        );
    }

    #[test]
    fn everything_but_the_page_needs_the_token() {
        let guard = Guard { is_loopback: false, token: Some("secret".to_owned()) };
        let with = |value| checked(&guard, "/api/state", &[("authorization", value)]);
        assert_eq!(
            ["Bearer secret", "Bearer secreT", "Bearer secret2", "Bearer ", ""].map(with),
            [200, 401, 401, 401, 401]
        );
        assert_eq!(checked(&guard, "/", &[("host", "grid.example")]), 200);
        assert_eq!(checked(&guard, "/api/state", &[("host", "grid.example")]), 401);
    }
}
