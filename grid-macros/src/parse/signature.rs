//! Checks of signatures. The parameters and the return type themselves are in `params.rs` and `returns.rs`.

use syn::{FnArg, GenericParam, Receiver, ReceiverKind, Safety, TraitItemFn};

use super::returns::future_output;
use crate::attr::HandlerOptions;
use crate::errors::Errors;
use crate::model::{Arg, Output, Param, Returns};
use crate::types::{self, TypeRef};

/// The runtime implements `ArgTuple` for tuples up to this length.
const ARGS_MAX: usize = 12;

/// Reports the first error of the signature other than in its parameters and return type.
pub(super) fn check(method: &TraitItemFn, options: &HandlerOptions, errors: &mut Errors) -> bool {
    let sig = &method.sig;
    let mut fine = true;
    let mut refuse = |at: &dyn quote::ToTokens, message: &str| {
        if std::mem::replace(&mut fine, false) {
            errors.push(at, message);
        }
    };
    if let Safety::Unsafe(token) = &sig.safety {
        refuse(token, "a method of a service cannot be unsafe");
    }
    if let Some(token) = &sig.constness {
        refuse(token, "a method of a service cannot be `const`: write `async fn`");
    }
    if let Some(abi) = &sig.abi {
        refuse(abi, "a method of a service cannot have an ABI: write `async fn`");
    }
    if let Some(variadic) = &sig.variadic {
        refuse(variadic, "a method of a service cannot be variadic: take a `Vec<T>`");
    }
    let mut parameters = sig.generics.params.iter();
    if let Some(parameter) =
        parameters.find(|parameter| !matches!(parameter, GenericParam::Lifetime(_)))
    {
        refuse(
            parameter,
            "a method of a service cannot be generic, because both nodes must know all types: write \
                one method per type, or take an enum",
        );
    }
    if let Some(clause) = &sig.generics.where_clause {
        refuse(clause, "a method of a service cannot have a where clause");
    }
    match sig.inputs.first() {
        Some(FnArg::Receiver(receiver)) => {
            if let Some(message) = wrong_receiver(receiver) {
                refuse(receiver, message);
            }
        }
        _ => refuse(&sig.ident, "a method of a service must take `&self`"),
    }
    match (&sig.asyncness, future_output(sig), &options.blocking) {
        (Some(token), _, Some(_)) => refuse(
            token,
            "`blocking` is for a plain `fn`, which runs on a thread where it may block: remove \
                `async`, or the option",
        ),
        (None, Some(_), Some(_)) => refuse(
            &sig.output,
            "`blocking` is for a plain `fn`, which runs on a thread where it may block: return the \
                value itself, or remove the option",
        ),
        (None, None, None) => refuse(
            &sig.fn_token,
            "a method of a service must be async: write `async fn`, or return `impl \
                Future<Output = T> + Send`; for a plain `fn`, which may block its thread, add \
                `#[handler(blocking)]`",
        ),
        _ => {}
    }
    fine
}

/// Reports lifetime parameters. Where they are used in types that cannot be sent, that error is enough.
pub(super) fn check_lifetimes(method: &TraitItemFn, errors: &mut Errors) -> bool {
    let lifetime = method.sig.generics.lifetimes().next();
    if let Some(lifetime) = lifetime {
        errors.push(
            lifetime,
            "a method of a service cannot have lifetimes: arguments own their data, and `&self` and \
                `&Context` need none",
        );
    }
    lifetime.is_none()
}

fn wrong_receiver(receiver: &Receiver) -> Option<&'static str> {
    match &receiver.kind {
        ReceiverKind::Reference(_, None, None) => None,
        ReceiverKind::Reference(_, _, Some(_)) => Some(
            "calls run concurrently and share the service: take `&self`, and keep mutable state in \
                a `Mutex` or an atomic",
        ),
        ReceiverKind::Reference(_, Some(_), None) => {
            Some("a method of a service cannot have lifetimes: write `&self`")
        }
        ReceiverKind::Value => Some("a call cannot consume the service: take `&self`"),
        _ => Some("a call borrows the service: take `&self`"),
    }
}

/// Reports conflicts between the parameters, the return type and the default body.
pub(super) fn check_together(
    method: &TraitItemFn,
    options: &HandlerOptions,
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
            "`Raw` must be the only argument, because several are sent as one \
            map: use `Bytes` here",
        );
        return false;
    }
    if let Some(arg) = args.get(ARGS_MAX) {
        errors.push(
            &arg.ident,
            format_args!("a method can have at most {ARGS_MAX} arguments: put them into a struct"),
        );
        return false;
    }
    let pushed = params.iter().any(|param| matches!(param, Param::Outgoing(_)));
    let streams = pushed || params.iter().any(|param| matches!(param, Param::Incoming(_)));
    match &returns.output {
        Output::Pulled(_) if pushed => {
            errors.push(
                &returns.written,
                "a method can have only one stream of answers: \
                remove `Outgoing<T>` or the returned stream",
            );
            return false;
        }
        Output::Value(TypeRef::Written(ty)) if pushed && !types::is_unit(ty) => {
            errors.push(
                ty,
                "this method sends its answers through `Outgoing<T>`: return `()` \
                or `Result<(), E>`",
            );
            return false;
        }
        _ => {}
    }
    let streams = streams || matches!(returns.output, Output::Pulled(_));
    if let (Some(key), true) = (&options.blocking, streams) {
        errors.push(
            key,
            "`blocking` only applies to single requests: write an `async fn`, and run the part that \
                blocks with `tokio::task::spawn_blocking`",
        );
        return false;
    }
    if let (Some(_), true) = (&method.default, streams) {
        errors.push(&method.sig.ident, "only single requests can have a default body: remove it");
        return false;
    }
    true
}
