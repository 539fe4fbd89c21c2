/// Old.
#[deprecated]
#[doc(alias = "thing")]
#[expect(clippy::some_lint)]
pub(in crate::disk) trait r#Type: Debug + Send + ::grid::__private::Send + ::grid::__private::Sync + 'static {
    /// Documented.
    #[cfg(unix)]
    fn r#match(
        &self,
        r#fn: u8,
    ) -> impl ::grid::__private::Future<Output = Plain> + ::grid::__private::Send;
    #[cfg(not(unix))]
    fn r#match(
        &self,
        r#fn: u8,
    ) -> impl ::grid::__private::Future<Output = Other> + ::grid::__private::Send;
    #[cfg_attr(feature = "x", cfg(feature = "y"), doc = "Conditional.", must_use)]
    fn first(
        &self,
    ) -> impl ::grid::__private::Future<Output = ()> + ::grid::__private::Send;
    #[cfg(windows)]
    fn second(
        &self,
    ) -> impl ::grid::__private::Future<Output = ()> + ::grid::__private::Send;
    #[expect(unused_variables, reason = "a test")]
    #[tracing::instrument]
    fn expects(
        &self,
        #[allow(unused)]
        mut unused: u8,
    ) -> impl ::grid::__private::Future<Output = u8> + ::grid::__private::Send {
        async move { 1 }
    }
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals)]
    const USE_TypeClient_INSTEAD_OF_dyn: () = ();
}
/// Client of `r#Type`: one method per method of the trait.
#[deprecated]
#[doc(alias = "thing")]
#[allow(clippy::some_lint)]
#[allow(dead_code, non_camel_case_types)]
#[derive(::grid::__private::Clone, ::grid::__private::Debug)]
pub(in crate::disk) struct TypeClient {
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
impl TypeClient {
    /// Creates a client that makes its calls over this connection.
    #[must_use]
    pub(in crate::disk) fn new(connection: ::grid::__private::Connection) -> Self {
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
    pub(in crate::disk) fn of(
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
    pub(in crate::disk) fn group(
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
    pub(in crate::disk) fn connection(&self) -> &::grid::__private::Connection {
        &self.connection
    }
    /// Returns a client of the service under this subroute. An empty path returns the same client.
    #[must_use]
    pub(in crate::disk) fn subroute(&self, path: &::grid::__private::str) -> Self {
        Self::new(self.connection.subroute(path))
    }
    /// Returns a client whose calls and streams all carry this value, see `Connection::with_metadata`.
    #[must_use]
    pub(in crate::disk) fn with_metadata(
        &self,
        key: impl ::grid::__private::Into<::grid::__private::String>,
        value: impl ::grid::__private::Into<::grid::__private::Bytes>,
    ) -> Self {
        Self::new(self.connection.with_metadata(key, value))
    }
    /// Returns a client whose single requests are made again after a failure, see `Connection::with_retry`.
    #[must_use]
    pub(in crate::disk) fn with_retry(&self, policy: &::grid::__private::Retry) -> Self {
        Self::new(self.connection.with_retry(policy))
    }
    /// Creates a client of a service in this process, without a link. Intended for tests.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    #[must_use]
    pub(in crate::disk) fn in_process(service: impl r#Type) -> Self {
        Self::new(::grid::__private::in_process(TypeServer::new(service)))
    }
    /// Documented.
    ///
    /// Calls `r#Type::r#match`.
    #[cfg(unix)]
    pub(in crate::disk) fn r#match(
        &self,
        r#fn: u8,
    ) -> ::grid::__private::Call<Plain, ::grid::__private::Infallible> {
        Self::MATCH.call(&self.connection, (r#fn,))
    }
    /// Calls `r#Type::r#match`.
    #[cfg(not(unix))]
    pub(in crate::disk) fn r#match(
        &self,
        r#fn: u8,
    ) -> ::grid::__private::Call<Other, ::grid::__private::Infallible> {
        Self::MATCH.call(&self.connection, (r#fn,))
    }
    #[cfg_attr(feature = "x", doc = "Conditional.")]
    ///
    /// Calls `r#Type::first`.
    #[cfg_attr(feature = "x", cfg(feature = "y"), must_use)]
    pub(in crate::disk) fn first(
        &self,
    ) -> ::grid::__private::Call<(), ::grid::__private::Infallible> {
        Self::FIRST.call(&self.connection, ())
    }
    /// Calls `r#Type::second`.
    #[cfg(windows)]
    pub(in crate::disk) fn second(
        &self,
    ) -> ::grid::__private::Call<(), ::grid::__private::Infallible> {
        Self::SECOND.call(&self.connection, ())
    }
    /// Calls `r#Type::expects`.
    #[allow(unused_variables, reason = "a test")]
    pub(in crate::disk) fn expects(
        &self,
        unused: u8,
    ) -> ::grid::__private::Call<u8, ::grid::__private::Infallible> {
        Self::EXPECTS.call(&self.connection, (unused,))
    }
}
/// Server of `r#Type`: create it with `new` or `from_arc`, and register it with a node.
#[deprecated]
#[doc(alias = "thing")]
#[allow(clippy::some_lint)]
#[allow(dead_code, deprecated, non_camel_case_types)]
pub(in crate::disk) type TypeServer<T> = ::grid::__private::Served<T, TypeClient>;
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
    impl TypeClient {
        const __CODEC_0: __grid::Codec<u8> = __grid::codec::<u8>();
        #[cfg(unix)]
        /// Descriptor of `r#Type::r#match`: id, types and options.
        pub(in crate::disk) const MATCH: &'static __grid::Method<
            (u8,),
            Plain,
            __grid::Infallible,
        > = &__grid::single(
            __grid::MethodInfo::__new("Type", "match", 0x3ff381af)
                .__docs("Documented.")
                .__arguments(&[("fn", "u8")])
                .__sent(&[("fn", "u8")])
                .__returns("Plain"),
            (__grid::whole("fn", Self::__CODEC_0),),
            __grid::codec::<Plain>(),
            __grid::infallible(),
        );
        #[cfg(not(unix))]
        /// Descriptor of `r#Type::r#match`: id, types and options.
        pub(in crate::disk) const MATCH: &'static __grid::Method<
            (u8,),
            Other,
            __grid::Infallible,
        > = &__grid::single(
            __grid::MethodInfo::__new("Type", "match", 0x3ff381af)
                .__arguments(&[("fn", "u8")])
                .__sent(&[("fn", "u8")])
                .__returns("Other"),
            (__grid::whole("fn", Self::__CODEC_0),),
            __grid::codec::<Other>(),
            __grid::infallible(),
        );
        #[cfg_attr(feature = "x", cfg(feature = "y"))]
        /// Descriptor of `r#Type::first`: id, types and options.
        pub(in crate::disk) const FIRST: &'static __grid::Method<
            (),
            (),
            __grid::Infallible,
        > = &__grid::single(
            __grid::MethodInfo::__new("Type", "first", 9),
            (),
            __grid::codec::<()>(),
            __grid::infallible(),
        );
        #[cfg(windows)]
        /// Descriptor of `r#Type::second`: id, types and options.
        pub(in crate::disk) const SECOND: &'static __grid::Method<
            (),
            (),
            __grid::Infallible,
        > = &__grid::single(
            __grid::MethodInfo::__new("Type", "second", 9),
            (),
            __grid::codec::<()>(),
            __grid::infallible(),
        );
        /// Descriptor of `r#Type::expects`: id, types and options.
        pub(in crate::disk) const EXPECTS: &'static __grid::Method<
            (u8,),
            u8,
            __grid::Infallible,
        > = &__grid::single(
            __grid::MethodInfo::__new("Type", "expects", 0xcc319520)
                .__arguments(&[("unused", "u8")])
                .__sent(&[("unused", "u8")])
                .__returns("u8"),
            (__grid::whole("unused", Self::__CODEC_0),),
            Self::__CODEC_0,
            __grid::infallible(),
        );
        /// Descriptor of the service: name, documentation and methods.
        pub(in crate::disk) const DESCRIPTOR: &'static __grid::ServiceDescriptor = &__grid::ServiceDescriptor::__new(
            "Type",
            "Old.",
            &[
                #[cfg(unix)]
                Self::MATCH.info(),
                #[cfg(not(unix))]
                Self::MATCH.info(),
                #[cfg_attr(feature = "x", cfg(feature = "y"))]
                Self::FIRST.info(),
                #[cfg(windows)]
                Self::SECOND.info(),
                Self::EXPECTS.info(),
            ],
        );
    }
    #[automatically_derived]
    impl<__T: r#Type> __grid::ServedBy<__T> for TypeClient {
        const DESCRIPTOR: &'static __grid::ServiceDescriptor = Self::DESCRIPTOR;
        fn add_methods(to: &mut __grid::Handlers<'_, __T>) {
            #[cfg(unix)]
            to.single(
                Self::MATCH,
                |svc, _cx, request| async move {
                    let (arg1,) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        __grid::Result::Ok(r#Type::r#match(&*svc, arg1).await),
                    )
                },
            );
            #[cfg(not(unix))]
            to.single(
                Self::MATCH,
                |svc, _cx, request| async move {
                    let (arg1,) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        __grid::Result::Ok(r#Type::r#match(&*svc, arg1).await),
                    )
                },
            );
            #[cfg_attr(feature = "x", cfg(feature = "y"))]
            to.single(
                Self::FIRST,
                |svc, _cx, request| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(__grid::Result::Ok(r#Type::first(&*svc).await))
                },
            );
            #[cfg(windows)]
            to.single(
                Self::SECOND,
                |svc, _cx, request| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(__grid::Result::Ok(r#Type::second(&*svc).await))
                },
            );
            to.single(
                Self::EXPECTS,
                |svc, _cx, request| async move {
                    let (arg1,) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        __grid::Result::Ok(r#Type::expects(&*svc, arg1).await),
                    )
                },
            );
        }
    }
    #[allow(unused_imports)]
    use __grid::NotResult as _;
    #[cfg(unix)] __grid::plain::<{ <__grid::Probe<Plain>>::IS_RESULT }>();
    #[cfg(not(unix))] __grid::plain::<{ <__grid::Probe<Other>>::IS_RESULT }>();
    __grid::plain::<{ <__grid::Probe<u8>>::IS_RESULT }>();
};
#[cfg(all(all(unix), all(not(unix))))]
::grid::__private::compile_error!(
    "`r#match` and `r#match` have the same name on the wire, `match`: rename one of them"
);
#[cfg(all(all(any(not(feature = "x"), feature = "y")), all(windows)))]
::grid::__private::compile_error!(
    "`second` has the same pinned id as `first`, 9: choose another one"
);
