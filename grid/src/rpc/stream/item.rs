//! The items of a stream that a handler returns instead of sending.

/// An item that a returned stream may yield, for a method with items `T` and error `E`: `T` or `Result<T, E>`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an item of this stream",
    label = "the items must be `{T}` or `Result<{T}, {E}>`",
    note = "an item's error must be the error type of the method"
)]
pub trait StreamItem<T, E> {
    /// Converts to the item, or the error that ends the stream.
    fn into_item(self) -> Result<T, E>;
}

impl<T, E> StreamItem<T, E> for T {
    fn into_item(self) -> Result<T, E> {
        Ok(self)
    }
}

impl<T, E> StreamItem<T, E> for Result<T, E> {
    fn into_item(self) -> Self {
        self
    }
}
