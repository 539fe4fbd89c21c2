//! Typed handlers of every shape, plain functions that may block, services on one thread, and mocks.

use grid::{CallError, ErrorCode, Incoming, Outgoing, RemoteError};

use crate::hostile::Hostile;
use crate::neighbours::Links;
use crate::row::{Row, row};

#[grid::service]
trait Shapes {
    async fn single(&self) -> Result<u8, RemoteError>;
    async fn server_stream(&self, out: Outgoing<u8>) -> Result<(), RemoteError>;
    async fn client_stream(&self, input: Incoming<u8>) -> Result<u8, RemoteError>;
    async fn two_way(&self, input: Incoming<u8>, out: Outgoing<u8>) -> Result<(), RemoteError>;
    #[handler(blocking)]
    fn plain(&self) -> Result<u8, RemoteError>;
}

impl Shapes for Hostile {
    async fn single(&self) -> Result<u8, RemoteError> {
        self.run();
        Ok(7)
    }

    async fn server_stream(&self, mut out: Outgoing<u8>) -> Result<(), RemoteError> {
        out.send(7).await?;
        self.run();
        Ok(())
    }

    async fn client_stream(&self, mut input: Incoming<u8>) -> Result<u8, RemoteError> {
        while let Some(item) = input.next().await {
            item?;
            self.run();
        }
        Ok(7)
    }

    async fn two_way(
        &self,
        mut input: Incoming<u8>,
        mut out: Outgoing<u8>,
    ) -> Result<(), RemoteError> {
        while let Some(item) = input.next().await {
            out.send(item?).await?;
            self.run();
        }
        Ok(())
    }

    fn plain(&self) -> Result<u8, RemoteError> {
        self.run();
        Ok(7)
    }
}

/// The service again, on one thread.
#[grid::service(local)]
trait OneThread {
    async fn local(&self) -> Result<u8, RemoteError>;
}

impl OneThread for Hostile {
    async fn local(&self) -> Result<u8, RemoteError> {
        self.run();
        Ok(7)
    }
}

/// The caller of a handler that panics is told so.
fn check<T: std::fmt::Debug>(
    hostile: &Hostile,
    shape: &str,
    ended: Result<T, CallError<RemoteError>>,
) {
    match ended {
        Err(CallError::Remote(RemoteError { code: ErrorCode::Panicked, .. })) => {
            assert!(hostile.panics(), "{shape}");
        }
        ended => assert!(ended.is_ok() && !hostile.panics(), "{shape}: {ended:?}"),
    }
}

async fn call_every_shape(links: Links, hostile: Hostile) {
    hostile.arm();
    for connection in links.all() {
        let shapes = ShapesClient::new(connection.clone());
        check(&hostile, "single", shapes.single().await);
        check(&hostile, "plain", shapes.plain().await);

        let mut items = shapes.server_stream().await.unwrap();
        assert_eq!(items.next().await, Some(Ok(7)));
        check(&hostile, "server stream", items.next().await.transpose());

        let (mut input, reply) = shapes.client_stream().await.unwrap();
        input.send(1).await.unwrap();
        drop(input);
        check(&hostile, "client stream", reply.await);

        let (mut input, mut items) = shapes.two_way().await.unwrap();
        input.send(1).await.unwrap();
        assert_eq!(items.next().await, Some(Ok(1)));
        drop(input);
        check(&hostile, "two-way stream", items.next().await.transpose());
    }
}

#[test]
fn typed_handlers_of_every_shape() {
    row(|builder, hostile| builder.service(ShapesServer::new(hostile.clone())), call_every_shape);
}

/// A thread with a `LocalSet`, until the nodes that use its service are gone.
fn on_its_own_thread(hostile: &Hostile) -> OneThreadServer<Hostile> {
    let (made, server) = std::sync::mpsc::channel();
    let hostile = hostile.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = tokio::task::LocalSet::new();
        local.spawn_local(async move {
            made.send(OneThreadServer::local(hostile)).unwrap();
        });
        runtime.block_on(local);
    });
    server.recv().unwrap()
}

#[test]
fn handlers_that_stay_on_one_thread() {
    let call = |links: Links, hostile: Hostile| async move {
        hostile.arm();
        for connection in links.all() {
            let client = OneThreadClient::new(connection.clone());
            check(&hostile, "local", client.local().await);
        }
    };
    Row::new(|builder, hostile| builder.service(on_its_own_thread(hostile)), call)
        .in_real_time()
        .run();
}

/// Mocks run in links of their own, and call the others.
#[test]
fn mocks() {
    row(
        |builder, _| builder,
        |_, hostile| async move {
            hostile.arm();
            let of_mock = hostile.clone();
            let mock = grid::Mock::new().on(ShapesClient::SINGLE, move |()| {
                of_mock.run();
                Ok(7)
            });
            let shapes = ShapesClient::new(mock.connection());
            check(&hostile, "mock", shapes.single().await);
            let shapes = ShapesClient::in_process(hostile.clone());
            check(&hostile, "in process", shapes.single().await);
        },
    );
}
