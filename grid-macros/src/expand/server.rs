//! The server: an alias of the runtime's type, and one statement for each method that adds its handler.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::docs;
use crate::carried;
use crate::model::{Method, Output, Param, Service, Shape};
use crate::names;

/// The alias that users name.
pub(super) fn alias(service: &Service) -> TokenStream {
    let private = service.krate.private();
    let (vis, ident) = (&service.item.vis, service.ident());
    let (client, server) = (names::client(ident), names::server(ident));
    let docs = docs::server(service);
    let served = if service.local { quote!(LocalServed) } else { quote!(Served) };
    let carried = carried::for_client(&service.item.attrs);
    quote! {
        #docs
        #(#carried)*
        #[allow(dead_code, deprecated, non_camel_case_types)]
        #vis type #server<T> = #private::#served<T, #client>;
    }
}

/// The list of the methods, from which the runtime makes handlers.
pub(super) fn methods(service: &Service) -> TokenStream {
    let (runtime, implementer) = (names::runtime(), names::implementer());
    let (ident, client) = (service.ident(), names::client(service.ident()));
    let (served_by, handlers) = match service.local {
        true => (quote!(LocallyServedBy), quote!(LocalHandlers)),
        false => (quote!(ServedBy), quote!(Handlers)),
    };
    let registrations = service.methods().map(|method| registration(service, method));
    quote! {
        #[automatically_derived]
        impl<#implementer: #ident> #runtime::#served_by<#implementer> for #client {
            const DESCRIPTOR: &'static #runtime::ServiceDescriptor = Self::DESCRIPTOR;
            fn add_methods(to: &mut #runtime::#handlers<'_, #implementer>) {
                #(#registrations)*
            }
        }
    }
}

fn registration(service: &Service, method: &Method) -> TokenStream {
    let cfgs = method.cfgs();
    let constant = names::constant(&method.ident);
    let svc = names::binding("svc");
    let cx = if has_context(method) { names::binding("cx") } else { names::binding("_cx") };
    let (input, out) = (names::binding("input"), names::binding("out"));
    let (runtime, request) = (names::runtime(), names::binding("request"));
    let args = method.args().enumerate().map(|(index, _)| names::argument(index));
    let body = body(service, method);
    if method.is_blocking() {
        return quote! {
            #(#cfgs)*
            to.blocking(Self::#constant, |#svc, #cx, (#(#args,)*)| #body);
        };
    }
    let (function, ends) = match method.shape() {
        Shape::Single { .. } => (quote!(single), quote!()),
        Shape::ServerStream { .. } => (quote!(server_stream), quote!(, #out)),
        Shape::ClientStream { .. } => (quote!(client_stream), quote!(, #input)),
        Shape::TwoWay { .. } => (quote!(two_way), quote!(, #input, #out)),
    };
    quote! {
        #(#cfgs)*
        to.#function(Self::#constant, |#svc, #cx, #request #ends| async move {
            let (#(#args,)*) = match #request.decode() {
                #runtime::Result::Ok(args) => args,
                #runtime::Result::Err(bad) => return #runtime::Result::Err(bad),
            };
            #runtime::Result::Ok(#body)
        });
    }
}

fn has_context(method: &Method) -> bool {
    method.params.iter().any(|param| matches!(param, Param::Context(_)))
}

/// Calls the implementation and converts its output to a `Result`.
fn body(service: &Service, method: &Method) -> TokenStream {
    let runtime = names::runtime();
    let (ident, name) = (service.ident(), &method.ident);
    let svc = names::binding("svc");
    let mut index = 0;
    let params = method.params.iter().map(|param| match param {
        // Located at the user's type, which may be another `Context`.
        Param::Context(ty) => {
            let (cx, runtime) = (names::binding("cx"), names::runtime_at(ty.span()));
            quote_spanned!(ty.span()=> #runtime::context(&#cx))
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
    let wait = (!method.is_blocking()).then(|| quote!(.await));
    let call = quote!(#ident::#name(&*#svc, #(#params),*) #wait);
    let out = names::binding("out");
    match (&method.returns.output, method.returns.fallible) {
        // Located at the return type, since compiler messages about the items are about it.
        (Output::Pulled(_), true) => {
            quote_spanned!(method.returns.written.span()=> #out.__pump_ok(#call).await)
        }
        (Output::Pulled(_), false) => {
            quote_spanned!(method.returns.written.span()=> #out.__pump(#call).await)
        }
        (Output::Value(_), true) => call,
        (Output::Value(_), false) => quote!(#runtime::Result::Ok(#call)),
    }
}
