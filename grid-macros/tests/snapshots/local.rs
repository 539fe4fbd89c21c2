pub trait Counter: Debug + 'static {
    fn add(
        &self,
        cx: &Context,
        n: u64,
    ) -> impl ::grid::__private::Future<Output = Result<u64, CounterError>>;
    fn default(&self) -> impl ::grid::__private::Future<Output = u64> {
        async move { 1 }
    }
    fn watch(&self, out: Outgoing<u64>) -> impl ::grid::__private::Future<Output = ()>;
    fn list(&self) -> impl ::grid::__private::Future<Output = impl Stream<Item = u64>>;
    fn sum(&self, input: Incoming<u64>) -> impl ::grid::__private::Future<Output = u64>;
    fn both(
        &self,
        input: Incoming<u64>,
        out: Outgoing<u64>,
    ) -> impl ::grid::__private::Future<Output = ()>;
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals)]
    const USE_CounterClient_INSTEAD_OF_dyn: () = ();
}
/// Client of [`Counter`]: one method per method of the trait.
#[allow(dead_code, non_camel_case_types)]
#[derive(::grid::__private::Clone, ::grid::__private::Debug)]
pub struct CounterClient {
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
impl CounterClient {
    /// Creates a client that makes its calls over this connection.
    #[must_use]
    pub fn new(connection: ::grid::__private::Connection) -> Self {
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
    pub fn of(
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
    pub fn group(
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
    pub fn connection(&self) -> &::grid::__private::Connection {
        &self.connection
    }
    /// Returns a client of the service under this subroute. An empty path returns the same client.
    #[must_use]
    pub fn subroute(&self, path: &::grid::__private::str) -> Self {
        Self::new(self.connection.subroute(path))
    }
    /// Returns a client whose calls and streams all carry this value, see `Connection::with_metadata`.
    #[must_use]
    pub fn with_metadata(
        &self,
        key: impl ::grid::__private::Into<::grid::__private::String>,
        value: impl ::grid::__private::Into<::grid::__private::Bytes>,
    ) -> Self {
        Self::new(self.connection.with_metadata(key, value))
    }
    /// Returns a client whose single requests are made again after a failure, see `Connection::with_retry`.
    #[must_use]
    pub fn with_retry(&self, policy: &::grid::__private::Retry) -> Self {
        Self::new(self.connection.with_retry(policy))
    }
    /// Creates a client of a service in this process, without a link. Intended for tests.
    ///
    /// # Panics
    ///
    /// Panics outside of a `LocalSet`.
    #[must_use]
    pub fn in_process(service: impl Counter) -> Self {
        Self::new(::grid::__private::in_process(CounterServer::local(service)))
    }
    /// Calls [`Counter::add`].
    pub fn add(&self, n: u64) -> ::grid::__private::Call<u64, CounterError> {
        Self::ADD.call(&self.connection, (n,))
    }
    /// Calls [`Counter::default`].
    pub fn default(
        &self,
    ) -> ::grid::__private::Call<u64, ::grid::__private::Infallible> {
        Self::DEFAULT.call(&self.connection, ())
    }
    /// Opens the stream of [`Counter::watch`].
    pub fn watch(
        &self,
    ) -> ::grid::__private::Opening<
        ::grid::__private::Responses<u64, ::grid::__private::Infallible>,
        ::grid::__private::Infallible,
    > {
        Self::WATCH.open(&self.connection, ())
    }
    /// Opens the stream of [`Counter::list`].
    pub fn list(
        &self,
    ) -> ::grid::__private::Opening<
        ::grid::__private::Responses<u64, ::grid::__private::Infallible>,
        ::grid::__private::Infallible,
    > {
        Self::LIST.open(&self.connection, ())
    }
    /// Opens the streams of [`Counter::sum`].
    pub fn sum(
        &self,
    ) -> ::grid::__private::Opening<
        (
            ::grid::__private::Requests<u64>,
            ::grid::__private::Reply<u64, ::grid::__private::Infallible>,
        ),
        ::grid::__private::Infallible,
    > {
        Self::SUM.open(&self.connection, ())
    }
    /// Opens the streams of [`Counter::both`].
    pub fn both(
        &self,
    ) -> ::grid::__private::Opening<
        (
            ::grid::__private::Requests<u64>,
            ::grid::__private::Responses<u64, ::grid::__private::Infallible>,
        ),
        ::grid::__private::Infallible,
    > {
        Self::BOTH.open(&self.connection, ())
    }
}
/// Server of [`Counter`]: create it with `local` or `from_rc` on the thread where it is to run, and register it with a node.
#[allow(dead_code, deprecated, non_camel_case_types)]
pub type CounterServer<T> = ::grid::__private::LocalServed<T, CounterClient>;
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
    impl CounterClient {
        const __CODEC_0: __grid::Codec<u64> = __grid::codec::<u64>();
        const __CODEC_1: __grid::ErrorCodec<CounterError> = __grid::error::<
            CounterError,
        >();
        /// Descriptor of [`Counter::add`]: id, types and options.
        pub const ADD: &'static __grid::Method<(u64,), u64, CounterError> = &__grid::single(
            __grid::MethodInfo::__new("Counter", "add", 0x87cc427f)
                .__arguments(&[("n", "u64")])
                .__sent(&[("n", "u64")])
                .__returns("Result<u64, CounterError>"),
            (__grid::whole("n", Self::__CODEC_0),),
            Self::__CODEC_0,
            Self::__CODEC_1,
        );
        /// Descriptor of [`Counter::default`]: id, types and options.
        pub const DEFAULT: &'static __grid::Method<(), u64, __grid::Infallible> = &__grid::single(
            __grid::MethodInfo::__new("Counter", "default", 0x380bd659).__returns("u64"),
            (),
            Self::__CODEC_0,
            __grid::infallible(),
        );
        /// Descriptor of [`Counter::watch`]: id, types and options.
        pub const WATCH: &'static __grid::ServerStreamMethod<
            (),
            u64,
            __grid::Infallible,
        > = &__grid::server_stream(
            __grid::MethodInfo::__new("Counter", "watch", 0xca8e51d7)
                .__arguments(&[("out", "Outgoing<u64>")]),
            (),
            Self::__CODEC_0,
            __grid::infallible(),
        );
        /// Descriptor of [`Counter::list`]: id, types and options.
        pub const LIST: &'static __grid::ServerStreamMethod<
            (),
            u64,
            __grid::Infallible,
        > = &__grid::server_stream(
            __grid::MethodInfo::__new("Counter", "list", 0x16ccff2c)
                .__returns("impl Stream<Item = u64>"),
            (),
            Self::__CODEC_0,
            __grid::infallible(),
        );
        /// Descriptor of [`Counter::sum`]: id, types and options.
        pub const SUM: &'static __grid::ClientStreamMethod<
            (),
            u64,
            u64,
            __grid::Infallible,
        > = &__grid::client_stream(
            __grid::MethodInfo::__new("Counter", "sum", 0x377836f7)
                .__arguments(&[("input", "Incoming<u64>")])
                .__returns("u64"),
            (),
            Self::__CODEC_0,
            Self::__CODEC_0,
            __grid::infallible(),
        );
        /// Descriptor of [`Counter::both`]: id, types and options.
        pub const BOTH: &'static __grid::TwoWayMethod<
            (),
            u64,
            u64,
            __grid::Infallible,
        > = &__grid::two_way(
            __grid::MethodInfo::__new("Counter", "both", 0x791a4673)
                .__arguments(&[("input", "Incoming<u64>"), ("out", "Outgoing<u64>")]),
            (),
            Self::__CODEC_0,
            Self::__CODEC_0,
            __grid::infallible(),
        );
        /// Descriptor of the service: name, documentation and methods.
        pub const DESCRIPTOR: &'static __grid::ServiceDescriptor = &__grid::ServiceDescriptor::__new(
            "Counter",
            "",
            &[
                Self::ADD.info(),
                Self::DEFAULT.info(),
                Self::WATCH.info(),
                Self::LIST.info(),
                Self::SUM.info(),
                Self::BOTH.info(),
            ],
        );
    }
    #[automatically_derived]
    impl<__T: Counter> __grid::LocallyServedBy<__T> for CounterClient {
        const DESCRIPTOR: &'static __grid::ServiceDescriptor = Self::DESCRIPTOR;
        fn add_methods(to: &mut __grid::LocalHandlers<'_, __T>) {
            to.single(
                Self::ADD,
                |svc, cx, request| async move {
                    let (arg1,) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        Counter::add(&*svc, __grid::context(&cx), arg1).await,
                    )
                },
            );
            to.single(
                Self::DEFAULT,
                |svc, _cx, request| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(__grid::Result::Ok(Counter::default(&*svc).await))
                },
            );
            to.server_stream(
                Self::WATCH,
                |svc, _cx, request, out| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        __grid::Result::Ok(Counter::watch(&*svc, out).await),
                    )
                },
            );
            to.server_stream(
                Self::LIST,
                |svc, _cx, request, out| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(out.__pump(Counter::list(&*svc).await).await)
                },
            );
            to.client_stream(
                Self::SUM,
                |svc, _cx, request, input| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        __grid::Result::Ok(Counter::sum(&*svc, input).await),
                    )
                },
            );
            to.two_way(
                Self::BOTH,
                |svc, _cx, request, input, out| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        __grid::Result::Ok(Counter::both(&*svc, input, out).await),
                    )
                },
            );
        }
    }
    #[allow(unused_imports)]
    use __grid::NotResult as _;
    __grid::plain::<{ <__grid::Probe<u64>>::IS_RESULT }>();
};
