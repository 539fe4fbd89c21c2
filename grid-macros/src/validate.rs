//! Rules across the methods of a service: ids and names are there once.

use proc_macro2::TokenStream;
use quote::quote_spanned;

use crate::args::Krate;
use crate::errors::Errors;
use crate::model::{Item, Method, Service};
use crate::names;

/// Finds all mistakes; the result is code that finds those that depend on a `cfg`.
///
/// A method whose name is taken stays in the trait only, so that the compiler does not complain as well.
pub(crate) fn service(service: &mut Service, errors: &mut Errors) -> TokenStream {
    let client = names::client(service.ident());
    let items = std::mem::take(&mut service.items);
    let mut conditional = TokenStream::new();
    for item in items {
        let Item::Method(method) = item else {
            service.items.push(item);
            continue;
        };
        let mut refused = names::is_reserved(&method.ident);
        if refused {
            let name = &method.name;
            errors.push(
                &method.ident,
                format_args!(
                    "`{client}` has its own `{name}`: give the \
                method another name, and if its name on the wire must stay, write \
                `#[handler(name = \"{name}\")]`"
                ),
            );
        }
        for earlier in service.methods() {
            match conflict(earlier, &method) {
                None => {}
                Some(conflict) if earlier.condition.is_some() || method.condition.is_some() => {
                    conditional.extend(conflict.under_cfg(earlier, &method, &service.krate));
                }
                Some(conflict) => {
                    refused |= matches!(conflict, Conflict::Constant);
                    conflict.report(earlier, &method, errors);
                }
            }
        }
        service.items.push(if refused { Item::Refused(method) } else { Item::Method(method) });
    }
    conditional
}

/// Why two methods cannot both be there.
enum Conflict {
    Pinned,
    Name,
    Derived,
    Constant,
}

fn conflict(first: &Method, second: &Method) -> Option<Conflict> {
    // Of two functions of one name the compiler complains itself, with both places.
    let functions =
        first.ident == second.ident && first.condition.is_none() && second.condition.is_none();
    if functions {
        return None;
    }
    if first.id == second.id {
        let pinned = first.options.id.is_some() && second.options.id.is_some();
        return Some(match pinned {
            true => Conflict::Pinned,
            false if first.name == second.name => Conflict::Name,
            false => Conflict::Derived,
        });
    }
    let constants = names::constant(&first.ident) == names::constant(&second.ident);
    (constants && first.ident != second.ident).then_some(Conflict::Constant)
}

impl Conflict {
    /// What to say at the second method, and at the first.
    fn messages(&self, first: &Method, second: &Method) -> (String, String) {
        let (a, b, id) = (&first.ident, &second.ident, first.id);
        match self {
            Self::Pinned => (
                format!("`{b}` has the pinned id {id}, which `{a}` has already: choose another"),
                format!("`{a}` has the id {id} first"),
            ),
            Self::Name => (
                format!(
                    "`{b}` and `{a}` are both called `{}` on the wire: give one of them another \
                        name",
                    first.name
                ),
                format!("`{a}` is the other one"),
            ),
            Self::Derived => (
                format!(
                    "`{a}` and `{b}` have the same derived handler id {id:#x}: pin one of them \
                        with `#[handler(id = ..)]`, or rename it"
                ),
                format!("`{a}` is the other one"),
            ),
            Self::Constant => {
                let constant = names::constant(&first.ident);
                (
                    format!(
                        "`{a}` and `{b}` would both be the constant `{constant}`: rename one, \
                            and keep its name on the wire with `#[handler(name = \"..\")]`"
                    ),
                    format!("`{a}` is the other one"),
                )
            }
        }
    }

    fn report(&self, first: &Method, second: &Method, errors: &mut Errors) {
        let (here, there) = self.messages(first, second);
        errors.push(&second.ident, here);
        errors.push(&first.ident, there);
    }

    /// The same, where only the compiler knows whether both are there.
    fn under_cfg(&self, first: &Method, second: &Method, krate: &Krate) -> TokenStream {
        let private = krate.private_at(second.ident.span());
        let conditions = first.condition.iter().chain(&second.condition);
        let (here, _) = self.messages(first, second);
        quote_spanned!(second.ident.span()=> #[cfg(all(#(#conditions),*))] #private::compile_error!(#here);)
    }
}
