::core::compile_error! {
    "`#[grid::service]` has no option `version`; there are `name`, `crate`"
}
::core::compile_error! {
    "an associated type is not part of a service, whose methods are called from other nodes: move it to another trait"
}
::core::compile_error! {
    "a pinned id is a number from 1 to 255, not 0"
}
::core::compile_error! {
    "`incoming` is the capacity of an `Incoming<T>` argument, and there is none: add one, or leave the option out"
}
::core::compile_error! {
    "a reference cannot travel to another node: use `String`"
}
::core::compile_error! {
    "arguments travel by their names: write a name here, and take it apart in the body"
}
::core::compile_error! {
    "`DiskClient` has its own `new`: give the method another name, and if its name on the wire must stay, write `#[handler(name = \"new\")]`"
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
}
/// Calls [`Disk`] on a node: one method for each of the trait's.
#[allow(dead_code, non_camel_case_types)]
#[derive(::grid::__private::Clone, ::grid::__private::Debug)]
pub struct DiskClient {
    connection: ::grid::__private::Connection,
}
#[allow(dead_code, deprecated, non_snake_case, clippy::all, clippy::pedantic)]
impl DiskClient {
    /// Makes a client that calls over this connection.
    #[must_use]
    pub fn new(connection: ::grid::__private::Connection) -> Self {
        Self { connection }
    }
    /// The same client for the service under this subroute.
    #[must_use]
    pub fn subroute(&self, path: &::grid::__private::str) -> Self {
        Self::new(self.connection.subroute(path))
    }
    /// Makes a client of a service in this process, without a link: for tests.
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
/// Serves a [`Disk`] to other nodes.
#[allow(dead_code, deprecated, non_camel_case_types)]
pub type DiskServer<T> = ::grid::__private::Served<T, DiskClient>;
#[allow(dead_code, deprecated, non_snake_case, clippy::all, clippy::pedantic)]
const _: () = {
    use ::grid::__private as __grid;
    impl DiskClient {
        const __CODEC_0: __grid::Codec<u8> = __grid::codec::<u8>();
        /// [`Disk::wrong_options`]: its id, its types and what else is known of it.
        pub const WRONG_OPTIONS: &'static __grid::Method<(), u8, __grid::Infallible> = &__grid::single(
            __grid::MethodInfo::__new("Disk", "wrong_options", 0xb18629eb)
                .__returns("u8")
                .__incoming(4u32),
            (),
            Self::__CODEC_0,
            __grid::infallible(),
        );
        /// [`Disk::fine`]: its id, its types and what else is known of it.
        pub const FINE: &'static __grid::Method<(), u8, __grid::Infallible> = &__grid::single(
            __grid::MethodInfo::__new("Disk", "fine", 0xc1841eb1).__returns("u8"),
            (),
            Self::__CODEC_0,
            __grid::infallible(),
        );
        /// Name, documentation and methods of the service.
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
                |svc, _cx, ()| async move {
                    __grid::Result::Ok(Disk::wrong_options(&*svc).await)
                },
            );
            to.single(
                Self::FINE,
                |svc, _cx, ()| async move { __grid::Result::Ok(Disk::fine(&*svc).await) },
            );
        }
    }
    #[allow(unused_imports)]
    use __grid::NotResult as _;
    __grid::plain::<{ <__grid::Probe<u8>>::IS_RESULT }>();
};
::core::compile_error! {
    "`#[grid::service]` goes on a trait, whose methods become calls"
}
struct NoTrait;
