//! Single requests under subroutes.

use super::check::{Check, text};
use super::expect::{echoes, handler_error, unknown};
use crate::peer::handlers::{ECHO, MAP, SUBROUTE};

pub(super) fn checks() -> Vec<Check> {
    vec![
        Check::new("subroute", |peer| async move {
            echoes(&peer.subroute(SUBROUTE), "under a subroute".into()).await
        }),
        Check::new("nested subroute", |peer| async move {
            echoes(&peer.subroute("sub").subroute("route"), "two levels down".into()).await
        }),
        Check::new("error under a subroute", |peer| async move {
            let answer = peer.subroute(SUBROUTE).request(ECHO, text("fail")).await;
            handler_error(answer, "boom: fail")
        }),
        Check::new("unknown subroute", |peer| async move {
            unknown(peer.subroute("no/such").request(ECHO, text("x")).await)
        }),
        Check::new("unknown handler under a subroute", |peer| async move {
            unknown(peer.subroute(SUBROUTE).request(MAP, text("x")).await)
        }),
    ]
}
