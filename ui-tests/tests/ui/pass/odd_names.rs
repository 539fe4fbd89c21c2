//! Names that generated code uses itself, raw identifiers, and `T` as a type.
#![deny(warnings)]

use grid::{Context, Incoming, Outgoing};

#[grid::service]
trait S {
    async fn plain(&self, cx: &Context, self_: u8, svc: u8, connection: u8, to: u8, params: u8, request: u8) -> u8;
    async fn bindings(&self, context: &Context, cx: u8, out: u8, input: u8, arg1: u8, service: u8, r#type: u8) -> u8;
    async fn streams(&self, out: u8, input: Incoming<u8>, arg1: Outgoing<u8>);
    async fn r#match(&self, r#fn: u8) -> u8;
    #[allow(non_snake_case)]
    async fn fooBar(&self) -> u8;
    async fn fmt(&self) -> u8;
    async fn call(&self) -> u8;
    async fn register(&self) -> u8;
    async fn _hidden(&self) -> u8;
}

#[grid::service]
#[allow(non_camel_case_types)]
trait r#type {
    async fn get(&self) -> u8;
}

struct T;

impl S for T {
    async fn plain(&self, _: &Context, self_: u8, svc: u8, connection: u8, to: u8, params: u8, request: u8) -> u8 {
        self_ + svc + connection + to + params + request
    }
    async fn bindings(&self, _: &Context, cx: u8, out: u8, input: u8, arg1: u8, service: u8, r#type: u8) -> u8 {
        cx + out + input + arg1 + service + r#type
    }
    async fn streams(&self, out: u8, mut input: Incoming<u8>, mut arg1: Outgoing<u8>) {
        while let Some(Ok(item)) = input.next().await {
            if arg1.send(item + out).await.is_err() {
                return;
            }
        }
    }
    async fn r#match(&self, r#fn: u8) -> u8 {
        r#fn
    }
    async fn fooBar(&self) -> u8 {
        1
    }
    async fn fmt(&self) -> u8 {
        2
    }
    async fn call(&self) -> u8 {
        3
    }
    async fn register(&self) -> u8 {
        4
    }
    async fn _hidden(&self) -> u8 {
        5
    }
}

impl r#type for T {
    async fn get(&self) -> u8 {
        6
    }
}

#[tokio::main]
async fn main() {
    let client = SClient::in_process(T);
    assert_eq!(client.plain(1, 2, 3, 4, 5, 6).await.unwrap(), 21);
    assert_eq!(client.bindings(1, 2, 3, 4, 5, 6).await.unwrap(), 21);
    assert_eq!(client.r#match(7).await.unwrap(), 7);
    assert_eq!(SClient::MATCH.info().name(), "match");
    assert_eq!(SClient::MATCH.info().arguments(), [("fn", "u8")]);
    assert_eq!(SClient::FOO_BAR.info().name(), "fooBar");
    assert_eq!(client.fooBar().await.unwrap(), 1);
    assert_eq!(client.fmt().await.unwrap(), 2);
    assert_eq!(client.call().await.unwrap(), 3);
    assert_eq!(client.register().await.unwrap(), 4);
    assert_eq!(client._hidden().await.unwrap(), 5);
    assert_eq!(typeClient::in_process(T).get().await.unwrap(), 6);
    assert_eq!(typeClient::DESCRIPTOR.name(), "type");
    let (mut input, mut output) = client.streams(1).await.unwrap();
    input.send(1).await.unwrap();
    assert_eq!(output.next().await.unwrap().unwrap(), 2);
}
