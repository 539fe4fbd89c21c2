//! How structs are encoded.

/// Whether structs are encoded as maps by field name or, with `#[handler(compact)]`, as arrays.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Maps by field name: fields can be added later.
    Named,
    /// Arrays in the order of the fields: smaller, but fields can never be added or reordered. Structs that arrays cannot
    /// hold are maps.
    Compact,
}
