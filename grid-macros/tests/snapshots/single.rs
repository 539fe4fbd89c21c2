/// One node's disks.
pub trait Disk: ::grid::__private::Send + ::grid::__private::Sync + 'static {
    /// Single request.
    fn stat(
        &self,
        cx: &Context,
        volume: String,
    ) -> impl ::grid::__private::Future<
        Output = Result<VolumeInfo, DiskError>,
    > + ::grid::__private::Send;
    fn uptime(
        &self,
    ) -> impl ::grid::__private::Future<Output = Duration> + ::grid::__private::Send;
    fn rename(
        &self,
        from: String,
        to: String,
    ) -> impl ::grid::__private::Future<
        Output = io::Result<VolumeInfo>,
    > + ::grid::__private::Send;
    fn touch(
        &self,
        volume: String,
    ) -> impl ::grid::__private::Future<
        Output = Result<(), DiskError>,
    > + ::grid::__private::Send {
        async move {
            let _ = self.stat(volume).await?;
            Ok(())
        }
    }
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals)]
    const USE_DiskClient_INSTEAD_OF_dyn: () = ();
}
/// Client of [`Disk`]: one method per method of the trait.
#[allow(dead_code, non_camel_case_types)]
#[derive(::grid::__private::Clone, ::grid::__private::Debug)]
pub struct DiskClient {
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
impl DiskClient {
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
    pub fn in_process(service: impl Disk) -> Self {
        Self::new(::grid::__private::in_process(DiskServer::new(service)))
    }
    /// Single request.
    ///
    /// Calls [`Disk::stat`].
    pub fn stat(
        &self,
        volume: String,
    ) -> ::grid::__private::Call<VolumeInfo, DiskError> {
        Self::STAT.call(&self.connection, (volume,))
    }
    /// Calls [`Disk::uptime`].
    pub fn uptime(
        &self,
    ) -> ::grid::__private::Call<Duration, ::grid::__private::Infallible> {
        Self::UPTIME.call(&self.connection, ())
    }
    /// Calls [`Disk::rename`].
    pub fn rename(
        &self,
        from: String,
        to: String,
    ) -> ::grid::__private::Call<
        <io::Result<VolumeInfo> as ::grid::__private::ResultLike>::Ok,
        <io::Result<VolumeInfo> as ::grid::__private::ResultLike>::Err,
    > {
        Self::RENAME.call(&self.connection, (from, to))
    }
    /// Calls [`Disk::touch`].
    pub fn touch(&self, volume: String) -> ::grid::__private::Call<(), DiskError> {
        Self::TOUCH.call(&self.connection, (volume,))
    }
}
/// Server of [`Disk`]: create it with `new` or `from_arc`, and register it with a node.
#[allow(dead_code, deprecated, non_camel_case_types)]
pub type DiskServer<T> = ::grid::__private::Served<T, DiskClient>;
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
    impl DiskClient {
        const __CODEC_0: __grid::Codec<String> = __grid::codec::<String>();
        const __CODEC_1: __grid::Codec<VolumeInfo> = __grid::codec::<VolumeInfo>();
        const __CODEC_2: __grid::ErrorCodec<DiskError> = __grid::error::<DiskError>();
        const __CODEC_3: __grid::Codec<Duration> = __grid::codec::<Duration>();
        const __CODEC_4: __grid::Codec<
            <io::Result<VolumeInfo> as __grid::ResultLike>::Ok,
        > = __grid::codec::<<io::Result<VolumeInfo> as __grid::ResultLike>::Ok>();
        const __CODEC_5: __grid::ErrorCodec<
            <io::Result<VolumeInfo> as __grid::ResultLike>::Err,
        > = __grid::error::<<io::Result<VolumeInfo> as __grid::ResultLike>::Err>();
        const __CODEC_6: __grid::Codec<()> = __grid::codec::<()>();
        /// Descriptor of [`Disk::stat`]: id, types and options.
        pub const STAT: &'static __grid::Method<(String,), VolumeInfo, DiskError> = &__grid::single(
            __grid::MethodInfo::__new("Disk", "stat", 0x9a952873)
                .__docs("Single request.")
                .__arguments(&[("volume", "String")])
                .__sent(&[("volume", "String")])
                .__returns("Result<VolumeInfo, DiskError>"),
            (__grid::whole("volume", Self::__CODEC_0),),
            Self::__CODEC_1,
            Self::__CODEC_2,
        );
        /// Descriptor of [`Disk::uptime`]: id, types and options.
        pub const UPTIME: &'static __grid::Method<(), Duration, __grid::Infallible> = &__grid::single(
            __grid::MethodInfo::__new("Disk", "uptime", 0x8e212395)
                .__returns("Duration"),
            (),
            Self::__CODEC_3,
            __grid::infallible(),
        );
        /// Descriptor of [`Disk::rename`]: id, types and options.
        pub const RENAME: &'static __grid::Method<
            (String, String),
            <io::Result<VolumeInfo> as __grid::ResultLike>::Ok,
            <io::Result<VolumeInfo> as __grid::ResultLike>::Err,
        > = &__grid::single(
            __grid::MethodInfo::__new("Disk", "rename", 0xf96b5acf)
                .__arguments(&[("from", "String"), ("to", "String")])
                .__sent(&[("from", "String"), ("to", "String")])
                .__returns("io::Result<VolumeInfo>"),
            (__grid::arg("from", Self::__CODEC_0), __grid::arg("to", Self::__CODEC_0)),
            Self::__CODEC_4,
            Self::__CODEC_5,
        );
        /// Descriptor of [`Disk::touch`]: id, types and options.
        pub const TOUCH: &'static __grid::Method<(String,), (), DiskError> = &__grid::single(
            __grid::MethodInfo::__new("Disk", "touch", 0x9ac5dc34)
                .__arguments(&[("volume", "String")])
                .__sent(&[("volume", "String")])
                .__returns("Result<(), DiskError>"),
            (__grid::whole("volume", Self::__CODEC_0),),
            Self::__CODEC_6,
            Self::__CODEC_2,
        );
        /// Descriptor of the service: name, documentation and methods.
        pub const DESCRIPTOR: &'static __grid::ServiceDescriptor = &__grid::ServiceDescriptor::__new(
            "Disk",
            "One node's disks.",
            &[
                Self::STAT.info(),
                Self::UPTIME.info(),
                Self::RENAME.info(),
                Self::TOUCH.info(),
            ],
        );
    }
    #[automatically_derived]
    impl<__T: Disk> __grid::ServedBy<__T> for DiskClient {
        const DESCRIPTOR: &'static __grid::ServiceDescriptor = Self::DESCRIPTOR;
        fn add_methods(to: &mut __grid::Handlers<'_, __T>) {
            to.single(
                Self::STAT,
                |svc, cx, request| async move {
                    let (arg1,) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        Disk::stat(&*svc, __grid::context(&cx), arg1).await,
                    )
                },
            );
            to.single(
                Self::UPTIME,
                |svc, _cx, request| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(__grid::Result::Ok(Disk::uptime(&*svc).await))
                },
            );
            to.single(
                Self::RENAME,
                |svc, _cx, request| async move {
                    let (arg1, arg2) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(Disk::rename(&*svc, arg1, arg2).await)
                },
            );
            to.single(
                Self::TOUCH,
                |svc, _cx, request| async move {
                    let (arg1,) = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(Disk::touch(&*svc, arg1).await)
                },
            );
        }
    }
    #[allow(unused_imports)]
    use __grid::NotResult as _;
    __grid::plain::<{ <__grid::Probe<Duration>>::IS_RESULT }>();
};
