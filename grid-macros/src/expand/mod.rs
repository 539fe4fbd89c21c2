//! From the model to code: the trait, the client, the server. Nothing here can fail.
//!
//! All paths are absolute, and names of the runtime come from its one hidden module.

mod client;
mod codecs;
mod docs;
mod item;
mod server;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use crate::model::Service;

pub(crate) fn service(service: &Service) -> TokenStream {
    let mut code = item::expand(service);
    code.extend(client::expand(service));
    if service.servable {
        code.extend(server::expand(service));
    }
    code.extend(disguised_results(service));
    code
}

/// Checks that return types are what they look like: a `Result` under another name would travel as data.
fn disguised_results(service: &Service) -> TokenStream {
    let private = service.krate.private();
    let mut seen = Vec::new();
    let mut checks = TokenStream::new();
    for method in service.methods() {
        let cfgs = method.cfgs();
        for ty in &method.returns.plain {
            let key = quote!(#ty).to_string();
            if cfgs.is_empty() && seen.contains(&key) {
                continue;
            }
            let probe = quote_spanned!(ty.span()=> { <#private::Probe<#ty>>::IS_RESULT });
            checks.extend(quote! {
                #(#cfgs)*
                const _: () = {
                    #[allow(unused_imports)]
                    use #private::NotResult as _;
                    #private::plain::<#probe>()
                };
            });
            if cfgs.is_empty() {
                seen.push(key);
            }
        }
    }
    checks
}
