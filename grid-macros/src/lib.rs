//! The attribute macro of grid-rpc, which re-exports and documents it as `grid::service`.

mod args;
mod attr;
mod carried;
mod entry;
mod errors;
mod expand;
mod fallback;
mod model;
mod names;
mod parse;
mod payload;
#[cfg(test)]
mod tests;
mod types;
mod validate;

use proc_macro2::TokenStream;

use crate::args::ServiceArgs;
use crate::errors::Errors;

/// Generates a client and a server for a trait. Use it as `grid::service`, where it is documented.
#[proc_macro_attribute]
pub fn service(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    expand(args.into(), item.into()).into()
}

/// The attribute on `proc_macro2` tokens, so that unit tests can call it.
fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = ServiceArgs::parse(args, &mut errors);
    let code = match syn::parse2::<syn::Item>(item.clone()) {
        Ok(syn::Item::Trait(item)) => {
            let mut service = parse::service(args, item, &mut errors);
            let conditional = validate::service(&mut service, &mut errors);
            let mut code = expand::service(&service);
            code.extend(conditional);
            code
        }
        Ok(other) => {
            fallback::not_a_trait(&other, &mut errors);
            item
        }
        Err(error) => {
            errors.add(error);
            item
        }
    };
    let mut all = errors.finish();
    all.extend(code);
    all
}
