//! jsonrpsee over a WebSocket; bytes are encoded as base64. It has subscriptions, but no two-way streams.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jsonrpsee_core::client::{ClientT, Subscription, SubscriptionClientT};
use jsonrpsee_core::rpc_params;
use jsonrpsee_server::types::ErrorObjectOwned;
use jsonrpsee_server::{RpcModule, Server, ServerConfig};
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};

use super::contender::{Client, Contender, Listener, ended};
use crate::cell::{BULK_BYTES, SMALL_BYTES, Small, payload};
use crate::clock::Tally;
use crate::error::Result;

/// Maximum number of calls in flight. The default is 256.
const IN_FLIGHT_MAX: usize = 4096;

/// How many items of a subscription may wait. Large, because the client closes a subscription that exceeds it.
const WAITING_MAX: usize = 1 << 20;

pub(crate) struct Jsonrpsee;

fn module() -> Result<RpcModule<()>> {
    let mut module = RpcModule::new(());
    module.register_async_method("echo", async |params, _, _| {
        let text: String = params.one()?;
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| {
            ErrorObjectOwned::from(jsonrpsee_server::types::ErrorCode::InvalidParams)
        })?;
        Ok::<_, ErrorObjectOwned>(BASE64_STANDARD.encode(bytes))
    })?;
    module.register_async_method("small", async |params, _, _| params.one::<Small>())?;
    module.register_subscription("stream", "item", "end", |_, pending, _, _| async move {
        let sink = pending.accept().await?;
        loop {
            let text = BASE64_STANDARD.encode(payload(SMALL_BYTES));
            sink.send(serde_json::value::to_raw_value(&text)?).await?;
        }
        #[expect(unreachable_code, reason = "it gives the closure its type")]
        Ok::<_, jsonrpsee_core::SubscriptionError>(())
    })?;
    Ok(module)
}

impl Contender for Jsonrpsee {
    type Client = Arc<WsClient>;

    async fn serve(listener: Listener, _: SocketAddr) -> Result<()> {
        let config = ServerConfig::builder()
            .ws_only()
            .set_tcp_no_delay(true)
            .max_request_body_size(4 * BULK_BYTES as u32)
            .max_response_body_size(4 * BULK_BYTES as u32)
            .build();
        let server =
            Server::builder().set_config(config).build_from_tcp(listener.socket.into_std()?)?;
        tokio::spawn(server.start(module()?).stopped());
        Ok(())
    }

    async fn connect(_: Listener, peer: SocketAddr) -> Result<Arc<WsClient>> {
        let client = WsClientBuilder::default()
            .max_concurrent_requests(IN_FLIGHT_MAX)
            .max_buffer_capacity_per_subscription(WAITING_MAX)
            .build(format!("ws://{peer}"))
            .await?;
        Ok(Arc::new(client))
    }
}

impl Client for Arc<WsClient> {
    async fn echo(&self, payload: Bytes) -> Result<usize> {
        let text = BASE64_STANDARD.encode(payload);
        let answer: String = self.request("echo", rpc_params![text]).await?;
        Ok(BASE64_STANDARD.decode(answer)?.len())
    }

    async fn small(&self, small: Small) -> Result<Small> {
        Ok(self.request("small", rpc_params![small]).await?)
    }

    async fn stream(&self, tally: Tally) -> Result<()> {
        let mut items: Subscription<String> =
            self.subscribe("stream", rpc_params![], "end").await?;
        while tally.one() {
            BASE64_STANDARD.decode(items.next().await.ok_or_else(ended)??)?;
        }
        Ok(())
    }
}
