//! The object-safe twin of the trait, with `#[grid::service(dyn)]`: the same single requests with boxed futures.
//!
//! The client implements it, and so does every implementation of the trait. That is coherent because trait and client
//! are in one crate, which sees that the client does not implement the trait.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::{docs, lints};
use crate::carried;
use crate::model::{Method, Output, Service};
use crate::names;

/// The trait.
pub(super) fn expand(service: &Service) -> TokenStream {
    let private = service.krate.private();
    let (vis, twin) = (&service.item.vis, names::twin(service.ident()));
    let docs = docs::twin(service);
    let carried = carried::for_client(&service.item.attrs);
    let silence = lints::silence();
    let calls = methods(service).map(|method| {
        let user_docs = carried::docs(&method.attrs);
        let docs = docs::twin_call(service, method, !user_docs.is_empty());
        let carried = carried::for_client(&method.attrs);
        let signature = signature(method, &private);
        quote!(#(#user_docs)* #docs #(#carried)* #signature;)
    });
    quote! {
        #docs
        #(#carried)*
        #silence
        #[allow(non_camel_case_types)]
        #vis trait #twin: #private::Send + #private::Sync + 'static {
            #(#calls)*
        }
    }
}

/// Its implementations by the client and by all implementations of the service.
pub(super) fn implementations(service: &Service) -> TokenStream {
    let (runtime, implementer) = (names::runtime(), names::implementer());
    let (ident, client) = (service.ident(), names::client(service.ident()));
    let twin = names::twin(ident);
    let remote = methods(service).map(|method| {
        let (cfgs, signature, name) = (method.cfgs(), signature(method, &runtime), &method.ident);
        let args = method.args().map(|arg| &arg.ident);
        quote!(#(#cfgs)* #signature { #runtime::boxed(#client::#name(self, #(#args),*)) })
    });
    let local = methods(service).map(|method| {
        let (cfgs, signature, name) = (method.cfgs(), signature(method, &runtime), &method.ident);
        let args = method.args().map(|arg| &arg.ident);
        let run = if method.returns.fallible { quote!(local) } else { quote!(local_infallible) };
        quote!(#(#cfgs)* #signature { #runtime::#run(#ident::#name(self, #(#args),*)) })
    });
    let local = service.servable.then(|| {
        quote! {
            #[automatically_derived]
            impl<#implementer: #ident> #twin for #implementer {
                #(#local)*
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl #twin for #client {
            #(#remote)*
        }
        #local
    }
}

fn methods(service: &Service) -> impl Iterator<Item = &Method> {
    service.methods().filter(|method| method.twinless().is_none())
}

fn signature(method: &Method, runtime: &impl ToTokens) -> TokenStream {
    let ident = &method.ident;
    let (names, types): (Vec<_>, Vec<_>) = method.args().map(|arg| (&arg.ident, &arg.ty)).unzip();
    let output = match &method.returns.output {
        Output::Value(ty) | Output::Pulled(ty) => ty.tokens(runtime),
    };
    let error = method.returns.error.tokens(runtime);
    quote! {
        fn #ident(&self, #(#names: #types),*)
            -> #runtime::BoxFuture<'_, #runtime::Result<#output, #runtime::CallError<#error>>>
    }
}
