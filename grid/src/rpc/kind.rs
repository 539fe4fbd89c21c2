//! [`Once`] and [`Idempotent`]: whether the handler of a method may run twice, as a type, so that a call that must not be made
//! twice does not compile.

/// Marks calls of methods that must not run twice for one call: those without `#[handler(idempotent)]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {}

/// Marks calls of methods with `#[handler(idempotent)]`, whose handler may run twice for one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotent {}

/// Whether a call may be made at several nodes at once; implemented for [`Idempotent`].
#[diagnostic::on_unimplemented(
    message = "this method must not run twice, so its calls cannot be hedged",
    label = "add `#[handler(idempotent)]` to the method in the trait of the service",
    note = "a hedged call may run at both nodes: the option is right for reads, and for writes that leave the same state when \
        they are repeated"
)]
pub trait MayRunTwice {}

#[diagnostic::do_not_recommend]
impl MayRunTwice for Idempotent {}
