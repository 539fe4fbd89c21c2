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
    const __CODEC_0: ::grid::__private::Codec<String> = ::grid::__private::codec::<
        String,
    >();
    const __CODEC_1: ::grid::__private::Codec<VolumeInfo> = ::grid::__private::codec::<
        VolumeInfo,
    >();
    const __CODEC_2: ::grid::__private::ErrorCodec<DiskError> = ::grid::__private::error::<
        DiskError,
    >();
    const __CODEC_3: ::grid::__private::Codec<Duration> = ::grid::__private::codec::<
        Duration,
    >();
    const __CODEC_4: ::grid::__private::Codec<
        <io::Result<VolumeInfo> as ::grid::__private::ResultLike>::Ok,
    > = ::grid::__private::codec::<
        <io::Result<VolumeInfo> as ::grid::__private::ResultLike>::Ok,
    >();
    const __CODEC_5: ::grid::__private::ErrorCodec<
        <io::Result<VolumeInfo> as ::grid::__private::ResultLike>::Err,
    > = ::grid::__private::error::<
        <io::Result<VolumeInfo> as ::grid::__private::ResultLike>::Err,
    >();
    const __CODEC_6: ::grid::__private::Codec<()> = ::grid::__private::codec::<()>();
    /// [`Disk::stat`]: its id, its types and what else is known of it.
    pub const STAT: &'static ::grid::__private::Method<
        (String,),
        VolumeInfo,
        DiskError,
    > = &::grid::__private::Method::__new(
        ::grid::__private::MethodInfo::__new("Disk", "stat", 0x9a952873)
            .__docs("Single request.")
            .__arguments(&[("volume", "String")])
            .__returns("Result<VolumeInfo, DiskError>"),
        (::grid::__private::whole("volume", Self::__CODEC_0),),
        Self::__CODEC_1,
        Self::__CODEC_2,
    );
    /// [`Disk::uptime`]: its id, its types and what else is known of it.
    pub const UPTIME: &'static ::grid::__private::Method<
        (),
        Duration,
        ::core::convert::Infallible,
    > = &::grid::__private::Method::__new(
        ::grid::__private::MethodInfo::__new("Disk", "uptime", 0x8e212395)
            .__returns("Duration"),
        (),
        Self::__CODEC_3,
        ::grid::__private::infallible(),
    );
    /// [`Disk::rename`]: its id, its types and what else is known of it.
    pub const RENAME: &'static ::grid::__private::Method<
        (String, String),
        <io::Result<VolumeInfo> as ::grid::__private::ResultLike>::Ok,
        <io::Result<VolumeInfo> as ::grid::__private::ResultLike>::Err,
    > = &::grid::__private::Method::__new(
        ::grid::__private::MethodInfo::__new("Disk", "rename", 0xf96b5acf)
            .__arguments(&[("from", "String"), ("to", "String")])
            .__returns("io::Result<VolumeInfo>"),
        (
            ::grid::__private::arg("from", Self::__CODEC_0),
            ::grid::__private::arg("to", Self::__CODEC_0),
        ),
        Self::__CODEC_4,
        Self::__CODEC_5,
    );
    /// [`Disk::touch`]: its id, its types and what else is known of it.
    pub const TOUCH: &'static ::grid::__private::Method<(String,), (), DiskError> = &::grid::__private::Method::__new(
        ::grid::__private::MethodInfo::__new("Disk", "touch", 0x9ac5dc34)
            .__arguments(&[("volume", "String")])
            .__returns("Result<(), DiskError>"),
        (::grid::__private::whole("volume", Self::__CODEC_0),),
        Self::__CODEC_6,
        Self::__CODEC_2,
    );
    /// Name, documentation and methods of the service.
    pub const DESCRIPTOR: &'static ::grid::__private::ServiceDescriptor = &::grid::__private::ServiceDescriptor::__new(
        "Disk",
        "One node's disks.",
        &[
            Self::STAT.info(),
            Self::UPTIME.info(),
            Self::RENAME.info(),
            Self::TOUCH.info(),
        ],
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
    ) -> ::grid::__private::Call<Duration, ::core::convert::Infallible> {
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
            DiskClient::STAT,
            |svc, cx, (arg1,)| async move {
                <__GridService as Disk>::stat(&svc, &cx, arg1).await
            },
        )?;
        to.single(
            &service,
            DiskClient::UPTIME,
            |svc, _cx, ()| async move {
                ::grid::__private::Result::Ok(
                    <__GridService as Disk>::uptime(&svc).await,
                )
            },
        )?;
        to.single(
            &service,
            DiskClient::RENAME,
            |svc, _cx, (arg1, arg2)| async move {
                <__GridService as Disk>::rename(&svc, arg1, arg2).await
            },
        )?;
        to.single(
            &service,
            DiskClient::TOUCH,
            |svc, _cx, (arg1,)| async move {
                <__GridService as Disk>::touch(&svc, arg1).await
            },
        )?;
        to.describe(DiskClient::DESCRIPTOR);
        ::grid::__private::Result::Ok(())
    }
}
const _: () = {
    #[allow(unused_imports)]
    use ::grid::__private::NotResult as _;
    ::grid::__private::plain::<{ <::grid::__private::Probe<Duration>>::IS_RESULT }>()
};
