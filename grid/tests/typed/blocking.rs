//! Methods with `#[handler(blocking)]`: plain functions that run on a thread where they may block.

use std::time::Duration;

use grid::{CallError, Context, ErrorCode, Mock, RemoteError};

use crate::place::{Place, everywhere};
use crate::service::DiskError;

#[grid::service]
trait Passwords {
    /// The name of the thread that runs the handler.
    #[handler(blocking)]
    fn thread(&self) -> Option<String>;
    #[handler(blocking)]
    fn check(
        &self,
        cx: &Context,
        user: String,
        #[default] password: String,
    ) -> Result<bool, DiskError>;
    #[handler(blocking)]
    fn crash(&self) -> u8;
    #[handler(blocking)]
    fn double(&self, n: u32) -> u32 {
        n * 2
    }
}

struct Node;

impl Passwords for Node {
    fn thread(&self) -> Option<String> {
        std::thread::current().name().map(str::to_owned)
    }

    fn check(&self, cx: &Context, user: String, password: String) -> Result<bool, DiskError> {
        assert_eq!(cx.method(), "Passwords/check");
        assert!(cx.time_left().is_some_and(|left| left <= Duration::from_secs(60)));
        if user.is_empty() {
            return Err(DiskError::NotFound { name: password });
        }
        Ok(user == password)
    }

    fn crash(&self) -> u8 {
        panic!("on purpose")
    }
}

everywhere!(answers_and_errors_of_plain_functions, a_panic_of_a_plain_function);

async fn answers_and_errors_of_plain_functions(place: Place) {
    let passwords = place.serve(PasswordsServer::new(Node), PasswordsClient::new).await;
    let here = std::thread::current().name().map(str::to_owned);
    assert_ne!(passwords.thread().await.unwrap(), here, "a thread of its own");
    assert_eq!(passwords.check("a".into(), "a".into()).await, Ok(true));
    let error = passwords.check(String::new(), "p".into()).await.unwrap_err();
    assert_eq!(error, CallError::Handler(DiskError::NotFound { name: "p".into() }));
    assert_eq!(passwords.double(4).await, Ok(8));
}

async fn a_panic_of_a_plain_function(place: Place) {
    let passwords = place.serve(PasswordsServer::new(Node), PasswordsClient::new).await;
    let CallError::Remote(RemoteError { code, .. }) = passwords.crash().await.unwrap_err() else {
        panic!("another error");
    };
    assert_eq!(code, ErrorCode::Panicked);
    assert_eq!(passwords.double(1).await, Ok(2), "the next call is served");
}

#[tokio::test]
async fn a_mock_of_a_plain_function_may_block() {
    let here = std::thread::current().id();
    let mock = Mock::new().on(PasswordsClient::DOUBLE, move |(n,)| {
        assert_ne!(std::thread::current().id(), here);
        Ok(n + 1)
    });
    assert_eq!(PasswordsClient::new(mock.connection()).double(4).await, Ok(5));
}

#[test]
fn the_option_is_in_the_descriptor() {
    assert!(PasswordsClient::CRASH.info().is_blocking());
    assert!(!crate::service::DiskClient::STAT.info().is_blocking());
}
