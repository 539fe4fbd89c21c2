::core::compile_error! {
    "`#[grid::service]` has no option `version`; the options are `name`, `crate`, `dyn`, `local`, `schema`"
}
::core::compile_error! {
    "an associated type is not allowed in a service: move it to another trait"
}
::core::compile_error! {
    "a pinned id is a number from 1 to 255, not 0"
}
::core::compile_error! {
    "`incoming` is the capacity of an `Incoming<T>` argument, which this method does not have: add one, or remove the option"
}
::core::compile_error! {
    "a reference cannot be sent to another node: use `String`"
}
::core::compile_error! {
    "arguments are sent by name: write a name here, and destructure it in the body"
}
::core::compile_error! {
    "`DiskClient` has its own `new`: rename the method; to keep its name on the wire, add `#[handler(name = \"new\")]`"
}
pub trait Disk: ::grid::__private::Send + ::grid::__private::Sync + 'static {
    type Volume;
    fn wrong_options(
        &self,
    ) -> impl ::grid::__private::Future<Output = u8> + ::grid::__private::Send;
    #[allow(async_fn_in_trait)]
    async fn wrong_type(&self, volume: &str, _: (u8, u8)) -> u8;
    fn new(
        &self,
    ) -> impl ::grid::__private::Future<Output = u8> + ::grid::__private::Send;
    fn fine(
        &self,
    ) -> impl ::grid::__private::Future<Output = u8> + ::grid::__private::Send;
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
    /// Calls [`Disk::wrong_options`].
    pub fn wrong_options(
        &self,
    ) -> ::grid::__private::Call<u8, ::grid::__private::Infallible> {
        Self::WRONG_OPTIONS.call(&self.connection, ())
    }
    /// Calls [`Disk::fine`].
    pub fn fine(&self) -> ::grid::__private::Call<u8, ::grid::__private::Infallible> {
        Self::FINE.call(&self.connection, ())
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
        const __CODEC_0: __grid::Codec<u8> = __grid::codec::<u8>();
        /// Descriptor of [`Disk::wrong_options`]: id, types and options.
        pub const WRONG_OPTIONS: &'static __grid::Method<(), u8, __grid::Infallible> = &__grid::single(
            __grid::MethodInfo::__new("Disk", "wrong_options", 0xb18629eb)
                .__returns("u8")
                .__incoming(4u32),
            (),
            Self::__CODEC_0,
            __grid::infallible(),
        );
        /// Descriptor of [`Disk::fine`]: id, types and options.
        pub const FINE: &'static __grid::Method<(), u8, __grid::Infallible> = &__grid::single(
            __grid::MethodInfo::__new("Disk", "fine", 0xc1841eb1).__returns("u8"),
            (),
            Self::__CODEC_0,
            __grid::infallible(),
        );
        /// Descriptor of the service: name, documentation and methods.
        pub const DESCRIPTOR: &'static __grid::ServiceDescriptor = &__grid::ServiceDescriptor::__new(
            "Disk",
            "",
            &[Self::WRONG_OPTIONS.info(), Self::FINE.info()],
        );
    }
    #[automatically_derived]
    impl<__T: Disk> __grid::ServedBy<__T> for DiskClient {
        const DESCRIPTOR: &'static __grid::ServiceDescriptor = Self::DESCRIPTOR;
        fn add_methods(to: &mut __grid::Handlers<'_, __T>) {
            to.single(
                Self::WRONG_OPTIONS,
                |svc, _cx, request| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(
                        __grid::Result::Ok(Disk::wrong_options(&*svc).await),
                    )
                },
            );
            to.single(
                Self::FINE,
                |svc, _cx, request| async move {
                    let () = match request.decode() {
                        __grid::Result::Ok(args) => args,
                        __grid::Result::Err(bad) => return __grid::Result::Err(bad),
                    };
                    __grid::Result::Ok(__grid::Result::Ok(Disk::fine(&*svc).await))
                },
            );
        }
    }
    #[allow(unused_imports)]
    use __grid::NotResult as _;
    __grid::plain::<{ <__grid::Probe<u8>>::IS_RESULT }>();
};
::core::compile_error! {
    "`#[grid::service]` can only be put on a trait"
}
struct NoTrait;
