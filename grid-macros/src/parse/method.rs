//! One method: its signature, its options, and whether they agree.

use syn::TraitItemFn;
use syn::ext::IdentExt as _;

use super::{params, returns, signature};
use crate::attr::HandlerOptions;
use crate::carried;
use crate::errors::Errors;
use crate::model::{Body, Method, Shape};

/// A method, and whether it can be called.
pub(super) enum Parsed {
    Valid(Method),
    /// Valid except for types that cannot be sent, which were reported.
    Unsendable(Method),
    Invalid,
}

/// Parses a method.
pub(super) fn method(mut method: TraitItemFn, service: &str, errors: &mut Errors) -> Parsed {
    let mut sound = true;
    for attr in method.attrs.iter().filter(|attr| carried::conditionally_has(attr, "handler")) {
        errors.push(
            attr,
            "`#[handler]` cannot be inside `cfg_attr`, because ids and \
            capacities must be the same on all nodes: write the method twice, each with its own \
            `cfg`",
        );
        sound = false;
    }
    method.attrs.retain(|attr| !carried::conditionally_has(attr, "handler"));
    let options = HandlerOptions::take(&mut method.attrs, errors);
    let before = errors.count();
    let params = params::params(&mut method.sig, method.default.is_some(), errors);
    let returns = returns::returns(&method.sig, errors);
    let sendable = errors.count() == before;
    sound &= signature::check(&method, &options, errors);
    if sound && sendable {
        sound = signature::check_lifetimes(&method, errors);
    }
    let (Some(params), Some(returns)) = (params, returns) else { return Parsed::Invalid };
    if !sound || !signature::check_together(&method, &options, &params, &returns, errors) {
        return Parsed::Invalid;
    }
    let name = options.name.clone().unwrap_or_else(|| method.sig.ident.unraw().to_string());
    let condition = carried::condition(&method.attrs);
    let is_async = method.sig.asyncness.is_some();
    let method = Method {
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
    check_options(&method, errors);
    if sendable { Parsed::Valid(method) } else { Parsed::Unsendable(method) }
}

/// Reports options that do not apply to the method's shape. They have no other effect.
fn check_options(method: &Method, errors: &mut Errors) {
    let shape = method.shape();
    if let (Some((key, _)), Shape::Single { .. } | Shape::ServerStream { .. }) =
        (&method.options.incoming, &shape)
    {
        errors.push(
            key,
            "`incoming` is the capacity of an `Incoming<T>` argument, which this method does \
            not have: add one, or remove the option",
        );
    }
    if let (Some((key, _)), Shape::Single { .. } | Shape::ClientStream { .. }) =
        (&method.options.outgoing, &shape)
    {
        errors.push(
            key,
            "`outgoing` is the capacity of a stream of answers, which this method does not have: \
            add an `Outgoing<T>` argument, return `impl Stream`, or remove the option",
        );
    }
    match (&method.options.inline, &shape) {
        (None, _) | (_, Shape::Single { .. }) => {}
        (Some(key), _) => {
            errors.push(key, "`inline` only applies to single requests: a stream has its own task")
        }
    }
    match (&method.options.idempotent, &shape) {
        (None, _) | (_, Shape::Single { .. }) => {}
        (Some(key), _) => errors
            .push(key, "`idempotent` only applies to single requests: streams are not repeated"),
    }
}

/// FNV-1a 32 of `Service/method`, moved out of the range of pinned ids (docs/protocol.md, "Derived handler ids").
fn derived_id(service: &str, method: &str) -> u32 {
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
