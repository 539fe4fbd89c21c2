trait Sync: ::grid::__private::Send + ::grid::__private::Sync + 'static {
    fn sync(
        &self,
        init: Init,
        input: Incoming<Op>,
        out: Outgoing<Ack>,
    ) -> impl ::grid::__private::Future<
        Output = Result<(), DiskError>,
    > + ::grid::__private::Send;
    fn map(
        &self,
        input: Incoming<Op>,
    ) -> impl ::grid::__private::Future<
        Output = Result<impl Stream<Item = Ack> + ::grid::__private::Send, DiskError>,
    > + ::grid::__private::Send;
}
/// Calls [`Sync`] on a node: one method for each of the trait's.
#[allow(dead_code, non_camel_case_types)]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
struct SyncClient {
    connection: ::grid::__private::Connection,
}
#[allow(
    dead_code,
    deprecated,
    non_snake_case,
    non_upper_case_globals,
    clippy::all,
    clippy::pedantic
)]
impl SyncClient {
    const __CODEC_0: ::grid::__private::Codec<Init> = ::grid::__private::codec::<Init>();
    const __CODEC_1: ::grid::__private::Codec<Op> = ::grid::__private::codec::<Op>();
    const __CODEC_2: ::grid::__private::Codec<Ack> = ::grid::__private::codec::<Ack>();
    const __CODEC_3: ::grid::__private::ErrorCodec<DiskError> = ::grid::__private::error::<
        DiskError,
    >();
    /// [`Sync::sync`]: its id, its types and what else is known of it.
    const SYNC: &'static ::grid::__private::TwoWayMethod<(Init,), Op, Ack, DiskError> = &::grid::__private::TwoWayMethod::__new(
        ::grid::__private::MethodInfo::__new("Sync", "sync", 0x9fd68668)
            .__arguments(
                &[("init", "Init"), ("input", "Incoming<Op>"), ("out", "Outgoing<Ack>")],
            )
            .__returns("Result<(), DiskError>")
            .__incoming(16u32)
            .__outgoing(4u32),
        (::grid::__private::whole("init", Self::__CODEC_0),),
        Self::__CODEC_1,
        Self::__CODEC_2,
        Self::__CODEC_3,
    );
    /// [`Sync::map`]: its id, its types and what else is known of it.
    const MAP: &'static ::grid::__private::TwoWayMethod<(), Op, Ack, DiskError> = &::grid::__private::TwoWayMethod::__new(
        ::grid::__private::MethodInfo::__new("Sync", "map", 0x0bfd508f)
            .__arguments(&[("input", "Incoming<Op>")])
            .__returns("Result<impl Stream<Item = Ack>, DiskError>")
            .__incoming(::grid::DEFAULT_CAPACITY)
            .__outgoing(::grid::DEFAULT_CAPACITY),
        (),
        Self::__CODEC_1,
        Self::__CODEC_2,
        Self::__CODEC_3,
    );
    /// Name, documentation and methods of the service.
    const DESCRIPTOR: &'static ::grid::__private::ServiceDescriptor = &::grid::__private::ServiceDescriptor::__new(
        "Sync",
        "",
        &[Self::SYNC.info(), Self::MAP.info()],
    );
    /// Makes a client that calls over this connection.
    #[must_use]
    fn new(connection: ::grid::__private::Connection) -> Self {
        Self { connection }
    }
    /// The same client for the service under this subroute.
    #[must_use]
    fn subroute(&self, path: &::grid::__private::str) -> Self {
        Self {
            connection: self.connection.subroute(path),
        }
    }
    /// Makes a client of a service in this process, without a link: for tests.
    #[must_use]
    fn in_process(service: impl Sync) -> Self {
        Self::new(::grid::__private::in_process(SyncServer::new(service)))
    }
    /// Opens the streams of [`Sync::sync`].
    fn sync(
        &self,
        init: Init,
    ) -> ::grid::__private::Opening<
        (::grid::__private::Requests<Op>, ::grid::__private::Responses<Ack, DiskError>),
        DiskError,
    > {
        Self::SYNC.open(&self.connection, (init,))
    }
    /// Opens the streams of [`Sync::map`].
    fn map(
        &self,
    ) -> ::grid::__private::Opening<
        (::grid::__private::Requests<Op>, ::grid::__private::Responses<Ack, DiskError>),
        DiskError,
    > {
        Self::MAP.open(&self.connection, ())
    }
}
/// Serves a [`Sync`] to other nodes.
#[allow(dead_code, non_camel_case_types)]
struct SyncServer<__GridService> {
    service: ::grid::__private::Arc<__GridService>,
    subroute: ::grid::__private::Option<::grid::__private::String>,
}
#[allow(
    dead_code,
    deprecated,
    non_snake_case,
    non_upper_case_globals,
    clippy::all,
    clippy::pedantic
)]
impl<__GridService> SyncServer<__GridService> {
    /// Makes a server of the service.
    #[must_use]
    fn new(service: __GridService) -> Self {
        Self::from_arc(::grid::__private::Arc::new(service))
    }
    /// Makes a server of a service that others hold too.
    #[must_use]
    fn from_arc(service: ::grid::__private::Arc<__GridService>) -> Self {
        Self {
            service,
            subroute: ::grid::__private::Option::None,
        }
    }
    /// Puts the service under this subroute; a second one goes below the first.
    #[must_use]
    fn subroute(
        mut self,
        path: impl ::grid::__private::Into<::grid::__private::String>,
    ) -> Self {
        self.subroute = ::grid::__private::join(
            self.subroute,
            ::grid::__private::Into::into(path),
        );
        self
    }
}
#[allow(
    dead_code,
    deprecated,
    non_snake_case,
    non_upper_case_globals,
    clippy::all,
    clippy::pedantic
)]
#[automatically_derived]
impl<__GridService> ::core::clone::Clone for SyncServer<__GridService> {
    fn clone(&self) -> Self {
        Self {
            service: ::grid::__private::Clone::clone(&self.service),
            subroute: ::grid::__private::Clone::clone(&self.subroute),
        }
    }
}
#[allow(
    dead_code,
    deprecated,
    non_snake_case,
    non_upper_case_globals,
    clippy::all,
    clippy::pedantic
)]
#[automatically_derived]
impl<__GridService> ::core::fmt::Debug for SyncServer<__GridService> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("SyncServer")
            .field("subroute", &self.subroute)
            .finish_non_exhaustive()
    }
}
#[allow(
    dead_code,
    deprecated,
    non_snake_case,
    non_upper_case_globals,
    clippy::all,
    clippy::pedantic
)]
#[automatically_derived]
impl<__GridService: Sync> ::grid::__private::Service for SyncServer<__GridService> {
    fn register(
        self,
        to: &mut ::grid::__private::Registrar<'_>,
    ) -> ::grid::__private::Result<(), ::grid::__private::RegisterError> {
        let service = self.service;
        let mut to = to.under(self.subroute);
        to.two_way(
            &service,
            SyncClient::SYNC,
            |svc, _cx, (arg1,), input, out| async move {
                <__GridService as Sync>::sync(&svc, arg1, input, out).await
            },
        )?;
        to.two_way(
            &service,
            SyncClient::MAP,
            |svc, _cx, (), input, out| async move {
                out.__pump_ok(<__GridService as Sync>::map(&svc, input).await).await
            },
        )?;
        to.describe(SyncClient::DESCRIPTOR);
        ::grid::__private::Result::Ok(())
    }
}
const _: () = {
    #[allow(unused_imports)]
    use ::grid::__private::NotResult as _;
    ::grid::__private::plain::<{ <::grid::__private::Probe<Ack>>::IS_RESULT }>()
};
