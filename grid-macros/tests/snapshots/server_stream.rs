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
}
/// Calls [`Files`] on a node: one method for each of the trait's.
#[allow(dead_code, non_camel_case_types)]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub(crate) struct FilesClient {
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
impl FilesClient {
    const __CODEC_0: ::grid::__private::Codec<WalkRequest> = ::grid::__private::codec::<
        WalkRequest,
    >();
    const __CODEC_1: ::grid::__private::Codec<Entry> = ::grid::__private::codec::<
        Entry,
    >();
    const __CODEC_2: ::grid::__private::ErrorCodec<DiskError> = ::grid::__private::error::<
        DiskError,
    >();
    const __CODEC_3: ::grid::__private::Codec<u64> = ::grid::__private::codec::<u64>();
    const __CODEC_4: ::grid::__private::Codec<Event> = ::grid::__private::codec::<
        Event,
    >();
    const __CODEC_5: ::grid::__private::Codec<String> = ::grid::__private::codec::<
        String,
    >();
    const __CODEC_6: ::grid::__private::Codec<u8> = ::grid::__private::codec::<u8>();
    const __CODEC_7: ::grid::__private::ErrorCodec<
        <crate::Result<()> as ::grid::__private::ResultLike>::Err,
    > = ::grid::__private::error::<
        <crate::Result<()> as ::grid::__private::ResultLike>::Err,
    >();
    /// [`Files::walk`]: its id, its types and what else is known of it.
    pub(crate) const WALK: &'static ::grid::__private::ServerStreamMethod<
        (WalkRequest,),
        Entry,
        DiskError,
    > = &::grid::__private::ServerStreamMethod::__new(
        ::grid::__private::MethodInfo::__new("Files", "walk", 0x93a60e78)
            .__arguments(&[("request", "WalkRequest"), ("out", "Outgoing<Entry>")])
            .__returns("Result<(), DiskError>")
            .__outgoing(16u32),
        (::grid::__private::whole("request", Self::__CODEC_0),),
        Self::__CODEC_1,
        Self::__CODEC_2,
    );
    /// [`Files::count`]: its id, its types and what else is known of it.
    pub(crate) const COUNT: &'static ::grid::__private::ServerStreamMethod<
        (),
        u64,
        ::core::convert::Infallible,
    > = &::grid::__private::ServerStreamMethod::__new(
        ::grid::__private::MethodInfo::__new("Files", "count", 0x311689ac)
            .__arguments(&[("out", "Outgoing<u64>")])
            .__outgoing(::grid::DEFAULT_CAPACITY),
        (),
        Self::__CODEC_3,
        ::grid::__private::infallible(),
    );
    /// [`Files::tail`]: its id, its types and what else is known of it.
    pub(crate) const TAIL: &'static ::grid::__private::ServerStreamMethod<
        (u64,),
        Event,
        DiskError,
    > = &::grid::__private::ServerStreamMethod::__new(
        ::grid::__private::MethodInfo::__new("Files", "tail", 0x3da2d28b)
            .__arguments(&[("from", "u64")])
            .__returns(
                "Result<impl Stream<Item = Result<Event, DiskError>> + Send, DiskError>",
            )
            .__outgoing(::grid::DEFAULT_CAPACITY),
        (::grid::__private::whole("from", Self::__CODEC_3),),
        Self::__CODEC_4,
        Self::__CODEC_2,
    );
    /// [`Files::names`]: its id, its types and what else is known of it.
    pub(crate) const NAMES: &'static ::grid::__private::ServerStreamMethod<
        (),
        String,
        ::core::convert::Infallible,
    > = &::grid::__private::ServerStreamMethod::__new(
        ::grid::__private::MethodInfo::__new("Files", "names", 0xac2bc987)
            .__returns("impl Stream<Item = String>")
            .__outgoing(::grid::DEFAULT_CAPACITY),
        (),
        Self::__CODEC_5,
        ::grid::__private::infallible(),
    );
    /// [`Files::boxed`]: its id, its types and what else is known of it.
    pub(crate) const BOXED: &'static ::grid::__private::ServerStreamMethod<
        (),
        u8,
        <crate::Result<()> as ::grid::__private::ResultLike>::Err,
    > = &::grid::__private::ServerStreamMethod::__new(
        ::grid::__private::MethodInfo::__new("Files", "boxed", 0xa0bf8efb)
            .__returns("crate::Result<BoxStream<u8>>")
            .__outgoing(::grid::DEFAULT_CAPACITY),
        (),
        Self::__CODEC_6,
        Self::__CODEC_7,
    );
    /// [`Files::opaque`]: its id, its types and what else is known of it.
    pub(crate) const OPAQUE: &'static ::grid::__private::ServerStreamMethod<
        (),
        u8,
        <crate::Result<()> as ::grid::__private::ResultLike>::Err,
    > = &::grid::__private::ServerStreamMethod::__new(
        ::grid::__private::MethodInfo::__new("Files", "opaque", 0xd05c6016)
            .__returns("crate::Result<impl Stream<Item = u8>>")
            .__outgoing(::grid::DEFAULT_CAPACITY),
        (),
        Self::__CODEC_6,
        Self::__CODEC_7,
    );
    /// Name, documentation and methods of the service.
    pub(crate) const DESCRIPTOR: &'static ::grid::__private::ServiceDescriptor = &::grid::__private::ServiceDescriptor::__new(
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
    /// Makes a client that calls over this connection.
    #[must_use]
    pub(crate) fn new(connection: ::grid::__private::Connection) -> Self {
        Self { connection }
    }
    /// The same client for the service under this subroute.
    #[must_use]
    pub(crate) fn subroute(&self, path: &::grid::__private::str) -> Self {
        Self {
            connection: self.connection.subroute(path),
        }
    }
    /// Makes a client of a service in this process, without a link: for tests.
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
        ::grid::__private::Responses<u64, ::core::convert::Infallible>,
        ::core::convert::Infallible,
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
        ::grid::__private::Responses<String, ::core::convert::Infallible>,
        ::core::convert::Infallible,
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
/// Serves a [`Files`] to other nodes.
#[allow(dead_code, non_camel_case_types)]
pub(crate) struct FilesServer<__GridService> {
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
impl<__GridService> FilesServer<__GridService> {
    /// Makes a server of the service.
    #[must_use]
    pub(crate) fn new(service: __GridService) -> Self {
        Self::from_arc(::grid::__private::Arc::new(service))
    }
    /// Makes a server of a service that others hold too.
    #[must_use]
    pub(crate) fn from_arc(service: ::grid::__private::Arc<__GridService>) -> Self {
        Self {
            service,
            subroute: ::grid::__private::Option::None,
        }
    }
    /// Puts the service under this subroute; a second one goes below the first.
    #[must_use]
    pub(crate) fn subroute(
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
impl<__GridService> ::core::clone::Clone for FilesServer<__GridService> {
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
impl<__GridService> ::core::fmt::Debug for FilesServer<__GridService> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("FilesServer")
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
impl<__GridService: Files> ::grid::__private::Service for FilesServer<__GridService> {
    fn register(
        self,
        to: &mut ::grid::__private::Registrar<'_>,
    ) -> ::grid::__private::Result<(), ::grid::__private::RegisterError> {
        let service = self.service;
        let mut to = to.under(self.subroute);
        to.server_stream(
            &service,
            FilesClient::WALK,
            |svc, cx, (arg1,), out| async move {
                <__GridService as Files>::walk(&svc, &cx, arg1, out).await
            },
        )?;
        to.server_stream(
            &service,
            FilesClient::COUNT,
            |svc, _cx, (), out| async move {
                ::grid::__private::Result::Ok(
                    <__GridService as Files>::count(&svc, out).await,
                )
            },
        )?;
        to.server_stream(
            &service,
            FilesClient::TAIL,
            |svc, _cx, (arg1,), out| async move {
                out.__pump_ok(<__GridService as Files>::tail(&svc, arg1).await).await
            },
        )?;
        to.server_stream(
            &service,
            FilesClient::NAMES,
            |svc, _cx, (), out| async move {
                out.__pump(<__GridService as Files>::names(&svc).await).await
            },
        )?;
        to.server_stream(
            &service,
            FilesClient::BOXED,
            |svc, _cx, (), out| async move {
                out.__pump_ok(<__GridService as Files>::boxed(&svc).await).await
            },
        )?;
        to.server_stream(
            &service,
            FilesClient::OPAQUE,
            |svc, _cx, (), out| async move {
                out.__pump_ok(<__GridService as Files>::opaque(&svc).await).await
            },
        )?;
        to.describe(FilesClient::DESCRIPTOR);
        ::grid::__private::Result::Ok(())
    }
}
const _: () = {
    #[allow(unused_imports)]
    use ::grid::__private::NotResult as _;
    ::grid::__private::plain::<{ <::grid::__private::Probe<String>>::IS_RESULT }>()
};
const _: () = {
    #[allow(unused_imports)]
    use ::grid::__private::NotResult as _;
    ::grid::__private::plain::<{ <::grid::__private::Probe<u8>>::IS_RESULT }>()
};
