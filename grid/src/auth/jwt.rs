//! [`Jwt`]: tokens that an identity provider has signed, with the feature `jwt`.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Once};
use std::time::Duration;

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::authenticate::{Ask, Authenticate, Authenticating, Claim, Denied, Token, TokenFuture};
use super::identity::Identity;
use crate::error::one_line;

/// Checks JSON Web Tokens (RFC 7519), and gets those of this node from a closure.
///
/// A token must have an `exp` that has not passed; `nbf`, `iss` and `aud` are checked if they are there, and required if
/// [`issuer`](Self::issuer) or an audience is set. Its claim `sub` must be the name that the node states, unless
/// [`name`](Self::name) says otherwise. All claims are in the [`details`](Identity::details) of the [`Identity`], as
/// [`JwtClaims`].
///
/// A JSON Web Token is sent as it is, and accepted as often as it is sent until it expires: who can read a connection, or
/// answers at the address of a node, can use it. So use TLS, give tokens a short life, and tie them to one listener
/// ([`audience_is_listener`](Self::audience_is_listener)). The listener proves nothing to the dialer.
///
/// ```
/// use std::time::Duration;
/// use grid::{Jwt, JwtKey};
///
/// # async fn fetch(_: &str) -> Result<String, std::io::Error> { Ok(String::new()) }
/// let jwt = Jwt::new(JwtKey::hs256(b"the secret of the identity provider"))
///     .issuer("https://id.example.com")
///     .audience_is_listener()
///     .name(|claims| Some(format!("http://{}:9000", claims.text("node")?)))
///     .leeway(Duration::from_secs(10))
///     .tokens(|peer| async move { Ok(fetch(&peer).await?) });
/// let builder = grid::Manager::builder("http://node1:9000").token(jwt);
/// # let _ = builder;
/// ```
#[derive(Clone)]
pub struct Jwt {
    keys: Vec<JwtKey>,
    audience: Audience,
    issuers: BTreeSet<String>,
    leeway: Duration,
    name: Option<Arc<NameOf>>,
    tokens: Option<Arc<Source>>,
}

/// Which `aud` a token must have.
#[derive(Clone)]
enum Audience {
    /// None at all.
    None,
    /// One of these.
    AnyOf(BTreeSet<String>),
    /// The name of the node that checks it.
    Listener,
}

type NameOf = dyn Fn(&JwtClaims) -> Option<String> + Send + Sync;

/// The result of a source of tokens.
type Fetched = Result<String, Box<dyn Error + Send + Sync>>;

type Source = dyn Fn(String) -> Authenticating<'static, Fetched> + Send + Sync;

impl Jwt {
    /// Accepts tokens that were signed with this key.
    pub fn new(key: JwtKey) -> Self {
        Self {
            keys: vec![key],
            audience: Audience::None,
            issuers: BTreeSet::new(),
            leeway: Duration::from_secs(60),
            name: None,
            tokens: None,
        }
    }

    /// Also accepts tokens that were signed with this key, for example while keys are replaced.
    #[must_use]
    pub fn also_accept(mut self, key: JwtKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Requires that `aud` is, or contains, this one; if called several times, one of them. Default: a token with an `aud` is
    /// not accepted, because it is meant for somebody else.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        match &mut self.audience {
            Audience::AnyOf(all) => {
                all.insert(audience.into());
            }
            other => *other = Audience::AnyOf(BTreeSet::from([audience.into()])),
        }
        self
    }

    /// Requires that `aud` is, or contains, the name of the node that checks the token: so a node that receives one cannot
    /// use it towards others. Replaces [`audience`](Self::audience).
    #[must_use]
    pub fn audience_is_listener(self) -> Self {
        Self { audience: Audience::Listener, ..self }
    }

    /// Requires that `iss` is this one; if called several times, one of them. Default: not checked.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.insert(issuer.into());
        self
    }

    /// Sets how far the clock of the identity provider may differ, in whole seconds. Default: one minute. With zero, a clock
    /// that is a second behind refuses new tokens; a long time is added to the life of each token.
    #[must_use]
    pub fn leeway(self, leeway: Duration) -> Self {
        Self { leeway, ..self }
    }

    /// Sets which node a token belongs to. If the closure returns `None`, the token proves no name, and its holder may
    /// state any name of the host list. Default: the claim `sub`, which is then required.
    #[must_use]
    pub fn name(self, name: impl Fn(&JwtClaims) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { name: Some(Arc::new(name)), ..self }
    }

    /// Sets where this node gets its own tokens from: called with the name of the peer for each attempt to dial it. Without
    /// it, this node can only be dialed.
    ///
    /// The future is limited by [`Config::connect_timeout`](crate::Config::connect_timeout), and dropped after it. An error
    /// becomes the source of [`LinkError::Token`](crate::LinkError::Token), so it must not contain a secret.
    #[must_use]
    pub fn tokens<F, Fut>(self, tokens: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Fetched> + Send + 'static,
    {
        Self { tokens: Some(Arc::new(move |peer| Box::pin(tokens(peer)))), ..self }
    }

    fn judge(&self, claim: &Claim<'_>) -> Result<Identity, Denied> {
        let claims = self.claims(claim)?;
        let subject = one_line(claims.text("sub").unwrap_or("a token without a subject"));
        let name = match &self.name {
            Some(name) => name(&claims),
            None => {
                let sub = claims.text("sub");
                Some(sub.ok_or_else(|| Denied::new("the token has no claim `sub`"))?.to_owned())
            }
        };
        let identity = match name {
            Some(name) => Identity::of_node(&name).with_subject(&subject),
            None => Identity::unproven(&subject),
        };
        Ok(identity.with_details(claims))
    }

    /// The claims of a token that one of the keys has signed, and that is valid here and now.
    fn claims(&self, claim: &Claim<'_>) -> Result<JwtClaims, Denied> {
        let header = decode_header(claim.token).map_err(|_| Denied::new("not a JSON Web Token"))?;
        let mut reason =
            Denied::new("no key of this node has the algorithm and the id of the token's key");
        for key in self.keys.iter().filter(|key| key.fits(header.alg, header.kid.as_deref())) {
            match decode(claim.token, &key.key, &self.validation(key.algorithm, claim.local)) {
                Ok(token) => return Ok(JwtClaims(token.claims)),
                Err(error) => reason = denied(error.kind()),
            }
            // Another key cannot make it valid.
            if reason.to_string() != INVALID {
                break;
            }
        }
        Err(reason)
    }

    fn validation(&self, algorithm: Algorithm, local: &str) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.leeway.as_secs();
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        match &self.audience {
            Audience::None => {}
            Audience::AnyOf(all) => {
                validation.aud = Some(all.iter().cloned().collect());
                required.push("aud");
            }
            Audience::Listener => {
                validation.set_audience(&[local]);
                required.push("aud");
            }
        }
        if !self.issuers.is_empty() {
            validation.iss = Some(self.issuers.iter().cloned().collect());
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        validation
    }
}

/// The signature is wrong: another key may be right.
const INVALID: &str = "invalid token";

/// Why a token is not accepted, without anything that is in it.
fn denied(error: &ErrorKind) -> Denied {
    Denied::new(match error {
        ErrorKind::ExpiredSignature => "the token has expired (`exp`)",
        ErrorKind::ImmatureSignature => "the token is not valid yet (`nbf`)",
        ErrorKind::InvalidAudience => "the token is for another audience (`aud`)",
        ErrorKind::InvalidIssuer => "the token is of another issuer (`iss`)",
        ErrorKind::MissingRequiredClaim(claim) => {
            return Denied::new(format!("the token has no claim `{}`", one_line(claim)));
        }
        ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => "the token's claims are malformed",
        _ => INVALID,
    })
}

impl Authenticate for Jwt {
    fn ready(&self) -> Result<(), String> {
        match self.keys.iter().any(|key| key.is_empty) {
            true => Err("the key of the JSON Web Tokens is empty".to_owned()),
            false => Ok(()),
        }
    }

    fn token<'a>(&'a self, ask: Ask<'a>) -> TokenFuture<'a> {
        let fetched = self.tokens.as_ref().map(|tokens| tokens(ask.peer.to_owned()));
        Box::pin(async {
            let fetched = fetched.ok_or("this node has no source of tokens: see `Jwt::tokens`")?;
            Ok(Token::new(fetched.await?))
        })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        // Verifying a signature takes some tenths of a millisecond, so it is left to the future, which may block.
        Box::pin(async move { self.judge(&claim) })
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("keys", &self.keys)
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}

/// A key that verifies JSON Web Tokens of one algorithm.
#[derive(Clone)]
pub struct JwtKey {
    key: DecodingKey,
    algorithm: Algorithm,
    id: Option<String>,
    is_empty: bool,
}

impl JwtKey {
    /// A secret for HMAC with SHA-256. [`Builder::build`](crate::Builder::build) refuses an empty one.
    pub fn hs256(secret: &[u8]) -> Self {
        Self::secret(secret, Algorithm::HS256)
    }

    /// A secret for HMAC with SHA-384.
    pub fn hs384(secret: &[u8]) -> Self {
        Self::secret(secret, Algorithm::HS384)
    }

    /// A secret for HMAC with SHA-512.
    pub fn hs512(secret: &[u8]) -> Self {
        Self::secret(secret, Algorithm::HS512)
    }

    /// A public key for EdDSA with Ed25519, in the PEM form of SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`JwtKeyError`] if it is not such a key.
    pub fn eddsa_pem(pem: &[u8]) -> Result<Self, JwtKeyError> {
        Self::public(DecodingKey::from_ed_pem(pem), Algorithm::EdDSA)
    }

    /// A public key for ECDSA with P-256 and SHA-256, in the PEM form of SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`JwtKeyError`] if it is not such a key.
    pub fn es256_pem(pem: &[u8]) -> Result<Self, JwtKeyError> {
        Self::public(DecodingKey::from_ec_pem(pem), Algorithm::ES256)
    }

    /// Sets the id of the key: then it is not used for tokens with another `kid`.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    fn secret(secret: &[u8], algorithm: Algorithm) -> Self {
        install_provider();
        let key = DecodingKey::from_secret(secret);
        Self { key, algorithm, id: None, is_empty: secret.is_empty() }
    }

    fn public(
        key: Result<DecodingKey, jsonwebtoken::errors::Error>,
        algorithm: Algorithm,
    ) -> Result<Self, JwtKeyError> {
        install_provider();
        let key = key.map_err(|_| JwtKeyError { algorithm: name_of(algorithm) })?;
        Ok(Self { key, algorithm, id: None, is_empty: false })
    }

    fn fits(&self, algorithm: Algorithm, id: Option<&str>) -> bool {
        let other_id = id.zip(self.id.as_deref()).is_some_and(|(id, own)| id != own);
        self.algorithm == algorithm && !other_id
    }
}

/// Chooses the provider of cryptography. Without that, the library would panic in a program in which another crate enables
/// a second provider. If the application has chosen one before, that is used.
fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = DEFAULT_PROVIDER.install_default();
    });
}

fn name_of(algorithm: Algorithm) -> &'static str {
    if algorithm == Algorithm::EdDSA { "Ed25519" } else { "P-256" }
}

/// Omits the key.
impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey")
            .field("algorithm", &self.algorithm)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A text is not a public key for JSON Web Tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a public key of {algorithm} in PEM form")]
pub struct JwtKeyError {
    algorithm: &'static str,
}

/// The claims of a token that was accepted.
pub struct JwtClaims(Map<String, Value>);

impl JwtClaims {
    /// A claim that is a string.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim)?.as_str()
    }

    /// The strings of a claim that is an array, such as a list of roles, or the one of a claim that is a string.
    pub fn texts(&self, claim: &str) -> impl Iterator<Item = &str> {
        let values = match self.0.get(claim) {
            Some(Value::Array(values)) => values,
            Some(value) => std::slice::from_ref(value),
            None => &[],
        };
        values.iter().filter_map(Value::as_str)
    }

    /// All claims as a value of a type of your own; `None` if they have another form.
    pub fn decode<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_value(Value::Object(self.0.clone())).ok()
    }
}

/// Omits the claims, which may be secret.
impl fmt::Debug for JwtClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtClaims").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    const SECRET: &[u8] = b"a secret of the identity provider";
    const NODE: &str = "http://node1:9000";

    // Made for this test with `openssl genpkey`.
    const ED_PRIVATE: &[u8] = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJZveu/qMI/oR4s/6z4TXXHId7dPvQNgSYqNX+Ghce7l\n-----END PRIVATE KEY-----";
    const ED_PUBLIC: &[u8] = b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAitvHTBXqI13ta6ux64HjsjfqzOCaaC2Psa2rcGq3dpk=\n-----END PUBLIC KEY-----";
    const EC_PRIVATE: &[u8] = b"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxXLE1/9u3GHoWdjs\nxTbLi5CxkGpaPSeF3dH+75OyZIihRANCAASiq0TbArH2PM+fLQQG5+gtVyi4ECCL\n/0eUTnRFyA+YaUUoSfxtXpsHsj4ogRch8QjIx8oSXFRi63WKB07C4c+S\n-----END PRIVATE KEY-----";
    const EC_PUBLIC: &[u8] = b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEoqtE2wKx9jzPny0EBufoLVcouBAg\ni/9HlE50RcgPmGlFKEn8bV6bB7I+KIEXIfEIyMfKElxUYut1igdOwuHPkg==\n-----END PUBLIC KEY-----";

    /// An authenticator, additional claims, and the text of its refusal.
    type Case<'a> = (&'a Jwt, &'a [(&'a str, Value)], Option<&'a str>);

    fn seconds_from_now(seconds: i64) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        i64::try_from(now).unwrap() + seconds
    }

    fn claims(more: &[(&str, Value)]) -> Value {
        let mut claims = json!({ "sub": NODE, "exp": seconds_from_now(600) });
        for (key, value) in more {
            claims[*key] = value.clone();
        }
        claims
    }

    fn signed(algorithm: Algorithm, key: &EncodingKey, claims: &Value) -> String {
        install_provider();
        encode(&Header::new(algorithm), claims, key).unwrap()
    }

    fn hs256(claims: &Value) -> String {
        signed(Algorithm::HS256, &EncodingKey::from_secret(SECRET), claims)
    }

    fn judge(jwt: &Jwt, token: &str) -> Result<Identity, String> {
        jwt.judge(&Claim::new(token).with_local("http://b:1")).map_err(|error| error.to_string())
    }

    #[test]
    fn each_algorithm_is_verified_with_its_own_key_only() {
        let ed = EncodingKey::from_ed_pem(ED_PRIVATE).unwrap();
        let ec = EncodingKey::from_ec_pem(EC_PRIVATE).unwrap();
        let secret = EncodingKey::from_secret(SECRET);
        let cases = [
            (JwtKey::hs256(SECRET), Algorithm::HS256, &secret),
            (JwtKey::hs384(SECRET), Algorithm::HS384, &secret),
            (JwtKey::hs512(SECRET), Algorithm::HS512, &secret),
            (JwtKey::eddsa_pem(ED_PUBLIC).unwrap(), Algorithm::EdDSA, &ed),
            (JwtKey::es256_pem(EC_PUBLIC).unwrap(), Algorithm::ES256, &ec),
        ];
        for (key, algorithm, _) in &cases {
            for (_, signed_with, private) in &cases {
                let token = signed(*signed_with, private, &claims(&[]));
                let judged = judge(&Jwt::new(key.clone()), &token);
                assert_eq!(judged.is_ok(), algorithm == signed_with, "{judged:?}");
            }
        }
        // The public key, which everybody knows, is not a secret for HMAC.
        let confused = signed(Algorithm::HS256, &EncodingKey::from_secret(ED_PUBLIC), &claims(&[]));
        judge(&Jwt::new(JwtKey::eddsa_pem(ED_PUBLIC).unwrap()), &confused).unwrap_err();
        for bad in [&b""[..], b"no key", EC_PUBLIC] {
            assert!(JwtKey::eddsa_pem(bad).is_err());
        }
        assert!(JwtKey::es256_pem(ED_PUBLIC).is_err());
    }

    #[test]
    fn claims_are_validated() {
        let strict = Jwt::new(JwtKey::hs256(SECRET)).issuer("id").audience("grid");
        let listener = Jwt::new(JwtKey::hs256(SECRET)).audience_is_listener();
        let plain = Jwt::new(JwtKey::hs256(SECRET));
        let both = [("iss", json!("id")), ("aud", json!(["x", "grid"]))];
        let cases: [Case<'_>; 12] = [
            (&plain, &[], None),
            (&plain, &[("exp", json!(seconds_from_now(-30)))], None),
            (&plain, &[("exp", json!(seconds_from_now(-90)))], Some("has expired")),
            (&plain, &[("exp", json!("soon"))], Some("exp")),
            (&plain, &[("nbf", json!(seconds_from_now(90)))], Some("not valid yet")),
            (&plain, &[("aud", json!("somebody"))], Some("another audience")),
            (&plain, &[("sub", json!(7))], Some("")),
            (&strict, &both, None),
            (&strict, &both[..1], Some("no claim `aud`")),
            (&strict, &[("iss", json!("x")), ("aud", json!("grid"))], Some("another issuer")),
            (&listener, &[("aud", json!("http://b:1"))], None),
            (&listener, &[("aud", json!("http://c:1"))], Some("another audience")),
        ];
        for (jwt, more, refused) in cases {
            let judged = judge(jwt, &hs256(&claims(more)));
            match refused {
                None => assert_eq!(judged.unwrap().name(), Some(NODE), "{more:?}"),
                Some(text) => {
                    let error = judged.unwrap_err();
                    assert!(error.contains(text), "{more:?}: {error}");
                }
            }
        }
        let endless = hs256(&json!({ "sub": NODE }));
        assert!(judge(&plain, &endless).unwrap_err().contains("no claim `exp`"));
        for other in ["", "x", "a.b.c", &format!("{}x", hs256(&claims(&[])))] {
            judge(&plain, other).unwrap_err();
        }
    }

    #[test]
    fn names_come_from_claims_and_keys_can_be_replaced() {
        let named = Jwt::new(JwtKey::hs256(SECRET))
            .name(|claims| Some(format!("http://{}:1", claims.text("node")?)));
        let token = hs256(&claims(&[("node", json!("a")), ("roles", json!(["r", 7, "w"]))]));
        let identity = judge(&named, &token).unwrap();
        assert_eq!((identity.name(), identity.subject()), (Some("http://a:1"), NODE));
        let found: &JwtClaims = identity.details().unwrap();
        assert_eq!(found.texts("roles").collect::<Vec<_>>(), ["r", "w"]);
        assert_eq!(found.texts("sub").count() + found.texts("none").count(), 1);
        assert!(found.decode::<std::collections::HashMap<String, Value>>().is_some());
        assert_eq!(judge(&named, &hs256(&claims(&[]))).unwrap().name(), None);

        let new = JwtKey::hs256(b"new").with_id("2");
        let both = Jwt::new(new.clone()).also_accept(JwtKey::hs256(SECRET).with_id("1"));
        judge(&both, &token).unwrap();
        judge(&Jwt::new(new), &token).unwrap_err();
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("2".to_owned());
        let key = EncodingKey::from_secret(SECRET);
        let other_id = encode(&header, &claims(&[]), &key).unwrap();
        judge(&both, &other_id).unwrap_err();
    }

    #[test]
    fn nothing_secret_is_shown() {
        let jwt = Jwt::new(JwtKey::hs256(SECRET));
        let token = hs256(&claims(&[("email", json!("eve@example.com"))]));
        let identity = judge(&jwt, &token).unwrap();
        let shown = format!("{jwt:?} {identity:?} {:?}", identity.details::<JwtClaims>());
        assert!(!shown.contains("secret") && !shown.contains("eve"), "{shown}");
        assert!(Jwt::new(JwtKey::hs256(b"")).ready().is_err());
    }
}
