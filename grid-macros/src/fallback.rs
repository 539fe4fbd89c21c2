//! What is left of a mistake: the user's code without our attributes, so that nothing else is reported about it.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::visit::Visit;
use syn::{FnArg, Item, Pat, Safety, TraitItemFn, Type};

use crate::carried;
use crate::errors::Errors;
use crate::types::is_bare_stream;

/// A method that cannot be a service's, as the trait's own. Nothing, if the compiler would refuse it as well.
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
    let mut unnameable = Unnameable(false);
    unnameable.visit_signature(&method.sig);
    if unnameable.0 {
        return TokenStream::new();
    }
    quote!(#[allow(async_fn_in_trait)] #method)
}

/// Finds types that are an error of their own in a signature.
struct Unnameable(bool);

impl<'ast> Visit<'ast> for Unnameable {
    fn visit_type(&mut self, ty: &'ast Type) {
        let bare = matches!(ty, Type::Path(_)) && is_bare_stream(ty);
        self.0 |= bare || matches!(ty, Type::Infer(_));
        syn::visit::visit_type(self, ty);
    }
}

/// The attribute on something that is no trait.
pub(crate) fn not_a_trait(item: &Item, errors: &mut Errors) {
    let message = "`#[grid::service]` goes on a trait, whose methods become calls";
    match item {
        Item::Struct(item) => errors.push(item.struct_token, message),
        Item::Enum(item) => errors.push(item.enum_token, message),
        Item::Fn(item) => errors.push(item.sig.fn_token, message),
        Item::Mod(item) => errors.push(item.mod_token, message),
        Item::Impl(item) => {
            errors.push(item.impl_token, "`#[grid::service]` goes on the trait; an impl of it is plain Rust, without an attribute");
        }
        other => errors.push(other.to_token_stream(), message),
    }
}
