//! The documentation of generated items.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use crate::model::{Method, Service, Shape};
use crate::names;

/// A link to a method of the trait. Plain code for raw identifiers, whose links rustdoc cannot resolve.
fn link(service: &Service, method: &Ident) -> String {
    let (service, method) = (service.ident().to_string(), method.to_string());
    if service.starts_with("r#") || method.starts_with("r#") {
        format!("`{service}::{method}`")
    } else {
        format!("[`{service}::{method}`]")
    }
}

pub(super) fn service_link(service: &Service) -> String {
    let name = service.ident().to_string();
    if name.starts_with("r#") { format!("`{name}`") } else { format!("[`{name}`]") }
}

pub(super) fn client(service: &Service) -> TokenStream {
    let text = format!(" Client of {}: one method per method of the trait.", service_link(service));
    quote!(#[doc = #text])
}

pub(super) fn server(service: &Service) -> TokenStream {
    let create = match service.local {
        true => "`local` or `from_rc` on the thread where it is to run",
        false => "`new` or `from_arc`",
    };
    let text = format!(
        " Server of {}: create it with {create}, and register it with a node.",
        service_link(service)
    );
    quote!(#[doc = #text])
}

/// Names the methods that the twin cannot have.
pub(super) fn twin(service: &Service) -> TokenStream {
    let (client, trait_link) = (names::client(service.ident()), service_link(service));
    let mut text = format!(
        " Object-safe twin of {trait_link}: `{client}` and all implementations of {trait_link} implement it.\n\n \
        An implementation in this process is called directly: arguments and answers are not encoded, and the method's \
        deadline does not apply."
    );
    for method in service.methods() {
        if let Some(what) = method.twinless() {
            // No link: the method may be configured out.
            let (trait_name, name) = (service.ident(), &method.ident);
            text.push_str(&format!(
                "\n\n `{trait_name}::{name}` is left out, because it is {what}."
            ));
        }
    }
    quote!(#[doc = #text])
}

/// A method of the twin.
pub(super) fn twin_call(service: &Service, method: &Method, documented: bool) -> TokenStream {
    let text = format!(" Calls {}, here or at another node.", link(service, &method.ident));
    let gap = documented.then(|| quote!(#[doc = ""]));
    quote!(#gap #[doc = #text])
}

pub(super) fn constant(service: &Service, method: &Method) -> TokenStream {
    let text = format!(" Descriptor of {}: id, types and options.", link(service, &method.ident));
    quote!(#[doc = #text])
}

/// Always present, so that `missing_docs` reports an undocumented method on the trait only.
pub(super) fn call(service: &Service, method: &Method, documented: bool) -> TokenStream {
    let what = match method.shape() {
        Shape::Single { .. } => "Calls",
        Shape::ServerStream { .. } => "Opens the stream of",
        Shape::ClientStream { .. } | Shape::TwoWay { .. } => "Opens the streams of",
    };
    let mut text = format!(" {what} {}.", link(service, &method.ident));
    if method.is_idempotent() {
        text.push_str(
            " It is idempotent: a call that is repeated or hedged may run more than once.",
        );
    }
    let gap = documented.then(|| quote!(#[doc = ""]));
    quote!(#gap #[doc = #text])
}
