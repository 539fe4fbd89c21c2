//! Signatures: which are legal, and what each parameter and the return type are for.

use syn::{
    Attribute, FnArg, GenericArgument, Pat, PatType, PathArguments, Receiver, ReceiverKind,
    ReturnType, Safety, Signature, TraitItemFn, Type, TypeParamBound,
};

use super::method::{Arg, Output, Param, Returns};
use crate::errors::Errors;
use crate::types::{self, Split, TypeRef};

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
            "a method of a service has no lifetimes: arguments own their data, and `&self` and `&Context` need none",
        );
    } else if let Some(parameter) = sig.generics.params.first() {
        refuse(
            parameter,
            "a method of a service is not generic: the other node must know all types; write one method a type, or take an enum",
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
            "a method of a service takes `&self`: it is called on the service that a node has registered",
        ),
    }
    if sig.asyncness.is_none() && future_output(sig).is_none() {
        refuse(
            &sig.fn_token,
            "a method of a service waits for another node: write `async fn`, or return `impl Future<Output = T> + Send`",
        );
    }
    fine
}

fn wrong_receiver(receiver: &Receiver) -> Option<&'static str> {
    match &receiver.kind {
        ReceiverKind::Reference(_, None, None) => None,
        ReceiverKind::Reference(_, _, Some(_)) => Some(
            "calls run at the same time, so nobody has the service alone: take `&self`, and keep what changes in a `Mutex` or an atomic",
        ),
        ReceiverKind::Reference(_, Some(_), None) => {
            Some("a method of a service has no lifetimes: write `&self`")
        }
        ReceiverKind::Value => Some("the service stays for the next call: take `&self`"),
        _ => Some("the service is already shared, and each call borrows it: take `&self`"),
    }
}

/// The `T` of `-> impl Future<Output = T>`, if it is that.
fn future_output(sig: &Signature) -> Option<(Type, Vec<TypeParamBound>)> {
    let ReturnType::Type(_, ty) = &sig.output else { return None };
    let Type::ImplTrait(future) = &**ty else { return None };
    let output = types::assoc_of(future, "Future", "Output")?;
    let others = future.bounds.iter().filter(|bound| match bound {
        TypeParamBound::Trait(bound) => !bound
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Future" || last.ident == "Send"),
        _ => true,
    });
    Some((output, others.cloned().collect()))
}

/// The parameters, with our attributes taken off. `None` if one of them makes no sense.
pub(super) fn params(
    sig: &mut Signature,
    has_body: bool,
    errors: &mut Errors,
) -> Option<Vec<Param>> {
    let mut params = Vec::new();
    let mut sound = true;
    for input in &mut sig.inputs {
        let FnArg::Typed(input) = input else { continue };
        match param(input, has_body, &params, errors) {
            Some(param) => params.push(param),
            None => sound = false,
        }
    }
    sound.then_some(params)
}

fn param(
    input: &mut PatType,
    has_body: bool,
    before: &[Param],
    errors: &mut Errors,
) -> Option<Param> {
    let default = take_default(&mut input.attrs, errors)?;
    if matches!(&*input.ty, Type::Reference(reference) if types::is_named(&reference.elem, "Context"))
    {
        return context(input, before, errors);
    }
    if types::is_named(&input.ty, "Context") {
        errors.push(&input.ty, "the context is borrowed from the call: take `&Context`, and clone it if you must keep it");
        return None;
    }
    let name = name_of(&input.pat, has_body, errors);
    let stream = ["Incoming", "Outgoing"].into_iter().find(|name| types::is_named(&input.ty, name));
    let Some(stream) = stream else {
        let fine = types::check_payload(&input.ty, errors);
        let arg = Arg { ident: name?, ty: (*input.ty).clone(), default };
        return fine.then_some(Param::Arg(arg));
    };
    let item = types::only_arg(&input.ty, errors)?;
    name?;
    if !types::check_payload(&item, errors) {
        return None;
    }
    let (param, twice) = match stream {
        "Incoming" => {
            (Param::Incoming(item), before.iter().any(|param| matches!(param, Param::Incoming(_))))
        }
        _ => {
            (Param::Outgoing(item), before.iter().any(|param| matches!(param, Param::Outgoing(_))))
        }
    };
    if twice {
        errors.push(
            &input.ty,
            format_args!("a method has at most one `{stream}<T>`: make `T` an enum"),
        );
        return None;
    }
    Some(param)
}

fn context(input: &PatType, before: &[Param], errors: &mut Errors) -> Option<Param> {
    let message = match (&*input.ty, before) {
        (Type::Reference(reference), _) if reference.mutability.is_some() => {
            "a call does not change its context: take `&Context`"
        }
        (Type::Reference(reference), _) if reference.lifetime.is_some() => {
            "a method of a service has no lifetimes: take `&Context`"
        }
        (_, []) => return Some(Param::Context),
        (_, [Param::Context, ..]) => "a call has one context: take `&Context` once",
        _ => "`&Context` comes first: put it behind `&self`, before what travels",
    };
    errors.push(&input.ty, message);
    None
}

/// The name under which an argument travels.
fn name_of(pat: &Pat, has_body: bool, errors: &mut Errors) -> Option<syn::Ident> {
    match pat {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => {
            if let (Some(token), false) = (&name.mutability, has_body) {
                errors.push(token, "`mut` is a matter of the implementation: leave it out here");
                return None;
            }
            Some(name.ident.clone())
        }
        Pat::Wild(wild) => {
            errors.push(wild, "arguments travel by their names: give this one a name");
            None
        }
        other => {
            errors.push(
                other,
                "arguments travel by their names: write a name here, and take it apart in the body",
            );
            None
        }
    }
}

/// Takes `#[default]` off. Refuses what would make the arguments differ between two builds.
fn take_default(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Option<bool> {
    let mut sound = true;
    for attr in
        attrs.iter().filter(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr"))
    {
        errors.push(attr, "arguments are the same on all nodes: put the `cfg` on the method, or make the argument an `Option`");
        sound = false;
    }
    let mut default = false;
    for attr in attrs.extract_if(.., |attr| attr.path().is_ident("default")) {
        if attr.meta.require_path_only().is_err() {
            errors.push(&attr, "`#[default]` takes no value: it is that of the type's `Default`");
        }
        default = true;
    }
    sound.then_some(default)
}

/// The return type, taken apart. `None` if it cannot travel.
pub(super) fn returns(sig: &Signature, errors: &mut Errors) -> Option<Returns> {
    let unit = || Type::Tuple(syn::parse_quote!(()));
    let (written, bounds) = match (&sig.output, future_output(sig)) {
        (_, Some((output, bounds))) if sig.asyncness.is_none() => (output, bounds),
        (ReturnType::Default, _) => (unit(), Vec::new()),
        (ReturnType::Type(_, ty), _) => ((**ty).clone(), Vec::new()),
    };
    if let Type::Never(_) = written {
        errors.push(&written, "a call gives an answer: write what, or nothing for `()`");
        return None;
    }
    match types::split_result(&written) {
        Split::Literal { ok, err } => {
            let error_fine = types::check_payload(&err, errors) && same_error(&ok, &err, errors);
            let error = types::error_ref(*err);
            let mut plain = Vec::new();
            let output = output(&ok, &mut plain, errors)?;
            error_fine.then_some(Returns { written, bounds, fallible: true, output, error, plain })
        }
        Split::Alias => alias(written, bounds, errors),
        Split::Plain => {
            let mut plain = Vec::new();
            let Some(item) = checked_stream_item(&written, errors)? else {
                let output = output(&written, &mut plain, errors)?;
                if !types::is_unit(&written) {
                    plain.push(written.clone());
                }
                return Some(Returns {
                    written,
                    bounds,
                    fallible: false,
                    output,
                    error: TypeRef::Infallible,
                    plain,
                });
            };
            // Only the items can fail: their error is the method's.
            let error = match types::split_result(&item) {
                Split::Literal { err, .. } => types::error_ref(*err),
                Split::Alias => TypeRef::ErrOf(item),
                Split::Plain => TypeRef::Infallible,
            };
            let output = output(&written, &mut plain, errors)?;
            Some(Returns { written, bounds, fallible: false, output, error, plain })
        }
    }
}

/// Whether a stream's items have the method's error, as far as can be seen; the compiler would say it at length.
fn same_error(ok: &Type, err: &Type, errors: &mut Errors) -> bool {
    let Some(item) = types::stream_item(ok) else { return true };
    let Split::Literal { err: of_item, .. } = types::split_result(&item) else { return true };
    let (Some(outer), Some(inner)) = (types::last_segment(err), types::last_segment(&of_item))
    else {
        return true;
    };
    let same = outer.ident == inner.ident;
    if !same {
        let outer = types::text(err);
        errors.push(&of_item, format_args!("the items have the same error as the method: write `Result<T, {outer}>`, or only `T`"));
    }
    same
}

/// `io::Result<T>` and the like: what it stands for is known to the compiler only.
fn alias(written: Type, bounds: Vec<TypeParamBound>, errors: &mut Errors) -> Option<Returns> {
    let args = types::last_segment(&written).map(types::type_args).unwrap_or_default();
    let stream = match args.first() {
        Some(first) => checked_stream_item(first, errors)?.map(|_| (*first).clone()),
        None => None,
    };
    let mut plain = Vec::new();
    let Some(stream) = stream else {
        if !types::check_payload(&written, errors) {
            return None;
        }
        let output = Output::Value(TypeRef::OkOf(written.clone()));
        let error = TypeRef::ErrOf(written.clone());
        return Some(Returns { written, bounds, fallible: true, output, error, plain });
    };
    let output = output(&stream, &mut plain, errors)?;
    // An opaque type cannot be named: the alias is asked for its error with something else in it.
    let error = TypeRef::ErrOf(with_unit(&written));
    Some(Returns { written, bounds, fallible: true, output, error, plain })
}

/// The alias with `()` as its first type.
fn with_unit(alias: &Type) -> Type {
    let mut alias = alias.clone();
    let Type::Path(path) = &mut alias else { return alias };
    let Some(PathArguments::AngleBracketed(args)) =
        path.path.segments.last_mut().map(|last| &mut last.arguments)
    else {
        return alias;
    };
    if let Some(first) = args.args.iter_mut().find(|arg| matches!(arg, GenericArgument::Type(_))) {
        *first = GenericArgument::Type(syn::parse_quote!(()));
    }
    alias
}

/// What travels back, of the type without its `Result`.
fn output(ok: &Type, plain: &mut Vec<Type>, errors: &mut Errors) -> Option<Output> {
    let Some(item) = checked_stream_item(ok, errors)? else {
        if ["Incoming", "Outgoing"].iter().any(|name| types::is_named(ok, name)) {
            errors.push(ok, "the ends of a stream are arguments: take `out: Outgoing<T>`, or return `impl Stream<Item = T>`");
            return None;
        }
        return types::check_payload(ok, errors)
            .then(|| Output::Value(TypeRef::Written(ok.clone())));
    };
    if !types::check_payload(&item, errors) {
        return None;
    }
    Some(Output::Pulled(match types::split_result(&item) {
        Split::Literal { ok, .. } => TypeRef::Written(*ok),
        Split::Alias => TypeRef::OkOf(item),
        Split::Plain => {
            plain.push(item.clone());
            TypeRef::Written(item)
        }
    }))
}

/// The item of a stream that is returned; `None` inside if it is no stream, outside if it is one that cannot be returned.
#[expect(clippy::option_option, reason = "refused is not the same as no stream")]
fn checked_stream_item(ty: &Type, errors: &mut Errors) -> Option<Option<Type>> {
    if types::is_bare_stream(ty) {
        errors.push(ty, "a stream is returned as `impl Stream<Item = T> + Send`, or boxed as `grid::BoxStream<T>`");
        return None;
    }
    Some(types::stream_item(ty))
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
        errors.push(&raw.ty, "`Raw` is a whole payload, and several arguments are one map: use `Bytes` here, or make it the only argument");
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
            errors.push(&returns.written, "`Outgoing<T>` and `impl Stream` both: a method has one stream of answers; leave one of them out");
            return false;
        }
        Output::Value(TypeRef::Written(ty)) if pushed && !types::is_unit(ty) => {
            errors.push(ty, "the answers of this method go into its `Outgoing<T>`: return `()` or `Result<(), E>`");
            return false;
        }
        _ => {}
    }
    if let (Some(_), true) =
        (&method.default, streams || matches!(returns.output, Output::Pulled(_)))
    {
        errors.push(&method.sig.ident, "only single requests can have a default body: leave it out, or return `Result` and answer in the implementation");
        return false;
    }
    true
}
