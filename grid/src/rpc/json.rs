//! Values that are sent as JSON, for peers that expect it. Only with the feature `json`.

use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::depth::{Counted, DEPTH_MAX, Levels, Reading};

/// One less than in msgpack, because `serde_json` decodes fewer than 128 levels.
const JSON_DEPTH_MAX: u8 = DEPTH_MAX - 1;

/// A value that is sent as JSON inside msgpack bin, like `JSON[T]` of a Go node.
///
/// The JSON may be nested 127 levels deep; see [`Payload`](crate::Payload#nesting).
///
/// Only with the feature `json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Json<T>(pub T);

impl<T: Serialize> Serialize for Json<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Vec::with_capacity(128);
        let mut json = serde_json::Serializer::new(&mut text);
        self.0
            .serialize(Counted::new(&mut json, Levels::encoding(JSON_DEPTH_MAX)))
            .map_err(S::Error::custom)?;
        serializer.serialize_bytes(&text)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Json<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Bytes::deserialize(deserializer)?;
        let mut json = serde_json::Deserializer::from_slice(&text);
        let value = T::deserialize(Counted::new(
            &mut json,
            Levels::decoding(JSON_DEPTH_MAX, Reading::Json),
        ))
        .map_err(D::Error::custom)?;
        json.end().map_err(D::Error::custom)?;
        Ok(Self(value))
    }
}

impl<T> From<T> for Json<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::layout::Layout;
    use crate::rpc::payload::Codec;

    #[test]
    fn json_is_bin() {
        let codec = Codec::<Json<Vec<u8>>>::of(Layout::Named);
        let bytes = codec.encode(Json(vec![1, 20])).unwrap().map(crate::net::Body::into_bytes);
        assert_eq!(bytes.as_deref(), Some(&b"\xc4\x06[1,20]"[..]));
        assert_eq!(codec.decode(bytes).unwrap(), Json(vec![1, 20]));
    }
}
