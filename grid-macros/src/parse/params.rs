//! Parameters: the context, arguments, and the ends of streams.

use syn::{Attribute, FnArg, Pat, PatType, Signature, Type};

use crate::errors::Errors;
use crate::model::{Arg, Param};
use crate::payload;
use crate::types;

/// Parses the parameters and removes our attributes from them. Returns `None` if one is invalid in another way than that
/// it cannot be sent.
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
        errors.push(
            &input.ty,
            "the context is borrowed from the call: take `&Context`, and \
            clone it to keep it; a type of your own needs another name here",
        );
        return None;
    }
    let name = name_of(&input.pat, has_body, errors);
    let stream = ["Incoming", "Outgoing"].into_iter().find(|name| types::is_named(&input.ty, name));
    let Some(stream) = stream else {
        payload::check(&input.ty, errors);
        return Some(Param::Arg(Arg { ident: name?, ty: (*input.ty).clone(), default }));
    };
    let item = types::only_arg(&input.ty, errors)?;
    name?;
    payload::check(&item, errors);
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
            format_args!("a method can have only one `{stream}<T>`: make `T` an enum"),
        );
        return None;
    }
    Some(param)
}

fn context(input: &PatType, before: &[Param], errors: &mut Errors) -> Option<Param> {
    let message = match (&*input.ty, before) {
        (Type::Reference(reference), _) if reference.mutability.is_some() => {
            "the context cannot be changed: take `&Context`"
        }
        (Type::Reference(reference), _) if reference.lifetime.is_some() => {
            "a method of a service cannot have lifetimes: take `&Context`"
        }
        (Type::Reference(reference), []) => return Some(Param::Context((*reference.elem).clone())),
        (_, [Param::Context(_), ..]) => "a method takes one `&Context`",
        _ => "`&Context` must be the first argument after `&self`",
    };
    errors.push(&input.ty, message);
    None
}

/// The name of an argument on the wire.
fn name_of(pat: &Pat, has_body: bool, errors: &mut Errors) -> Option<syn::Ident> {
    match pat {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => {
            if let (Some(token), false) = (&name.mutability, has_body) {
                errors.push(token, "`mut` belongs in the implementation: remove it here");
                return None;
            }
            Some(name.ident.clone())
        }
        Pat::Wild(wild) => {
            errors.push(wild, "arguments are sent by name: name this one");
            None
        }
        other => {
            errors.push(
                other,
                "arguments are sent by name: write a name here, and destructure it in the body",
            );
            None
        }
    }
}

/// Removes `#[default]`. Reports `cfg`s, which could make the arguments differ between nodes.
fn take_default(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Option<bool> {
    let mut sound = true;
    for attr in
        attrs.iter().filter(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr"))
    {
        errors.push(
            attr,
            "arguments must be the same on all nodes: put the `cfg` on the method, or \
            make the argument an `Option`",
        );
        sound = false;
    }
    let mut default = false;
    for attr in attrs.extract_if(.., |attr| attr.path().is_ident("default")) {
        if attr.meta.require_path_only().is_err() {
            errors.push(&attr, "`#[default]` takes no value: it uses the `Default` of the type");
        }
        default = true;
    }
    sound.then_some(default)
}
