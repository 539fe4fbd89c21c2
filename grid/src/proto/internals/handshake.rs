//! The messages of the handshake as another node would send them, for fuzz/.

use std::time::SystemTime;

use bytes::Bytes;

use crate::proto::Features;
use crate::proto::wire::{Connect, ConnectResponse, Timestamp};

/// The first message of a dialer with this name, which knows every extension.
pub fn connect_message(host: &str, now: SystemTime) -> Bytes {
    let connect = Connect {
        id: [7; 16],
        host: host.to_owned(),
        time: Timestamp::from(now),
        token: String::new(),
        peer: None,
        dial: None,
        limits: None,
        contracts: Default::default(),
        features: Features::all().names(),
    };
    connect.to_message()
}

/// The first message of a listener with this name, which accepts its dialer and knows every extension.
pub fn accepting_message(host: &str) -> Bytes {
    let response = ConnectResponse {
        id: [7; 16],
        accepted: true,
        reason: String::new(),
        host: Some(host.to_owned()),
        name_taken: false,
        limits: None,
        contracts: Default::default(),
        proof: None,
        features: Features::all().names(),
    };
    response.to_message()
}
