//! Signatures: which are legal. What the parameters and the return type are for is in `params.rs` and `returns.rs`.

use syn::{FnArg, Receiver, ReceiverKind, Safety, TraitItemFn};

use super::returns::future_output;
use crate::errors::Errors;
use crate::model::{Arg, Output, Param, Returns};
use crate::types::{self, TypeRef};

/// The runtime has tuples of up to so many arguments.
const ARGS_MAX: usize = 12;

/// What is wrong with the method apart from its parameters and its return type.
pub(super) fn check(method: &TraitItemFn, errors: &mut Errors) -> bool {
    let sig = &method.sig;
    let mut fine = true;
    let mut refuse = |at: &dyn quote::ToTokens, message: &str| {
        if std::mem::replace(&mut fine, false) {
            errors.push(at, message);
        }
    };
    if let Safety::Unsafe(token) = &sig.safety {
        refuse(
            token,
            "a method of a service is safe: a caller on another node has nothing to promise",
        );
    }
    if let Some(token) = &sig.constness {
        refuse(
            token,
            "a method of a service runs on another node, so it cannot be `const`: write `async fn`",
        );
    }
    if let Some(abi) = &sig.abi {
        refuse(
            abi,
            "a method of a service is called over the network, so it has no ABI: write `async fn`",
        );
    }
    if let Some(variadic) = &sig.variadic {
        refuse(variadic, "the arguments of a service's method are fixed: take a `Vec<T>`");
    }
    if let Some(lifetime) = sig.generics.lifetimes().next() {
        refuse(
            lifetime,
            "a method of a service has no lifetimes: arguments own their data, and `&self` and \
                `&Context` need none",
        );
    } else if let Some(parameter) = sig.generics.params.first() {
        refuse(
            parameter,
            "a method of a service is not generic: the other node must know all types; write one \
                method a type, or take an enum",
        );
    }
    if let Some(clause) = &sig.generics.where_clause {
        refuse(clause, "a method of a service has no where clause: all its types are known");
    }
    match sig.inputs.first() {
        Some(FnArg::Receiver(receiver)) => {
            if let Some(message) = wrong_receiver(receiver) {
                refuse(receiver, message);
            }
        }
        _ => refuse(
            &sig.ident,
            "a method of a service takes `&self`: it is called on the service that a node has \
                registered",
        ),
    }
    if sig.asyncness.is_none() && future_output(sig).is_none() {
        refuse(
            &sig.fn_token,
            "a method of a service waits for another node: write `async fn`, or return `impl \
                Future<Output = T> + Send`",
        );
    }
    fine
}

fn wrong_receiver(receiver: &Receiver) -> Option<&'static str> {
    match &receiver.kind {
        ReceiverKind::Reference(_, None, None) => None,
        ReceiverKind::Reference(_, _, Some(_)) => Some(
            "calls run at the same time, so nobody has the service alone: take `&self`, and keep \
                what changes in a `Mutex` or an atomic",
        ),
        ReceiverKind::Reference(_, Some(_), None) => {
            Some("a method of a service has no lifetimes: write `&self`")
        }
        ReceiverKind::Value => Some("the service stays for the next call: take `&self`"),
        _ => Some("the service is already shared, and each call borrows it: take `&self`"),
    }
}

/// What only shows when parameters and return type are seen together.
pub(super) fn check_together(
    method: &TraitItemFn,
    params: &[Param],
    returns: &Returns,
    errors: &mut Errors,
) -> bool {
    let args: Vec<&Arg> = params
        .iter()
        .filter_map(|param| if let Param::Arg(arg) = param { Some(arg) } else { None })
        .collect();
    let raw = args.iter().find(|arg| types::is_named(&arg.ty, "Raw"));
    if let (Some(raw), 2..) = (raw, args.len()) {
        errors.push(
            &raw.ty,
            "`Raw` is a whole payload, and several arguments are one map: use \
            `Bytes` here, or make it the only argument",
        );
        return false;
    }
    if let Some(arg) = args.get(ARGS_MAX) {
        errors.push(
            &arg.ident,
            format_args!("a method has at most {ARGS_MAX} arguments: put them into a struct"),
        );
        return false;
    }
    let pushed = params.iter().any(|param| matches!(param, Param::Outgoing(_)));
    let streams = pushed || params.iter().any(|param| matches!(param, Param::Incoming(_)));
    match &returns.output {
        Output::Pulled(_) if pushed => {
            errors.push(
                &returns.written,
                "`Outgoing<T>` and `impl Stream` both: a method has \
                one stream of answers; leave one of them out",
            );
            return false;
        }
        Output::Value(TypeRef::Written(ty)) if pushed && !types::is_unit(ty) => {
            errors.push(
                ty,
                "the answers of this method go into its `Outgoing<T>`: return `()` \
                or `Result<(), E>`",
            );
            return false;
        }
        _ => {}
    }
    if let (Some(_), true) =
        (&method.default, streams || matches!(returns.output, Output::Pulled(_)))
    {
        errors.push(
            &method.sig.ident,
            "only single requests can have a default body: leave it \
            out, or return `Result` and answer in the implementation",
        );
        return false;
    }
    true
}
