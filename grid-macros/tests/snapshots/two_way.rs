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
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals)]
    const USE_SyncClient_INSTEAD_OF_dyn: () = ();
}
/// Client of [`Sync`]: one method per method of the trait.
#[allow(dead_code, non_camel_case_types)]
#[derive(::grid::__private::Clone, ::grid::__private::Debug)]
struct SyncClient {
    connection: ::grid::__private::Connection,
}
#[allow(
    dead_code,
    deprecated,
    non_snake_case,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
impl SyncClient {
    /// Creates a client that makes its calls over this connection.
    #[must_use]
    fn new(connection: ::grid::__private::Connection) -> Self {
        Self {
            connection: connection.__client_of(Self::DESCRIPTOR),
        }
    }
    /// Creates a client with which a handler calls another node, or its own.
    ///
    /// Its calls inherit deadline and trace of the handler's own call only if they are made `within` the context.
    ///
    /// # Errors
    ///
    /// As `Context::connection`: the node is not on the host list.
    fn of(
        cx: &::grid::__private::Context,
        host: &::grid::__private::str,
    ) -> ::grid::__private::Result<Self, ::grid::__private::UnknownHost> {
        cx.connection(host).map(Self::new)
    }
    /// Groups these nodes, which are then called together, see `Group`. `node` is a `Manager`, or the `Context` of a
    /// handler.
    ///
    /// # Errors
    ///
    /// `UnknownHosts` names the nodes that are not on the host list.
    fn group(
        node: &impl ::grid::__private::HostList,
        hosts: impl ::grid::__private::IntoIterator<
            Item = impl ::grid::__private::AsRef<::grid::__private::str>,
        >,
    ) -> ::grid::__private::Result<
        ::grid::__private::Group<Self>,
        ::grid::__private::UnknownHosts,
    > {
        ::grid::__private::group(node, hosts, Self::new, Self::connection)
    }
    /// The connection over which the client makes its calls.
    #[must_use]
    fn connection(&self) -> &::grid::__private::Connection {
        &self.connection
    }
    /// Returns a client of the service under this subroute. An empty path returns the same client.
    #[must_use]
    fn subroute(&self, path: &::grid::__private::str) -> Self {
        Self::new(self.connection.subroute(path))
    }
    /// Returns a client whose calls and streams all carry this value, see `Connection::with_metadata`.
    #[must_use]
    fn with_metadata(
        &self,
        key: impl ::grid::__private::Into<::grid::__private::String>,
        value: impl ::grid::__private::Into<::grid::__private::Bytes>,
    ) -> Self {
        Self::new(self.connection.with_metadata(key, value))
    }
    /// Returns a client whose single requests are made again after a failure, see `Connection::with_retry`.
    #[must_use]
    fn with_retry(&self, policy: &::grid::__private::Retry) -> Self {
        Self::new(self.connection.with_retry(policy))
    }
    /// Creates a client of a service in this process, without a link. Intended for tests.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
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
/// Server of [`Sync`]: create it with `new` or `from_arc`, and register it with a node.
#[allow(dead_code, deprecated, non_camel_case_types)]
type SyncServer<T> = ::grid::__private::Served<T, SyncClient>;
#[allow(
    dead_code,
    deprecated,
    non_snake_case,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
const _: () = {
    use ::grid::__private as __grid;
    impl SyncClient {
        const __CODEC_0: __grid::Codec<Init> = __grid::codec::<Init>();
        const __CODEC_1: __grid::Codec<Op> = __grid::codec::<Op>();
        const __CODEC_2: __grid::Codec<Ack> = __grid::codec::<Ack>();
        const __CODEC_3: __grid::ErrorCodec<DiskError> = __grid::error::<DiskError>();
        /// Descriptor of [`Sync::sync`]: id, types and options.
        const SYNC: &'static __grid::TwoWayMethod<(Init,), Op, Ack, DiskError> = &__grid::two_way(
            __grid::MethodInfo::__new("Sync", "sync", 0x9fd68668)
                .__arguments(
                    &[
                        ("init", "Init"),
                        ("input", "Incoming<Op>"),
                        ("out", "Outgoing<Ack>"),
                    ],
                )
                .__sent(&[("init", "Init")])
                .__returns("Result<(), DiskError>")
                .__incoming(16u32)
                .__outgoing(4u32),
            (__grid::whole("init", Self::__CODEC_0),),
            Self::__CODEC_1,
            Self::__CODEC_2,
            Self::__CODEC_3,
        );
        /// Descriptor of [`Sync::map`]: id, types and options.
        const MAP: &'static __grid::TwoWayMethod<(), Op, Ack, DiskError> = &__grid::two_way(
            __grid::MethodInfo::__new("Sync", "map", 0x0bfd508f)
                .__arguments(&[("input", "Incoming<Op>")])
                .__returns("Result<impl Stream<Item = Ack>, DiskError>"),
            (),
            Self::__CODEC_1,
            Self::__CODEC_2,
            Self::__CODEC_3,
        );
        /// Descriptor of the service: name, documentation and methods.
        const DESCRIPTOR: &'static __grid::ServiceDescriptor = &__grid::ServiceDescriptor::__new(
            "Sync",
            "",
            &[Self::SYNC.info(), Self::MAP.info()],
        );
    }
    #[automatically_derived]
    impl<__T: Sync> __grid::ServedBy<__T> for SyncClient {
        const DESCRIPTOR: &'static __grid::ServiceDescriptor = Self::DESCRIPTOR;
        fn add_methods(to: &mut __grid::Handlers<'_, __T>) {
            to.two_way(
                Self::SYNC,
                |svc, _cx, request, input, out| async move {
                    let (arg1,) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(Sync::sync(&*svc, arg1, input, out).await)
                },
            );
            to.two_way(
                Self::MAP,
                |svc, _cx, request, input, out| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        out.__pump_ok(Sync::map(&*svc, input).await).await,
                    )
                },
            );
        }
    }
    #[allow(unused_imports)]
    use __grid::NotResult as _;
    __grid::plain::<{ <__grid::Probe<Ack>>::IS_RESULT }>();
};
