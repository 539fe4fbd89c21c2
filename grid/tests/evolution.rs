//! A service that changes while nodes of both versions are running: one test for each line of the table in
//! `src/rpc/service.md`, section "Changing a service". Each test has the old and the new trait, and runs both pairs:
//! old client with new server, and new client with old server.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod support;

use std::fmt;
use std::time::Duration;

use futures_util::StreamExt as _;
use grid::{CallError, ErrorCode, Incoming, Outgoing, RemoteError};
use serde::{Deserialize, Serialize};
use support::serving;

fn is_unknown<E: fmt::Debug>(error: &CallError<E>) -> bool {
    matches!(error, CallError::Remote(remote) if remote.code == ErrorCode::UnknownHandler)
        && !error.may_have_run()
        && !error.is_retryable()
}

fn is_bad_request<E: fmt::Debug>(error: &CallError<E>, text: &str) -> bool {
    matches!(error, CallError::Remote(remote)
        if remote.code == ErrorCode::BadRequest && remote.message.contains(text))
        && !error.may_have_run()
}

mod fields {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct OldQuery {
        pub(super) volume: String,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct NewQuery {
        #[serde(default)]
        pub(super) depth: u32,
        pub(super) volume: String,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct OldAnswer {
        pub(super) free: u64,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct NewAnswer {
        pub(super) free: u64,
        #[serde(default)]
        pub(super) inodes: u64,
    }

    #[grid::service(name = "Disk")]
    pub(super) trait Old {
        async fn stat(&self, query: OldQuery) -> OldAnswer;
        async fn stat_twice(&self, query: OldQuery, times: u32) -> OldAnswer;
        async fn walk(
            &self,
            input: Incoming<OldQuery>,
            out: Outgoing<OldAnswer>,
        ) -> Result<(), RemoteError>;
    }

    #[grid::service(name = "Disk")]
    pub(super) trait New {
        async fn stat(&self, query: NewQuery) -> NewAnswer;
        async fn stat_twice(&self, query: NewQuery, times: u32) -> NewAnswer;
        async fn walk(
            &self,
            input: Incoming<NewQuery>,
            out: Outgoing<NewAnswer>,
        ) -> Result<(), RemoteError>;
    }

    pub(super) struct Node;

    impl Old for Node {
        async fn stat(&self, query: OldQuery) -> OldAnswer {
            OldAnswer { free: query.volume.len() as u64 }
        }

        async fn stat_twice(&self, query: OldQuery, times: u32) -> OldAnswer {
            OldAnswer { free: u64::from(times) * query.volume.len() as u64 }
        }

        async fn walk(
            &self,
            mut input: Incoming<OldQuery>,
            mut out: Outgoing<OldAnswer>,
        ) -> Result<(), RemoteError> {
            while let Some(query) = input.next().await {
                out.send(Old::stat(self, query?).await).await?;
            }
            Ok(())
        }
    }

    impl New for Node {
        async fn stat(&self, query: NewQuery) -> NewAnswer {
            NewAnswer { free: query.volume.len() as u64, inodes: 100 + u64::from(query.depth) }
        }

        async fn stat_twice(&self, query: NewQuery, times: u32) -> NewAnswer {
            New::stat(self, NewQuery { depth: times, ..query }).await
        }

        async fn walk(
            &self,
            mut input: Incoming<NewQuery>,
            mut out: Outgoing<NewAnswer>,
        ) -> Result<(), RemoteError> {
            while let Some(query) = input.next().await {
                out.send(New::stat(self, query?).await).await?;
            }
            Ok(())
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_with_a_default_is_added_to_structs() {
    use fields::*;

    let (connection, _nodes) = serving(NewServer::new(Node)).await;
    let old = OldClient::new(connection);
    let query = || OldQuery { volume: "vol".into() };
    assert_eq!(old.stat(query()).await.unwrap(), OldAnswer { free: 3 });
    assert_eq!(old.stat_twice(query(), 2).await.unwrap(), OldAnswer { free: 3 });
    let (mut queries, mut answers) = old.walk().await.unwrap();
    queries.send(query()).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap(), OldAnswer { free: 3 });

    let (connection, _nodes) = serving(OldServer::new(Node)).await;
    let new = NewClient::new(connection);
    let query = || NewQuery { depth: 5, volume: "vol".into() };
    let defaulted = |free| NewAnswer { free, inodes: 0 };
    assert_eq!(new.stat(query()).await.unwrap(), defaulted(3));
    assert_eq!(new.stat_twice(query(), 2).await.unwrap(), defaulted(6));
    let (mut queries, mut answers) = new.walk().await.unwrap();
    queries.send(query()).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap(), defaulted(3));
}

mod required {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Short {
        pub(super) a: u32,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Long {
        pub(super) a: u32,
        pub(super) b: u32,
    }

    #[grid::service(name = "Disk")]
    pub(super) trait Old {
        async fn give(&self) -> Short;
        async fn take(&self, value: Short) -> u32;
        #[handler(compact)]
        async fn packed(&self, value: Short) -> u32;
    }

    #[grid::service(name = "Disk")]
    pub(super) trait New {
        async fn give(&self) -> Long;
        async fn take(&self, value: Long) -> u32;
        #[handler(compact)]
        async fn packed(&self, value: Long) -> u32;
    }

    pub(super) struct Node;

    impl Old for Node {
        async fn give(&self) -> Short {
            Short { a: 1 }
        }

        async fn take(&self, value: Short) -> u32 {
            value.a
        }

        async fn packed(&self, value: Short) -> u32 {
            value.a
        }
    }

    impl New for Node {
        async fn give(&self) -> Long {
            Long { a: 1, b: 2 }
        }

        async fn take(&self, value: Long) -> u32 {
            value.a + value.b
        }

        async fn packed(&self, value: Long) -> u32 {
            value.a + value.b
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_without_a_default_is_added_to_structs() {
    use required::*;

    let (connection, _nodes) = serving(NewServer::new(Node)).await;
    let old = OldClient::new(connection);
    assert_eq!(old.give().await.unwrap(), Short { a: 1 });
    let error = old.take(Short { a: 1 }).await.unwrap_err();
    assert!(is_bad_request(&error, "missing field `b`"), "{error:?}");
    let error = old.packed(Short { a: 1 }).await.unwrap_err();
    assert!(is_bad_request(&error, "invalid length 1"), "{error:?}");

    let (connection, _nodes) = serving(OldServer::new(Node)).await;
    let new = NewClient::new(connection);
    assert_eq!(new.take(Long { a: 1, b: 2 }).await.unwrap(), 1);
    let error = new.give().await.unwrap_err();
    assert!(matches!(error, CallError::Decode(_)) && error.may_have_run(), "{error:?}");
    // The length of an array must match: additional fields are not skipped.
    let error = new.packed(Long { a: 1, b: 2 }).await.unwrap_err();
    assert!(is_bad_request(&error, "cannot decode the request"), "{error:?}");
}

mod arguments {
    #[grid::service(name = "Disk")]
    pub(super) trait Old {
        async fn two(&self, from: String, to: String) -> String;
        async fn one(&self, from: String) -> String;
        async fn none(&self) -> String;
    }

    #[grid::service(name = "Disk")]
    pub(super) trait New {
        async fn two(
            &self,
            force: Option<bool>,
            to: String,
            from: String,
            #[default] tries: u32,
        ) -> String;
        async fn one(&self, from: String, force: Option<bool>) -> String;
        async fn none(&self, force: Option<bool>) -> String;
    }

    pub(super) struct Node;

    impl Old for Node {
        async fn two(&self, from: String, to: String) -> String {
            format!("{from} {to}")
        }

        async fn one(&self, from: String) -> String {
            from
        }

        async fn none(&self) -> String {
            "none".into()
        }
    }

    impl New for Node {
        async fn two(&self, force: Option<bool>, to: String, from: String, tries: u32) -> String {
            format!("{from} {to} {force:?} {tries}")
        }

        async fn one(&self, from: String, force: Option<bool>) -> String {
            format!("{from} {force:?}")
        }

        async fn none(&self, force: Option<bool>) -> String {
            format!("{force:?}")
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_optional_argument_is_added_to_several_or_to_none() {
    use arguments::*;

    let (connection, _nodes) = serving(NewServer::new(Node)).await;
    let old = OldClient::new(connection);
    assert_eq!(old.two("a".into(), "b".into()).await.unwrap(), "a b None 0");
    assert_eq!(old.none().await.unwrap(), "None");

    let (connection, _nodes) = serving(OldServer::new(Node)).await;
    let new = NewClient::new(connection);
    assert_eq!(new.two(Some(true), "b".into(), "a".into(), 3).await.unwrap(), "a b");
    assert_eq!(new.none(Some(true)).await.unwrap(), "none");
}

/// One argument is the payload itself, several are a map, so the two are not compatible.
#[tokio::test(start_paused = true)]
async fn an_argument_is_added_to_a_single_one() {
    use arguments::*;

    let (connection, _nodes) = serving(NewServer::new(Node)).await;
    let error = OldClient::new(connection).one("a".into()).await.unwrap_err();
    assert!(is_bad_request(&error, "map by name"), "{error:?}");

    let (connection, _nodes) = serving(OldServer::new(Node)).await;
    let error = NewClient::new(connection).one("a".into(), None).await.unwrap_err();
    assert!(is_bad_request(&error, "argument `from`"), "{error:?}");
}

mod methods {
    use super::*;

    #[grid::service(name = "Disk")]
    pub(super) trait Old {
        async fn first(&self) -> u8;
        async fn second(&self) -> u8;
        async fn size(&self) -> u8;
    }

    #[grid::service(name = "Disk")]
    pub(super) trait New {
        async fn added(&self) -> u8;
        async fn added_stream(&self, out: Outgoing<u8>);
        async fn second(&self) -> u8;
        async fn first(&self) -> u8;
        #[handler(name = "size")]
        async fn bytes(&self) -> u8;
    }

    pub(super) struct Node;

    impl Old for Node {
        async fn first(&self) -> u8 {
            1
        }

        async fn second(&self) -> u8 {
            2
        }

        async fn size(&self) -> u8 {
            3
        }
    }

    impl New for Node {
        async fn added(&self) -> u8 {
            14
        }

        async fn added_stream(&self, mut out: Outgoing<u8>) {
            let _ = out.send(15).await;
        }

        async fn second(&self) -> u8 {
            12
        }

        async fn first(&self) -> u8 {
            11
        }

        async fn bytes(&self) -> u8 {
            13
        }
    }
}

/// The new server has one method more. With the versions swapped, this is the removal of a method.
#[tokio::test(start_paused = true)]
async fn a_method_is_added_or_removed() {
    use methods::*;

    let (connection, _nodes) = serving(OldServer::new(Node)).await;
    let new = NewClient::new(connection);
    let error = new.added().await.unwrap_err();
    assert!(is_unknown(&error), "{error:?}");
    let error = new.added_stream().await.unwrap_err();
    assert!(is_unknown(&error), "{error:?}");
    assert_eq!(new.first().await.unwrap(), 1, "the other methods still work");

    let (connection, _nodes) = serving(NewServer::new(Node)).await;
    assert_eq!(NewClient::new(connection).added().await.unwrap(), 14);
}

#[tokio::test(start_paused = true)]
async fn methods_are_reordered() {
    use methods::*;

    let (connection, _nodes) = serving(NewServer::new(Node)).await;
    let old = OldClient::new(connection);
    assert_eq!((old.first().await.unwrap(), old.second().await.unwrap()), (11, 12));

    let (connection, _nodes) = serving(OldServer::new(Node)).await;
    let new = NewClient::new(connection);
    assert_eq!((new.first().await.unwrap(), new.second().await.unwrap()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_method_is_renamed_and_keeps_its_name_on_the_wire() {
    use methods::*;

    assert_eq!(NewClient::BYTES.info().id(), OldClient::SIZE.info().id());
    let (connection, _nodes) = serving(NewServer::new(Node)).await;
    assert_eq!(OldClient::new(connection).size().await.unwrap(), 13);

    let (connection, _nodes) = serving(OldServer::new(Node)).await;
    assert_eq!(NewClient::new(connection).bytes().await.unwrap(), 3);
}

mod errors {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) enum OldError {
        NotFound,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) enum NewError {
        Full { free: u64 },
        NotFound,
    }

    impl fmt::Display for OldError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("not found")
        }
    }

    impl fmt::Display for NewError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::Full { free } => write!(f, "full: {free} bytes left"),
                Self::NotFound => f.write_str("not found"),
            }
        }
    }

    #[grid::service(name = "Disk")]
    pub(super) trait Old {
        async fn write(&self, len: u64) -> Result<u64, OldError>;
        async fn walk(&self, len: u64, out: Outgoing<u8>) -> Result<(), OldError>;
        async fn check(&self) -> u8;
    }

    #[grid::service(name = "Disk")]
    pub(super) trait New {
        async fn write(&self, len: u64) -> Result<u64, NewError>;
        async fn walk(&self, len: u64, out: Outgoing<u8>) -> Result<(), NewError>;
        async fn check(&self) -> Result<u8, NewError>;
    }

    pub(super) struct Node;

    impl Old for Node {
        async fn write(&self, _: u64) -> Result<u64, OldError> {
            Err(OldError::NotFound)
        }

        async fn walk(&self, _: u64, _: Outgoing<u8>) -> Result<(), OldError> {
            Err(OldError::NotFound)
        }

        async fn check(&self) -> u8 {
            1
        }
    }

    impl New for Node {
        async fn write(&self, len: u64) -> Result<u64, NewError> {
            Err(if len > 9 { NewError::Full { free: 9 } } else { NewError::NotFound })
        }

        async fn walk(&self, len: u64, _: Outgoing<u8>) -> Result<(), NewError> {
            New::write(self, len).await.map(|_| ())
        }

        async fn check(&self) -> Result<u8, NewError> {
            Err(NewError::NotFound)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_variant_is_added_to_an_error() {
    use errors::*;

    let unknown = CallError::Remote(RemoteError::new("full: 9 bytes left"));
    let (connection, _nodes) = serving(NewServer::new(Node)).await;
    let old = OldClient::new(connection);
    assert_eq!(old.write(5).await.unwrap_err(), CallError::Handler(OldError::NotFound));
    let error = old.write(10).await.unwrap_err();
    assert!(error.may_have_run());
    assert_eq!(error, unknown);
    assert_eq!(old.walk(10).await.unwrap().next().await.unwrap().unwrap_err(), unknown);

    let (connection, _nodes) = serving(OldServer::new(Node)).await;
    let new = NewClient::new(connection);
    assert_eq!(new.write(10).await.unwrap_err(), CallError::Handler(NewError::NotFound));
}

#[tokio::test(start_paused = true)]
async fn a_method_becomes_fallible() {
    use errors::*;

    let (connection, _nodes) = serving(NewServer::new(Node)).await;
    let error = OldClient::new(connection).check().await.unwrap_err();
    assert_eq!(error, CallError::Remote(RemoteError::new("not found")));

    let (connection, _nodes) = serving(OldServer::new(Node)).await;
    assert_eq!(NewClient::new(connection).check().await.unwrap(), 1);
}

mod shapes {
    use super::*;

    #[grid::service(name = "Disk")]
    pub(super) trait Old {
        async fn list(&self) -> Vec<u8>;
        #[handler(outgoing = 4)]
        async fn few(&self, out: Outgoing<u8>);
        #[handler(incoming = 4)]
        async fn take(&self, input: Incoming<u8>) -> u32;
    }

    #[grid::service(name = "Disk")]
    pub(super) trait New {
        async fn list(&self, out: Outgoing<u8>);
        #[handler(outgoing = 8)]
        async fn few(&self, out: Outgoing<u8>);
        #[handler(incoming = 8)]
        async fn take(&self, input: Incoming<u8>) -> u32;
    }

    pub(super) struct Node;

    async fn send_all(mut out: Outgoing<u8>) {
        for item in 0..50 {
            let _ = out.send(item).await;
        }
    }

    async fn count(mut input: Incoming<u8>) -> u32 {
        let mut count = 0;
        while let Some(Ok(_)) = input.next().await {
            count += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        count
    }

    impl Old for Node {
        async fn list(&self) -> Vec<u8> {
            vec![1]
        }

        async fn few(&self, out: Outgoing<u8>) {
            send_all(out).await;
        }

        async fn take(&self, input: Incoming<u8>) -> u32 {
            count(input).await
        }
    }

    impl New for Node {
        async fn list(&self, out: Outgoing<u8>) {
            send_all(out).await;
        }

        async fn few(&self, out: Outgoing<u8>) {
            send_all(out).await;
        }

        async fn take(&self, input: Incoming<u8>) -> u32 {
            count(input).await
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_changes_its_shape() {
    use shapes::*;

    let (connection, _nodes) = serving(NewServer::new(Node)).await;
    let error = OldClient::new(connection).list().await.unwrap_err();
    assert!(is_unknown(&error), "{error:?}");

    let (connection, _nodes) = serving(OldServer::new(Node)).await;
    let error = NewClient::new(connection).list().await.unwrap_err();
    assert!(is_unknown(&error), "{error:?}");
}

/// Each end has capacities of its own, so nodes of both versions work together.
#[tokio::test(start_paused = true)]
async fn capacities_change() {
    use shapes::*;

    let (connection, _nodes) = serving(OldServer::new(Node)).await;
    let new = NewClient::new(connection);
    assert_eq!(new.few().await.unwrap().count().await, 50);
    let (mut input, sum) = new.take().await.unwrap();
    for item in 0..100 {
        input.send(item).await.unwrap();
    }
    drop(input);
    assert_eq!(sum.await, Ok(100));

    let (connection, _nodes) = serving(NewServer::new(Node)).await;
    let old = OldClient::new(connection);
    assert_eq!(old.few().await.unwrap().count().await, 50);
    assert!(old.take().await.is_ok());
}
