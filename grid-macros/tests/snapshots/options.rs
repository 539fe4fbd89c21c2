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
/// Calls [`Disk`] on a node: one method for each of the trait's.
#[allow(dead_code, non_camel_case_types)]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub struct DiskClient {
    connection: ::some::path::__private::Connection,
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
    const __CODEC_0: ::some::path::__private::Codec<String> = ::some::path::__private::compact::<
        String,
    >();
    const __CODEC_1: ::some::path::__private::Codec<u32> = ::some::path::__private::compact::<
        u32,
    >();
    const __CODEC_2: ::some::path::__private::Codec<VolumeInfo> = ::some::path::__private::compact::<
        VolumeInfo,
    >();
    const __CODEC_3: ::some::path::__private::Codec<u32> = ::some::path::__private::codec::<
        u32,
    >();
    /// [`Disk::stat`]: its id, its types and what else is known of it.
    pub const STAT: &'static ::some::path::__private::Method<
        (String, u32),
        VolumeInfo,
        ::core::convert::Infallible,
    > = &::some::path::__private::Method::__new(
        ::some::path::__private::MethodInfo::__new("Disc", "stat", 9)
            .__arguments(&[("volume", "String"), ("depth", "u32")])
            .__returns("Result<VolumeInfo, Infallible>")
            .__timeout_ms(500u64)
            .__inline(),
        (
            ::some::path::__private::arg("volume", Self::__CODEC_0),
            ::some::path::__private::or_default::<
                u32,
            >(::some::path::__private::arg("depth", Self::__CODEC_1)),
        ),
        Self::__CODEC_2,
        ::some::path::__private::infallible(),
    );
    /// [`Disk::by_hand`]: its id, its types and what else is known of it.
    pub const BY_HAND: &'static ::some::path::__private::Method<
        (u32,),
        u32,
        ::core::convert::Infallible,
    > = &::some::path::__private::Method::__new(
        ::some::path::__private::MethodInfo::__new("Disc", "old_name", 0x82f09cac)
            .__arguments(&[("depth", "u32")])
            .__returns("u32"),
        (
            ::some::path::__private::or_default::<
                u32,
            >(::some::path::__private::whole("depth", Self::__CODEC_3)),
        ),
        Self::__CODEC_3,
        ::some::path::__private::infallible(),
    );
    /// Name, documentation and methods of the service.
    pub const DESCRIPTOR: &'static ::some::path::__private::ServiceDescriptor = &::some::path::__private::ServiceDescriptor::__new(
        "Disc",
        "",
        &[Self::STAT.info(), Self::BY_HAND.info()],
    );
    /// Makes a client that calls over this connection.
    #[must_use]
    pub fn new(connection: ::some::path::__private::Connection) -> Self {
        Self { connection }
    }
    /// The same client for the service under this subroute.
    #[must_use]
    pub fn subroute(&self, path: &::some::path::__private::str) -> Self {
        Self {
            connection: self.connection.subroute(path),
        }
    }
    /// Makes a client of a service in this process, without a link: for tests.
    #[must_use]
    pub fn in_process(service: impl Disk) -> Self {
        Self::new(::some::path::__private::in_process(DiskServer::new(service)))
    }
    /// Calls [`Disk::stat`].
    pub fn stat(
        &self,
        volume: String,
        depth: u32,
    ) -> ::some::path::__private::Call<VolumeInfo, ::core::convert::Infallible> {
        Self::STAT.call(&self.connection, (volume, depth))
    }
    /// Calls [`Disk::by_hand`].
    pub fn by_hand(
        &self,
        depth: u32,
    ) -> ::some::path::__private::Call<u32, ::core::convert::Infallible> {
        Self::BY_HAND.call(&self.connection, (depth,))
    }
}
/// Serves a [`Disk`] to other nodes.
#[allow(dead_code, non_camel_case_types)]
pub struct DiskServer<__GridService> {
    service: ::some::path::__private::Arc<__GridService>,
    subroute: ::some::path::__private::Option<::some::path::__private::String>,
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
        Self::from_arc(::some::path::__private::Arc::new(service))
    }
    /// Makes a server of a service that others hold too.
    #[must_use]
    pub fn from_arc(service: ::some::path::__private::Arc<__GridService>) -> Self {
        Self {
            service,
            subroute: ::some::path::__private::Option::None,
        }
    }
    /// Puts the service under this subroute; a second one goes below the first.
    #[must_use]
    pub fn subroute(
        mut self,
        path: impl ::some::path::__private::Into<::some::path::__private::String>,
    ) -> Self {
        self.subroute = ::some::path::__private::join(
            self.subroute,
            ::some::path::__private::Into::into(path),
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
            service: ::some::path::__private::Clone::clone(&self.service),
            subroute: ::some::path::__private::Clone::clone(&self.subroute),
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
impl<__GridService: Disk> ::some::path::__private::Service
for DiskServer<__GridService> {
    fn register(
        self,
        to: &mut ::some::path::__private::Registrar<'_>,
    ) -> ::some::path::__private::Result<(), ::some::path::__private::RegisterError> {
        let service = self.service;
        let mut to = to.under(self.subroute);
        to.single(
            &service,
            DiskClient::STAT,
            |svc, _cx, (arg1, arg2)| async move {
                <__GridService as Disk>::stat(&svc, arg1, arg2).await
            },
        )?;
        to.single(
            &service,
            DiskClient::BY_HAND,
            |svc, _cx, (arg1,)| async move {
                ::some::path::__private::Result::Ok(
                    <__GridService as Disk>::by_hand(&svc, arg1).await,
                )
            },
        )?;
        to.describe(DiskClient::DESCRIPTOR);
        ::some::path::__private::Result::Ok(())
    }
}
const _: () = {
    #[allow(unused_imports)]
    use ::some::path::__private::NotResult as _;
    ::some::path::__private::plain::<
        { <::some::path::__private::Probe<u32>>::IS_RESULT },
    >()
};
