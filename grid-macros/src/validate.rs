//! Rules across the methods of a service: their ids and names must be unique, and the twin must have some.

use proc_macro2::TokenStream;
use quote::quote_spanned;

use crate::args::Krate;
use crate::errors::Errors;
use crate::model::{Item, Method, Service};
use crate::names;

/// Reports all conflicts. Returns code that reports those that depend on a `cfg`.
///
/// A method whose name conflicts stays in the trait only, so that the compiler reports no second error.
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
                    "`{client}` has its own `{name}`: rename the \
                method; to keep its name on the wire, add \
                `#[handler(name = \"{name}\")]`"
                ),
            );
        }
        if service.local {
            refused |= !check_local(&method, errors);
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
    check_twin(service, errors);
    conditional
}

/// Reports options that a local service cannot have.
fn check_local(method: &Method, errors: &mut Errors) -> bool {
    if let Some(key) = &method.options.blocking {
        errors.push(
            key,
            "a handler of a `local` service runs on the service's thread, and `blocking` on another \
                one: write an `async fn`, and run the part that blocks with \
                `tokio::task::spawn_blocking`",
        );
    }
    if let Some(key) = &method.options.inline {
        errors.push(
            key,
            "`inline` runs the handler in the task of the link, and a handler of a `local` service \
                runs on the service's thread: remove it",
        );
    }
    method.options.blocking.is_none()
}

/// Reports a twin without methods.
fn check_twin(service: &Service, errors: &mut Errors) {
    let Some(key) = &service.twin else { return };
    let valid = service.methods().count() == service.items.len() && !service.items.is_empty();
    if !valid || service.methods().any(|method| method.twinless().is_none()) {
        return;
    }
    let (ident, twin) = (service.ident(), names::twin(service.ident()));
    if service.is_plain() {
        errors.push(
            key,
            format_args!(
                "`{twin}` would have no method, because `blocking` functions are left out: remove \
                    `dyn`, and use `dyn {ident}` itself"
            ),
        );
    } else {
        let client = names::client(ident);
        errors.push(
            key,
            format_args!(
                "`{twin}` would have no method, because streams, methods with a `Context` and \
                    `blocking` functions are left out: remove `dyn`, and use `{client}`"
            ),
        );
    }
}

/// Why two methods cannot be in the same service.
enum Conflict {
    Pinned,
    Name,
    Derived,
    Constant,
}

fn conflict(first: &Method, second: &Method) -> Option<Conflict> {
    // The compiler reports two functions of the same name itself, with both locations.
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
    /// The messages at the second method and at the first.
    fn messages(&self, first: &Method, second: &Method) -> (String, String) {
        let (a, b, id) = (&first.ident, &second.ident, first.id);
        match self {
            Self::Pinned => (
                format!("`{b}` has the same pinned id as `{a}`, {id}: choose another one"),
                format!("`{a}` has the id {id}"),
            ),
            Self::Name => (
                format!(
                    "`{b}` and `{a}` have the same name on the wire, `{}`: rename one of them",
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
                        "the constants of `{a}` and `{b}` would both be named `{constant}`: rename \
                            one; to keep its name on the wire, add `#[handler(name = \"..\")]`"
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

    /// Code that reports the conflict if the `cfg`s of both methods hold.
    fn under_cfg(&self, first: &Method, second: &Method, krate: &Krate) -> TokenStream {
        let private = krate.private_at(second.ident.span());
        let conditions = first.condition.iter().chain(&second.condition);
        let (here, _) = self.messages(first, second);
        quote_spanned!(second.ident.span()=> #[cfg(all(#(#conditions),*))] #private::compile_error!(#here);)
    }
}
