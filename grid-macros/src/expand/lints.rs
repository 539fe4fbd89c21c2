//! The lints that generated code allows.

use proc_macro2::TokenStream;
use quote::quote;

/// Allows the lints that are about code that a person wrote.
pub(super) fn silence() -> TokenStream {
    quote!(#[allow(dead_code, deprecated, non_snake_case, clippy::all, clippy::pedantic)])
}
