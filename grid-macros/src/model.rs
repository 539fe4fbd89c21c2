//! A service as its methods' shapes, read from the trait. After this and `validate.rs` nothing can fail.
//!
//! A mistake in an option leaves the method in place with the option's default; one in the signature leaves the method
//! in the trait as it was written, without a client's method, so that it is reported once and nothing else breaks.

mod method;
mod params;
mod returns;
mod signature;

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::{Ident, ItemTrait, TraitItem};

pub(crate) use method::{Arg, Method, Output, Param, Shape};

use crate::args::{Krate, ServiceArgs};
use crate::errors::Errors;
use crate::fallback;

/// A trait with `#[grid::service]` on it.
pub(crate) struct Service {
    /// The trait without its items.
    pub(crate) item: ItemTrait,
    pub(crate) items: Vec<Item>,
    /// Name on the wire.
    pub(crate) name: String,
    pub(crate) krate: Krate,
    /// Whether a server can be made: not of a generic trait.
    pub(crate) servable: bool,
}

/// What the trait consists of, in order.
pub(crate) enum Item {
    Method(Box<Method>),
    /// A method that is only the trait's, because its name is taken elsewhere.
    Refused(Box<Method>),
    /// Something that has a mistake in it and goes back to the trait.
    Other(TokenStream),
}

impl Service {
    pub(crate) fn from_syn(args: ServiceArgs, mut item: ItemTrait, errors: &mut Errors) -> Self {
        let servable = check_trait(&item, errors);
        let name = args.name.unwrap_or_else(|| syn::ext::IdentExt::unraw(&item.ident).to_string());
        let trait_items = std::mem::take(&mut item.items);
        if trait_items.is_empty() {
            errors
                .push(&item.ident, "a service without methods cannot be called: add an `async fn`");
        }
        let items = trait_items.into_iter().map(|item| from_item(item, &name, errors)).collect();
        Self { item, items, name, krate: args.krate, servable }
    }

    pub(crate) fn methods(&self) -> impl Iterator<Item = &Method> {
        self.items.iter().filter_map(|item| match item {
            Item::Method(method) => Some(&**method),
            Item::Refused(_) | Item::Other(_) => None,
        })
    }

    pub(crate) fn ident(&self) -> &Ident {
        &self.item.ident
    }
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
    match Method::from_syn(method, service, errors) {
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
