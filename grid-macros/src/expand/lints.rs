//! The lints that generated code allows.

use proc_macro2::TokenStream;
use quote::quote;

/// Allows the lints that only make sense for handwritten code.
pub(super) fn silence() -> TokenStream {
    quote!(#[allow(dead_code, deprecated, non_snake_case, clippy::all, clippy::pedantic, clippy::nursery)])
}
