//! The names in references such as `#/$defs/Entry`.

/// The name that a reference means; `None` if it means the root, or something else than a definition.
pub(super) fn name(reference: &str) -> Option<String> {
    let name = decoded(reference.strip_prefix("#/$defs/")?);
    Some(name.replace("~1", "/").replace("~0", "~"))
}

/// Without the percent signs of URLs.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn names_are_decoded() {
        assert_eq!(name("#/$defs/Entry").as_deref(), Some("Entry"));
        assert_eq!(name("#/$defs/a~1b%20%E2%82%AC~0%").as_deref(), Some("a/b €~%"));
        assert_eq!(name("#"), None);
        assert_eq!(name("https://example.com"), None);
    }
}
