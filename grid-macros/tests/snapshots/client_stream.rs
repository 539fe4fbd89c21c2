trait Uploads: ::grid::__private::Send + ::grid::__private::Sync + 'static {
    fn upload(
        &self,
        head: Head,
        input: Incoming<Bytes>,
    ) -> impl ::grid::__private::Future<
        Output = Result<Etag, DiskError>,
    > + ::grid::__private::Send;
    fn total(
        &self,
        input: Incoming<u64>,
    ) -> impl ::grid::__private::Future<Output = u64> + ::grid::__private::Send;
}
/// Calls [`Uploads`] on a node: one method for each of the trait's.
#[allow(dead_code, non_camel_case_types)]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
struct UploadsClient {
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
impl UploadsClient {
    const __CODEC_0: ::grid::__private::Codec<Head> = ::grid::__private::codec::<Head>();
    const __CODEC_1: ::grid::__private::Codec<Bytes> = ::grid::__private::codec::<
        Bytes,
    >();
    const __CODEC_2: ::grid::__private::Codec<Etag> = ::grid::__private::codec::<Etag>();
    const __CODEC_3: ::grid::__private::ErrorCodec<DiskError> = ::grid::__private::error::<
        DiskError,
    >();
    const __CODEC_4: ::grid::__private::Codec<u64> = ::grid::__private::codec::<u64>();
    /// [`Uploads::upload`]: its id, its types and what else is known of it.
    const UPLOAD: &'static ::grid::__private::ClientStreamMethod<
        (Head,),
        Bytes,
        Etag,
        DiskError,
    > = &::grid::__private::ClientStreamMethod::__new(
        ::grid::__private::MethodInfo::__new("Uploads", "upload", 0x1fd5862b)
            .__arguments(&[("head", "Head"), ("input", "Incoming<Bytes>")])
            .__returns("Result<Etag, DiskError>")
            .__incoming(16u32)
            .__outgoing(1),
        (::grid::__private::whole("head", Self::__CODEC_0),),
        Self::__CODEC_1,
        Self::__CODEC_2,
        Self::__CODEC_3,
    );
    /// [`Uploads::total`]: its id, its types and what else is known of it.
    const TOTAL: &'static ::grid::__private::ClientStreamMethod<
        (),
        u64,
        u64,
        ::core::convert::Infallible,
    > = &::grid::__private::ClientStreamMethod::__new(
        ::grid::__private::MethodInfo::__new("Uploads", "total", 0x599038b8)
            .__arguments(&[("input", "Incoming<u64>")])
            .__returns("u64")
            .__incoming(::grid::DEFAULT_CAPACITY)
            .__outgoing(1),
        (),
        Self::__CODEC_4,
        Self::__CODEC_4,
        ::grid::__private::infallible(),
    );
    /// Name, documentation and methods of the service.
    const DESCRIPTOR: &'static ::grid::__private::ServiceDescriptor = &::grid::__private::ServiceDescriptor::__new(
        "Uploads",
        "",
        &[Self::UPLOAD.info(), Self::TOTAL.info()],
    );
    /// Makes a client that calls over this connection.
    #[must_use]
    fn new(connection: ::grid::__private::Connection) -> Self {
        Self { connection }
    }
    /// The same client for the service under this subroute.
    #[must_use]
    fn subroute(&self, path: &::grid::__private::str) -> Self {
        Self {
            connection: self.connection.subroute(path),
        }
    }
    /// Makes a client of a service in this process, without a link: for tests.
    #[must_use]
    fn in_process(service: impl Uploads) -> Self {
        Self::new(::grid::__private::in_process(UploadsServer::new(service)))
    }
    /// Opens the streams of [`Uploads::upload`].
    fn upload(
        &self,
        head: Head,
    ) -> ::grid::__private::Opening<
        (::grid::__private::Requests<Bytes>, ::grid::__private::Reply<Etag, DiskError>),
        DiskError,
    > {
        Self::UPLOAD.open(&self.connection, (head,))
    }
    /// Opens the streams of [`Uploads::total`].
    fn total(
        &self,
    ) -> ::grid::__private::Opening<
        (
            ::grid::__private::Requests<u64>,
            ::grid::__private::Reply<u64, ::core::convert::Infallible>,
        ),
        ::core::convert::Infallible,
    > {
        Self::TOTAL.open(&self.connection, ())
    }
}
/// Serves a [`Uploads`] to other nodes.
#[allow(dead_code, non_camel_case_types)]
struct UploadsServer<__GridService> {
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
impl<__GridService> UploadsServer<__GridService> {
    /// Makes a server of the service.
    #[must_use]
    fn new(service: __GridService) -> Self {
        Self::from_arc(::grid::__private::Arc::new(service))
    }
    /// Makes a server of a service that others hold too.
    #[must_use]
    fn from_arc(service: ::grid::__private::Arc<__GridService>) -> Self {
        Self {
            service,
            subroute: ::grid::__private::Option::None,
        }
    }
    /// Puts the service under this subroute; a second one goes below the first.
    #[must_use]
    fn subroute(
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
impl<__GridService> ::core::clone::Clone for UploadsServer<__GridService> {
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
impl<__GridService> ::core::fmt::Debug for UploadsServer<__GridService> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("UploadsServer")
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
impl<__GridService: Uploads> ::grid::__private::Service
for UploadsServer<__GridService> {
    fn register(
        self,
        to: &mut ::grid::__private::Registrar<'_>,
    ) -> ::grid::__private::Result<(), ::grid::__private::RegisterError> {
        let service = self.service;
        let mut to = to.under(self.subroute);
        to.client_stream(
            &service,
            UploadsClient::UPLOAD,
            |svc, _cx, (arg1,), input| async move {
                <__GridService as Uploads>::upload(&svc, arg1, input).await
            },
        )?;
        to.client_stream(
            &service,
            UploadsClient::TOTAL,
            |svc, _cx, (), input| async move {
                ::grid::__private::Result::Ok(
                    <__GridService as Uploads>::total(&svc, input).await,
                )
            },
        )?;
        to.describe(UploadsClient::DESCRIPTOR);
        ::grid::__private::Result::Ok(())
    }
}
const _: () = {
    #[allow(unused_imports)]
    use ::grid::__private::NotResult as _;
    ::grid::__private::plain::<{ <::grid::__private::Probe<u64>>::IS_RESULT }>()
};
