pub(crate) trait Files: ::grid::__private::Send + ::grid::__private::Sync + 'static {
    fn walk(
        &self,
        cx: &Context,
        request: WalkRequest,
        out: Outgoing<Entry>,
    ) -> impl ::grid::__private::Future<
        Output = Result<(), DiskError>,
    > + ::grid::__private::Send;
    fn count(
        &self,
        out: Outgoing<u64>,
    ) -> impl ::grid::__private::Future<Output = ()> + ::grid::__private::Send;
    fn tail(
        &self,
        from: u64,
    ) -> impl ::grid::__private::Future<
        Output = Result<impl Stream<Item = Result<Event, DiskError>> + Send, DiskError>,
    > + ::grid::__private::Send;
    fn names(
        &self,
    ) -> impl ::grid::__private::Future<
        Output = impl Stream<Item = String> + ::grid::__private::Send,
    > + ::grid::__private::Send;
    fn boxed(
        &self,
    ) -> impl ::grid::__private::Future<
        Output = crate::Result<BoxStream<u8>>,
    > + ::grid::__private::Send;
    fn opaque(
        &self,
    ) -> impl ::grid::__private::Future<
        Output = crate::Result<impl Stream<Item = u8> + ::grid::__private::Send>,
    > + ::grid::__private::Send;
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals)]
    const USE_FilesClient_INSTEAD_OF_dyn: () = ();
}
/// Client of [`Files`]: one method per method of the trait.
#[allow(dead_code, non_camel_case_types)]
#[derive(::grid::__private::Clone, ::grid::__private::Debug)]
pub(crate) struct FilesClient {
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
impl FilesClient {
    /// Creates a client that makes its calls over this connection.
    #[must_use]
    pub(crate) fn new(connection: ::grid::__private::Connection) -> Self {
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
    pub(crate) fn of(
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
    pub(crate) fn group(
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
    pub(crate) fn connection(&self) -> &::grid::__private::Connection {
        &self.connection
    }
    /// Returns a client of the service under this subroute. An empty path returns the same client.
    #[must_use]
    pub(crate) fn subroute(&self, path: &::grid::__private::str) -> Self {
        Self::new(self.connection.subroute(path))
    }
    /// Returns a client whose calls and streams all carry this value, see `Connection::with_metadata`.
    #[must_use]
    pub(crate) fn with_metadata(
        &self,
        key: impl ::grid::__private::Into<::grid::__private::String>,
        value: impl ::grid::__private::Into<::grid::__private::Bytes>,
    ) -> Self {
        Self::new(self.connection.with_metadata(key, value))
    }
    /// Returns a client whose single requests are made again after a failure, see `Connection::with_retry`.
    #[must_use]
    pub(crate) fn with_retry(&self, policy: &::grid::__private::Retry) -> Self {
        Self::new(self.connection.with_retry(policy))
    }
    /// Creates a client of a service in this process, without a link. Intended for tests.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    #[must_use]
    pub(crate) fn in_process(service: impl Files) -> Self {
        Self::new(::grid::__private::in_process(FilesServer::new(service)))
    }
    /// Opens the stream of [`Files::walk`].
    pub(crate) fn walk(
        &self,
        request: WalkRequest,
    ) -> ::grid::__private::Opening<
        ::grid::__private::Responses<Entry, DiskError>,
        DiskError,
    > {
        Self::WALK.open(&self.connection, (request,))
    }
    /// Opens the stream of [`Files::count`].
    pub(crate) fn count(
        &self,
    ) -> ::grid::__private::Opening<
        ::grid::__private::Responses<u64, ::grid::__private::Infallible>,
        ::grid::__private::Infallible,
    > {
        Self::COUNT.open(&self.connection, ())
    }
    /// Opens the stream of [`Files::tail`].
    pub(crate) fn tail(
        &self,
        from: u64,
    ) -> ::grid::__private::Opening<
        ::grid::__private::Responses<Event, DiskError>,
        DiskError,
    > {
        Self::TAIL.open(&self.connection, (from,))
    }
    /// Opens the stream of [`Files::names`].
    pub(crate) fn names(
        &self,
    ) -> ::grid::__private::Opening<
        ::grid::__private::Responses<String, ::grid::__private::Infallible>,
        ::grid::__private::Infallible,
    > {
        Self::NAMES.open(&self.connection, ())
    }
    /// Opens the stream of [`Files::boxed`].
    pub(crate) fn boxed(
        &self,
    ) -> ::grid::__private::Opening<
        ::grid::__private::Responses<
            u8,
            <crate::Result<()> as ::grid::__private::ResultLike>::Err,
        >,
        <crate::Result<()> as ::grid::__private::ResultLike>::Err,
    > {
        Self::BOXED.open(&self.connection, ())
    }
    /// Opens the stream of [`Files::opaque`].
    pub(crate) fn opaque(
        &self,
    ) -> ::grid::__private::Opening<
        ::grid::__private::Responses<
            u8,
            <crate::Result<()> as ::grid::__private::ResultLike>::Err,
        >,
        <crate::Result<()> as ::grid::__private::ResultLike>::Err,
    > {
        Self::OPAQUE.open(&self.connection, ())
    }
}
/// Server of [`Files`]: create it with `new` or `from_arc`, and register it with a node.
#[allow(dead_code, deprecated, non_camel_case_types)]
pub(crate) type FilesServer<T> = ::grid::__private::Served<T, FilesClient>;
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
    impl FilesClient {
        const __CODEC_0: __grid::Codec<WalkRequest> = __grid::codec::<WalkRequest>();
        const __CODEC_1: __grid::Codec<Entry> = __grid::codec::<Entry>();
        const __CODEC_2: __grid::ErrorCodec<DiskError> = __grid::error::<DiskError>();
        const __CODEC_3: __grid::Codec<u64> = __grid::codec::<u64>();
        const __CODEC_4: __grid::Codec<Event> = __grid::codec::<Event>();
        const __CODEC_5: __grid::Codec<String> = __grid::codec::<String>();
        const __CODEC_6: __grid::Codec<u8> = __grid::codec::<u8>();
        const __CODEC_7: __grid::ErrorCodec<
            <crate::Result<()> as __grid::ResultLike>::Err,
        > = __grid::error::<<crate::Result<()> as __grid::ResultLike>::Err>();
        /// Descriptor of [`Files::walk`]: id, types and options.
        pub(crate) const WALK: &'static __grid::ServerStreamMethod<
            (WalkRequest,),
            Entry,
            DiskError,
        > = &__grid::server_stream(
            __grid::MethodInfo::__new("Files", "walk", 0x93a60e78)
                .__arguments(&[("request", "WalkRequest"), ("out", "Outgoing<Entry>")])
                .__sent(&[("request", "WalkRequest")])
                .__returns("Result<(), DiskError>")
                .__outgoing(16u32),
            (__grid::whole("request", Self::__CODEC_0),),
            Self::__CODEC_1,
            Self::__CODEC_2,
        );
        /// Descriptor of [`Files::count`]: id, types and options.
        pub(crate) const COUNT: &'static __grid::ServerStreamMethod<
            (),
            u64,
            __grid::Infallible,
        > = &__grid::server_stream(
            __grid::MethodInfo::__new("Files", "count", 0x311689ac)
                .__arguments(&[("out", "Outgoing<u64>")]),
            (),
            Self::__CODEC_3,
            __grid::infallible(),
        );
        /// Descriptor of [`Files::tail`]: id, types and options.
        pub(crate) const TAIL: &'static __grid::ServerStreamMethod<
            (u64,),
            Event,
            DiskError,
        > = &__grid::server_stream(
            __grid::MethodInfo::__new("Files", "tail", 0x3da2d28b)
                .__arguments(&[("from", "u64")])
                .__sent(&[("from", "u64")])
                .__returns(
                    "Result<impl Stream<Item = Result<Event, DiskError>> + Send, DiskError>",
                ),
            (__grid::whole("from", Self::__CODEC_3),),
            Self::__CODEC_4,
            Self::__CODEC_2,
        );
        /// Descriptor of [`Files::names`]: id, types and options.
        pub(crate) const NAMES: &'static __grid::ServerStreamMethod<
            (),
            String,
            __grid::Infallible,
        > = &__grid::server_stream(
            __grid::MethodInfo::__new("Files", "names", 0xac2bc987)
                .__returns("impl Stream<Item = String>"),
            (),
            Self::__CODEC_5,
            __grid::infallible(),
        );
        /// Descriptor of [`Files::boxed`]: id, types and options.
        pub(crate) const BOXED: &'static __grid::ServerStreamMethod<
            (),
            u8,
            <crate::Result<()> as __grid::ResultLike>::Err,
        > = &__grid::server_stream(
            __grid::MethodInfo::__new("Files", "boxed", 0xa0bf8efb)
                .__returns("crate::Result<BoxStream<u8>>"),
            (),
            Self::__CODEC_6,
            Self::__CODEC_7,
        );
        /// Descriptor of [`Files::opaque`]: id, types and options.
        pub(crate) const OPAQUE: &'static __grid::ServerStreamMethod<
            (),
            u8,
            <crate::Result<()> as __grid::ResultLike>::Err,
        > = &__grid::server_stream(
            __grid::MethodInfo::__new("Files", "opaque", 0xd05c6016)
                .__returns("crate::Result<impl Stream<Item = u8>>"),
            (),
            Self::__CODEC_6,
            Self::__CODEC_7,
        );
        /// Descriptor of the service: name, documentation and methods.
        pub(crate) const DESCRIPTOR: &'static __grid::ServiceDescriptor = &__grid::ServiceDescriptor::__new(
            "Files",
            "",
            &[
                Self::WALK.info(),
                Self::COUNT.info(),
                Self::TAIL.info(),
                Self::NAMES.info(),
                Self::BOXED.info(),
                Self::OPAQUE.info(),
            ],
        );
    }
    #[automatically_derived]
    impl<__T: Files> __grid::ServedBy<__T> for FilesClient {
        const DESCRIPTOR: &'static __grid::ServiceDescriptor = Self::DESCRIPTOR;
        fn add_methods(to: &mut __grid::Handlers<'_, __T>) {
            to.server_stream(
                Self::WALK,
                |svc, cx, request, out| async move {
                    let (arg1,) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        Files::walk(&*svc, __grid::context(&cx), arg1, out).await,
                    )
                },
            );
            to.server_stream(
                Self::COUNT,
                |svc, _cx, request, out| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        __grid::Result::Ok(Files::count(&*svc, out).await),
                    )
                },
            );
            to.server_stream(
                Self::TAIL,
                |svc, _cx, request, out| async move {
                    let (arg1,) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        out.__pump_ok(Files::tail(&*svc, arg1).await).await,
                    )
                },
            );
            to.server_stream(
                Self::NAMES,
                |svc, _cx, request, out| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(out.__pump(Files::names(&*svc).await).await)
                },
            );
            to.server_stream(
                Self::BOXED,
                |svc, _cx, request, out| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(out.__pump_ok(Files::boxed(&*svc).await).await)
                },
            );
            to.server_stream(
                Self::OPAQUE,
                |svc, _cx, request, out| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(out.__pump_ok(Files::opaque(&*svc).await).await)
                },
            );
        }
    }
    #[allow(unused_imports)]
    use __grid::NotResult as _;
    __grid::plain::<{ <__grid::Probe<String>>::IS_RESULT }>();
    __grid::plain::<{ <__grid::Probe<u8>>::IS_RESULT }>();
};
