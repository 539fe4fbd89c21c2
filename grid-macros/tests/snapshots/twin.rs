/// Key and value pairs.
pub trait Store: ::grid::__private::Send + ::grid::__private::Sync + 'static {
    /// The value of a key.
    fn get(
        &self,
        key: String,
    ) -> impl ::grid::__private::Future<
        Output = Result<Vec<u8>, StoreError>,
    > + ::grid::__private::Send;
    #[must_use]
    fn put(
        &self,
        key: String,
        value: Vec<u8>,
    ) -> impl ::grid::__private::Future<
        Output = io::Result<()>,
    > + ::grid::__private::Send;
    #[cfg(unix)]
    fn len(
        &self,
    ) -> impl ::grid::__private::Future<Output = u64> + ::grid::__private::Send;
    fn clear(
        &self,
    ) -> impl ::grid::__private::Future<Output = ()> + ::grid::__private::Send;
    fn watch(
        &self,
        out: Outgoing<String>,
    ) -> impl ::grid::__private::Future<Output = ()> + ::grid::__private::Send;
    fn keys(
        &self,
    ) -> impl ::grid::__private::Future<
        Output = impl Stream<Item = String> + ::grid::__private::Send,
    > + ::grid::__private::Send;
    fn who(
        &self,
        cx: &Context,
    ) -> impl ::grid::__private::Future<Output = String> + ::grid::__private::Send;
    fn hash(&self, key: String) -> u64;
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals)]
    const USE_DynStore_INSTEAD_OF_dyn: () = ();
}
/// Client of [`Store`]: one method per method of the trait.
#[allow(dead_code, non_camel_case_types)]
#[derive(::grid::__private::Clone, ::grid::__private::Debug)]
pub struct StoreClient {
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
impl StoreClient {
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
    /// Panics outside of a tokio runtime.
    #[must_use]
    pub fn in_process(service: impl Store) -> Self {
        Self::new(::grid::__private::in_process(StoreServer::new(service)))
    }
    /// The value of a key.
    ///
    /// Calls [`Store::get`].
    pub fn get(&self, key: String) -> ::grid::__private::Call<Vec<u8>, StoreError> {
        Self::GET.call(&self.connection, (key,))
    }
    /// Calls [`Store::put`].
    #[must_use]
    pub fn put(
        &self,
        key: String,
        value: Vec<u8>,
    ) -> ::grid::__private::Call<
        <io::Result<()> as ::grid::__private::ResultLike>::Ok,
        <io::Result<()> as ::grid::__private::ResultLike>::Err,
    > {
        Self::PUT.call(&self.connection, (key, value))
    }
    /// Calls [`Store::len`].
    #[cfg(unix)]
    pub fn len(&self) -> ::grid::__private::Call<u64, ::grid::__private::Infallible> {
        Self::LEN.call(&self.connection, ())
    }
    /// Calls [`Store::clear`].
    pub fn clear(&self) -> ::grid::__private::Call<(), ::grid::__private::Infallible> {
        Self::CLEAR.call(&self.connection, ())
    }
    /// Opens the stream of [`Store::watch`].
    pub fn watch(
        &self,
    ) -> ::grid::__private::Opening<
        ::grid::__private::Responses<String, ::grid::__private::Infallible>,
        ::grid::__private::Infallible,
    > {
        Self::WATCH.open(&self.connection, ())
    }
    /// Opens the stream of [`Store::keys`].
    pub fn keys(
        &self,
    ) -> ::grid::__private::Opening<
        ::grid::__private::Responses<String, ::grid::__private::Infallible>,
        ::grid::__private::Infallible,
    > {
        Self::KEYS.open(&self.connection, ())
    }
    /// Calls [`Store::who`].
    pub fn who(&self) -> ::grid::__private::Call<String, ::grid::__private::Infallible> {
        Self::WHO.call(&self.connection, ())
    }
    /// Calls [`Store::hash`].
    pub fn hash(
        &self,
        key: String,
    ) -> ::grid::__private::Call<u64, ::grid::__private::Infallible> {
        Self::HASH.call(&self.connection, (key,))
    }
}
/// Server of [`Store`]: create it with `new` or `from_arc`, and register it with a node.
#[allow(dead_code, deprecated, non_camel_case_types)]
pub type StoreServer<T> = ::grid::__private::Served<T, StoreClient>;
/** Object-safe twin of [`Store`]: `StoreClient` and all implementations of [`Store`] implement it.

 An implementation in this process is called directly: arguments and answers are not encoded, and the method's deadline does not apply.

 `Store::watch` is left out, because it is a stream.

 `Store::keys` is left out, because it is a stream.

 `Store::who` is left out, because it is a method with a `Context`.

 `Store::hash` is left out, because it is a `blocking` function.*/
#[allow(
    dead_code,
    deprecated,
    non_snake_case,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
#[allow(non_camel_case_types)]
pub trait DynStore: ::grid::__private::Send + ::grid::__private::Sync + 'static {
    /// The value of a key.
    ///
    /// Calls [`Store::get`], here or at another node.
    fn get(
        &self,
        key: String,
    ) -> ::grid::__private::BoxFuture<
        '_,
        ::grid::__private::Result<Vec<u8>, ::grid::__private::CallError<StoreError>>,
    >;
    /// Calls [`Store::put`], here or at another node.
    #[must_use]
    fn put(
        &self,
        key: String,
        value: Vec<u8>,
    ) -> ::grid::__private::BoxFuture<
        '_,
        ::grid::__private::Result<
            <io::Result<()> as ::grid::__private::ResultLike>::Ok,
            ::grid::__private::CallError<
                <io::Result<()> as ::grid::__private::ResultLike>::Err,
            >,
        >,
    >;
    /// Calls [`Store::len`], here or at another node.
    #[cfg(unix)]
    fn len(
        &self,
    ) -> ::grid::__private::BoxFuture<
        '_,
        ::grid::__private::Result<
            u64,
            ::grid::__private::CallError<::grid::__private::Infallible>,
        >,
    >;
    /// Calls [`Store::clear`], here or at another node.
    fn clear(
        &self,
    ) -> ::grid::__private::BoxFuture<
        '_,
        ::grid::__private::Result<
            (),
            ::grid::__private::CallError<::grid::__private::Infallible>,
        >,
    >;
}
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
    impl StoreClient {
        const __CODEC_0: __grid::Codec<String> = __grid::codec::<String>();
        const __CODEC_1: __grid::Codec<Vec<u8>> = __grid::codec::<Vec<u8>>();
        const __CODEC_2: __grid::ErrorCodec<StoreError> = __grid::error::<StoreError>();
        const __CODEC_3: __grid::Codec<<io::Result<()> as __grid::ResultLike>::Ok> = __grid::codec::<
            <io::Result<()> as __grid::ResultLike>::Ok,
        >();
        const __CODEC_4: __grid::ErrorCodec<
            <io::Result<()> as __grid::ResultLike>::Err,
        > = __grid::error::<<io::Result<()> as __grid::ResultLike>::Err>();
        const __CODEC_5: __grid::Codec<()> = __grid::codec::<()>();
        const __CODEC_6: __grid::Codec<u64> = __grid::codec::<u64>();
        /// Descriptor of [`Store::get`]: id, types and options.
        pub const GET: &'static __grid::Method<(String,), Vec<u8>, StoreError> = &__grid::single(
            __grid::MethodInfo::__new("Store", "get", 0x60d1e9bd)
                .__docs("The value of a key.")
                .__arguments(&[("key", "String")])
                .__sent(&[("key", "String")])
                .__returns("Result<Vec<u8>, StoreError>"),
            (__grid::whole("key", Self::__CODEC_0),),
            Self::__CODEC_1,
            Self::__CODEC_2,
        );
        /// Descriptor of [`Store::put`]: id, types and options.
        pub const PUT: &'static __grid::Method<
            (String, Vec<u8>),
            <io::Result<()> as __grid::ResultLike>::Ok,
            <io::Result<()> as __grid::ResultLike>::Err,
        > = &__grid::single(
            __grid::MethodInfo::__new("Store", "put", 0x0e28fcb0)
                .__arguments(&[("key", "String"), ("value", "Vec<u8>")])
                .__sent(&[("key", "String"), ("value", "Vec<u8>")])
                .__returns("io::Result<()>"),
            (__grid::arg("key", Self::__CODEC_0), __grid::arg("value", Self::__CODEC_1)),
            Self::__CODEC_3,
            Self::__CODEC_4,
        );
        #[cfg(unix)]
        /// Descriptor of [`Store::len`]: id, types and options.
        pub const LEN: &'static __grid::Method<(), u64, __grid::Infallible> = &__grid::single(
            __grid::MethodInfo::__new("Store", "len", 0x1354ee62).__returns("u64"),
            (),
            Self::__CODEC_6,
            __grid::infallible(),
        );
        /// Descriptor of [`Store::clear`]: id, types and options.
        pub const CLEAR: &'static __grid::Method<(), (), __grid::Infallible> = &__grid::single(
            __grid::MethodInfo::__new("Store", "clear", 0x1ffe2f3c),
            (),
            Self::__CODEC_5,
            __grid::infallible(),
        );
        /// Descriptor of [`Store::watch`]: id, types and options.
        pub const WATCH: &'static __grid::ServerStreamMethod<
            (),
            String,
            __grid::Infallible,
        > = &__grid::server_stream(
            __grid::MethodInfo::__new("Store", "watch", 0xc8c088d2)
                .__arguments(&[("out", "Outgoing<String>")]),
            (),
            Self::__CODEC_0,
            __grid::infallible(),
        );
        /// Descriptor of [`Store::keys`]: id, types and options.
        pub const KEYS: &'static __grid::ServerStreamMethod<
            (),
            String,
            __grid::Infallible,
        > = &__grid::server_stream(
            __grid::MethodInfo::__new("Store", "keys", 0xba0e171b)
                .__returns("impl Stream<Item = String>"),
            (),
            Self::__CODEC_0,
            __grid::infallible(),
        );
        /// Descriptor of [`Store::who`]: id, types and options.
        pub const WHO: &'static __grid::Method<(), String, __grid::Infallible> = &__grid::single(
            __grid::MethodInfo::__new("Store", "who", 0x77f7c1b9).__returns("String"),
            (),
            Self::__CODEC_0,
            __grid::infallible(),
        );
        /// Descriptor of [`Store::hash`]: id, types and options.
        pub const HASH: &'static __grid::Method<(String,), u64, __grid::Infallible> = &__grid::single(
            __grid::MethodInfo::__new("Store", "hash", 0xcd39a213)
                .__arguments(&[("key", "String")])
                .__sent(&[("key", "String")])
                .__returns("u64")
                .__blocking(),
            (__grid::whole("key", Self::__CODEC_0),),
            Self::__CODEC_6,
            __grid::infallible(),
        );
        /// Descriptor of the service: name, documentation and methods.
        pub const DESCRIPTOR: &'static __grid::ServiceDescriptor = &__grid::ServiceDescriptor::__new(
            "Store",
            "Key and value pairs.",
            &[
                Self::GET.info(),
                Self::PUT.info(),
                #[cfg(unix)]
                Self::LEN.info(),
                Self::CLEAR.info(),
                Self::WATCH.info(),
                Self::KEYS.info(),
                Self::WHO.info(),
                Self::HASH.info(),
            ],
        );
    }
    #[automatically_derived]
    impl<__T: Store> __grid::ServedBy<__T> for StoreClient {
        const DESCRIPTOR: &'static __grid::ServiceDescriptor = Self::DESCRIPTOR;
        fn add_methods(to: &mut __grid::Handlers<'_, __T>) {
            to.single(
                Self::GET,
                |svc, _cx, request| async move {
                    let (arg1,) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(Store::get(&*svc, arg1).await)
                },
            );
            to.single(
                Self::PUT,
                |svc, _cx, request| async move {
                    let (arg1, arg2) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(Store::put(&*svc, arg1, arg2).await)
                },
            );
            #[cfg(unix)]
            to.single(
                Self::LEN,
                |svc, _cx, request| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(__grid::Result::Ok(Store::len(&*svc).await))
                },
            );
            to.single(
                Self::CLEAR,
                |svc, _cx, request| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(__grid::Result::Ok(Store::clear(&*svc).await))
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
                        __grid::Result::Ok(Store::watch(&*svc, out).await),
                    )
                },
            );
            to.server_stream(
                Self::KEYS,
                |svc, _cx, request, out| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(out.__pump(Store::keys(&*svc).await).await)
                },
            );
            to.single(
                Self::WHO,
                |svc, cx, request| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        __grid::Result::Ok(Store::who(&*svc, __grid::context(&cx)).await),
                    )
                },
            );
            to.blocking(
                Self::HASH,
                |svc, _cx, (arg1,)| __grid::Result::Ok(Store::hash(&*svc, arg1)),
            );
        }
    }
    #[automatically_derived]
    impl DynStore for StoreClient {
        fn get(
            &self,
            key: String,
        ) -> __grid::BoxFuture<
            '_,
            __grid::Result<Vec<u8>, __grid::CallError<StoreError>>,
        > {
            __grid::boxed(StoreClient::get(self, key))
        }
        fn put(
            &self,
            key: String,
            value: Vec<u8>,
        ) -> __grid::BoxFuture<
            '_,
            __grid::Result<
                <io::Result<()> as __grid::ResultLike>::Ok,
                __grid::CallError<<io::Result<()> as __grid::ResultLike>::Err>,
            >,
        > {
            __grid::boxed(StoreClient::put(self, key, value))
        }
        #[cfg(unix)]
        fn len(
            &self,
        ) -> __grid::BoxFuture<
            '_,
            __grid::Result<u64, __grid::CallError<__grid::Infallible>>,
        > {
            __grid::boxed(StoreClient::len(self))
        }
        fn clear(
            &self,
        ) -> __grid::BoxFuture<
            '_,
            __grid::Result<(), __grid::CallError<__grid::Infallible>>,
        > {
            __grid::boxed(StoreClient::clear(self))
        }
    }
    #[automatically_derived]
    impl<__T: Store> DynStore for __T {
        fn get(
            &self,
            key: String,
        ) -> __grid::BoxFuture<
            '_,
            __grid::Result<Vec<u8>, __grid::CallError<StoreError>>,
        > {
            __grid::local(Store::get(self, key))
        }
        fn put(
            &self,
            key: String,
            value: Vec<u8>,
        ) -> __grid::BoxFuture<
            '_,
            __grid::Result<
                <io::Result<()> as __grid::ResultLike>::Ok,
                __grid::CallError<<io::Result<()> as __grid::ResultLike>::Err>,
            >,
        > {
            __grid::local(Store::put(self, key, value))
        }
        #[cfg(unix)]
        fn len(
            &self,
        ) -> __grid::BoxFuture<
            '_,
            __grid::Result<u64, __grid::CallError<__grid::Infallible>>,
        > {
            __grid::local_infallible(Store::len(self))
        }
        fn clear(
            &self,
        ) -> __grid::BoxFuture<
            '_,
            __grid::Result<(), __grid::CallError<__grid::Infallible>>,
        > {
            __grid::local_infallible(Store::clear(self))
        }
    }
    #[allow(unused_imports)]
    use __grid::NotResult as _;
    #[cfg(unix)] __grid::plain::<{ <__grid::Probe<u64>>::IS_RESULT }>();
    __grid::plain::<{ <__grid::Probe<String>>::IS_RESULT }>();
    __grid::plain::<{ <__grid::Probe<u64>>::IS_RESULT }>();
};
