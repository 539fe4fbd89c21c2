//! Generates code from the model: the trait, the client, the server, the twin. Nothing here can fail.
//!
//! The client, the alias of the server and the twin are next to the trait. Everything else is in one unnamed constant, which
//! imports the runtime's hidden module under a short name. All generated paths lead to that module.

mod checks;
mod client;
mod codecs;
mod constants;
mod docs;
mod item;
mod lints;
mod server;
mod twin;

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::Service;
use crate::names;

pub(crate) fn service(service: &Service) -> TokenStream {
    let mut code = item::expand(service);
    code.extend(client::expand(service));
    if service.servable {
        code.extend(server::alias(service));
    }
    if service.twin.is_some() {
        code.extend(twin::expand(service));
    }
    code.extend(unnamed(service));
    code
}

fn unnamed(service: &Service) -> TokenStream {
    let (private, runtime) = (service.krate.private(), names::runtime());
    let silence = lints::silence();
    let constants = constants::expand(service);
    let server = service.servable.then(|| server::methods(service));
    let twin = service.twin.is_some().then(|| twin::implementations(service));
    let checks = checks::expand(service);
    quote! {
        #silence
        const _: () = {
            use #private as #runtime;
            #constants
            #server
            #twin
            #checks
        };
    }
}
