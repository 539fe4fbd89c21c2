pub trait Disk: ::some::path::__private::Send + ::some::path::__private::Sync + 'static {
    fn stat(
        &self,
        volume: String,
        depth: u32,
    ) -> impl ::some::path::__private::Future<
        Output = Result<VolumeInfo, Infallible>,
    > + ::some::path::__private::Send;
    fn by_hand(
        &self,
        depth: u32,
    ) -> impl ::some::path::__private::Future<
        Output = u32,
    > + ::some::path::__private::Send;
}
/// Client of [`Disk`]: one method per method of the trait.
#[allow(dead_code, non_camel_case_types)]
#[derive(::some::path::__private::Clone, ::some::path::__private::Debug)]
pub struct DiskClient {
    connection: ::some::path::__private::Connection,
}
#[allow(dead_code, deprecated, non_snake_case, clippy::all, clippy::pedantic)]
impl DiskClient {
    /// Creates a client that makes its calls over this connection.
    #[must_use]
    pub fn new(connection: ::some::path::__private::Connection) -> Self {
        Self { connection }
    }
    /// Returns a client of the service under this subroute. An empty path returns the same client.
    #[must_use]
    pub fn subroute(&self, path: &::some::path::__private::str) -> Self {
        Self::new(self.connection.subroute(path))
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
#[allow(dead_code, deprecated, non_snake_case, clippy::all, clippy::pedantic)]
const _: () = {
    use ::some::path::__private as __grid;
    impl DiskClient {
        const __CODEC_0: __grid::Codec<String> = __grid::compact::<String>();
        const __CODEC_1: __grid::Codec<u32> = __grid::compact::<u32>();
        const __CODEC_2: __grid::Codec<VolumeInfo> = __grid::compact::<VolumeInfo>();
        const __CODEC_3: __grid::Codec<u32> = __grid::codec::<u32>();
        /// Descriptor of [`Disk::stat`]: id, types and options.
        pub const STAT: &'static __grid::Method<
            (String, u32),
            VolumeInfo,
            __grid::Infallible,
        > = &__grid::single(
            __grid::MethodInfo::__new("Disc", "stat", 9)
                .__arguments(&[("volume", "String"), ("depth", "u32")])
                .__returns("Result<VolumeInfo, Infallible>")
                .__timeout_ms(500u64)
                .__inline(),
            (
                __grid::arg("volume", Self::__CODEC_0),
                __grid::or_default::<u32>(__grid::arg("depth", Self::__CODEC_1)),
            ),
            Self::__CODEC_2,
            __grid::infallible(),
        );
        /// Descriptor of [`Disk::by_hand`]: id, types and options.
        pub const BY_HAND: &'static __grid::Method<(u32,), u32, __grid::Infallible> = &__grid::single(
            __grid::MethodInfo::__new("Disc", "old_name", 0x82f09cac)
                .__arguments(&[("depth", "u32")])
                .__returns("u32"),
            (__grid::or_default::<u32>(__grid::whole("depth", Self::__CODEC_3)),),
            Self::__CODEC_3,
            __grid::infallible(),
        );
        /// Descriptor of the service: name, documentation and methods.
        pub const DESCRIPTOR: &'static __grid::ServiceDescriptor = &__grid::ServiceDescriptor::__new(
            "Disc",
            "",
            &[Self::STAT.info(), Self::BY_HAND.info()],
        );
    }
    #[automatically_derived]
    impl<__T: Disk> __grid::ServedBy<__T> for DiskClient {
        const DESCRIPTOR: &'static __grid::ServiceDescriptor = Self::DESCRIPTOR;
        fn add_methods(to: &mut __grid::Handlers<'_, __T>) {
            to.single(
                Self::STAT,
                |svc, _cx, (arg1, arg2)| async move {
                    Disk::stat(&*svc, arg1, arg2).await
                },
            );
            to.single(
                Self::BY_HAND,
                |svc, _cx, (arg1,)| async move {
                    __grid::Result::Ok(Disk::by_hand(&*svc, arg1).await)
                },
            );
        }
    }
    #[allow(unused_imports)]
    use __grid::NotResult as _;
    __grid::plain::<{ <__grid::Probe<u32>>::IS_RESULT }>();
};
