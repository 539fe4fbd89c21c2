//! Reads a service from the trait. After this and `validate.rs` nothing can fail.
//!
//! A mistake in an option leaves the method in place with the option's default; one in the signature leaves the method
//! in the trait as it was written, without a client's method, so that it is reported once and nothing else breaks.

mod method;
mod params;
mod returns;
mod signature;

use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::{ItemTrait, TraitItem};

use crate::args::ServiceArgs;
use crate::errors::Errors;
use crate::fallback;
use crate::model::{Item, Service};

/// The service that the trait describes, with whatever of it makes sense.
pub(crate) fn service(args: ServiceArgs, mut item: ItemTrait, errors: &mut Errors) -> Service {
    let servable = check_trait(&item, errors);
    let name = args.name.unwrap_or_else(|| item.ident.unraw().to_string());
    let trait_items = std::mem::take(&mut item.items);
    if trait_items.is_empty() {
        errors.push(&item.ident, "a service without methods cannot be called: add an `async fn`");
    }
    let items = trait_items.into_iter().map(|item| from_item(item, &name, errors)).collect();
    Service { item, items, name, krate: args.krate, servable }
}

fn from_item(item: TraitItem, service: &str, errors: &mut Errors) -> Item {
    let method = match item {
        TraitItem::Fn(method) => method,
        other => {
            let what = match &other {
                TraitItem::Const(_) => "an associated constant is",
                TraitItem::Type(_) => "an associated type is",
                TraitItem::Macro(_) => "a macro is",
                _ => "this is",
            };
            let message = format!(
                "{what} not part of a service, whose methods are called from other nodes: move \
                    it to another trait"
            );
            match &other {
                TraitItem::Const(item) => errors.push(&item.ident, message),
                TraitItem::Type(item) => errors.push(&item.ident, message),
                TraitItem::Macro(item) => errors.push(&item.mac.path, message),
                other => errors.push(other, message),
            }
            return Item::Other(other.into_token_stream());
        }
    };
    let plain = fallback::method(&method);
    match method::method(method, service, errors) {
        Some(method) => Item::Method(Box::new(method)),
        None => Item::Other(plain),
    }
}

/// What is wrong with the trait itself. False if no type can implement it as a service.
fn check_trait(item: &ItemTrait, errors: &mut Errors) -> bool {
    if let Some(token) = &item.unsafety {
        errors.push(
            token,
            "a service is a safe trait: there is nothing a caller on another node could promise",
        );
    }
    if let Some(token) = &item.modifiers.auto_token {
        errors.push(token, "a service has methods, which an auto trait has not");
    }
    if let Some(lifetime) = item.generics.lifetimes().next() {
        errors.push(
            lifetime,
            "a service has no lifetime: it is shared between calls, so it owns what it needs",
        );
        return false;
    }
    if let Some(parameter) = item.generics.params.first() {
        errors.push(
            parameter,
            "a service is not generic: callers on other nodes must know all types; put the \
                parameter on the type that implements it",
        );
        return false;
    }
    if let Some(clause) = &item.generics.where_clause {
        errors.push(clause, "a service has no where clause: write `trait Disk: Bound`");
        return false;
    }
    true
}
