//! Parses the trait to a [`Service`]. After this and `validate.rs` nothing can fail.
//!
//! A method with an invalid option keeps the option's default. A method with a type that cannot be sent stays in
//! the trait, and the client has a function with its signature. A method with another error in its signature stays in the
//! trait only. In all these cases the user sees one error per mistake.

mod method;
mod params;
mod returns;
mod signature;

use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::{ItemTrait, TraitItem};

use self::method::Parsed;
use crate::args::ServiceArgs;
use crate::errors::Errors;
use crate::fallback;
use crate::model::{Item, Service, Unsendable};

/// Returns the valid parts of the service.
pub(crate) fn service(args: ServiceArgs, mut item: ItemTrait, errors: &mut Errors) -> Service {
    let servable = check_trait(&item, errors);
    let name = args.name.unwrap_or_else(|| item.ident.unraw().to_string());
    let trait_items = std::mem::take(&mut item.items);
    if trait_items.is_empty() {
        errors.push(&item.ident, "a service needs at least one method: add an `async fn`");
    }
    let items = trait_items.into_iter().map(|item| from_item(item, &name, errors)).collect();
    Service {
        item,
        items,
        name,
        krate: args.krate,
        servable,
        twin: args.twin,
        local: args.local,
        schema: args.schema,
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
            let message = format!("{what} not allowed in a service: move it to another trait");
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
    let generics = method.sig.generics.clone();
    match method::method(method, service, errors) {
        Parsed::Valid(method) => Item::Method(Box::new(method)),
        Parsed::Unsendable(method) => {
            Item::Unsendable(Box::new(Unsendable { method, generics, plain }))
        }
        Parsed::Invalid => Item::Other(plain),
    }
}

/// Reports errors of the trait itself. Returns false if no server can be generated for it.
fn check_trait(item: &ItemTrait, errors: &mut Errors) -> bool {
    if let Some(token) = &item.unsafety {
        errors.push(token, "a service cannot be an unsafe trait");
    }
    if let Some(token) = &item.modifiers.auto_token {
        errors.push(token, "a service cannot be an auto trait, which has no methods");
    }
    if let Some(lifetime) = item.generics.lifetimes().next() {
        errors.push(
            lifetime,
            "a service cannot have lifetime parameters: calls share it, so it must own its data",
        );
        return false;
    }
    if !item.generics.params.is_empty() {
        errors.push(
            &item.generics,
            "a service cannot be generic, because the ids of its methods do not depend on types: \
                name the types here and make the implementation generic, write a `macro_rules!` \
                that makes one trait for each type, or take and return `grid::Raw` (\"Generic \
                services\" in the guide's chapter on services has examples)",
        );
        return false;
    }
    if let Some(clause) = &item.generics.where_clause {
        errors.push(clause, "a service cannot have a where clause: write `trait Disk: Bound`");
        return false;
    }
    true
}
