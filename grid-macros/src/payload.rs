//! Reports types that cannot be sent, as far as the syntax shows it. The compiler reports the others, at the codecs
//! (`expand/codecs.rs`).

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{PathSegment, Type};

use crate::errors::Errors;
use crate::types::{assoc_of, is_named, is_unit, text, type_args};

/// Reports at most one error. Returns whether there is none.
pub(crate) fn check(ty: &Type, errors: &mut Errors) -> bool {
    let mut check = PayloadCheck { errors, fine: true };
    if let Type::Slice(slice) = ty {
        // `Box<[T]>` is allowed.
        let elem = text(&slice.elem);
        check.refuse(ty, format_args!("a slice is unsized: use `Vec<{elem}>`"));
    }
    check.visit_type(ty);
    check.fine
}

/// Whether a type that cannot be sent compiles as an argument or an answer of a function outside of the trait.
pub(crate) fn compiles_anywhere(ty: &Type) -> bool {
    struct Search {
        found: bool,
    }
    impl<'ast> Visit<'ast> for Search {
        fn visit_type(&mut self, ty: &'ast Type) {
            self.found |= matches!(ty, Type::ImplTrait(_) | Type::Infer(_));
            visit::visit_type(self, ty);
        }

        fn visit_path(&mut self, path: &'ast syn::Path) {
            self.found |= path.segments.first().is_some_and(|first| first.ident == "Self");
            visit::visit_path(self, path);
        }
    }
    let mut search = Search { found: matches!(ty, Type::Slice(_) | Type::TraitObject(_)) };
    search.visit_type(ty);
    !search.found
}

struct PayloadCheck<'a> {
    errors: &'a mut Errors,
    fine: bool,
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
        if last.ident == "PhantomData" {
            // It has no value of the type in it.
            return;
        }
        if let Some(message) = not_send(last) {
            self.refuse(path, message);
        } else if let Some(message) = ambiguous_option(last) {
            self.refuse(path, message);
        } else if last.ident == "Incoming" || last.ident == "Outgoing" {
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
        } else {
            visit::visit_path(self, path);
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast syn::Lifetime) {
        if lifetime.ident != "static" {
            self.refuse(lifetime, "a payload must own its data: use a type without a lifetime");
        }
    }
}

/// Why a type of the standard library is not `Send`. The compiler would report it too, but also once more at each
/// implementation, whose future holds the value.
fn not_send(last: &PathSegment) -> Option<String> {
    let inner = *type_args(last).last()?;
    let inner = owned(inner);
    if last.ident == "Rc" {
        return Some(format!("an `Rc` cannot leave its thread: use `{inner}`"));
    }
    let guards = ["MutexGuard", "RwLockReadGuard", "RwLockWriteGuard"];
    guards.iter().any(|guard| last.ident == guard).then(|| {
        format!(
            "the guard of a lock cannot be sent to another node: use `{inner}`, the value in it"
        )
    })
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

/// The owned type to suggest instead of a reference or pointer to this one.
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
