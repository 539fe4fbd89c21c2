//! Which of the user's attributes are copied to which generated items.
//!
//! The trait keeps all of them. The client's items get documentation, deprecation, lint levels and `must_use`. `cfg` is
//! copied to every item of its method.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, Token};

/// The `cfg`s, for every generated item that belongs to the annotated one.
pub(crate) fn cfgs(attrs: &[Attribute]) -> Vec<TokenStream> {
    project(attrs, &|meta| meta.path().is_ident("cfg").then(|| meta.to_token_stream()))
}

/// The attributes that the client or its function shares with the trait or its method.
pub(crate) fn for_client(attrs: &[Attribute]) -> Vec<TokenStream> {
    project(attrs, &|meta| {
        let path = meta.path();
        let carried = ["cfg", "deprecated", "allow", "warn", "deny", "forbid", "must_use"];
        if carried.iter().any(|name| path.is_ident(name)) || is_hidden(meta) {
            return Some(meta.to_token_stream());
        }
        // The lint may fire in one of the two places only, and the other expectation would be unfulfilled.
        match meta {
            Meta::List(list) if path.is_ident("expect") => {
                let lints = &list.tokens;
                Some(quote!(allow(#lints)))
            }
            _ => None,
        }
    })
}

/// The documentation attributes, including `#[doc = include_str!(..)]`.
pub(crate) fn docs(attrs: &[Attribute]) -> Vec<TokenStream> {
    project(attrs, &|meta| match meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => Some(meta.to_token_stream()),
        _ => None,
    })
}

/// The documentation as one string. Parts that are not string literals are omitted.
pub(crate) fn doc_text(attrs: &[Attribute]) -> String {
    let lines = attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<String> =
        lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned()).collect();
    lines.join("\n").trim().to_owned()
}

fn is_hidden(meta: &Meta) -> bool {
    matches!(meta, Meta::List(list) if list.path.is_ident("doc"))
}

/// The predicate of all `cfg`s of the item; `None` if it has none.
pub(crate) fn condition(attrs: &[Attribute]) -> Option<TokenStream> {
    let mut all = Vec::new();
    for attr in attrs {
        conditions(&attr.meta, &mut all);
    }
    (!all.is_empty()).then(|| quote!(all(#(#all),*)))
}

fn conditions(meta: &Meta, all: &mut Vec<TokenStream>) {
    let Meta::List(list) = meta else { return };
    if list.path.is_ident("cfg") {
        all.push(list.tokens.clone());
    } else if let Some((predicate, inner)) = cfg_attr(meta) {
        let mut nested = Vec::new();
        inner.iter().for_each(|meta| conditions(meta, &mut nested));
        all.extend(nested.into_iter().map(|nested| quote!(any(not(#predicate), #nested))));
    }
}

/// Whether an attribute of this name is inside a `cfg_attr`.
pub(crate) fn conditionally_has(attr: &Attribute, name: &str) -> bool {
    fn has(meta: &Meta, name: &str) -> bool {
        cfg_attr(meta).is_some_and(|(_, inner)| {
            inner.iter().any(|meta| meta.path().is_ident(name) || has(meta, name))
        })
    }
    has(&attr.meta, name)
}

/// Maps the attributes through `keep`, including those inside `cfg_attr`.
fn project(attrs: &[Attribute], keep: &dyn Fn(&Meta) -> Option<TokenStream>) -> Vec<TokenStream> {
    attrs
        .iter()
        .filter_map(|attr| project_meta(&attr.meta, keep))
        .map(|meta| quote!(#[#meta]))
        .collect()
}

fn project_meta(meta: &Meta, keep: &dyn Fn(&Meta) -> Option<TokenStream>) -> Option<TokenStream> {
    let Some((predicate, inner)) = cfg_attr(meta) else { return keep(meta) };
    let inner: Vec<TokenStream> =
        inner.iter().filter_map(|meta| project_meta(meta, keep)).collect();
    (!inner.is_empty()).then(|| quote!(cfg_attr(#predicate, #(#inner),*)))
}

/// The predicate and the attributes of `cfg_attr(predicate, attributes)`.
fn cfg_attr(meta: &Meta) -> Option<(Meta, Vec<Meta>)> {
    let Meta::List(list) = meta else { return None };
    if !list.path.is_ident("cfg_attr") {
        return None;
    }
    let parts = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(list.tokens.clone()).ok()?;
    let mut parts = parts.into_iter();
    Some((parts.next()?, parts.collect()))
}
