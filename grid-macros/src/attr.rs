//! The options of a method: `#[handler(id = 9, timeout = "5s")]`.

use syn::{Attribute, Ident, LitStr, Meta};

use crate::args::wire_name;
use crate::entry::{Entry, entries};
use crate::errors::Errors;

const KNOWN: &[&str] = &[
    "id",
    "name",
    "incoming",
    "outgoing",
    "timeout",
    "request_bytes_max",
    "compact",
    "inline",
    "blocking",
    "idempotent",
];

/// Larger ids are derived from names.
const PINNED_ID_MAX: u32 = 255;

/// Each credit stands for a message that may be held in memory. For more throughput, send larger messages.
const CAPACITY_MAX: u32 = 65_535;

/// The largest message that a node can be configured for.
const REQUEST_BYTES_MAX: u32 = 1024 * 1024 * 1024;

/// The options in `#[handler(..)]`. An invalid option counts as absent.
#[derive(Default)]
pub(crate) struct HandlerOptions {
    pub(crate) id: Option<u32>,
    pub(crate) name: Option<String>,
    pub(crate) incoming: Option<(Ident, u32)>,
    pub(crate) outgoing: Option<(Ident, u32)>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) request_bytes_max: Option<u32>,
    pub(crate) compact: bool,
    /// The key of `inline`, which is also the place of errors about it.
    pub(crate) inline: Option<Ident>,
    /// The key of `blocking`, likewise.
    pub(crate) blocking: Option<Ident>,
    /// The key of `idempotent`, likewise.
    pub(crate) idempotent: Option<Ident>,
}

impl HandlerOptions {
    /// Removes the attribute from `attrs` and parses it.
    pub(crate) fn take(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        let mut seen = false;
        for attr in attrs.extract_if(.., |attr| attr.path().is_ident("handler")) {
            if seen {
                errors.push(
                    &attr,
                    "a method takes one `#[handler(..)]`: put all options into one \
                    pair of parentheses",
                );
                continue;
            }
            seen = true;
            match &attr.meta {
                Meta::List(list) => {
                    for entry in entries(list.tokens.clone(), "`#[handler]`", KNOWN, errors) {
                        options.set(&entry, errors);
                    }
                    options.check_together(errors);
                }
                Meta::Path(_) => {}
                other => {
                    errors.push(other, "write the options in parentheses: `#[handler(id = 9)]`")
                }
            }
        }
        options
    }

    /// Reports options that exclude each other.
    fn check_together(&mut self, errors: &mut Errors) {
        if self.blocking.is_some()
            && let Some(inline) = self.inline.take()
        {
            errors.push(
                inline,
                "`inline` runs the handler in the task of the link, and `blocking` on a thread where \
                it may block: remove one of them",
            );
        }
    }

    fn set(&mut self, entry: &Entry, errors: &mut Errors) {
        let capacity = |errors: &mut Errors| {
            let example = format!("{} = 64", entry.key);
            Some((entry.key.clone(), entry.number("a capacity", CAPACITY_MAX, &example, errors)?))
        };
        match entry.key.to_string().as_str() {
            "id" => self.id = entry.number("a pinned id", PINNED_ID_MAX, "id = 9", errors),
            "name" => {
                self.name =
                    entry.text("name = \"stat\"", errors).and_then(|name| wire_name(&name, errors))
            }
            "incoming" => self.incoming = capacity(errors),
            "outgoing" => self.outgoing = capacity(errors),
            "timeout" => {
                self.timeout_ms =
                    entry.text("timeout = \"5s\"", errors).and_then(|text| duration(&text, errors));
            }
            "request_bytes_max" => {
                let (what, example) = ("the size limit of a request", "request_bytes_max = 65536");
                self.request_bytes_max = entry.number(what, REQUEST_BYTES_MAX, example, errors);
            }
            "compact" => self.compact = entry.flag(errors),
            "inline" => self.inline = entry.flag(errors).then(|| entry.key.clone()),
            "blocking" => self.blocking = entry.flag(errors).then(|| entry.key.clone()),
            _ => self.idempotent = entry.flag(errors).then(|| entry.key.clone()),
        }
    }
}

/// Parses a duration like `500ms`, `5s`, `2m` or `1h` to milliseconds.
fn duration(text: &LitStr, errors: &mut Errors) -> Option<u64> {
    let value = text.value();
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let factor = match unit.trim_start() {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let millis = number
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor));
    match millis {
        Some(0) => errors.push(text, "a timeout must be greater than zero"),
        Some(millis) => return Some(millis),
        None if unit.is_empty() && !number.is_empty() => {
            errors.push(
                text,
                format_args!(
                    "a timeout needs a unit: write `{value}ms`, `{value}s`, `{value}m` or `{value}h`"
                ),
            );
        }
        None => errors.push(
            text,
            "a timeout is a whole number with a unit, `ms`, `s`, `m` or `h`, for example `\"500ms\"`",
        ),
    }
    None
}
