//! All mistakes of a service, collected, so that the user sees them at once and each one once.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// Mistakes found so far. Dropping it without asking for them is a mistake of ours and fails the tests.
#[derive(Default)]
pub(crate) struct Errors {
    found: Option<syn::Error>,
    asked: bool,
}

impl Errors {
    /// Adds a message with its caret under these tokens.
    pub(crate) fn push(&mut self, at: impl ToTokens, message: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(at, message));
    }

    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }

    /// One `compile_error!` a mistake; nothing if there is none.
    pub(crate) fn finish(mut self) -> TokenStream {
        self.asked = true;
        self.found.take().map(|found| found.to_compile_error()).unwrap_or_default()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        debug_assert!(
            self.asked || std::thread::panicking(),
            "errors were collected and never shown"
        );
    }
}
