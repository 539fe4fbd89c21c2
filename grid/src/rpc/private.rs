//! The whole contract between the attribute and this crate. Not for anybody else: it changes without notice.

pub use std::clone::Clone;
pub use std::compile_error;
pub use std::convert::Infallible;
pub use std::fmt::Debug;
pub use std::future::Future;
pub use std::marker::{Send, Sync};
pub use std::primitive::str;
pub use std::result::Result;

pub use super::args::Arg;
pub use super::fault::ErrorCodec;
pub use super::handlers::Handlers;
pub use super::payload::{Codec, Layout};
pub use super::served::{Served, ServedBy};
use super::{ArgTuple, DEFAULT_CAPACITY, HandlerError, Payload, Registrar, Service};
pub use super::{
    Call, ClientStreamMethod, Method, Opening, Reply, Requests, Responses, ServerStreamMethod,
    StreamItem, TwoWayMethod,
};
use crate::Capacities;
pub use crate::{Connection, MethodInfo, ServiceDescriptor};

/// The codec of a type; the only place where a type must be a payload.
pub const fn codec<T: Payload>() -> Codec<T> {
    Codec::of(Layout::Named)
}

/// The same for `#[handler(compact)]`.
pub const fn compact<T: Payload>() -> Codec<T> {
    Codec::of(Layout::Compact)
}

/// The codec of an error type.
pub const fn error<E: HandlerError>() -> ErrorCodec<E> {
    ErrorCodec::typed()
}

/// The codec of a method that cannot fail.
pub const fn infallible() -> ErrorCodec<Infallible> {
    ErrorCodec::infallible()
}

/// The only argument of a method.
pub const fn whole<T>(name: &'static str, codec: Codec<T>) -> Arg<T> {
    Arg { name, codec, default: None }
}

/// One of several arguments.
pub const fn arg<T>(name: &'static str, codec: Codec<T>) -> Arg<T> {
    assert!(
        !codec.whole,
        "`grid::Raw` is a whole payload: it cannot be one of several arguments; use `bytes::Bytes`"
    );
    Arg { name, codec, default: None }
}

/// The same argument with `#[default]`.
pub const fn or_default<T: Default>(arg: Arg<T>) -> Arg<T> {
    Arg { name: arg.name, codec: arg.codec, default: Some(T::default) }
}

/// The typed constant of a single request.
pub const fn single<A: ArgTuple, O, E>(
    info: MethodInfo,
    args: A::Specs,
    output: Codec<O>,
    error: ErrorCodec<E>,
) -> Method<A, O, E> {
    Method::__new(info, args, output, error)
}

/// The typed constant of a method that answers with a stream.
pub const fn server_stream<A: ArgTuple, O, E>(
    info: MethodInfo,
    args: A::Specs,
    output: Codec<O>,
    error: ErrorCodec<E>,
) -> ServerStreamMethod<A, O, E> {
    let outgoing = or_default_capacity(info.capacities().outgoing);
    ServerStreamMethod::__new(info.__outgoing(outgoing), args, output, error)
}

/// The typed constant of a method that takes a stream and answers once.
pub const fn client_stream<A: ArgTuple, I, O, E>(
    info: MethodInfo,
    args: A::Specs,
    input: Codec<I>,
    output: Codec<O>,
    error: ErrorCodec<E>,
) -> ClientStreamMethod<A, I, O, E> {
    let incoming = or_default_capacity(info.capacities().incoming);
    // The one answer is a message too.
    let info = info.__incoming(incoming).__outgoing(1);
    ClientStreamMethod::__new(info, args, input, output, error)
}

/// The typed constant of a method with a stream in each direction.
pub const fn two_way<A: ArgTuple, I, O, E>(
    info: MethodInfo,
    args: A::Specs,
    input: Codec<I>,
    output: Codec<O>,
    error: ErrorCodec<E>,
) -> TwoWayMethod<A, I, O, E> {
    let Capacities { incoming, outgoing } = info.capacities();
    let info = info.__incoming(or_default_capacity(incoming));
    let info = info.__outgoing(or_default_capacity(outgoing));
    TwoWayMethod::__new(info, args, input, output, error)
}

/// The capacity that the attribute gives, where 0 stands for none.
const fn or_default_capacity(given: u32) -> u32 {
    if given == 0 { DEFAULT_CAPACITY } else { given }
}

/// A connection to a service in this process.
pub fn in_process(service: impl Service) -> Connection {
    let mut registry = crate::net::Registry::new();
    service
        .register(&mut Registrar::new(&mut registry))
        .expect("the attribute refuses equal ids in one service");
    crate::net::in_process(registry)
}

/// `Result` under whatever name: aliases resolve through it.
pub trait ResultLike {
    /// What it gives if all is well.
    type Ok;
    /// What it gives otherwise.
    type Err;
}

impl<T, E> ResultLike for Result<T, E> {
    type Ok = T;
    type Err = E;
}

/// Tells whether a type is a `Result` in disguise: the inherent constant wins over the one of [`NotResult`].
#[derive(Debug)]
pub struct Probe<T>(std::marker::PhantomData<T>);

impl<T, E> Probe<Result<T, E>> {
    /// It is.
    pub const IS_RESULT: bool = true;
}

/// See [`Probe`].
pub trait NotResult {
    /// It is not.
    const IS_RESULT: bool = false;
}

impl<T> NotResult for Probe<T> {}

/// A constant as a type, so that an alias of `Result` is a trait error with a caret on the user's type.
#[derive(Debug)]
pub struct Disguised<const IS_RESULT: bool>;

/// Return types that are plain values.
#[diagnostic::on_unimplemented(
    message = "the return type is an alias of `Result`, so its error type cannot be seen",
    label = "write `Result<T, E>` here, or name the alias `Result`"
)]
pub trait Plain {}

#[diagnostic::do_not_recommend]
impl Plain for Disguised<false> {}

/// Compiles only if the type is no `Result`.
pub const fn plain<const IS_RESULT: bool>()
where
    Disguised<IS_RESULT>: Plain,
{
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "cannot be one of several arguments")]
    fn raw_under_another_name_is_refused() {
        type Blob = crate::Raw;
        let _ = arg("data", codec::<Blob>());
    }
}
