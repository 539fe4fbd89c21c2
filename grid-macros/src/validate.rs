//! Rules across the methods of a service: ids and names are there once.

use proc_macro2::TokenStream;
use quote::quote_spanned;

use crate::errors::Errors;
use crate::model::{Method, Service};
use crate::names;

/// Finds all mistakes; the result is code that finds those that depend on a `cfg`.
pub(crate) fn service(service: &Service, errors: &mut Errors) -> TokenStream {
    let methods: Vec<&Method> = service.methods().collect();
    let mut conditional = TokenStream::new();
    for (index, method) in methods.iter().enumerate() {
        if names::is_reserved(&method.ident) {
            errors.push(&method.ident, reserved(service, method));
        }
        for earlier in &methods[..index] {
            conditional.extend(pair(earlier, method, errors));
        }
    }
    conditional
}

fn reserved(service: &Service, method: &Method) -> String {
    let client = names::client(service.ident());
    format!(
        "`{client}` has a `{0}` of its own: give the method another name, and if its name on the wire must stay, `#[handler(name = \"{0}\")]`",
        method.name
    )
}

/// Two methods that cannot both be there.
fn pair(first: &Method, second: &Method, errors: &mut Errors) -> TokenStream {
    let (here, there) = match (first.id == second.id, first.ident == second.ident) {
        (true, _) => same_id(first, second),
        // Of two functions of one name the compiler complains itself.
        (false, false) if names::constant(&first.ident) == names::constant(&second.ident) => {
            let constant = names::constant(&first.ident);
            let message = format!(
                "`{}` and `{}` would both be the constant `{constant}`: rename one",
                first.name, second.name
            );
            (message, None)
        }
        _ => return TokenStream::new(),
    };
    let conditions: Vec<&TokenStream> =
        [first, second].into_iter().filter_map(|method| method.condition.as_ref()).collect();
    if conditions.is_empty() {
        // Methods of the same name are the compiler's to refuse, which it does with both places.
        if first.ident != second.ident {
            errors.push(&second.ident, here);
            if let Some(there) = there {
                errors.push(&first.ident, there);
            }
        }
        return TokenStream::new();
    }
    quote_spanned!(second.ident.span()=> #[cfg(all(#(#conditions),*))] ::core::compile_error!(#here);)
}

fn same_id(first: &Method, second: &Method) -> (String, Option<String>) {
    let (a, b) = (&first.name, &second.name);
    match (first.options.id, second.options.id) {
        (Some(id), Some(_)) => (
            format!("`{b}` has the pinned id {id}, which `{a}` has already: choose another"),
            Some(format!("`{a}` has the id {id} first")),
        ),
        _ => (
            format!(
                "`{a}` and `{b}` have the same derived handler id {:#x}: pin one of them with `#[handler(id = ..)]`, or rename it",
                first.id
            ),
            Some(format!("`{a}` is the other one")),
        ),
    }
}
