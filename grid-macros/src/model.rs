//! A service as its methods' shapes: the data between `parse.rs`, which reads it from the trait, and `validate.rs` and
//! `expand/`, which work on it. Nothing here reads tokens or reports errors.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Block, FnArg, Generics, Ident, ItemTrait, Type, TypeParamBound};

use crate::args::Krate;
use crate::attr::HandlerOptions;
use crate::carried;
use crate::types::TypeRef;

/// A trait with `#[grid::service]` on it.
pub(crate) struct Service {
    /// The trait without its items.
    pub(crate) item: ItemTrait,
    pub(crate) items: Vec<Item>,
    /// Name on the wire.
    pub(crate) name: String,
    pub(crate) krate: Krate,
    /// Whether to generate a server; false for a trait with generics, which is an error.
    pub(crate) servable: bool,
    /// The key of `dyn`, if the service has an object-safe twin.
    pub(crate) twin: Option<Ident>,
    /// Whether the handlers stay on one thread, and need not be `Send`.
    pub(crate) local: bool,
    /// Whether the JSON Schemas of all types are a part of the descriptor.
    pub(crate) schema: bool,
}

/// An item of the trait, in source order.
pub(crate) enum Item {
    Method(Box<Method>),
    /// A method that stays in the trait only, because its name conflicts with another one.
    Refused(Box<Method>),
    /// A method with a type that cannot be sent. The client has it too, so that its calls cause no further errors.
    Unsendable(Box<Unsendable>),
    /// Invalid code, which the trait keeps as `fallback.rs` left it.
    Other(TokenStream),
}

impl Service {
    pub(crate) fn methods(&self) -> impl Iterator<Item = &Method> {
        self.items.iter().filter_map(|item| match item {
            Item::Method(method) => Some(&**method),
            Item::Refused(_) | Item::Unsendable(_) | Item::Other(_) => None,
        })
    }

    pub(crate) fn ident(&self) -> &Ident {
        &self.item.ident
    }

    /// Whether all methods are plain functions, so that the trait itself is object-safe.
    pub(crate) fn is_plain(&self) -> bool {
        self.methods().all(Method::is_blocking)
    }
}

/// A method of which only the types of arguments and answer are invalid.
pub(crate) struct Unsendable {
    pub(crate) method: Method,
    /// Its lifetimes, which no valid method has.
    pub(crate) generics: Generics,
    /// The method in the trait, as `fallback.rs` left it.
    pub(crate) plain: TokenStream,
}

/// A valid method.
pub(crate) struct Method {
    /// The user's attributes, without ours.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) ident: Ident,
    /// Name on the wire.
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) options: HandlerOptions,
    /// The inputs as written, without our attributes.
    pub(crate) inputs: Vec<FnArg>,
    pub(crate) params: Vec<Param>,
    pub(crate) returns: Returns,
    pub(crate) body: Option<Body>,
    /// The predicate of its `cfg`s, if it has any.
    pub(crate) condition: Option<TokenStream>,
}

/// A parameter of the implementation's method, in its order.
pub(crate) enum Param {
    /// The context, with the type as written, which may be another one of the same name.
    Context(Type),
    Arg(Arg),
    Incoming(Type),
    Outgoing(Type),
}

/// An argument that is sent over the link.
pub(crate) struct Arg {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) default: bool,
}

/// What the method returns: the output of its future, or with `blocking` the value itself.
pub(crate) struct Returns {
    pub(crate) written: Type,
    /// Bounds other than `Future` and `Send`, if the user wrote `-> impl Future`.
    pub(crate) bounds: Vec<TypeParamBound>,
    /// Whether it is a `Result`.
    pub(crate) fallible: bool,
    pub(crate) output: Output,
    pub(crate) error: TypeRef,
    /// Types that must not be an alias of `Result` (`expand/checks.rs`).
    pub(crate) plain: Vec<Type>,
}

/// What is sent back.
pub(crate) enum Output {
    Value(TypeRef),
    /// A stream that the method returns.
    Pulled(TypeRef),
}

impl Output {
    /// The type of the answer or the items, unless it is behind an alias.
    pub(crate) fn written(&self) -> Option<&Type> {
        match self {
            Self::Value(TypeRef::Written(ty)) | Self::Pulled(TypeRef::Written(ty)) => Some(ty),
            _ => None,
        }
    }
}

/// A default body.
pub(crate) struct Body {
    pub(crate) block: Block,
    /// Whether it is the body of an `async fn`.
    pub(crate) is_async: bool,
}

/// The kind of a method, derived from its signature.
pub(crate) enum Shape<'a> {
    Single { output: &'a TypeRef },
    ServerStream { item: StreamItem<'a> },
    ClientStream { input: &'a Type, output: &'a TypeRef },
    TwoWay { input: &'a Type, item: StreamItem<'a> },
}

/// The item type of a stream of answers.
pub(crate) enum StreamItem<'a> {
    Pushed(&'a Type),
    Pulled(&'a TypeRef),
}

impl StreamItem<'_> {
    pub(crate) fn tokens(&self, runtime: &impl ToTokens) -> TokenStream {
        match self {
            Self::Pushed(ty) => ty.to_token_stream(),
            Self::Pulled(ty) => ty.tokens(runtime),
        }
    }
}

impl Method {
    pub(crate) fn shape(&self) -> Shape<'_> {
        let mut input = None;
        let mut pushed = None;
        for param in &self.params {
            match param {
                Param::Incoming(ty) => input = Some(ty),
                Param::Outgoing(ty) => pushed = Some(StreamItem::Pushed(ty)),
                Param::Context(_) | Param::Arg(_) => {}
            }
        }
        match (input, pushed, &self.returns.output) {
            (None, Some(item), _) => Shape::ServerStream { item },
            (None, None, Output::Pulled(item)) => {
                Shape::ServerStream { item: StreamItem::Pulled(item) }
            }
            (None, None, Output::Value(output)) => Shape::Single { output },
            (Some(input), Some(item), _) => Shape::TwoWay { input, item },
            (Some(input), None, Output::Pulled(item)) => {
                Shape::TwoWay { input, item: StreamItem::Pulled(item) }
            }
            (Some(input), None, Output::Value(output)) => Shape::ClientStream { input, output },
        }
    }

    /// The arguments that are sent over the link.
    pub(crate) fn args(&self) -> impl Iterator<Item = &Arg> {
        self.params.iter().filter_map(|param| match param {
            Param::Arg(arg) => Some(arg),
            _ => None,
        })
    }

    /// Whether it is a plain `fn` that runs on a thread where it may block.
    pub(crate) fn is_blocking(&self) -> bool {
        self.options.blocking.is_some()
    }

    /// Why it is not in the object-safe twin, if it is not: what the twin cannot have.
    pub(crate) fn twinless(&self) -> Option<&'static str> {
        if !matches!(self.shape(), Shape::Single { .. }) {
            return Some("a stream");
        }
        if self.is_blocking() {
            return Some("a `blocking` function");
        }
        let context = self.params.iter().any(|param| matches!(param, Param::Context(_)));
        context.then_some("a method with a `Context`")
    }

    /// Whether it may run twice for one call. Streams are not repeated.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.options.idempotent.is_some() && matches!(self.shape(), Shape::Single { .. })
    }

    pub(crate) fn cfgs(&self) -> Vec<TokenStream> {
        carried::cfgs(&self.attrs)
    }
}
