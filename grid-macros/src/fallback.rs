//! The expansion of invalid code: the user's code without our attributes, so that the compiler reports no further errors
//! about it.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::visit_mut::VisitMut;
use syn::{FnArg, Item, Pat, Receiver, Safety, TraitItemFn, Type};

use crate::carried;
use crate::errors::Errors;
use crate::types::{self, is_bare_stream};

/// An invalid method, changed so that the trait compiles with it.
pub(crate) fn method(method: &TraitItemFn) -> TokenStream {
    let mut method = method.clone();
    method.attrs.retain(|attr| {
        !attr.path().is_ident("handler") && !carried::conditionally_has(attr, "handler")
    });
    method.sig.constness = None;
    method.sig.abi = None;
    method.sig.variadic = None;
    if let Safety::Safe(_) = method.sig.safety {
        method.sig.safety = Safety::Default;
    }
    for input in &mut method.sig.inputs {
        let FnArg::Typed(input) = input else { continue };
        input.attrs.retain(|attr| !attr.path().is_ident("default"));
        let is_name = matches!(&*input.pat, Pat::Ident(name) if name.mutability.is_none() && name.by_ref.is_none());
        if method.default.is_none() && !is_name {
            *input.pat = syn::parse_quote!(_);
        }
    }
    Nameable.visit_signature_mut(&mut method.sig);
    quote!(#[allow(async_fn_in_trait)] #method)
}

/// Replaces types that would cause compiler errors of their own.
struct Nameable;

impl VisitMut for Nameable {
    fn visit_receiver_mut(&mut self, receiver: &mut Receiver) {
        receiver.mutability = None;
    }

    fn visit_type_mut(&mut self, ty: &mut Type) {
        if is_bare_stream(ty) && types::is_named(ty, "Stream") {
            *ty = syn::parse_quote!(impl #ty);
            return;
        }
        let end = ["Incoming", "Outgoing"].iter().any(|name| types::is_named(ty, name));
        if end
            && types::last_segment(ty).is_some_and(|segment| types::type_args(segment).is_empty())
        {
            *ty = syn::parse_quote!(#ty<()>);
        } else if let Type::Infer(_) = ty {
            *ty = syn::parse_quote!(());
        }
        syn::visit_mut::visit_type_mut(self, ty);
    }
}

/// Reports the attribute on an item that is not a trait.
pub(crate) fn not_a_trait(item: &Item, errors: &mut Errors) {
    let message = "`#[grid::service]` can only be put on a trait";
    match item {
        Item::Struct(item) => errors.push(item.struct_token, message),
        Item::Enum(item) => errors.push(item.enum_token, message),
        Item::Fn(item) => errors.push(item.sig.fn_token, message),
        Item::Mod(item) => errors.push(item.mod_token, message),
        Item::Impl(item) => {
            errors.push(
                item.impl_token,
                "`#[grid::service]` goes on the trait: its implementations \
                have no attribute",
            );
        }
        other => errors.push(other.to_token_stream(), message),
    }
}
