//! The options of the attribute itself: `#[grid::service(name = "Disk", dyn, crate = ::path)]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Ident, Path};

use crate::entry::entries;
use crate::errors::Errors;

const KNOWN: &[&str] = &["name", "crate", "dyn", "local", "schema"];

/// The options in the parentheses of `#[grid::service(..)]`.
#[derive(Default)]
pub(crate) struct ServiceArgs {
    /// Name on the wire, if it differs from the trait's.
    pub(crate) name: Option<String>,
    pub(crate) krate: Krate,
    /// The key of `dyn`, which is also the place of errors about it.
    pub(crate) twin: Option<Ident>,
    /// Whether the handlers stay on one thread.
    pub(crate) local: bool,
    /// Whether the service states the JSON Schemas of what it sends.
    pub(crate) schema: bool,
}

/// The path of the runtime crate as seen from the user's code.
#[derive(Default)]
pub(crate) struct Krate(Option<Path>);

impl Krate {
    /// The crate's path, for code that no user mistake can cause an error in.
    fn path(&self) -> TokenStream {
        match &self.0 {
            Some(path) => path.to_token_stream(),
            None => quote!(::grid),
        }
    }

    /// The runtime's hidden module.
    pub(crate) fn private(&self) -> TokenStream {
        let path = self.path();
        quote!(#path::__private)
    }

    /// The same path with every token located at `span`, so that compiler messages about it point there.
    pub(crate) fn private_at(&self, span: Span) -> TokenStream {
        match &self.0 {
            // Changes the location only: a `$crate` in the path must keep its meaning.
            Some(path) => {
                let path = relocate(path.to_token_stream(), span);
                quote_spanned!(span=> #path::__private)
            }
            None => quote_spanned!(span=> ::grid::__private),
        }
    }
}

fn relocate(tokens: TokenStream, span: Span) -> TokenStream {
    let moved = tokens.into_iter().map(|mut token: TokenTree| {
        token.set_span(token.span().located_at(span));
        token
    });
    moved.collect()
}

impl ServiceArgs {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        for entry in entries(tokens, "`#[grid::service]`", KNOWN, errors) {
            if entry.key == "name" {
                args.name =
                    entry.text("name = \"Disk\"", errors).and_then(|name| wire_name(&name, errors));
            } else if entry.key == "dyn" {
                args.twin = entry.flag(errors).then(|| entry.key.clone());
            } else if entry.key == "local" {
                args.local = entry.flag(errors);
            } else if entry.key == "schema" {
                args.schema = entry.flag(errors);
            } else if let Some(Expr::Path(path)) = &entry.value {
                args.krate = Krate(Some(path.path.clone()));
            } else {
                entry.wrong(entry.value.as_ref(), "a path", "crate = ::some::path", errors);
            }
        }
        if args.local
            && let Some(key) = args.twin.take()
        {
            errors.push(
                key,
                "the futures of `dyn` are `Send`, and those of a `local` service are not: remove \
                    one of the two",
            );
        }
        args
    }
}

/// Checks a name on the wire: a part of `Service/method`.
pub(crate) fn wire_name(name: &syn::LitStr, errors: &mut Errors) -> Option<String> {
    let value = name.value();
    if value.is_empty() || value.contains('/') {
        errors.push(
            name,
            "a name on the wire must not be empty or contain `/`: it is a part of `Service/method`",
        );
        return None;
    }
    Some(value)
}
