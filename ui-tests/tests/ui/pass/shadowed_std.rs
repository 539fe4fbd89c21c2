//! A module that shadows the names of the prelude.
#![allow(dead_code, nonstandard_style)]

mod shadowed {
    pub struct Result;
    pub struct Option;
    pub struct String;
    pub struct Arc;
    pub struct Box;
    pub struct Vec;
    pub struct Client;
    pub trait Send {}
    pub trait Sync {}
    pub trait Clone {}
    pub trait Debug {}
    pub trait Into {}
    pub trait Future {}
    pub trait Copy {}
    pub trait Default {}
    pub mod std {}
    pub mod core {}
    pub mod alloc {}
    pub mod grid {}
    pub fn Ok() {}
    pub fn Err() {}
    pub fn Some() {}
    pub const None: u8 = 0;

    #[::grid::service]
    pub trait Service {
        async fn one(&self, a: u8, b: bool) -> u8;
        async fn two(&self) -> ::std::result::Result<u8, ::grid::RemoteError>;
        async fn three(&self, out: ::grid::Outgoing<u8>);
        async fn four(&self) -> u8 {
            4
        }
    }
}

struct Node;

impl shadowed::Service for Node {
    async fn one(&self, a: u8, _: bool) -> u8 {
        a
    }
    async fn two(&self) -> Result<u8, grid::RemoteError> {
        Ok(2)
    }
    async fn three(&self, _: grid::Outgoing<u8>) {}
}

#[tokio::main]
async fn main() {
    let client = shadowed::ServiceClient::in_process(Node);
    assert_eq!(client.one(1, true).await.unwrap(), 1);
    assert_eq!(client.clone().two().await.unwrap(), 2);
    assert_eq!(client.four().await.unwrap(), 4);
}
