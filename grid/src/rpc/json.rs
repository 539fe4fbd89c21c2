//! Values that are sent as JSON, for peers that expect it. Only with the feature `json`.

use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that is sent as JSON inside msgpack bin, like `JSON[T]` of a Go node.
///
/// Only with the feature `json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Json<T>(pub T);

impl<T: Serialize> Serialize for Json<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&serde_json::to_vec(&self.0).map_err(S::Error::custom)?)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Json<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Bytes::deserialize(deserializer)?;
        serde_json::from_slice(&text).map(Self).map_err(D::Error::custom)
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
    use crate::rpc::payload::{Codec, Layout};

    #[test]
    fn json_is_bin() {
        let codec = Codec::<Json<Vec<u8>>>::of(Layout::Named);
        let bytes = codec.encode(Json(vec![1, 20])).unwrap();
        assert_eq!(bytes.as_deref(), Some(&b"\xc4\x06[1,20]"[..]));
        assert_eq!(codec.decode(bytes).unwrap(), Json(vec![1, 20]));
    }
}
