trait Uploads: ::grid::__private::Send + ::grid::__private::Sync + 'static {
    fn upload(
        &self,
        head: Head,
        input: Incoming<Bytes>,
    ) -> impl ::grid::__private::Future<
        Output = Result<Etag, DiskError>,
    > + ::grid::__private::Send;
    fn total(
        &self,
        input: Incoming<u64>,
    ) -> impl ::grid::__private::Future<Output = u64> + ::grid::__private::Send;
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals)]
    const USE_UploadsClient_INSTEAD_OF_dyn: () = ();
}
/// Client of [`Uploads`]: one method per method of the trait.
#[allow(dead_code, non_camel_case_types)]
#[derive(::grid::__private::Clone, ::grid::__private::Debug)]
struct UploadsClient {
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
impl UploadsClient {
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
    fn in_process(service: impl Uploads) -> Self {
        Self::new(::grid::__private::in_process(UploadsServer::new(service)))
    }
    /// Opens the streams of [`Uploads::upload`].
    fn upload(
        &self,
        head: Head,
    ) -> ::grid::__private::Opening<
        (::grid::__private::Requests<Bytes>, ::grid::__private::Reply<Etag, DiskError>),
        DiskError,
    > {
        Self::UPLOAD.open(&self.connection, (head,))
    }
    /// Opens the streams of [`Uploads::total`].
    fn total(
        &self,
    ) -> ::grid::__private::Opening<
        (
            ::grid::__private::Requests<u64>,
            ::grid::__private::Reply<u64, ::grid::__private::Infallible>,
        ),
        ::grid::__private::Infallible,
    > {
        Self::TOTAL.open(&self.connection, ())
    }
}
/// Server of [`Uploads`]: create it with `new` or `from_arc`, and register it with a node.
#[allow(dead_code, deprecated, non_camel_case_types)]
type UploadsServer<T> = ::grid::__private::Served<T, UploadsClient>;
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
    impl UploadsClient {
        const __CODEC_0: __grid::Codec<Head> = __grid::codec::<Head>();
        const __CODEC_1: __grid::Codec<Bytes> = __grid::codec::<Bytes>();
        const __CODEC_2: __grid::Codec<Etag> = __grid::codec::<Etag>();
        const __CODEC_3: __grid::ErrorCodec<DiskError> = __grid::error::<DiskError>();
        const __CODEC_4: __grid::Codec<u64> = __grid::codec::<u64>();
        /// Descriptor of [`Uploads::upload`]: id, types and options.
        const UPLOAD: &'static __grid::ClientStreamMethod<
            (Head,),
            Bytes,
            Etag,
            DiskError,
        > = &__grid::client_stream(
            __grid::MethodInfo::__new("Uploads", "upload", 0x1fd5862b)
                .__arguments(&[("head", "Head"), ("input", "Incoming<Bytes>")])
                .__sent(&[("head", "Head")])
                .__returns("Result<Etag, DiskError>")
                .__incoming(16u32),
            (__grid::whole("head", Self::__CODEC_0),),
            Self::__CODEC_1,
            Self::__CODEC_2,
            Self::__CODEC_3,
        );
        /// Descriptor of [`Uploads::total`]: id, types and options.
        const TOTAL: &'static __grid::ClientStreamMethod<
            (),
            u64,
            u64,
            __grid::Infallible,
        > = &__grid::client_stream(
            __grid::MethodInfo::__new("Uploads", "total", 0x599038b8)
                .__arguments(&[("input", "Incoming<u64>")])
                .__returns("u64"),
            (),
            Self::__CODEC_4,
            Self::__CODEC_4,
            __grid::infallible(),
        );
        /// Descriptor of the service: name, documentation and methods.
        const DESCRIPTOR: &'static __grid::ServiceDescriptor = &__grid::ServiceDescriptor::__new(
            "Uploads",
            "",
            &[Self::UPLOAD.info(), Self::TOTAL.info()],
        );
    }
    #[automatically_derived]
    impl<__T: Uploads> __grid::ServedBy<__T> for UploadsClient {
        const DESCRIPTOR: &'static __grid::ServiceDescriptor = Self::DESCRIPTOR;
        fn add_methods(to: &mut __grid::Handlers<'_, __T>) {
            to.client_stream(
                Self::UPLOAD,
                |svc, _cx, request, input| async move {
                    let (arg1,) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(Uploads::upload(&*svc, arg1, input).await)
                },
            );
            to.client_stream(
                Self::TOTAL,
                |svc, _cx, request, input| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        __grid::Result::Ok(Uploads::total(&*svc, input).await),
                    )
                },
            );
        }
    }
    #[allow(unused_imports)]
    use __grid::NotResult as _;
    __grid::plain::<{ <__grid::Probe<u64>>::IS_RESULT }>();
};
