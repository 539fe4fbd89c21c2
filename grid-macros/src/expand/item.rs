//! The trait, without our attributes, and with `Send` futures unless it is `local`. A method with `blocking` stays a plain
//! `fn`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::model::{Item, Method, Service};
use crate::names;
use crate::types::{is_unit, with_send};

pub(super) fn expand(service: &Service) -> TokenStream {
    let syn::ItemTrait {
        attrs,
        vis,
        unsafety,
        trait_token,
        ident,
        generics,
        supertraits,
        brace_token,
        ..
    } = &service.item;
    let private = service.krate.private_at(ident.span());
    let items = service.items.iter().map(|item| match item {
        Item::Method(method) | Item::Refused(method) => signature(service, method),
        Item::Unsendable(method) => method.plain.clone(),
        Item::Other(tokens) => tokens.clone(),
    });
    let supertraits = supertraits.iter();
    let where_clause = &generics.where_clause;
    let threads =
        (!service.local).then(|| quote_spanned!(ident.span()=> #private::Send + #private::Sync +));
    // Located at the user's tokens, so that compiler messages about the trait point at the trait.
    let mut code = quote_spanned! {ident.span()=>
        #(#attrs)*
        #vis #unsafety #trait_token #ident #generics:
            #(#supertraits +)* #threads 'static #where_clause
    };
    brace_token.surround(&mut code, |code| {
        code.extend(items);
        code.extend(no_dyn(service));
    });
    code
}

/// Async methods alone rule out `dyn` too, but the compiler's message about them does not say what to use.
fn no_dyn(service: &Service) -> TokenStream {
    if service.is_plain() {
        return TokenStream::new();
    }
    let ident = service.ident();
    let has_twin = service.twin.is_some();
    let instead = if has_twin { names::twin(ident) } else { names::client(ident) };
    let name = names::no_dyn(ident, &instead);
    quote_spanned! {name.span()=>
        #[doc(hidden)]
        #[allow(dead_code, non_upper_case_globals)]
        const #name: () = ();
    }
}

/// Every token of the future's type is located at the method's name, so that compiler messages about it point there.
fn signature(service: &Service, method: &Method) -> TokenStream {
    let Method { attrs, ident, inputs, returns, body, .. } = method;
    let span = ident.span();
    if method.is_blocking() {
        let output = (!is_unit(&returns.written)).then_some(&returns.written).into_iter();
        let block = body.as_ref().map(|body| &body.block);
        let end = block.is_none().then(|| quote_spanned!(span=> ;));
        return quote_spanned! {span=>
            #(#attrs)*
            fn #ident(#(#inputs),*) #(-> #output)* #block #end
        };
    }
    let private = service.krate.private_at(span);
    let bounds = &returns.bounds;
    let future = if service.local {
        let written = &returns.written;
        quote_spanned!(span=> impl #private::Future<Output = #written> #(+ #bounds)*)
    } else {
        let written = with_send(&returns.written, &quote_spanned!(span=> #private::Send));
        quote_spanned!(span=> impl #private::Future<Output = #written> + #private::Send #(+ #bounds)*)
    };
    let body = match body {
        None => quote_spanned!(span=> ;),
        Some(body) => {
            let block = &body.block;
            if body.is_async {
                quote_spanned!(span=> { async move #block })
            } else {
                quote!(#block)
            }
        }
    };
    quote_spanned! {span=>
        #(#attrs)*
        fn #ident(#(#inputs),*) -> #future #body
    }
}
