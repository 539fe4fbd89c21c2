//! Reads what this crate shows of a certificate. Everything else is skipped. Verifying is left to the TLS library.
//!
//! A parser for all of X.509 would bring twenty crates, for five fields.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is shown of a certificate.
pub(super) struct Read {
    pub(super) common_name: Option<String>,
    pub(super) dns_names: Vec<String>,
    pub(super) uri_names: Vec<String>,
    pub(super) ip_addresses: Vec<IpAddr>,
    pub(super) valid_from: SystemTime,
    pub(super) valid_until: SystemTime,
}

/// The bytes end too early, or something else is where a field should be.
pub(super) struct Truncated;

const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const BMP_STRING: u8 = 0x1e;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]`, the version.
const VERSION: u8 = 0xa0;
/// `[3]`, the extensions.
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const URI: u8 = 0x86;
const IP_ADDRESS: u8 = 0x87;

/// 2.5.4.3, the attribute `commonName`.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.29.17, the extension `subjectAltName`.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// Reads a certificate.
pub(super) fn certificate(der: &[u8]) -> Result<Read, Truncated> {
    let mut whole = Fields(der).expect(SEQUENCE)?;
    let mut body = whole.expect(SEQUENCE)?;
    if body.peek() == Some(VERSION) {
        body.next()?;
    }
    // Serial number, algorithm of the signature, issuer.
    for _ in 0..3 {
        body.next()?;
    }
    let mut validity = body.expect(SEQUENCE)?;
    let (valid_from, valid_until) = (time(validity.next()?)?, time(validity.next()?)?);
    let common_name = common_name(body.expect(SEQUENCE)?)?;
    let mut read = Read {
        common_name,
        dns_names: Vec::new(),
        uri_names: Vec::new(),
        ip_addresses: Vec::new(),
        valid_from,
        valid_until,
    };
    while !body.is_empty() {
        if let (EXTENSIONS, extensions) = body.next()? {
            read.add_names(Fields(extensions).expect(SEQUENCE)?)?;
        }
    }
    Ok(read)
}

impl Read {
    /// Finds the alternative names among the extensions.
    fn add_names(&mut self, mut extensions: Fields<'_>) -> Result<(), Truncated> {
        while !extensions.is_empty() {
            let mut extension = extensions.expect(SEQUENCE)?;
            let id = extension.expect(OBJECT_ID)?;
            if extension.peek() == Some(BOOLEAN) {
                extension.next()?;
            }
            let mut value = extension.expect(OCTET_STRING)?;
            if id.0 != SUBJECT_ALT_NAME {
                continue;
            }
            let mut names = value.expect(SEQUENCE)?;
            while !names.is_empty() {
                let (tag, name) = names.next()?;
                match tag {
                    DNS_NAME => self.dns_names.extend(ascii(name)),
                    URI => self.uri_names.extend(ascii(name)),
                    IP_ADDRESS => self.ip_addresses.extend(ip(name)),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// A name of visible ASCII; other names could pass for different ones in logs.
fn ascii(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())).then(|| name.to_owned())
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).map(IpAddr::from).ok();
    v4().or_else(|| <[u8; 16]>::try_from(bytes).map(IpAddr::from).ok())
}

/// The last common name of a subject, which is the most specific one.
fn common_name(mut subject: Fields<'_>) -> Result<Option<String>, Truncated> {
    let mut found = None;
    while !subject.is_empty() {
        let mut set = subject.expect(SET)?;
        while !set.is_empty() {
            let mut attribute = set.expect(SEQUENCE)?;
            let id = attribute.expect(OBJECT_ID)?;
            let (tag, text) = attribute.next()?;
            if id.0 == COMMON_NAME {
                found = Some(string(tag, text));
            }
        }
    }
    Ok(found)
}

fn string(tag: u8, text: &[u8]) -> String {
    if tag != BMP_STRING {
        return String::from_utf8_lossy(text).into_owned();
    }
    let units: Vec<_> =
        text.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}

/// A time such as `491231235959Z`, or with four digits of the year.
fn time((tag, text): (u8, &[u8])) -> Result<SystemTime, Truncated> {
    let digits = text.strip_suffix(b"Z").ok_or(Truncated)?;
    if !digits.iter().all(u8::is_ascii_digit) || !digits.len().is_multiple_of(2) {
        return Err(Truncated);
    }
    let pairs: Vec<_> = digits
        .chunks_exact(2)
        .map(|pair| i64::from(pair[0] - b'0') * 10 + i64::from(pair[1] - b'0'))
        .collect();
    let (year, rest) = match (tag, &*pairs) {
        // Two digits stand for the years from 1950 to 2049.
        (UTC_TIME, [year, rest @ ..]) if *year < 50 => (2000 + year, rest),
        (UTC_TIME, [year, rest @ ..]) => (1900 + year, rest),
        (GENERALIZED_TIME, [century, year, rest @ ..]) => (century * 100 + year, rest),
        _ => return Err(Truncated),
    };
    let [month, day, hour, minute, second] = *rest else { return Err(Truncated) };
    if !(1..=12).contains(&month) {
        return Err(Truncated);
    }
    let seconds = ((day_number(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let moment = match seconds < 0 {
        true => UNIX_EPOCH.checked_sub(distance),
        false => UNIX_EPOCH.checked_add(distance),
    };
    moment.ok_or(Truncated)
}

/// Days from 1970-01-01. Years are counted from March on, so that the leap day is the last one.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    days + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The fields of a DER value that were not read yet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag of the next field.
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Reads the next field: its tag and its content.
    fn next(&mut self) -> Result<(u8, &'a [u8]), Truncated> {
        let (&tag, rest) = self.0.split_first().ok_or(Truncated)?;
        let (&first, rest) = rest.split_first().ok_or(Truncated)?;
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // The length of the length. Four bytes are more than any certificate needs.
            0x81..=0x84 => {
                let (bytes, rest) =
                    rest.split_at_checked(usize::from(first & 0x7f)).ok_or(Truncated)?;
                (bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
            }
            _ => return Err(Truncated),
        };
        let (content, rest) = rest.split_at_checked(len).ok_or(Truncated)?;
        self.0 = rest;
        Ok((tag, content))
    }

    /// Reads the next field, which must have this tag. Returns its fields.
    fn expect(&mut self, tag: u8) -> Result<Self, Truncated> {
        match self.next()? {
            (found, content) if found == tag => Ok(Fields(content)),
            _ => Err(Truncated),
        }
    }
}
