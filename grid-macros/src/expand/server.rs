//! The server: one statement for each method puts it into the node's table.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::client::silence;
use super::docs;
use crate::carried;
use crate::model::{Method, Output, Param, Service, Shape};
use crate::names;

pub(super) fn expand(service: &Service) -> TokenStream {
    let private = service.krate.private();
    let (vis, ident) = (&service.item.vis, service.ident());
    let (client, server) = (names::client(ident), names::server(ident));
    let implementer = names::implementer();
    let docs = docs::server(service);
    let carried = carried::for_client(&service.item.attrs);
    let silence = silence();
    let name = server.to_string();
    let registrations = service.methods().map(|method| registration(service, method));
    quote! {
        #docs
        #(#carried)*
        #[allow(dead_code, non_camel_case_types)]
        #vis struct #server<#implementer> {
            service: #private::Arc<#implementer>,
            subroute: #private::Option<#private::String>,
        }

        #silence
        impl<#implementer> #server<#implementer> {
            /// Makes a server of the service.
            #[must_use]
            #vis fn new(service: #implementer) -> Self {
                Self::from_arc(#private::Arc::new(service))
            }

            /// Makes a server of a service that others hold too.
            #[must_use]
            #vis fn from_arc(service: #private::Arc<#implementer>) -> Self {
                Self { service, subroute: #private::Option::None }
            }

            /// Puts the service under this subroute; a second one goes below the first.
            #[must_use]
            #vis fn subroute(mut self, path: impl #private::Into<#private::String>) -> Self {
                self.subroute = #private::join(self.subroute, #private::Into::into(path));
                self
            }
        }

        #silence
        #[automatically_derived]
        impl<#implementer> ::core::clone::Clone for #server<#implementer> {
            fn clone(&self) -> Self {
                Self {
                    service: #private::Clone::clone(&self.service),
                    subroute: #private::Clone::clone(&self.subroute),
                }
            }
        }

        #silence
        #[automatically_derived]
        impl<#implementer> ::core::fmt::Debug for #server<#implementer> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(#name).field("subroute", &self.subroute).finish_non_exhaustive()
            }
        }

        #silence
        #[automatically_derived]
        impl<#implementer: #ident> #private::Service for #server<#implementer> {
            fn register(self, to: &mut #private::Registrar<'_>) -> #private::Result<(), #private::RegisterError> {
                let service = self.service;
                let mut to = to.under(self.subroute);
                #(#registrations)*
                to.describe(#client::DESCRIPTOR);
                #private::Result::Ok(())
            }
        }
    }
}

fn registration(service: &Service, method: &Method) -> TokenStream {
    let cfgs = method.cfgs();
    let (client, constant) = (names::client(service.ident()), names::constant(&method.ident));
    let svc = names::binding("svc");
    let cx = if has_context(method) { names::binding("cx") } else { names::binding("_cx") };
    let (input, out) = (names::binding("input"), names::binding("out"));
    let args = method.args().enumerate().map(|(index, _)| names::argument(index));
    let (function, ends) = match method.shape() {
        Shape::Single { .. } => (quote!(single), quote!()),
        Shape::ServerStream { .. } => (quote!(server_stream), quote!(, #out)),
        Shape::ClientStream { .. } => (quote!(client_stream), quote!(, #input)),
        Shape::TwoWay { .. } => (quote!(two_way), quote!(, #input, #out)),
    };
    let body = body(service, method);
    quote! {
        #(#cfgs)*
        to.#function(&service, #client::#constant, |#svc, #cx, (#(#args,)*) #ends| async move { #body })?;
    }
}

fn has_context(method: &Method) -> bool {
    method.params.iter().any(|param| matches!(param, Param::Context))
}

/// Calls the implementation and makes a `Result` of what it gives.
fn body(service: &Service, method: &Method) -> TokenStream {
    let private = service.krate.private();
    let (ident, name, implementer) = (service.ident(), &method.ident, names::implementer());
    let svc = names::binding("svc");
    let mut index = 0;
    let params = method.params.iter().map(|param| match param {
        Param::Context => {
            let cx = names::binding("cx");
            quote!(&#cx)
        }
        Param::Arg(_) => {
            index += 1;
            let arg = names::argument(index - 1);
            quote!(#arg)
        }
        Param::Incoming(_) => {
            let input = names::binding("input");
            quote!(#input)
        }
        Param::Outgoing(_) => {
            let out = names::binding("out");
            quote!(#out)
        }
    });
    let call = quote!(<#implementer as #ident>::#name(&#svc, #(#params),*).await);
    let out = names::binding("out");
    match (&method.returns.output, method.returns.fallible) {
        // At the return type, since that is what a message about the items is about.
        (Output::Pulled(_), true) => {
            quote_spanned!(method.returns.written.span()=> #out.__pump_ok(#call).await)
        }
        (Output::Pulled(_), false) => {
            quote_spanned!(method.returns.written.span()=> #out.__pump(#call).await)
        }
        (Output::Value(_), true) => call,
        (Output::Value(_), false) => quote!(#private::Result::Ok(#call)),
    }
}
