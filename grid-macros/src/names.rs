//! All generated names, and the names that methods must not have.

use proc_macro2::Span;
use quote::format_ident;
use syn::Ident;
use syn::ext::IdentExt as _;

/// The client's own methods. A service method named `clone` would compile, and then call the peer.
const RESERVED: &[&str] = &[
    "new",
    "of",
    "group",
    "connection",
    "subroute",
    "with_metadata",
    "with_retry",
    "in_process",
    "clone",
];

pub(crate) fn is_reserved(method: &Ident) -> bool {
    let name = method.unraw();
    RESERVED.iter().any(|reserved| name == reserved) || constant(method) == descriptor()
}

pub(crate) fn client(service: &Ident) -> Ident {
    format_ident!("{}Client", service.unraw(), span = service.span())
}

pub(crate) fn server(service: &Ident) -> Ident {
    format_ident!("{}Server", service.unraw(), span = service.span())
}

/// The object-safe twin of the trait.
pub(crate) fn twin(service: &Ident) -> Ident {
    format_ident!("Dyn{}", service.unraw(), span = service.span())
}

pub(crate) fn descriptor() -> Ident {
    Ident::new("DESCRIPTOR", Span::call_site())
}

/// A constant of the trait. The compiler's message about `dyn Disk` lists it, and so names the type to use: this one.
pub(crate) fn no_dyn(service: &Ident, instead: &Ident) -> Ident {
    format_ident!("USE_{instead}_INSTEAD_OF_dyn", span = service.span())
}

/// The constant of a method: `STAT` for `stat`, `DISK_INFO` for `diskInfo`.
pub(crate) fn constant(method: &Ident) -> Ident {
    let name = method.unraw().to_string();
    let mut constant = String::with_capacity(name.len() + 4);
    let mut after_small = false;
    for c in name.chars() {
        if c.is_uppercase() && after_small {
            constant.push('_');
        }
        after_small = c.is_lowercase() || c.is_numeric();
        constant.extend(c.to_uppercase());
    }
    Ident::new(&constant, method.span())
}

/// The constant that holds the codec of a type.
pub(crate) fn codec(index: usize) -> Ident {
    format_ident!("__CODEC_{index}")
}

/// The name under which generated code imports the runtime's hidden module.
pub(crate) fn runtime() -> Ident {
    runtime_at(Span::call_site())
}

/// The same name located at `span`, so that compiler messages about it point there.
pub(crate) fn runtime_at(span: Span) -> Ident {
    Ident::new("__grid", span)
}

/// The type parameter for the implementation of the trait.
pub(crate) fn implementer() -> Ident {
    Ident::new("__T", Span::mixed_site())
}

/// An argument of the server's closure. Independent of the user's name for it.
pub(crate) fn argument(index: usize) -> Ident {
    format_ident!("arg{}", index + 1, span = Span::mixed_site())
}

/// A binding of the server's closure.
pub(crate) fn binding(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
