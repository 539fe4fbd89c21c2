//! Reads the shapes of values, and names, as `reflection/wire/shape.rs` writes them.

use std::str::FromStr;

use crate::reflection::wire::shape::{Keys, Range, Shape, Width};

/// Nesting that is read. A file is input like any other.
const DEPTH_MAX: usize = 128;

/// A line, of which more and more is read.
pub(super) struct Text<'a> {
    pub(super) rest: &'a str,
    depth: usize,
}

impl<'a> Text<'a> {
    pub(super) fn new(rest: &'a str) -> Self {
        Self { rest, depth: 0 }
    }

    /// Takes a prefix, if it is next.
    pub(super) fn take(&mut self, prefix: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(prefix)?;
        Some(())
    }

    pub(super) fn end(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }

    /// A name, as it is or in quotation marks.
    pub(super) fn name(&mut self) -> Option<String> {
        if !self.rest.starts_with('"') {
            let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
            let end = self.rest.find(|c| !is_plain(c)).unwrap_or(self.rest.len());
            let (name, rest) = self.rest.split_at(end);
            self.rest = rest;
            return (!name.is_empty()).then(|| name.to_owned());
        }
        let mut name = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(name);
                }
                '\\' => name.push(escape(&mut chars)?),
                _ => name.push(c),
            }
        }
        None
    }

    /// A number, which something else may end.
    fn number<T: FromStr>(&mut self) -> Option<T> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '-');
        let (number, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        number.parse().ok()
    }

    pub(super) fn shape(&mut self) -> Option<Shape> {
        self.depth += 1;
        let mut shape = if self.depth > DEPTH_MAX { None } else { self.required() }?;
        if self.take("?").is_some() {
            shape = Shape::Optional(Box::new(shape));
        }
        self.depth -= 1;
        Some(shape)
    }

    /// A shape without the question mark behind it.
    fn required(&mut self) -> Option<Shape> {
        if self.take("[").is_some() {
            let item = Box::new(self.shape()?);
            let len = match self.take("; ") {
                Some(()) => Some(self.number()?),
                None => None,
            };
            self.take("]")?;
            return Some(Shape::List(item, len));
        }
        if self.take("(").is_some() {
            let mut items = Vec::new();
            while self.take(")").is_none() {
                let _first = items.is_empty() || self.take(", ").is_some();
                items.push(self.shape()?);
            }
            return Some(Shape::Tuple(items));
        }
        if self.take("{").is_some() {
            let keys = match &*self.name()? {
                "any" => Keys::Any,
                "unsigned" => Keys::Unsigned,
                "signed" => Keys::Signed,
                _ => return None,
            };
            self.take(": ")?;
            let value = Box::new(self.shape()?);
            self.take("}")?;
            return Some(Shape::Map(keys, value));
        }
        let is_quoted = self.rest.starts_with('"');
        let name = self.name()?;
        if is_quoted { Some(Shape::Named(name)) } else { self.word(name) }
    }

    fn word(&mut self, name: String) -> Option<Shape> {
        let shape = match &*name {
            "any" => Shape::Any,
            "never" => Shape::Never,
            "nil" => Shape::Null,
            "bool" => Shape::Bool,
            "float32" => Shape::Float(Width::Single),
            "float64" => Shape::Float(Width::Double),
            "raw" => Shape::Raw,
            "text" if self.take("(").is_some() => {
                let format = self.name()?;
                self.take(")")?;
                Shape::Text(Some(format))
            }
            "text" => Shape::Text(None),
            "json" if self.take("(").is_some() => {
                let content = Box::new(self.shape()?);
                self.take(")")?;
                Shape::Json(content)
            }
            "int" if self.take("(").is_some() => {
                let min = self.number()?;
                self.take("..")?;
                let max = self.number()?;
                self.take(")")?;
                Shape::Int(Range::new(min, max))
            }
            "nonzero" if self.take("(").is_some() => {
                let Shape::Int(range) = self.shape()? else { return None };
                self.take(")")?;
                Shape::Int(Range { without_zero: true, ..range })
            }
            _ => match Range::named(&name) {
                Some(range) => Shape::Int(range),
                None => Shape::Named(name),
            },
        };
        Some(shape)
    }
}

/// The character behind a backslash, as `Debug` of a string writes it.
fn escape(chars: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    match chars.next()?.1 {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        '0' => Some('\0'),
        'u' => {
            let digits = chars.map(|(_, c)| c).skip(1).take_while(|c| *c != '}').take(6);
            char::from_u32(u32::from_str_radix(&digits.collect::<String>(), 16).ok()?)
        }
        c @ ('"' | '\\' | '\'') => Some(c),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn shapes_are_read_as_they_are_written() {
        for written in [
            "any",
            "never",
            "nil",
            "bool",
            "uint8",
            "int128",
            "uint128",
            "float32",
            "float64",
            "text",
            "text(date-time)",
            "text(\"a b\")",
            "raw",
            "json(Entry?)",
            "[uint8]",
            "[uint8; 32]",
            "()",
            "(text, [Entry])",
            "{any: text}",
            "{signed: {unsigned: nil}}",
            "Entry?",
            "Entry-2",
            "put.entry",
            "\"Ein trag\"",
            "\"a\\\"\\\\\\n\\u{1}b\"",
            "int(1..255)",
            "int(-7..340282366920938463463374607431768211455)",
            "nonzero(int32)",
            "\"text\"",
            "{any: \"uint8\"?}",
        ] {
            let mut text = Text::new(written);
            let shape = text.shape().unwrap_or_else(|| panic!("{written}"));
            assert_eq!((shape.to_string(), text.rest), (written.to_owned(), ""));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let deep = ["[", "(", "{any: ", "json(", "nonzero("].map(|open| open.repeat(100_000));
        for written in
            ["", "[", "[text; x]", "(text", "{text: text}", "\"a", "text(", "nonzero(text)"]
                .into_iter()
                .chain(deep.iter().map(String::as_str))
        {
            assert_eq!(Text::new(written).shape(), None, "{written:.9}");
        }
        let mut text = Text::new("text??");
        assert!(text.shape().is_some() && text.end().is_none(), "`Option` of `Option`");
    }
}
