//! Classifies the types in a signature: ends of streams, `Result`s, payloads that cannot be sent.
//!
//! A type is recognised by the last segment of its path as written. The compiler does the rest: it checks the types
//! against the bounds of the runtime.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{
    GenericArgument, Ident, PathArguments, PathSegment, Type, TypeImplTrait, TypeParamBound,
};

use crate::errors::Errors;

/// A type as written, or a part of an alias of `Result`, which only the compiler can resolve.
pub(crate) enum TypeRef {
    Written(Type),
    OkOf(Type),
    ErrOf(Type),
    Infallible,
}

impl TypeRef {
    pub(crate) fn tokens(&self, runtime: &impl ToTokens) -> TokenStream {
        match self {
            Self::Written(ty) => ty.to_token_stream(),
            Self::OkOf(ty) => part_of(ty, "Ok", runtime),
            Self::ErrOf(ty) => part_of(ty, "Err", runtime),
            Self::Infallible => quote!(#runtime::Infallible),
        }
    }
}

/// `<ty as ResultLike>::part`, located from the first to the last token of the type, so that compiler messages mark all
/// of it.
fn part_of(ty: &Type, part: &str, runtime: &impl ToTokens) -> TokenStream {
    let last =
        ty.to_token_stream().into_iter().last().map_or_else(|| ty.span(), |token| token.span());
    let part = Ident::new(part, last);
    let projection = quote_spanned!(ty.span()=> <#ty as #runtime::ResultLike>::);
    quote!(#projection #part)
}

/// The last segment of a plain path.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == name)
}

/// The type arguments of a segment, without lifetimes and constants.
pub(crate) fn type_args(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(args) = &segment.arguments else { return Vec::new() };
    let types = args.args.iter().filter_map(|arg| match arg {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// The `T` of `Incoming<T>` or `Outgoing<T>`. Reports an error unless there is exactly one.
pub(crate) fn only_arg(ty: &Type, errors: &mut Errors) -> Option<Type> {
    let segment = last_segment(ty)?;
    match type_args(segment)[..] {
        [only] => Some(only.clone()),
        _ => {
            errors.push(ty, format_args!("write the type of the items: `{}<T>`", segment.ident));
            None
        }
    }
}

pub(crate) fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// Whether a return type is a `Result`.
pub(crate) enum Split {
    /// `Result<T, E>` in full.
    Literal { ok: Box<Type>, err: Box<Type> },
    /// An alias named `Result`, whose types only the compiler knows.
    Alias,
    /// Anything else.
    Plain,
}

pub(crate) fn split_result(ty: &Type) -> Split {
    let Some(segment) = last_segment(ty).filter(|segment| segment.ident == "Result") else {
        return Split::Plain;
    };
    match type_args(segment)[..] {
        [ok, err] => Split::Literal { ok: Box::new(ok.clone()), err: Box::new(err.clone()) },
        _ => Split::Alias,
    }
}

/// The error type of `Result<T, E>`.
pub(crate) fn error_ref(err: Type) -> TypeRef {
    if is_named(&err, "Infallible") { TypeRef::Infallible } else { TypeRef::Written(err) }
}

/// The `T` of `impl Stream<Item = T>` or `BoxStream<T>`.
pub(crate) fn stream_item(ty: &Type) -> Option<Type> {
    match ty {
        Type::ImplTrait(stream) => assoc_of(stream, "Stream", "Item"),
        other => {
            let segment = last_segment(other).filter(|segment| segment.ident == "BoxStream")?;
            type_args(segment).first().map(|item| (*item).clone())
        }
    }
}

/// The `T` of `impl Name<Assoc = T>`.
pub(crate) fn assoc_of(ty: &TypeImplTrait, name: &str, assoc: &str) -> Option<Type> {
    let mut segments = ty.bounds.iter().filter_map(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().filter(|segment| segment.ident == name)
        }
        _ => None,
    });
    let PathArguments::AngleBracketed(args) = &segments.next()?.arguments else { return None };
    args.args.iter().find_map(|arg| match arg {
        GenericArgument::AssocType(pair) if pair.ident == assoc => Some(pair.ty.clone()),
        _ => None,
    })
}

/// Whether the type is a stream that cannot be returned: neither `impl Stream` nor `BoxStream`.
pub(crate) fn is_bare_stream(ty: &Type) -> bool {
    match ty {
        Type::TraitObject(object) => object.bounds.iter().any(|bound| {
            matches!(bound, TypeParamBound::Trait(bound)
                if bound.path.segments.last().is_some_and(|segment| segment.ident == "Stream"))
        }),
        Type::Reference(reference) => is_bare_stream(&reference.elem),
        other => last_segment(other).is_some_and(|segment| {
            let boxed = segment.ident == "Box" || segment.ident == "Pin";
            segment.ident == "Stream" && has_item(segment)
                || boxed && type_args(segment).into_iter().any(is_bare_stream)
        }),
    }
}

fn has_item(segment: &PathSegment) -> bool {
    let PathArguments::AngleBracketed(args) = &segment.arguments else { return false };
    args.args
        .iter()
        .any(|arg| matches!(arg, GenericArgument::AssocType(pair) if pair.ident == "Item"))
}

/// Reports types that cannot be sent, as far as the syntax shows it; at most one error per type.
pub(crate) fn check_payload(ty: &Type, errors: &mut Errors) -> bool {
    let mut check = PayloadCheck { errors, fine: true, phantom: false };
    if let Type::Slice(slice) = ty {
        // `Box<[T]>` is allowed.
        let elem = text(&slice.elem);
        check.refuse(ty, format_args!("a slice is unsized: use `Vec<{elem}>`"));
    }
    check.visit_type(ty);
    check.fine
}

struct PayloadCheck<'a> {
    errors: &'a mut Errors,
    fine: bool,
    /// Whether the type is the parameter of a `PhantomData`, of which there is no value.
    phantom: bool,
}

impl PayloadCheck<'_> {
    fn refuse(&mut self, at: impl ToTokens, message: impl std::fmt::Display) {
        if std::mem::replace(&mut self.fine, false) {
            self.errors.push(at, message);
        }
    }
}

impl<'ast> Visit<'ast> for PayloadCheck<'_> {
    fn visit_type(&mut self, ty: &'ast Type) {
        let trait_hint = "both nodes must know the concrete type";
        match ty {
            Type::Reference(reference) => {
                let instead = owned(&reference.elem);
                self.refuse(
                    ty,
                    format_args!("a reference cannot be sent to another node: use `{instead}`"),
                );
            }
            Type::TraitObject(_) => {
                self.refuse(
                    ty,
                    format_args!("a `dyn` type cannot be sent: {trait_hint}; use an enum"),
                );
            }
            Type::ImplTrait(stream) if assoc_of(stream, "Stream", "Item").is_some() => {
                self.refuse(ty, "a stream cannot be inside another type: return it alone, or take an `Incoming<T>`");
            }
            Type::ImplTrait(_) => {
                self.refuse(ty, format_args!("`impl Trait` cannot be sent: {trait_hint}; name it"))
            }
            // Nothing of its types is sent.
            Type::FnPtr(_) if self.phantom => {}
            Type::FnPtr(_) => {
                self.refuse(ty, "a function cannot be sent to another node: send data instead")
            }
            Type::Ptr(_) => self.refuse(
                ty,
                "a pointer cannot be sent to another node: send the value it points to",
            ),
            Type::Infer(_) => self.refuse(ty, "write the type: the other node must know it too"),
            _ => visit::visit_type(self, ty),
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let Some(last) = path.segments.last() else { return };
        if last.ident == "Incoming" || last.ident == "Outgoing" {
            let message = format!(
                "`{}<T>` cannot be inside another type: make it an argument of its own",
                last.ident
            );
            self.refuse(path, message);
        } else if path.segments.first().is_some_and(|first| first.ident == "Self") {
            self.refuse(
                path,
                "`Self` is the implementation, which a caller does not know: name a type",
            );
        } else if let Some(what) = ambiguous_option(last) {
            self.refuse(path, what);
        } else {
            let outer = std::mem::replace(&mut self.phantom, last.ident == "PhantomData");
            visit::visit_path(self, path);
            self.phantom = outer;
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast syn::Lifetime) {
        if lifetime.ident != "static" {
            self.refuse(lifetime, "a payload must own its data: use a type without a lifetime");
        }
    }
}

/// What is wrong with an `Option` of which a `Some` would arrive as `None`.
fn ambiguous_option(option: &PathSegment) -> Option<&'static str> {
    let args = type_args(option);
    let [value] = args[..] else { return None };
    if option.ident != "Option" {
        None
    } else if is_unit(value) {
        Some("`Some(())` would arrive as `None`: use `bool`")
    } else if is_named(value, "Option") {
        Some("`Some(None)` would arrive as `None`: use an enum")
    } else {
        None
    }
}

/// The owned type to suggest instead of a reference to this one.
fn owned(elem: &Type) -> String {
    match elem {
        Type::Slice(slice) if is_named(&slice.elem, "u8") => "Bytes".to_owned(),
        Type::Slice(slice) => format!("Vec<{}>", text(&slice.elem)),
        other if is_named(other, "str") => "String".to_owned(),
        other if is_named(other, "Path") => "PathBuf".to_owned(),
        Type::TraitObject(_) => "an enum".to_owned(),
        other => text(other),
    }
}

/// The type as a user would write it. The tokens alone print as `Vec < u8 >`.
pub(crate) fn text(tokens: &impl ToTokens) -> String {
    let tokens = tokens.to_token_stream().to_string();
    let mut text = String::with_capacity(tokens.len());
    let mut rest = tokens.chars().peekable();
    while let Some(c) = rest.next() {
        if c != ' ' {
            text.push(c);
            continue;
        }
        let before = text.chars().last().unwrap_or(' ');
        let after = rest.peek().copied().unwrap_or(' ');
        let tight_before = matches!(before, '<' | '(' | '[' | '&' | ':' | '!' | '\'' | ' ')
            && !text.ends_with(" :");
        let tight_after = matches!(after, '<' | '>' | ')' | ']' | ',' | ';' | ':' | '(');
        let path = before == ':' && !text.ends_with("::");
        if !tight_before && !tight_after || path || before == '>' && after == '(' {
            text.push(' ');
        }
    }
    text
}

/// Adds a `Send` bound to every `impl Stream`, since handlers run in tasks that may change threads.
pub(crate) fn with_send(ty: &Type, send: &TokenStream) -> Type {
    struct AddSend<'a>(&'a TokenStream);
    impl syn::visit_mut::VisitMut for AddSend<'_> {
        fn visit_type_impl_trait_mut(&mut self, ty: &mut TypeImplTrait) {
            let has = ty.bounds.iter().any(|bound| {
                matches!(bound, TypeParamBound::Trait(bound)
                    if bound.path.segments.last().is_some_and(|segment| segment.ident == "Send"))
            });
            if !has && assoc_of(ty, "Stream", "Item").is_some() {
                ty.bounds.push(TypeParamBound::Verbatim(self.0.clone()));
            }
        }
    }
    let mut ty = ty.clone();
    syn::visit_mut::VisitMut::visit_type_mut(&mut AddSend(send), &mut ty);
    ty
}
