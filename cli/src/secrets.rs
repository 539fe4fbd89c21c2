//! [`without`]: files that others read have none of the secrets that the command was given. Texts of errors may have them.

use serde_json::Value;

/// The value without the secrets in its texts.
pub(crate) fn without(value: Value, secrets: &[String]) -> Value {
    let clean = |text: String| {
        let secrets = secrets.iter().filter(|secret| !secret.is_empty());
        secrets.fold(text, |text, secret| text.replace(&**secret, "[secret]"))
    };
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(all) => all.into_iter().map(|one| without(one, secrets)).collect(),
        Value::Object(all) => Value::Object(
            all.into_iter().map(|(key, one)| (clean(key), without(one, secrets))).collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_removed_wherever_they_are() {
        let value = json!({ "text": "token s3cret refused", "s3cret": [{ "deep": ["s3crets3cret"] }], "n": 3 });
        let cleaned = without(value, &["s3cret".to_owned(), String::new()]);
        let expected = json!({ "text": "token [secret] refused", "[secret]": [{ "deep": ["[secret][secret]"] }], "n": 3 });
        assert_eq!(cleaned, expected);
    }
}
