//! One typed constant per method, which the client calls, the server registers and the mock answers.
//!
//! The attribute generates them as associated constants of the client, such as `DiskClient::STAT`. No other item refers
//! to a handler's id.

use std::fmt;
use std::marker::PhantomData;

use super::args::ArgTuple;
use super::fault::ErrorCodec;
use super::kind::Once;
use super::payload::Codec;
use crate::descriptor::{MethodInfo, MethodKind};

macro_rules! method {
    ($(#[$docs:meta])* $Method:ident<A, $([$input:ident: $I:ident],)? O, E $(, $K:ident = $default:ty)?>, $kind:ident) => {
        $(#[$docs])*
        pub struct $Method<A: ArgTuple, $($I,)? O, E $(, $K = $default)?> {
            pub(super) info: MethodInfo,
            pub(super) args: A::Specs,
            $(pub(super) $input: Codec<$I>,)?
            pub(super) output: Codec<O>,
            pub(super) error: ErrorCodec<E>,
            $(repeats: PhantomData<fn() -> $K>,)?
        }

        impl<A: ArgTuple, $($I,)? O, E $(, $K)?> $Method<A, $($I,)? O, E $(, $K)?> {
            /// Name, id and options of the method.
            pub const fn info(&self) -> &MethodInfo {
                &self.info
            }

            #[doc(hidden)]
            pub const fn __new(
                info: MethodInfo,
                args: A::Specs,
                $($input: Codec<$I>,)?
                output: Codec<O>,
                error: ErrorCodec<E>,
            ) -> Self {
                let info = info.of_kind(MethodKind::$kind, A::COUNT);
                Self { info, args, $($input,)? output, error $(, repeats: PhantomData::<fn() -> $K>)? }
            }
        }

        impl<A: ArgTuple, $($I,)? O, E $(, $K)?> fmt::Debug for $Method<A, $($I,)? O, E $(, $K)?> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Method)).field("info", &self.info).finish_non_exhaustive()
            }
        }
    };
}

method!(
    /// A method with one request and one answer: arguments `A`, answer `O`, error `E`.
    ///
    /// `K` is [`Idempotent`](crate::Idempotent) with `#[handler(idempotent)]`, and [`Once`] without.
    Method<A, O, E, K = Once>, Single
);
method!(
    /// A method that answers with a stream: arguments `A`, items `O`, error `E`.
    ServerStreamMethod<A, O, E>, ServerStream
);
method!(
    /// A method that takes a stream and answers once: arguments `A`, input items `I`, answer `O`, error `E`.
    ClientStreamMethod<A, [input: I], O, E>, ClientStream
);
method!(
    /// A method with a stream in each direction: arguments `A`, input items `I`, output items `O`, error `E`.
    TwoWayMethod<A, [input: I], O, E>, TwoWay
);
