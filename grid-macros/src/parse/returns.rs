//! The return type: what is sent back, and the error.

use syn::{GenericArgument, PathArguments, ReturnType, Signature, Type, TypeParamBound};

use crate::errors::Errors;
use crate::model::{Output, Returns};
use crate::payload;
use crate::types::{self, Split, TypeRef};

/// Parses the return type. Returns `None` if it is invalid in another way than that it cannot be sent.
pub(super) fn returns(sig: &Signature, errors: &mut Errors) -> Option<Returns> {
    let unit = || Type::Tuple(syn::parse_quote!(()));
    let (written, bounds) = match (&sig.output, future_output(sig)) {
        (_, Some((output, bounds))) if sig.asyncness.is_none() => (output, bounds),
        (ReturnType::Default, _) => (unit(), Vec::new()),
        (ReturnType::Type(_, ty), _) => ((**ty).clone(), Vec::new()),
    };
    if let Type::Never(_) = written {
        errors.push(&written, "a call must return: write the type of the answer, or none for `()`");
        return None;
    }
    match types::split_result(&written) {
        Split::Literal { ok, err } => {
            if payload::check(&err, errors) {
                same_error(&ok, &err, errors);
            }
            let error = types::error_ref(*err);
            let mut plain = Vec::new();
            let output = output(&ok, &mut plain, errors)?;
            Some(Returns { written, bounds, fallible: true, output, error, plain })
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
            // Only the items can be errors: their error type is the method's.
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

/// Checks that a stream's items have the method's error type, as far as the syntax shows it. The compiler's own message
/// would be long.
fn same_error(ok: &Type, err: &Type, errors: &mut Errors) {
    let Some(item) = types::stream_item(ok) else { return };
    let Split::Literal { err: of_item, .. } = types::split_result(&item) else { return };
    let (Some(outer), Some(inner)) = (types::last_segment(err), types::last_segment(&of_item))
    else {
        return;
    };
    if outer.ident != inner.ident {
        let outer = types::text(err);
        errors.push(
            &of_item,
            format_args!(
                "the items must have the error type of the method: write \
            `Result<T, {outer}>`, or `T`"
            ),
        );
    }
}

/// An alias like `io::Result<T>`, whose types only the compiler knows.
fn alias(written: Type, bounds: Vec<TypeParamBound>, errors: &mut Errors) -> Option<Returns> {
    let args = types::last_segment(&written).map(types::type_args).unwrap_or_default();
    let stream = match args.first() {
        Some(first) => checked_stream_item(first, errors)?.map(|_| (*first).clone()),
        None => None,
    };
    let mut plain = Vec::new();
    let Some(stream) = stream else {
        if !payload::check(&written, errors) {
            return None;
        }
        let output = Output::Value(TypeRef::OkOf(written.clone()));
        let error = TypeRef::ErrOf(written.clone());
        return Some(Returns { written, bounds, fallible: true, output, error, plain });
    };
    let output = output(&stream, &mut plain, errors)?;
    // An opaque type cannot be named, so the error type is taken from the alias of `()`.
    let error = TypeRef::ErrOf(with_unit(&written));
    Some(Returns { written, bounds, fallible: true, output, error, plain })
}

/// The alias with `()` as its first type argument.
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

/// What is sent back, from the type without its `Result`.
fn output(ok: &Type, plain: &mut Vec<Type>, errors: &mut Errors) -> Option<Output> {
    let Some(item) = checked_stream_item(ok, errors)? else {
        if ["Incoming", "Outgoing"].iter().any(|name| types::is_named(ok, name)) {
            errors.push(
                ok,
                "the ends of a stream cannot be returned: take `out: Outgoing<T>`, or \
                return `impl Stream<Item = T>`",
            );
            return None;
        }
        payload::check(ok, errors);
        return Some(Output::Value(TypeRef::Written(ok.clone())));
    };
    payload::check(&item, errors);
    Some(Output::Pulled(match types::split_result(&item) {
        Split::Literal { ok, .. } => TypeRef::Written(*ok),
        Split::Alias => TypeRef::OkOf(item),
        Split::Plain => {
            plain.push(item.clone());
            TypeRef::Written(item)
        }
    }))
}

/// The item type of a returned stream: `Some(None)` if the type is not a stream, `None` if it is one that cannot be
/// returned.
#[expect(clippy::option_option, reason = "an invalid stream is not the same as no stream")]
fn checked_stream_item(ty: &Type, errors: &mut Errors) -> Option<Option<Type>> {
    if types::is_bare_stream(ty) {
        errors.push(
            ty,
            "return a stream as `impl Stream<Item = T> + Send`, or boxed as \
            `grid::BoxStream<T>`",
        );
        return None;
    }
    Some(types::stream_item(ty))
}

/// The `T` of `-> impl Future<Output = T>`, and the bounds other than `Future` and `Send`.
pub(super) fn future_output(sig: &Signature) -> Option<(Type, Vec<TypeParamBound>)> {
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
