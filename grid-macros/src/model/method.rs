//! One method: what it takes, what it gives, and how it is called on the wire.

use proc_macro2::TokenStream;
use syn::ext::IdentExt as _;
use syn::{Attribute, Block, FnArg, Ident, TraitItemFn, Type};

use super::{params, returns, signature};
use crate::attr::HandlerOptions;
use crate::carried;
use crate::errors::Errors;
use crate::types::TypeRef;

/// A method that can be called.
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
    /// The predicate of its `cfg`s.
    pub(crate) condition: Option<TokenStream>,
}

/// What is given to the implementation, in its order.
pub(crate) enum Param {
    Context,
    Arg(Arg),
    Incoming(Type),
    Outgoing(Type),
}

/// An argument that travels.
pub(crate) struct Arg {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) default: bool,
}

/// What the method's future gives.
pub(crate) struct Returns {
    pub(crate) written: Type,
    /// Bounds besides `Future` and `Send`, if the user wrote `-> impl Future`.
    pub(crate) bounds: Vec<syn::TypeParamBound>,
    /// Whether it is a `Result`.
    pub(crate) fallible: bool,
    pub(crate) output: Output,
    pub(crate) error: TypeRef,
    /// Types that must not be a `Result` under another name.
    pub(crate) plain: Vec<Type>,
}

/// What travels back.
pub(crate) enum Output {
    Value(TypeRef),
    /// A stream that the method returns.
    Pulled(TypeRef),
}

/// A default body.
pub(crate) struct Body {
    pub(crate) block: Block,
    /// Whether it is that of an `async fn`.
    pub(crate) is_async: bool,
}

/// The kind, which is read from the signature.
pub(crate) enum Shape<'a> {
    Single { output: &'a TypeRef },
    ServerStream { item: Item<'a> },
    ClientStream { input: &'a Type, output: &'a TypeRef },
    TwoWay { input: &'a Type, item: Item<'a> },
}

/// What a stream of answers consists of.
pub(crate) enum Item<'a> {
    Pushed(&'a Type),
    Pulled(&'a TypeRef),
}

impl Item<'_> {
    pub(crate) fn tokens(&self, private: &TokenStream) -> TokenStream {
        match self {
            Self::Pushed(ty) => quote::ToTokens::to_token_stream(ty),
            Self::Pulled(ty) => ty.tokens(private),
        }
    }
}

impl Method {
    pub(crate) fn from_syn(
        mut method: TraitItemFn,
        service: &str,
        errors: &mut Errors,
    ) -> Option<Self> {
        let mut sound = true;
        for attr in method.attrs.iter().filter(|attr| carried::conditionally_has(attr, "handler")) {
            errors.push(
                attr,
                "`#[handler]` cannot be inside `cfg_attr`: the id and the \
                capacities are part of the contract; write the method twice, each with its own \
                `cfg`",
            );
            sound = false;
        }
        method.attrs.retain(|attr| !carried::conditionally_has(attr, "handler"));
        let options = HandlerOptions::take(&mut method.attrs, errors);
        sound &= signature::check(&method, errors);
        let params = params::params(&mut method.sig, method.default.is_some(), errors);
        let returns = returns::returns(&method.sig, errors);
        let (params, returns) = (params?, returns?);
        if !sound || !signature::check_together(&method, &params, &returns, errors) {
            return None;
        }
        let name = options.name.clone().unwrap_or_else(|| method.sig.ident.unraw().to_string());
        let condition = carried::condition(&method.attrs);
        let is_async = method.sig.asyncness.is_some();
        let method = Self {
            id: options.id.unwrap_or_else(|| derived_id(service, &name)),
            attrs: method.attrs,
            ident: method.sig.ident,
            name,
            options,
            inputs: method.sig.inputs.into_iter().collect(),
            params,
            returns,
            body: method.default.map(|block| Body { block, is_async }),
            condition,
        };
        method.check_options(errors);
        Some(method)
    }

    /// Options that need a certain shape. A mistake here changes nothing but the message.
    fn check_options(&self, errors: &mut Errors) {
        let shape = self.shape();
        if let (Some((key, _)), Shape::Single { .. } | Shape::ServerStream { .. }) =
            (&self.options.incoming, &shape)
        {
            errors.push(
                key,
                "`incoming` is the capacity of an `Incoming<T>` argument, and there \
                is none: add one, or leave the option out",
            );
        }
        if let (Some((key, _)), Shape::Single { .. } | Shape::ClientStream { .. }) =
            (&self.options.outgoing, &shape)
        {
            errors.push(
                key,
                "`outgoing` is the capacity of a stream of answers, and there is \
                none: add an `Outgoing<T>` argument, return `impl Stream`, or leave the option \
                out",
            );
        }
        match (&self.options.inline_key, &shape) {
            (None, _) | (_, Shape::Single { .. }) => {}
            (Some(key), _) => {
                errors.push(key, "`inline` is for single requests: a stream has its own task")
            }
        }
    }

    pub(crate) fn shape(&self) -> Shape<'_> {
        let mut input = None;
        let mut pushed = None;
        for param in &self.params {
            match param {
                Param::Incoming(ty) => input = Some(ty),
                Param::Outgoing(ty) => pushed = Some(Item::Pushed(ty)),
                Param::Context | Param::Arg(_) => {}
            }
        }
        match (input, pushed, &self.returns.output) {
            (None, Some(item), _) => Shape::ServerStream { item },
            (None, None, Output::Pulled(item)) => Shape::ServerStream { item: Item::Pulled(item) },
            (None, None, Output::Value(output)) => Shape::Single { output },
            (Some(input), Some(item), _) => Shape::TwoWay { input, item },
            (Some(input), None, Output::Pulled(item)) => {
                Shape::TwoWay { input, item: Item::Pulled(item) }
            }
            (Some(input), None, Output::Value(output)) => Shape::ClientStream { input, output },
        }
    }

    /// The arguments that travel.
    pub(crate) fn args(&self) -> impl Iterator<Item = &Arg> {
        self.params.iter().filter_map(|param| match param {
            Param::Arg(arg) => Some(arg),
            _ => None,
        })
    }

    pub(crate) fn cfgs(&self) -> Vec<TokenStream> {
        carried::cfgs(&self.attrs)
    }
}

/// FNV-1a 32 of `Service/method`, out of the way of pinned ids (docs/protocol.md, "Derived handler ids").
pub(crate) fn derived_id(service: &str, method: &str) -> u32 {
    let name = service.bytes().chain([b'/']).chain(method.bytes());
    let hash =
        name.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    if hash < 0x100 { hash + 0x100 } else { hash }
}

#[cfg(test)]
mod tests {
    use super::derived_id;

    #[test]
    fn ids_are_fnv_1a() {
        assert_eq!(derived_id("Disk", "stat"), 0x9a95_2873);
    }
}
