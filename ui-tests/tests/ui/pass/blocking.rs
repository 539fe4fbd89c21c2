//! Plain functions that may block, in all their variations.
#![deny(warnings, missing_docs, clippy::all, clippy::pedantic)]
#![allow(missing_docs, clippy::unused_async, reason = "a test")]

use grid::{Context, RemoteError};

type Answer<T> = std::result::Result<T, RemoteError>;

mod alias {
    pub type Result<T> = super::Answer<T>;
}

#[grid::service]
pub trait Passwords {
    /// Documented.
    #[handler(id = 9, timeout = "1s", blocking)]
    fn hash(&self, password: String) -> String;
    #[handler(blocking, compact)]
    fn check(&self, cx: &Context, user: String, #[default] password: String) -> Result<bool, RemoteError>;
    #[handler(blocking)]
    fn aliased(&self) -> alias::Result<u8>;
    #[handler(blocking)]
    fn flush(&self);
    #[handler(blocking)]
    fn twice(&self, mut n: u32) -> u32 {
        n *= 2;
        n
    }
    #[cfg(any())]
    #[handler(blocking)]
    fn absent(&self, of: NoSuchType) -> u8;
    #[must_use]
    #[handler(blocking)]
    fn r#match(&self) -> u8;
    async fn beside(&self) -> u8;
}

struct Node;

impl Passwords for Node {
    fn hash(&self, password: String) -> String {
        password
    }

    fn check(&self, cx: &Context, user: String, password: String) -> Result<bool, RemoteError> {
        if cx.deadline().is_none() { Err(RemoteError::new("none")) } else { Ok(user == password) }
    }

    fn aliased(&self) -> alias::Result<u8> {
        Ok(3)
    }

    fn flush(&self) {}

    fn r#match(&self) -> u8 {
        4
    }

    async fn beside(&self) -> u8 {
        self.r#match()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert!(PasswordsClient::HASH.info().is_blocking());
    assert!(!PasswordsClient::BESIDE.info().is_blocking());
    let passwords = PasswordsClient::in_process(Node);
    assert_eq!(passwords.hash("a".into()).await, Ok("a".into()));
    assert_eq!(passwords.check("a".into(), "b".into()).await, Ok(false));
    assert_eq!(passwords.aliased().await, Ok(3));
    passwords.flush().await.unwrap();
    assert_eq!(passwords.twice(4).await, Ok(8));
    assert_eq!(passwords.r#match().await, Ok(4));
    assert_eq!(passwords.beside().await, Ok(4));
}
