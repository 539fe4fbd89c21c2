//! The documentation of what is generated.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use crate::model::{Method, Service, Shape};

/// A method of the trait as a link, unless its name would make a broken one.
fn link(service: &Service, method: &Ident) -> String {
    let (service, method) = (service.ident().to_string(), method.to_string());
    if service.starts_with("r#") || method.starts_with("r#") {
        format!("`{service}::{method}`")
    } else {
        format!("[`{service}::{method}`]")
    }
}

fn service_link(service: &Service) -> String {
    let name = service.ident().to_string();
    if name.starts_with("r#") { format!("`{name}`") } else { format!("[`{name}`]") }
}

pub(super) fn client(service: &Service) -> TokenStream {
    let text =
        format!(" Calls {} on a node: one method for each of the trait's.", service_link(service));
    quote!(#[doc = #text])
}

pub(super) fn server(service: &Service) -> TokenStream {
    let text = format!(" Serves a {} to other nodes.", service_link(service));
    quote!(#[doc = #text])
}

pub(super) fn constant(service: &Service, method: &Method) -> TokenStream {
    let text = format!(
        " {}: its id, its types and what else is known of it.",
        link(service, &method.ident)
    );
    quote!(#[doc = #text])
}

/// A line that is always there, so that a method without documentation is reported once, on the trait.
pub(super) fn call(service: &Service, method: &Method, documented: bool) -> TokenStream {
    let what = match method.shape() {
        Shape::Single { .. } => "Calls",
        Shape::ServerStream { .. } => "Opens the stream of",
        Shape::ClientStream { .. } | Shape::TwoWay { .. } => "Opens the streams of",
    };
    let text = format!(" {what} {}.", link(service, &method.ident));
    let gap = documented.then(|| quote!(#[doc = ""]));
    quote!(#gap #[doc = #text])
}
