//! The client: its type with one function per method. The constants behind those are in `constants.rs`.

use proc_macro2::TokenStream;
use quote::quote;

use super::codecs::{ends, kind};
use super::docs;
use crate::carried;
use crate::model::{Arg, Item, Method, Service, Shape, Unsendable};
use crate::names;
use crate::payload;

/// The client's type and its functions.
///
/// They are outside the unnamed constant, where compiler messages would name them `_::<impl DiskClient>::stat`.
pub(super) fn expand(service: &Service) -> TokenStream {
    let private = service.krate.private();
    let (vis, client) = (&service.item.vis, names::client(service.ident()));
    let docs = docs::client(service);
    let carried = carried::for_client(&service.item.attrs);
    let silence = super::lints::silence();
    let own = own(service);
    let in_process = service.servable.then(|| in_process(service));
    let calls = service.items.iter().map(|item| match item {
        Item::Method(method) => call(service, method),
        Item::Unsendable(method) => unsendable_call(service, method),
        Item::Refused(_) | Item::Other(_) => TokenStream::new(),
    });
    quote! {
        #docs
        #(#carried)*
        #[allow(dead_code, non_camel_case_types)]
        #[derive(#private::Clone, #private::Debug)]
        #vis struct #client {
            connection: #private::Connection,
        }

        #silence
        impl #client {
            #own
            #in_process
            #(#calls)*
        }
    }
}

/// The functions that every client has. `names::is_reserved` refuses methods of the same names.
fn own(service: &Service) -> TokenStream {
    let (vis, private) = (&service.item.vis, service.krate.private());
    quote! {
        /// Creates a client that makes its calls over this connection.
        #[must_use]
        #vis fn new(connection: #private::Connection) -> Self {
            Self { connection: connection.__client_of(Self::DESCRIPTOR) }
        }

        /// Creates a client with which a handler calls another node, or its own.
        ///
        /// Its calls inherit deadline and trace of the handler's own call only if they are made `within` the context.
        ///
        /// # Errors
        ///
        /// As `Context::connection`: the node is not on the host list.
        #vis fn of(
            cx: &#private::Context,
            host: &#private::str,
        ) -> #private::Result<Self, #private::UnknownHost> {
            cx.connection(host).map(Self::new)
        }

        /// Groups these nodes, which are then called together, see `Group`. `node` is a `Manager`, or the `Context` of a
        /// handler.
        ///
        /// # Errors
        ///
        /// `UnknownHosts` names the nodes that are not on the host list.
        #vis fn group(
            node: &impl #private::HostList,
            hosts: impl #private::IntoIterator<Item = impl #private::AsRef<#private::str>>,
        ) -> #private::Result<#private::Group<Self>, #private::UnknownHosts> {
            #private::group(node, hosts, Self::new, Self::connection)
        }

        /// The connection over which the client makes its calls.
        #[must_use]
        #vis fn connection(&self) -> &#private::Connection {
            &self.connection
        }

        /// Returns a client of the service under this subroute. An empty path returns the same client.
        #[must_use]
        #vis fn subroute(&self, path: &#private::str) -> Self {
            Self::new(self.connection.subroute(path))
        }

        /// Returns a client whose calls and streams all carry this value, see `Connection::with_metadata`.
        #[must_use]
        #vis fn with_metadata(
            &self,
            key: impl #private::Into<#private::String>,
            value: impl #private::Into<#private::Bytes>,
        ) -> Self {
            Self::new(self.connection.with_metadata(key, value))
        }

        /// Returns a client whose single requests are made again after a failure, see `Connection::with_retry`.
        #[must_use]
        #vis fn with_retry(&self, policy: &#private::Retry) -> Self {
            Self::new(self.connection.with_retry(policy))
        }
    }
}

fn in_process(service: &Service) -> TokenStream {
    let private = service.krate.private();
    let (vis, ident, server) = (&service.item.vis, service.ident(), names::server(service.ident()));
    let (new, panics) = match service.local {
        true => (quote!(local), " Panics outside of a `LocalSet`."),
        false => (quote!(new), " Panics outside of a tokio runtime."),
    };
    quote! {
        /// Creates a client of a service in this process, without a link. Intended for tests.
        ///
        /// # Panics
        ///
        #[doc = #panics]
        #[must_use]
        #vis fn in_process(service: impl #ident) -> Self {
            Self::new(#private::in_process(#server::#new(service)))
        }
    }
}

/// The function that calls the method.
fn call(service: &Service, method: &Method) -> TokenStream {
    let private = service.krate.private();
    let vis = &service.item.vis;
    let user_docs = carried::docs(&method.attrs);
    let docs = docs::call(service, method, !user_docs.is_empty());
    let carried = carried::for_client(&method.attrs);
    let (ident, constant) = (&method.ident, names::constant(&method.ident));
    let args: Vec<&Arg> = method.args().collect();
    let (names, types): (Vec<_>, Vec<_>) = args.iter().map(|arg| (&arg.ident, &arg.ty)).unzip();
    let (action, returns) = returned(method, &private);
    quote! {
        #(#user_docs)*
        #docs
        #(#carried)*
        #vis fn #ident(&self, #(#names: #types),*) -> #returns {
            Self::#constant.#action(&self.connection, (#(#names,)*))
        }
    }
}

/// How a method is called, and the future that the client returns.
fn returned(method: &Method, private: &TokenStream) -> (TokenStream, TokenStream) {
    let (input, output) = ends(method, private);
    let error = method.returns.error.tokens(private);
    match method.shape() {
        Shape::Single { .. } => {
            let kind = kind(method, private);
            (quote!(call), quote!(#private::Call<#output, #error #kind>))
        }
        Shape::ServerStream { .. } => {
            (quote!(open), quote!(#private::Opening<#private::Responses<#output, #error>, #error>))
        }
        Shape::ClientStream { .. } => (
            quote!(open),
            quote!(#private::Opening<(#private::Requests<#input>, #private::Reply<#output, #error>), #error>),
        ),
        Shape::TwoWay { .. } => (
            quote!(open),
            quote!(#private::Opening<(#private::Requests<#input>, #private::Responses<#output, #error>), #error>),
        ),
    }
}

/// The signature of a method that cannot be called, as far as it compiles in the client.
fn unsendable_call(service: &Service, refused: &Unsendable) -> TokenStream {
    let Unsendable { method, generics, .. } = refused;
    let private = service.krate.private();
    let (_, returns) = returned(method, &private);
    let written = method.args().map(|arg| &arg.ty).chain(method.returns.output.written());
    if names::is_reserved(&method.ident) || !written.into_iter().all(payload::compiles_anywhere) {
        return TokenStream::new();
    }
    let (vis, ident, cfgs) = (&service.item.vis, &method.ident, method.cfgs());
    let (names, types): (Vec<_>, Vec<_>) = method.args().map(|arg| (&arg.ident, &arg.ty)).unzip();
    quote! {
        #(#cfgs)*
        #[allow(unused_variables)]
        #vis fn #ident #generics (&self, #(#names: #types),*) -> #returns {
            #private::refused()
        }
    }
}
