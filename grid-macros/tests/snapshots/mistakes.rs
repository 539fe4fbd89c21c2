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
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub struct DiskClient {
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
impl DiskClient {
    const __CODEC_0: ::grid::__private::Codec<u8> = ::grid::__private::codec::<u8>();
    /// [`Disk::wrong_options`]: its id, its types and what else is known of it.
    pub const WRONG_OPTIONS: &'static ::grid::__private::Method<
        (),
        u8,
        ::core::convert::Infallible,
    > = &::grid::__private::Method::__new(
        ::grid::__private::MethodInfo::__new("Disk", "wrong_options", 0xb18629eb)
            .__returns("u8"),
        (),
        Self::__CODEC_0,
        ::grid::__private::infallible(),
    );
    /// [`Disk::fine`]: its id, its types and what else is known of it.
    pub const FINE: &'static ::grid::__private::Method<
        (),
        u8,
        ::core::convert::Infallible,
    > = &::grid::__private::Method::__new(
        ::grid::__private::MethodInfo::__new("Disk", "fine", 0xc1841eb1).__returns("u8"),
        (),
        Self::__CODEC_0,
        ::grid::__private::infallible(),
    );
    /// Name, documentation and methods of the service.
    pub const DESCRIPTOR: &'static ::grid::__private::ServiceDescriptor = &::grid::__private::ServiceDescriptor::__new(
        "Disk",
        "",
        &[Self::WRONG_OPTIONS.info(), Self::FINE.info()],
    );
    /// Makes a client that calls over this connection.
    #[must_use]
    pub fn new(connection: ::grid::__private::Connection) -> Self {
        Self { connection }
    }
    /// The same client for the service under this subroute.
    #[must_use]
    pub fn subroute(&self, path: &::grid::__private::str) -> Self {
        Self {
            connection: self.connection.subroute(path),
        }
    }
    /// Makes a client of a service in this process, without a link: for tests.
    #[must_use]
    pub fn in_process(service: impl Disk) -> Self {
        Self::new(::grid::__private::in_process(DiskServer::new(service)))
    }
    /// Calls [`Disk::wrong_options`].
    pub fn wrong_options(
        &self,
    ) -> ::grid::__private::Call<u8, ::core::convert::Infallible> {
        Self::WRONG_OPTIONS.call(&self.connection, ())
    }
    /// Calls [`Disk::fine`].
    pub fn fine(&self) -> ::grid::__private::Call<u8, ::core::convert::Infallible> {
        Self::FINE.call(&self.connection, ())
    }
}
/// Serves a [`Disk`] to other nodes.
#[allow(dead_code, non_camel_case_types)]
pub struct DiskServer<__GridService> {
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
impl<__GridService> DiskServer<__GridService> {
    /// Makes a server of the service.
    #[must_use]
    pub fn new(service: __GridService) -> Self {
        Self::from_arc(::grid::__private::Arc::new(service))
    }
    /// Makes a server of a service that others hold too.
    #[must_use]
    pub fn from_arc(service: ::grid::__private::Arc<__GridService>) -> Self {
        Self {
            service,
            subroute: ::grid::__private::Option::None,
        }
    }
    /// Puts the service under this subroute; a second one goes below the first.
    #[must_use]
    pub fn subroute(
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
impl<__GridService> ::core::clone::Clone for DiskServer<__GridService> {
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
impl<__GridService> ::core::fmt::Debug for DiskServer<__GridService> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("DiskServer")
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
impl<__GridService: Disk> ::grid::__private::Service for DiskServer<__GridService> {
    fn register(
        self,
        to: &mut ::grid::__private::Registrar<'_>,
    ) -> ::grid::__private::Result<(), ::grid::__private::RegisterError> {
        let service = self.service;
        let mut to = to.under(self.subroute);
        to.single(
            &service,
            DiskClient::WRONG_OPTIONS,
            |svc, _cx, ()| async move {
                ::grid::__private::Result::Ok(
                    <__GridService as Disk>::wrong_options(&svc).await,
                )
            },
        )?;
        to.single(
            &service,
            DiskClient::FINE,
            |svc, _cx, ()| async move {
                ::grid::__private::Result::Ok(<__GridService as Disk>::fine(&svc).await)
            },
        )?;
        to.describe(DiskClient::DESCRIPTOR);
        ::grid::__private::Result::Ok(())
    }
}
const _: () = {
    #[allow(unused_imports)]
    use ::grid::__private::NotResult as _;
    ::grid::__private::plain::<{ <::grid::__private::Probe<u8>>::IS_RESULT }>()
};
::core::compile_error! {
    "`#[grid::service]` goes on a trait, whose methods become calls"
}
struct NoTrait;
