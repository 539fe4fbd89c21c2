//! The options of the attribute itself: `#[grid::service(name = "Disk", crate = ::path)]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Path};

use crate::entry::entries;
use crate::errors::Errors;

const KNOWN: &[&str] = &["name", "crate"];

/// What was written in the parentheses of `#[grid::service(..)]`.
#[derive(Default)]
pub(crate) struct ServiceArgs {
    /// Name on the wire, if it is not the trait's.
    pub(crate) name: Option<String>,
    pub(crate) krate: Krate,
}

/// Where the runtime crate is found from the user's code.
#[derive(Default)]
pub(crate) struct Krate(Option<Path>);

impl Krate {
    /// The crate's path, for code that is not to blame for any user's mistake.
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

    /// The same with every token at this place, so that messages about it point there.
    pub(crate) fn private_at(&self, span: Span) -> TokenStream {
        match &self.0 {
            // Only the place: a `$crate` in it must still mean what it means.
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
            } else if let Some(Expr::Path(path)) = &entry.value {
                args.krate = Krate(Some(path.path.clone()));
            } else {
                entry.wrong(entry.value.as_ref(), "a path", "crate = ::some::path", errors);
            }
        }
        args
    }
}

/// A name on the wire: part of `Service/method`.
pub(crate) fn wire_name(name: &syn::LitStr, errors: &mut Errors) -> Option<String> {
    let value = name.value();
    if value.is_empty() || value.contains('/') {
        errors.push(
            name,
            "a name on the wire is not empty and has no `/`: it is a part of `Service/method`",
        );
        return None;
    }
    Some(value)
}
