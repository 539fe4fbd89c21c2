//! The part of msgpack that the protocol needs: a reader over [`Bytes`], and writers of the shortest forms.
//!
//! Used by all other files of this folder.
//! It does not use `rmp::decode`, because a payload must be a slice of the message and not a copy.
//! Every method takes the name of the field that it reads, for the error.

use bytes::{BufMut, Bytes};
use rmp::Marker;

use super::error::DecodeError;

/// Reads values from a message, one after another.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    input: &'a Bytes,
    /// At most `input.len()`.
    pos: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(input: &'a Bytes) -> Self {
        Self { input, pos: 0 }
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> usize {
        self.pos
    }

    /// Bytes not read yet.
    #[cfg(test)]
    pub(crate) fn remaining(&self) -> usize {
        self.input.len().saturating_sub(self.pos)
    }

    /// An unsigned integer of any width, or a signed one that is not negative.
    pub(crate) fn read_uint(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let out_of_range = |_| DecodeError::OutOfRange { field };
        match self.marker(field)? {
            Marker::FixPos(n) => Ok(n.into()),
            Marker::U8 => Ok(u8::from_be_bytes(self.array(field)?).into()),
            Marker::U16 => Ok(u16::from_be_bytes(self.array(field)?).into()),
            Marker::U32 => Ok(u32::from_be_bytes(self.array(field)?).into()),
            Marker::U64 => Ok(u64::from_be_bytes(self.array(field)?)),
            Marker::I8 => i8::from_be_bytes(self.array(field)?).try_into().map_err(out_of_range),
            Marker::I16 => i16::from_be_bytes(self.array(field)?).try_into().map_err(out_of_range),
            Marker::I32 => i32::from_be_bytes(self.array(field)?).try_into().map_err(out_of_range),
            Marker::I64 => i64::from_be_bytes(self.array(field)?).try_into().map_err(out_of_range),
            Marker::FixNeg(_) => Err(DecodeError::OutOfRange { field }),
            other => Err(bad_type(field, "unsigned integer", other)),
        }
    }

    pub(crate) fn read_u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.read_uint(field)?.try_into().map_err(|_| DecodeError::OutOfRange { field })
    }

    pub(crate) fn read_u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.read_uint(field)?.try_into().map_err(|_| DecodeError::OutOfRange { field })
    }

    pub(crate) fn read_u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.read_uint(field)?.try_into().map_err(|_| DecodeError::OutOfRange { field })
    }

    pub(crate) fn read_bool(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        match self.marker(field)? {
            Marker::True => Ok(true),
            Marker::False => Ok(false),
            other => Err(bad_type(field, "bool", other)),
        }
    }

    /// Consumes the next value if it is nil. Returns whether it was.
    pub(crate) fn read_nil(&mut self) -> bool {
        let is_nil =
            self.input.get(self.pos).is_some_and(|byte| Marker::from_u8(*byte) == Marker::Null);
        self.pos += usize::from(is_nil);
        is_nil
    }

    /// The header of an array: how many values follow. Only announced by the peer, so never a size to allocate.
    pub(crate) fn read_array_len(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        match self.marker(field)? {
            Marker::FixArray(n) => Ok(n.into()),
            Marker::Array16 => Ok(u16::from_be_bytes(self.array(field)?).into()),
            Marker::Array32 => Ok(u32::from_be_bytes(self.array(field)?)),
            other => Err(bad_type(field, "array", other)),
        }
    }

    /// The header of a map: how many pairs follow. Only announced by the peer, so never a size to allocate.
    pub(crate) fn read_map_len(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        match self.marker(field)? {
            Marker::FixMap(n) => Ok(n.into()),
            Marker::Map16 => Ok(u16::from_be_bytes(self.array(field)?).into()),
            Marker::Map32 => Ok(u32::from_be_bytes(self.array(field)?)),
            other => Err(bad_type(field, "map", other)),
        }
    }

    /// A bin, copied, so that metadata that is kept does not keep the whole message allocated.
    pub(crate) fn read_bin(&mut self, field: &'static str) -> Result<Bytes, DecodeError> {
        Ok(Bytes::copy_from_slice(self.read_bin_ref(field)?))
    }

    /// A bin, borrowed.
    pub(crate) fn read_bin_ref(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.read_bin_len(field)?;
        self.take(len, field)
    }

    /// The length of a bin, whose bytes follow.
    #[inline]
    pub(crate) fn read_bin_len(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        Ok(match self.marker(field)? {
            Marker::Bin8 => u8::from_be_bytes(self.array(field)?).into(),
            Marker::Bin16 => u16::from_be_bytes(self.array(field)?).into(),
            Marker::Bin32 => u32::from_be_bytes(self.array(field)?),
            other => return Err(bad_type(field, "bin", other)),
        })
    }

    /// A bin of exactly `N` bytes.
    pub(crate) fn read_bin_array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        let bin = self.read_bin_ref(field)?;
        bin.try_into().map_err(|_| DecodeError::BadLength { field, want: N, got: bin.len() })
    }

    /// A str that must be UTF-8 and at most `max` bytes long.
    pub(crate) fn read_str(
        &mut self,
        field: &'static str,
        max: usize,
    ) -> Result<&'a str, DecodeError> {
        let bytes = self.read_str_bytes(field, max)?;
        std::str::from_utf8(bytes).map_err(|_| DecodeError::BadUtf8 { field })
    }

    /// A str for people. Go strings may hold any bytes, and a text with replacement characters is better than a closed
    /// connection.
    pub(crate) fn read_text(
        &mut self,
        field: &'static str,
        max: usize,
    ) -> Result<String, DecodeError> {
        Ok(String::from_utf8_lossy(self.read_str_bytes(field, max)?).into_owned())
    }

    fn read_str_bytes(&mut self, field: &'static str, max: usize) -> Result<&'a [u8], DecodeError> {
        let marker = self.marker(field)?;
        let Some(len) = self.str_len(marker, field)? else {
            return Err(bad_type(field, "str", marker));
        };
        let bytes = self.take(len, field)?;
        if bytes.len() > max {
            return Err(DecodeError::TooLong { field, len: bytes.len(), max });
        }
        Ok(bytes)
    }

    /// A key of a payload map. Go accepts both str and bin here, and so does this.
    pub(crate) fn read_key(&mut self) -> Result<&'a [u8], DecodeError> {
        const FIELD: &str = "map key";
        let marker = self.marker(FIELD)?;
        let len = match marker {
            Marker::Bin8 => u8::from_be_bytes(self.array(FIELD)?).into(),
            Marker::Bin16 => u16::from_be_bytes(self.array(FIELD)?).into(),
            Marker::Bin32 => u32::from_be_bytes(self.array(FIELD)?),
            _ => self.str_len(marker, FIELD)?.ok_or_else(|| bad_type(FIELD, "str", marker))?,
        };
        self.take(len, FIELD)
    }

    /// An extension: its type and its bytes.
    pub(crate) fn read_ext(&mut self, field: &'static str) -> Result<(i8, &'a [u8]), DecodeError> {
        let len = match self.marker(field)? {
            Marker::FixExt1 => 1,
            Marker::FixExt2 => 2,
            Marker::FixExt4 => 4,
            Marker::FixExt8 => 8,
            Marker::FixExt16 => 16,
            Marker::Ext8 => u8::from_be_bytes(self.array(field)?).into(),
            Marker::Ext16 => u16::from_be_bytes(self.array(field)?).into(),
            Marker::Ext32 => u32::from_be_bytes(self.array(field)?),
            other => return Err(bad_type(field, "ext", other)),
        };
        let kind = i8::from_be_bytes(self.array(field)?);
        Ok((kind, self.take(len, field)?))
    }

    /// Skips one value of any type and any depth.
    ///
    /// Counts the remaining values instead of recursing, so deep nesting does not use up the stack.
    pub(crate) fn skip(&mut self, field: &'static str) -> Result<(), DecodeError> {
        let mut left: u64 = 1;
        while let Some(after) = left.checked_sub(1) {
            // Each iteration consumes at least one byte, so the loop ends with the input whatever `left` is.
            left = after.saturating_add(self.skip_shallow(field)?);
        }
        Ok(())
    }

    /// Skips a scalar or the header of a container. Returns the number of values in the container.
    fn skip_shallow(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let marker = self.marker(field)?;
        let bytes: u32 = match marker {
            Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => {
                0
            }
            Marker::U8 | Marker::I8 => 1,
            Marker::U16 | Marker::I16 => 2,
            Marker::U32 | Marker::I32 | Marker::F32 => 4,
            Marker::U64 | Marker::I64 | Marker::F64 => 8,
            Marker::FixStr(n) => n.into(),
            Marker::Str8 | Marker::Bin8 => u8::from_be_bytes(self.array(field)?).into(),
            Marker::Str16 | Marker::Bin16 => u16::from_be_bytes(self.array(field)?).into(),
            Marker::Str32 | Marker::Bin32 => u32::from_be_bytes(self.array(field)?),
            // Extensions have one more byte, for the type.
            Marker::FixExt1 => 2,
            Marker::FixExt2 => 3,
            Marker::FixExt4 => 5,
            Marker::FixExt8 => 9,
            Marker::FixExt16 => 17,
            Marker::Ext8 => u32::from(u8::from_be_bytes(self.array(field)?)) + 1,
            Marker::Ext16 => u32::from(u16::from_be_bytes(self.array(field)?)) + 1,
            Marker::Ext32 => u32::from_be_bytes(self.array(field)?).saturating_add(1),
            Marker::FixArray(n) => return Ok(n.into()),
            Marker::Array16 => return Ok(u16::from_be_bytes(self.array(field)?).into()),
            Marker::Array32 => return Ok(u32::from_be_bytes(self.array(field)?).into()),
            Marker::FixMap(n) => return Ok(2 * u64::from(n)),
            Marker::Map16 => return Ok(2 * u64::from(u16::from_be_bytes(self.array(field)?))),
            Marker::Map32 => return Ok(2 * u64::from(u32::from_be_bytes(self.array(field)?))),
            Marker::Reserved => return Err(bad_type(field, "any value", marker)),
        };
        self.take(bytes, field)?;
        Ok(0)
    }

    fn str_len(&mut self, marker: Marker, field: &'static str) -> Result<Option<u32>, DecodeError> {
        Ok(Some(match marker {
            Marker::FixStr(n) => n.into(),
            Marker::Str8 => u8::from_be_bytes(self.array(field)?).into(),
            Marker::Str16 => u16::from_be_bytes(self.array(field)?).into(),
            Marker::Str32 => u32::from_be_bytes(self.array(field)?),
            _ => return Ok(None),
        }))
    }

    fn marker(&mut self, field: &'static str) -> Result<Marker, DecodeError> {
        let byte = self.input.get(self.pos).ok_or(DecodeError::Truncated { field })?;
        self.pos += 1;
        Ok(Marker::from_u8(*byte))
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let rest = self.input.get(self.pos..).unwrap_or_default();
        let array = rest.first_chunk().ok_or(DecodeError::Truncated { field })?;
        self.pos += N;
        Ok(*array)
    }

    fn take(&mut self, len: u32, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let end = usize::try_from(len).ok().and_then(|len| self.pos.checked_add(len));
        let end = end.ok_or(DecodeError::Truncated { field })?;
        let bytes = self.input.get(self.pos..end).ok_or(DecodeError::Truncated { field })?;
        self.pos = end;
        Ok(bytes)
    }
}

fn bad_type(field: &'static str, want: &'static str, got: Marker) -> DecodeError {
    let got = match got {
        Marker::FixPos(_) | Marker::U8 | Marker::U16 | Marker::U32 | Marker::U64 => {
            "unsigned integer"
        }
        Marker::FixNeg(_) | Marker::I8 | Marker::I16 | Marker::I32 | Marker::I64 => {
            "signed integer"
        }
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => "map",
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => "array",
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => "str",
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => "bin",
        Marker::Null => "nil",
        Marker::True | Marker::False => "bool",
        Marker::F32 | Marker::F64 => "float",
        Marker::Reserved => "the byte c1",
        _ => "ext",
    };
    DecodeError::BadType { field, want, got }
}

/// The shortest form of `n`, as Go writes it.
pub(super) fn put_uint(out: &mut impl BufMut, n: u64) {
    if n <= 0x7f {
        out.put_u8(n as u8);
    } else if let Ok(n) = u8::try_from(n) {
        out.put_u8(0xcc);
        out.put_u8(n);
    } else if let Ok(n) = u16::try_from(n) {
        out.put_u8(0xcd);
        out.put_u16(n);
    } else if let Ok(n) = u32::try_from(n) {
        out.put_u8(0xce);
        out.put_u32(n);
    } else {
        out.put_u8(0xcf);
        out.put_u64(n);
    }
}

/// Bytes that [`put_uint`] writes.
pub(super) const fn uint_len(n: u64) -> usize {
    match n {
        0..=0x7f => 1,
        0x80..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

/// The header of a bin, whose bytes must follow.
pub(super) fn put_bin_prefix(out: &mut impl BufMut, len: usize) {
    if let Ok(len) = u8::try_from(len) {
        out.put_u8(0xc4);
        out.put_u8(len);
    } else if let Ok(len) = u16::try_from(len) {
        out.put_u8(0xc5);
        out.put_u16(len);
    } else {
        out.put_u8(0xc6);
        out.put_u32(len32(len));
    }
}

/// Bytes that [`put_bin_prefix`] writes.
pub(super) const fn bin_prefix_len(len: usize) -> usize {
    match len {
        0..=0xff => 2,
        0x100..=0xffff => 3,
        _ => 5,
    }
}

pub(super) fn put_bin(out: &mut impl BufMut, bytes: &[u8]) {
    put_bin_prefix(out, bytes.len());
    out.put_slice(bytes);
}

pub(super) fn put_str(out: &mut impl BufMut, text: &str) {
    let len = text.len();
    match len {
        0..=0x1f => out.put_u8(0xa0 | len as u8),
        0x20..=0xff => {
            out.put_u8(0xd9);
            out.put_u8(len as u8);
        }
        0x100..=0xffff => {
            out.put_u8(0xda);
            out.put_u16(len as u16);
        }
        _ => {
            out.put_u8(0xdb);
            out.put_u32(len32(len));
        }
    }
    out.put_slice(text.as_bytes());
}

pub(super) fn put_map_len(out: &mut impl BufMut, pairs: usize) {
    match pairs {
        0..=0xf => out.put_u8(0x80 | pairs as u8),
        0x10..=0xffff => {
            out.put_u8(0xde);
            out.put_u16(pairs as u16);
        }
        _ => {
            out.put_u8(0xdf);
            out.put_u32(len32(pairs));
        }
    }
}

pub(super) fn put_array_len(out: &mut impl BufMut, values: usize) {
    match values {
        0..=0xf => out.put_u8(0x90 | values as u8),
        0x10..=0xffff => {
            out.put_u8(0xdc);
            out.put_u16(values as u16);
        }
        _ => {
            out.put_u8(0xdd);
            out.put_u32(len32(values));
        }
    }
}

pub(super) fn put_bool(out: &mut impl BufMut, value: bool) {
    out.put_u8(if value { 0xc3 } else { 0xc2 });
}

pub(super) fn put_nil(out: &mut impl BufMut) {
    out.put_u8(0xc0);
}

/// Lengths of messages to send, which have been checked against the message size limit, a u32 itself.
fn len32(len: usize) -> u32 {
    u32::try_from(len).expect("the message size limit is below 4 GiB")
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{super::testing::*, *};

    fn uint(hex: &str) -> Result<u64, DecodeError> {
        Reader::new(&unhex(hex)).read_uint("n")
    }

    #[test]
    fn integers_of_every_width_are_read() {
        for hex in ["05", "cc05", "cd0005", "ce00000005", "cf0000000000000005"] {
            assert_eq!(uint(hex), Ok(5), "{hex}");
            every_truncation_fails(&unhex(hex), |input| Reader::new(input).read_uint("n"));
        }
        for hex in ["d005", "d10005", "d200000005", "d30000000000000005"] {
            assert_eq!(uint(hex), Ok(5), "{hex}");
        }
        assert_eq!(uint("cfffffffffffffffff"), Ok(u64::MAX));
        for hex in ["ff", "e0", "d0ff", "d1ffff", "d2ffffffff", "d38000000000000000"] {
            assert_eq!(uint(hex), Err(DecodeError::OutOfRange { field: "n" }), "{hex}");
        }
        assert_eq!(
            uint("ca00000000"),
            Err(DecodeError::BadType { field: "n", want: "unsigned integer", got: "float" })
        );
    }

    #[test]
    fn integers_that_are_too_large_for_a_field_are_refused() {
        let wide = unhex("cd0100");
        assert_eq!(Reader::new(&wide).read_u8("op"), Err(DecodeError::OutOfRange { field: "op" }));
        assert_eq!(Reader::new(&wide).read_u16("op"), Ok(256));
        let wider = unhex("cf0000000100000000");
        assert_eq!(
            Reader::new(&wider).read_u32("seq"),
            Err(DecodeError::OutOfRange { field: "seq" })
        );
    }

    #[test]
    fn integers_are_written_in_their_shortest_form() {
        let edges =
            [0, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, u64::MAX];
        for n in edges {
            let mut out = BytesMut::new();
            put_uint(&mut out, n);
            assert_eq!(out.len(), uint_len(n), "{n}");
            assert_eq!(Reader::new(&out.freeze()).read_uint("n"), Ok(n));
        }
    }

    #[test]
    fn a_bin_is_read_as_a_copy() {
        let input = unhex("c403010203ff");
        let mut reader = Reader::new(&input);
        let bin = reader.read_bin("payload").unwrap();
        assert_eq!(&bin[..], [1, 2, 3]);
        assert_ne!(bin.as_ptr(), input[2..].as_ptr(), "the message is not kept");
        assert_eq!((reader.position(), reader.remaining()), (5, 1));
    }

    #[test]
    fn bins_and_strs_of_every_width_round_trip() {
        for len in [0, 1, 31, 32, 255, 256, 65535, 65536] {
            let text = "x".repeat(len);
            let mut out = BytesMut::new();
            put_bin(&mut out, text.as_bytes());
            assert_eq!(out.len(), bin_prefix_len(len) + len);
            put_str(&mut out, &text);
            let input = out.freeze();
            let mut reader = Reader::new(&input);
            assert_eq!(reader.read_bin_ref("b").unwrap().len(), len);
            assert_eq!(reader.read_str("s", len).unwrap(), text);
            assert_eq!(reader.remaining(), 0);
        }
    }

    #[test]
    fn headers_of_every_width_round_trip() {
        for count in [0, 15, 16, 65535, 65536] {
            let mut out = BytesMut::new();
            put_array_len(&mut out, count);
            put_map_len(&mut out, count);
            let input = out.freeze();
            let mut reader = Reader::new(&input);
            assert_eq!(reader.read_array_len("a"), Ok(count as u32));
            assert_eq!(reader.read_map_len("m"), Ok(count as u32));
        }
        assert_eq!(Reader::new(&unhex("dd00000007")).read_array_len("a"), Ok(7));
    }

    #[test]
    fn lengths_beyond_the_input_are_refused_without_allocating() {
        for hex in ["c6ffffffff00", "c5ffff", "c401"] {
            assert_eq!(
                Reader::new(&unhex(hex)).read_bin("payload"),
                Err(DecodeError::Truncated { field: "payload" })
            );
        }
        for hex in ["dbffffffff", "c9ffffffff05", "dfffffffff", "ddffffffff", "c7ff05"] {
            assert!(Reader::new(&unhex(hex)).skip("x").is_err(), "{hex}");
        }
    }

    #[test]
    fn skip_skips_values_of_every_type() {
        let values = "05 ff c0 c2 c3 cc00 cd0000 ce00000000 cf0000000000000000 d000 d10000 d200000000 d30000000000000000 \
            ca00000000 cb0000000000000000 a161 d90161 da000161 db0000000161 c40100 c5000100 c60000000100 \
            d40500 d5050000 d60500000000 d7050000000000000000 d80500000000000000000000000000000000 \
            c7010500 c800010500 c9000000010500 92 01 92 02 03 dc0001c0 dd00000001c0 81a16101 de0001c0c0 df00000001c0c0 91c0";
        let input = unhex(&values.replace(' ', ""));
        let mut reader = Reader::new(&input);
        let mut count = 0;
        while reader.remaining() > 0 {
            reader.skip("x").unwrap();
            count += 1;
        }
        assert_eq!(count, 37);
        let nested =
            unhex("83a16192c0c2a162c7020501 02a163cb0000000000000000".replace(' ', "").as_str());
        every_truncation_fails(&nested, |input| Reader::new(input).skip("x"));
    }

    #[test]
    fn skip_does_not_overflow_the_stack_on_deep_nesting() {
        let mut deep = vec![0x91; 4_000_000];
        assert!(Reader::new(&deep.clone().into()).skip("x").is_err());
        deep.push(0xc0);
        let deep = Bytes::from(deep);
        let mut reader = Reader::new(&deep);
        reader.skip("x").unwrap();
        assert_eq!(reader.remaining(), 0);
        assert!(Reader::new(&unhex("c1")).skip("x").is_err());
    }

    #[test]
    fn texts_may_be_invalid_utf8_and_names_may_not() {
        let input = unhex("a2ff61");
        assert_eq!(
            Reader::new(&input).read_str("host", 9),
            Err(DecodeError::BadUtf8 { field: "host" })
        );
        assert_eq!(Reader::new(&input).read_text("reason", 9).unwrap(), "\u{fffd}a");
        assert_eq!(
            Reader::new(&input).read_text("reason", 1),
            Err(DecodeError::TooLong { field: "reason", len: 2, max: 1 })
        );
    }
}
