pub trait Disk: ::some::path::__private::Send + ::some::path::__private::Sync + 'static {
    fn stat(
        &self,
        volume: String,
        depth: u32,
    ) -> impl ::some::path::__private::Future<
        Output = Result<VolumeInfo, Infallible>,
    > + ::some::path::__private::Send;
    /// A plain function.
    fn hash(
        &self,
        cx: &Context,
        password: String,
        rounds: u32,
    ) -> Result<String, HashError>;
    fn flush(&self) {
        self.write_all();
    }
    /// May run twice.
    fn free(
        &self,
        volume: String,
    ) -> impl ::some::path::__private::Future<
        Output = Result<u64, HashError>,
    > + ::some::path::__private::Send;
    fn by_hand(
        &self,
        depth: u32,
    ) -> impl ::some::path::__private::Future<
        Output = u32,
    > + ::some::path::__private::Send;
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals)]
    const USE_DiskClient_INSTEAD_OF_dyn: () = ();
}
/// Client of [`Disk`]: one method per method of the trait.
#[allow(dead_code, non_camel_case_types)]
#[derive(::some::path::__private::Clone, ::some::path::__private::Debug)]
pub struct DiskClient {
    connection: ::some::path::__private::Connection,
}
#[allow(
    dead_code,
    deprecated,
    non_snake_case,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
impl DiskClient {
    /// Creates a client that makes its calls over this connection.
    #[must_use]
    pub fn new(connection: ::some::path::__private::Connection) -> Self {
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
        cx: &::some::path::__private::Context,
        host: &::some::path::__private::str,
    ) -> ::some::path::__private::Result<Self, ::some::path::__private::UnknownHost> {
        cx.connection(host).map(Self::new)
    }
    /// Groups these nodes, which are then called together, see `Group`. `node` is a `Manager`, or the `Context` of a
    /// handler.
    ///
    /// # Errors
    ///
    /// `UnknownHosts` names the nodes that are not on the host list.
    pub fn group(
        node: &impl ::some::path::__private::HostList,
        hosts: impl ::some::path::__private::IntoIterator<
            Item = impl ::some::path::__private::AsRef<::some::path::__private::str>,
        >,
    ) -> ::some::path::__private::Result<
        ::some::path::__private::Group<Self>,
        ::some::path::__private::UnknownHosts,
    > {
        ::some::path::__private::group(node, hosts, Self::new, Self::connection)
    }
    /// The connection over which the client makes its calls.
    #[must_use]
    pub fn connection(&self) -> &::some::path::__private::Connection {
        &self.connection
    }
    /// Returns a client of the service under this subroute. An empty path returns the same client.
    #[must_use]
    pub fn subroute(&self, path: &::some::path::__private::str) -> Self {
        Self::new(self.connection.subroute(path))
    }
    /// Returns a client whose calls and streams all carry this value, see `Connection::with_metadata`.
    #[must_use]
    pub fn with_metadata(
        &self,
        key: impl ::some::path::__private::Into<::some::path::__private::String>,
        value: impl ::some::path::__private::Into<::some::path::__private::Bytes>,
    ) -> Self {
        Self::new(self.connection.with_metadata(key, value))
    }
    /// Returns a client whose single requests are made again after a failure, see `Connection::with_retry`.
    #[must_use]
    pub fn with_retry(&self, policy: &::some::path::__private::Retry) -> Self {
        Self::new(self.connection.with_retry(policy))
    }
    /// Creates a client of a service in this process, without a link. Intended for tests.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    #[must_use]
    pub fn in_process(service: impl Disk) -> Self {
        Self::new(::some::path::__private::in_process(DiskServer::new(service)))
    }
    /// Calls [`Disk::stat`].
    pub fn stat(
        &self,
        volume: String,
        depth: u32,
    ) -> ::some::path::__private::Call<VolumeInfo, ::some::path::__private::Infallible> {
        Self::STAT.call(&self.connection, (volume, depth))
    }
    /// A plain function.
    ///
    /// Calls [`Disk::hash`].
    pub fn hash(
        &self,
        password: String,
        rounds: u32,
    ) -> ::some::path::__private::Call<String, HashError> {
        Self::HASH.call(&self.connection, (password, rounds))
    }
    /// Calls [`Disk::flush`].
    pub fn flush(
        &self,
    ) -> ::some::path::__private::Call<(), ::some::path::__private::Infallible> {
        Self::FLUSH.call(&self.connection, ())
    }
    /// May run twice.
    ///
    /// Calls [`Disk::free`]. It is idempotent: a call that is repeated or hedged may run more than once.
    pub fn free(
        &self,
        volume: String,
    ) -> ::some::path::__private::Call<
        u64,
        HashError,
        ::some::path::__private::Idempotent,
    > {
        Self::FREE.call(&self.connection, (volume,))
    }
    /// Calls [`Disk::by_hand`].
    pub fn by_hand(
        &self,
        depth: u32,
    ) -> ::some::path::__private::Call<u32, ::some::path::__private::Infallible> {
        Self::BY_HAND.call(&self.connection, (depth,))
    }
}
/// Server of [`Disk`]: create it with `new` or `from_arc`, and register it with a node.
#[allow(dead_code, deprecated, non_camel_case_types)]
pub type DiskServer<T> = ::some::path::__private::Served<T, DiskClient>;
#[allow(
    dead_code,
    deprecated,
    non_snake_case,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
const _: () = {
    use ::some::path::__private as __grid;
    impl DiskClient {
        const __CODEC_0: __grid::Codec<String> = __grid::compact::<String>();
        const __CODEC_1: __grid::Codec<u32> = __grid::compact::<u32>();
        const __CODEC_2: __grid::Codec<VolumeInfo> = __grid::compact::<VolumeInfo>();
        const __CODEC_3: __grid::Codec<String> = __grid::codec::<String>();
        const __CODEC_4: __grid::Codec<u32> = __grid::codec::<u32>();
        const __CODEC_5: __grid::ErrorCodec<HashError> = __grid::error::<HashError>();
        const __CODEC_6: __grid::Codec<()> = __grid::codec::<()>();
        const __CODEC_7: __grid::Codec<u64> = __grid::codec::<u64>();
        /// Descriptor of [`Disk::stat`]: id, types and options.
        pub const STAT: &'static __grid::Method<
            (String, u32),
            VolumeInfo,
            __grid::Infallible,
        > = &__grid::single(
            __grid::MethodInfo::__new("Disc", "stat", 9)
                .__arguments(&[("volume", "String"), ("depth", "u32")])
                .__sent(&[("volume", "String"), ("depth", "u32")])
                .__defaults(&["depth"])
                .__returns("Result<VolumeInfo, Infallible>")
                .__timeout_ms(500u64)
                .__request_bytes_max(4096u32)
                .__compact()
                .__inline(),
            (
                __grid::arg("volume", Self::__CODEC_0),
                __grid::or_default::<u32>(__grid::arg("depth", Self::__CODEC_1)),
            ),
            Self::__CODEC_2,
            __grid::infallible(),
        );
        /// Descriptor of [`Disk::hash`]: id, types and options.
        pub const HASH: &'static __grid::Method<(String, u32), String, HashError> = &__grid::single(
            __grid::MethodInfo::__new("Disc", "hash", 0x51cf2105)
                .__docs("A plain function.")
                .__arguments(&[("password", "String"), ("rounds", "u32")])
                .__sent(&[("password", "String"), ("rounds", "u32")])
                .__returns("Result<String, HashError>")
                .__blocking(),
            (
                __grid::arg("password", Self::__CODEC_3),
                __grid::arg("rounds", Self::__CODEC_4),
            ),
            Self::__CODEC_3,
            Self::__CODEC_5,
        );
        /// Descriptor of [`Disk::flush`]: id, types and options.
        pub const FLUSH: &'static __grid::Method<(), (), __grid::Infallible> = &__grid::single(
            __grid::MethodInfo::__new("Disc", "flush", 0xa4e82961).__blocking(),
            (),
            Self::__CODEC_6,
            __grid::infallible(),
        );
        /// Descriptor of [`Disk::free`]: id, types and options.
        pub const FREE: &'static __grid::Method<
            (String,),
            u64,
            HashError,
            __grid::Idempotent,
        > = &__grid::single(
            __grid::MethodInfo::__new("Disc", "free", 0xb38afac7)
                .__docs("May run twice.")
                .__arguments(&[("volume", "String")])
                .__sent(&[("volume", "String")])
                .__returns("Result<u64, HashError>")
                .__idempotent(),
            (__grid::whole("volume", Self::__CODEC_3),),
            Self::__CODEC_7,
            Self::__CODEC_5,
        );
        /// Descriptor of [`Disk::by_hand`]: id, types and options.
        pub const BY_HAND: &'static __grid::Method<(u32,), u32, __grid::Infallible> = &__grid::single(
            __grid::MethodInfo::__new("Disc", "old_name", 0x82f09cac)
                .__arguments(&[("depth", "u32")])
                .__sent(&[("depth", "u32")])
                .__defaults(&["depth"])
                .__returns("u32"),
            (__grid::or_default::<u32>(__grid::whole("depth", Self::__CODEC_4)),),
            Self::__CODEC_4,
            __grid::infallible(),
        );
        /// Descriptor of the service: name, documentation and methods.
        pub const DESCRIPTOR: &'static __grid::ServiceDescriptor = &__grid::ServiceDescriptor::__new(
            "Disc",
            "",
            &[
                Self::STAT.info(),
                Self::HASH.info(),
                Self::FLUSH.info(),
                Self::FREE.info(),
                Self::BY_HAND.info(),
            ],
        );
    }
    #[automatically_derived]
    impl<__T: Disk> __grid::ServedBy<__T> for DiskClient {
        const DESCRIPTOR: &'static __grid::ServiceDescriptor = Self::DESCRIPTOR;
        fn add_methods(to: &mut __grid::Handlers<'_, __T>) {
            to.single(
                Self::STAT,
                |svc, _cx, request| async move {
                    let (arg1, arg2) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(Disk::stat(&*svc, arg1, arg2).await)
                },
            );
            to.blocking(
                Self::HASH,
                |svc, cx, (arg1, arg2)| Disk::hash(
                    &*svc,
                    __grid::context(&cx),
                    arg1,
                    arg2,
                ),
            );
            to.blocking(
                Self::FLUSH,
                |svc, _cx, ()| __grid::Result::Ok(Disk::flush(&*svc)),
            );
            to.single(
                Self::FREE,
                |svc, _cx, request| async move {
                    let (arg1,) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(Disk::free(&*svc, arg1).await)
                },
            );
            to.single(
                Self::BY_HAND,
                |svc, _cx, request| async move {
                    let (arg1,) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        __grid::Result::Ok(Disk::by_hand(&*svc, arg1).await),
                    )
                },
            );
        }
    }
    #[allow(unused_imports)]
    use __grid::NotResult as _;
    __grid::plain::<{ <__grid::Probe<u32>>::IS_RESULT }>();
};
