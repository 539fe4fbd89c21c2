//! Collects all errors of one service, so that the user sees them together, each one once.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// The errors found so far. Dropping it without calling [`finish`](Self::finish) is a bug, and panics in debug builds.
#[derive(Default)]
pub(crate) struct Errors {
    found: Option<syn::Error>,
    count: usize,
    asked: bool,
}

impl Errors {
    /// Adds an error located at these tokens.
    pub(crate) fn push(&mut self, at: impl ToTokens, message: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(at, message));
    }

    pub(crate) fn add(&mut self, error: syn::Error) {
        self.count += 1;
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }

    /// How many errors were found so far.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Returns the errors as code: one `compile_error!` for each.
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
