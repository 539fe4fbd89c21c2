//! Checks that no return type is an alias of `Result` with another name: its errors would be sent as values.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use crate::model::Service;
use crate::names;

/// One statement per return type that is not named `Result`.
pub(super) fn expand(service: &Service) -> TokenStream {
    let runtime = names::runtime();
    let mut seen = Vec::new();
    let mut checks = Vec::new();
    for method in service.methods() {
        let cfgs = method.cfgs();
        for ty in &method.returns.plain {
            let key = quote!(#ty).to_string();
            if cfgs.is_empty() && seen.contains(&key) {
                continue;
            }
            let probe = quote_spanned!(ty.span()=> { <#runtime::Probe<#ty>>::IS_RESULT });
            checks.push(quote!(#(#cfgs)* #runtime::plain::<#probe>();));
            if cfgs.is_empty() {
                seen.push(key);
            }
        }
    }
    if checks.is_empty() {
        return TokenStream::new();
    }
    quote! {
        #[allow(unused_imports)]
        use #runtime::NotResult as _;
        #(#checks)*
    }
}
