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
}
/// Calls `r#Type` on a node: one method for each of the trait's.
#[deprecated]
#[doc(alias = "thing")]
#[allow(clippy::some_lint)]
#[allow(dead_code, non_camel_case_types)]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub(in crate::disk) struct TypeClient {
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
impl TypeClient {
    const __CODEC_0: ::grid::__private::Codec<u8> = ::grid::__private::codec::<u8>();
    #[cfg(unix)]
    /// `r#Type::r#match`: its id, its types and what else is known of it.
    pub(in crate::disk) const MATCH: &'static ::grid::__private::Method<
        (u8,),
        Plain,
        ::core::convert::Infallible,
    > = &::grid::__private::Method::__new(
        ::grid::__private::MethodInfo::__new("Type", "match", 0x3ff381af)
            .__docs("Documented.")
            .__arguments(&[("fn", "u8")])
            .__returns("Plain"),
        (::grid::__private::whole("fn", Self::__CODEC_0),),
        ::grid::__private::codec::<Plain>(),
        ::grid::__private::infallible(),
    );
    #[cfg(not(unix))]
    /// `r#Type::r#match`: its id, its types and what else is known of it.
    pub(in crate::disk) const MATCH: &'static ::grid::__private::Method<
        (u8,),
        Other,
        ::core::convert::Infallible,
    > = &::grid::__private::Method::__new(
        ::grid::__private::MethodInfo::__new("Type", "match", 0x3ff381af)
            .__arguments(&[("fn", "u8")])
            .__returns("Other"),
        (::grid::__private::whole("fn", Self::__CODEC_0),),
        ::grid::__private::codec::<Other>(),
        ::grid::__private::infallible(),
    );
    #[cfg_attr(feature = "x", cfg(feature = "y"))]
    /// `r#Type::first`: its id, its types and what else is known of it.
    pub(in crate::disk) const FIRST: &'static ::grid::__private::Method<
        (),
        (),
        ::core::convert::Infallible,
    > = &::grid::__private::Method::__new(
        ::grid::__private::MethodInfo::__new("Type", "first", 9),
        (),
        ::grid::__private::codec::<()>(),
        ::grid::__private::infallible(),
    );
    #[cfg(windows)]
    /// `r#Type::second`: its id, its types and what else is known of it.
    pub(in crate::disk) const SECOND: &'static ::grid::__private::Method<
        (),
        (),
        ::core::convert::Infallible,
    > = &::grid::__private::Method::__new(
        ::grid::__private::MethodInfo::__new("Type", "second", 9),
        (),
        ::grid::__private::codec::<()>(),
        ::grid::__private::infallible(),
    );
    /// `r#Type::expects`: its id, its types and what else is known of it.
    pub(in crate::disk) const EXPECTS: &'static ::grid::__private::Method<
        (u8,),
        u8,
        ::core::convert::Infallible,
    > = &::grid::__private::Method::__new(
        ::grid::__private::MethodInfo::__new("Type", "expects", 0xcc319520)
            .__arguments(&[("unused", "u8")])
            .__returns("u8"),
        (::grid::__private::whole("unused", Self::__CODEC_0),),
        Self::__CODEC_0,
        ::grid::__private::infallible(),
    );
    /// Name, documentation and methods of the service.
    pub(in crate::disk) const DESCRIPTOR: &'static ::grid::__private::ServiceDescriptor = &::grid::__private::ServiceDescriptor::__new(
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
    /// Makes a client that calls over this connection.
    #[must_use]
    pub(in crate::disk) fn new(connection: ::grid::__private::Connection) -> Self {
        Self { connection }
    }
    /// The same client for the service under this subroute.
    #[must_use]
    pub(in crate::disk) fn subroute(&self, path: &::grid::__private::str) -> Self {
        Self {
            connection: self.connection.subroute(path),
        }
    }
    /// Makes a client of a service in this process, without a link: for tests.
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
    ) -> ::grid::__private::Call<Plain, ::core::convert::Infallible> {
        Self::MATCH.call(&self.connection, (r#fn,))
    }
    /// Calls `r#Type::r#match`.
    #[cfg(not(unix))]
    pub(in crate::disk) fn r#match(
        &self,
        r#fn: u8,
    ) -> ::grid::__private::Call<Other, ::core::convert::Infallible> {
        Self::MATCH.call(&self.connection, (r#fn,))
    }
    #[cfg_attr(feature = "x", doc = "Conditional.")]
    ///
    /// Calls `r#Type::first`.
    #[cfg_attr(feature = "x", cfg(feature = "y"), must_use)]
    pub(in crate::disk) fn first(
        &self,
    ) -> ::grid::__private::Call<(), ::core::convert::Infallible> {
        Self::FIRST.call(&self.connection, ())
    }
    /// Calls `r#Type::second`.
    #[cfg(windows)]
    pub(in crate::disk) fn second(
        &self,
    ) -> ::grid::__private::Call<(), ::core::convert::Infallible> {
        Self::SECOND.call(&self.connection, ())
    }
    /// Calls `r#Type::expects`.
    #[allow(unused_variables, reason = "a test")]
    pub(in crate::disk) fn expects(
        &self,
        unused: u8,
    ) -> ::grid::__private::Call<u8, ::core::convert::Infallible> {
        Self::EXPECTS.call(&self.connection, (unused,))
    }
}
/// Serves a `r#Type` to other nodes.
#[deprecated]
#[doc(alias = "thing")]
#[allow(clippy::some_lint)]
#[allow(dead_code, non_camel_case_types)]
pub(in crate::disk) struct TypeServer<__GridService> {
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
impl<__GridService> TypeServer<__GridService> {
    /// Makes a server of the service.
    #[must_use]
    pub(in crate::disk) fn new(service: __GridService) -> Self {
        Self::from_arc(::grid::__private::Arc::new(service))
    }
    /// Makes a server of a service that others hold too.
    #[must_use]
    pub(in crate::disk) fn from_arc(
        service: ::grid::__private::Arc<__GridService>,
    ) -> Self {
        Self {
            service,
            subroute: ::grid::__private::Option::None,
        }
    }
    /// Puts the service under this subroute; a second one goes below the first.
    #[must_use]
    pub(in crate::disk) fn subroute(
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
impl<__GridService> ::core::clone::Clone for TypeServer<__GridService> {
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
impl<__GridService> ::core::fmt::Debug for TypeServer<__GridService> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("TypeServer")
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
impl<__GridService: r#Type> ::grid::__private::Service for TypeServer<__GridService> {
    fn register(
        self,
        to: &mut ::grid::__private::Registrar<'_>,
    ) -> ::grid::__private::Result<(), ::grid::__private::RegisterError> {
        let service = self.service;
        let mut to = to.under(self.subroute);
        #[cfg(unix)]
        to.single(
            &service,
            TypeClient::MATCH,
            |svc, _cx, (arg1,)| async move {
                ::grid::__private::Result::Ok(
                    <__GridService as r#Type>::r#match(&svc, arg1).await,
                )
            },
        )?;
        #[cfg(not(unix))]
        to.single(
            &service,
            TypeClient::MATCH,
            |svc, _cx, (arg1,)| async move {
                ::grid::__private::Result::Ok(
                    <__GridService as r#Type>::r#match(&svc, arg1).await,
                )
            },
        )?;
        #[cfg_attr(feature = "x", cfg(feature = "y"))]
        to.single(
            &service,
            TypeClient::FIRST,
            |svc, _cx, ()| async move {
                ::grid::__private::Result::Ok(
                    <__GridService as r#Type>::first(&svc).await,
                )
            },
        )?;
        #[cfg(windows)]
        to.single(
            &service,
            TypeClient::SECOND,
            |svc, _cx, ()| async move {
                ::grid::__private::Result::Ok(
                    <__GridService as r#Type>::second(&svc).await,
                )
            },
        )?;
        to.single(
            &service,
            TypeClient::EXPECTS,
            |svc, _cx, (arg1,)| async move {
                ::grid::__private::Result::Ok(
                    <__GridService as r#Type>::expects(&svc, arg1).await,
                )
            },
        )?;
        to.describe(TypeClient::DESCRIPTOR);
        ::grid::__private::Result::Ok(())
    }
}
#[cfg(unix)]
const _: () = {
    #[allow(unused_imports)]
    use ::grid::__private::NotResult as _;
    ::grid::__private::plain::<{ <::grid::__private::Probe<Plain>>::IS_RESULT }>()
};
#[cfg(not(unix))]
const _: () = {
    #[allow(unused_imports)]
    use ::grid::__private::NotResult as _;
    ::grid::__private::plain::<{ <::grid::__private::Probe<Other>>::IS_RESULT }>()
};
const _: () = {
    #[allow(unused_imports)]
    use ::grid::__private::NotResult as _;
    ::grid::__private::plain::<{ <::grid::__private::Probe<u8>>::IS_RESULT }>()
};
#[cfg(all(all(unix), all(not(unix))))]
::core::compile_error!(
    "`r#match` and `r#match` are both called `match` on the wire: give one of them another name"
);
#[cfg(all(all(any(not(feature = "x"), feature = "y")), all(windows)))]
::core::compile_error!(
    "`second` has the pinned id 9, which `first` has already: choose another"
);
