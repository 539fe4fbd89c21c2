//! The tokens and proofs of a [`SharedSecret`](super::SharedSecret), as docs/protocol.md describes them under "Tokens of a
//! shared secret".
//!
//! `grid1.<dialer>.<listener>.<time>.<nonce>.<mac>`, with up to [`MACS_MAX`] MACs. Everything but the MACs is the head, and
//! the MACs are over its text: so nothing is decoded before a MAC is right.

use std::time::{Duration, SystemTime};

use super::hmac::{MAC_BYTES, Mac, hmac_sha256, same};
use super::replay::{NONCE_BYTES, Nonce};

/// MACs of one token, and secrets of one node: the own one, and those that it accepts as well. A rotation needs two.
pub(super) const MACS_MAX: usize = 4;

/// How every token begins.
const VERSION: &str = "grid1.";

/// Fields of a head after the version.
const FIELDS: usize = 4;

/// What the MAC of a token begins with, so that no other MAC can serve as one.
const TOKEN_LABEL: &[u8] = b"grid1 token\0";

/// What a proof begins with.
const PROOF_LABEL: &[u8] = b"grid1 proof\0";

/// What a token states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) dialer: String,
    pub(super) listener: String,
    /// When the token was made.
    pub(super) made: SystemTime,
    pub(super) nonce: Nonce,
}

/// Makes a token with a MAC for each of these secrets.
pub(super) fn sign(stated: &Stated, secrets: &[String]) -> String {
    let Stated { dialer, listener, made, nonce } = stated;
    let (dialer, listener) = (hex(dialer.as_bytes()), hex(listener.as_bytes()));
    let made_ns = made.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let head = format!("{VERSION}{dialer}.{listener}.{made_ns}.{}", hex(nonce));
    let mut token = head.clone();
    for secret in secrets {
        token.push('.');
        token.push_str(&hex(&token_mac(secret, &head)));
    }
    token
}

/// A token whose MACs have not been checked.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    head: &'a str,
    macs: &'a str,
}

impl<'a> Signed<'a> {
    /// Splits a token, or returns `None` if it has another form.
    pub(super) fn parse(token: &'a str) -> Option<Self> {
        if !token.starts_with(VERSION) {
            return None;
        }
        let (end, _) = token.match_indices('.').nth(FIELDS)?;
        let (head, macs) = (&token[..end], &token[end + 1..]);
        (macs.len() <= MACS_MAX * (2 * MAC_BYTES + 1)).then_some(Self { head, macs })
    }

    /// The first of these secrets that one of the MACs was made with.
    pub(super) fn secret<'s>(&self, secrets: &'s [String]) -> Option<&'s str> {
        let macs: Vec<Mac> = self.macs.split('.').map(unhex::<MAC_BYTES>).collect::<Option<_>>()?;
        let is_right = |secret: &&String| {
            let right = token_mac(secret, self.head);
            // All of them, so that the time does not depend on which is right.
            macs.iter().fold(false, |found, mac| found | same(mac, &right))
        };
        secrets.iter().find(is_right).map(String::as_str)
    }

    /// What the token states. `None` if it was not made by [`sign`].
    pub(super) fn stated(&self) -> Option<Stated> {
        let mut fields = self.head.strip_prefix(VERSION)?.split('.');
        let mut name = || String::from_utf8(unhex_any(fields.next()?)?).ok();
        let (dialer, listener) = (name()?, name()?);
        let made = Duration::from_nanos(fields.next()?.parse().ok()?);
        let made = SystemTime::UNIX_EPOCH.checked_add(made)?;
        let nonce = unhex::<NONCE_BYTES>(fields.next()?)?;
        Some(Stated { dialer, listener, made, nonce })
    }

    /// The proof of a listener that it knows the secret too. It is over the head of the dialer's token, which has the names
    /// of both and the nonce, and over the name of the node that answers.
    pub(super) fn proof(&self, secret: &str, answering: &str) -> Mac {
        hmac_sha256(
            secret.as_bytes(),
            &[PROOF_LABEL, self.head.as_bytes(), b"\0", answering.as_bytes()],
        )
    }
}

fn token_mac(secret: &str, head: &str) -> Mac {
    hmac_sha256(secret.as_bytes(), &[TOKEN_LABEL, head.as_bytes()])
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    unhex_any(text)?.try_into().ok()
}

fn unhex_any(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated() -> Stated {
        Stated {
            dialer: "http://a:1".into(),
            listener: "http://b:1".into(),
            made: SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789),
            nonce: *b"0123456789abcdef",
        }
    }

    fn secrets(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn golden() {
        // The example of docs/protocol.md.
        let token = sign(&stated(), &secrets(&["correct horse"]));
        assert_eq!(
            token,
            "grid1.687474703a2f2f613a31.687474703a2f2f623a31.1700000000123456789.\
            30313233343536373839616263646566.15f814ee8ff62c25f56242f6d3b2d9c4b61f11b820ae5b9a299450b47d823342"
        );
        let proof = Signed::parse(&token).unwrap().proof("correct horse", "http://b:1");
        assert_eq!(hex(&proof), "f03f0d8f9976babba7de89d985124777df8620db601b6f86dc88b26fbb986063");
    }

    #[test]
    fn tokens_round_trip_and_match_any_of_several_secrets() {
        let token = sign(&stated(), &secrets(&["new", "old"]));
        let signed = Signed::parse(&token).unwrap();
        assert_eq!(signed.stated(), Some(stated()));
        assert_eq!(signed.secret(&secrets(&["old"])), Some("old"));
        assert_eq!(signed.secret(&secrets(&["x", "new"])), Some("new"));
        assert_eq!(signed.secret(&secrets(&["x", ""])), None);
        let proof = signed.proof("new", "http://b:1");
        assert_ne!(proof, signed.proof("old", "http://b:1"));
        assert_ne!(proof, signed.proof("new", "http://a:1"), "over the name that answers");
        assert_ne!(proof, token_mac("new", signed.head), "a proof is not a token");
    }

    #[test]
    fn a_changed_token_is_not_accepted() {
        let token = sign(&stated(), &secrets(&["secret"]));
        let is_accepted = |text: &str| {
            Signed::parse(text).is_some_and(|signed| signed.secret(&secrets(&["secret"])).is_some())
        };
        assert!(is_accepted(&token));
        for position in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[position] ^= 1;
            assert!(!is_accepted(&String::from_utf8(changed).unwrap()), "{position}");
            assert!(!is_accepted(&token[..position]), "{position}");
        }
        let mac = token.rsplit('.').next().unwrap();
        assert!(is_accepted(&format!("{token}{}", format!(".{mac}").repeat(MACS_MAX - 1))));
        assert!(!is_accepted(&format!("{token}{}", format!(".{mac}").repeat(MACS_MAX))));
        for other in ["", "grid1.", "grid1.....", "grid1.a.b.c.d.e", "secret", "grid2.a.b.c.d.e"] {
            assert!(!is_accepted(other), "{other}");
        }
    }
}
