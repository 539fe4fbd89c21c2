//! Payloads: bytes, or a struct.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Length of a small payload and of a stream's item.
pub(crate) const SMALL_BYTES: usize = 512;

/// Length of a large payload.
pub(crate) const BULK_BYTES: usize = 1024 * 1024;

static ZEROS: [u8; BULK_BYTES] = [0; BULK_BYTES];

/// The payload that all contenders send. It is static, so that creating it costs nothing.
pub(crate) fn payload(len: usize) -> Bytes {
    Bytes::from_static(&ZEROS[..len])
}

/// A typical struct of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Small {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) ratio: f64,
    pub(crate) is_dir: bool,
    pub(crate) parts: Vec<u32>,
}

impl Small {
    pub(crate) fn example() -> Self {
        Self {
            id: 1 << 40,
            name: "bucket/object".to_owned(),
            size: 123_456,
            ratio: 0.5,
            is_dir: false,
            parts: vec![1, 2, 70_000],
        }
    }
}
