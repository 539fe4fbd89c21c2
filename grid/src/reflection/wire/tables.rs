//! Adds the types of one value to those of its service.
//!
//! Each schema has definitions of its own, and two types of different modules may have the same name. So a type whose name is
//! taken by another one is numbered, and so are those that contain it.

use std::collections::BTreeMap;

use super::shape::{Enum, Field, Shape, Struct, Type, Types, Variant};

/// Adds the types, and returns the shape with the names that they have there.
pub(super) fn merge(shape: Shape, own: Types, types: &mut Types) -> Shape {
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    loop {
        let rename = |name: &str| match numbers.get(name) {
            Some(number) => format!("{name}-{number}"),
            None => name.to_owned(),
        };
        let taken = own.iter().find(|(name, ty)| {
            types.get(&rename(name)).is_some_and(|known| *known != renamed_type(ty, &rename))
        });
        let Some((taken, _)) = taken else {
            let all = own.iter().map(|(name, ty)| (rename(name), renamed_type(ty, &rename)));
            types.extend(all.collect::<Vec<_>>());
            return renamed(&shape, &rename);
        };
        *numbers.entry(taken).or_insert(1) += 1;
    }
}

fn renamed_type(ty: &Type, rename: &dyn Fn(&str) -> String) -> Type {
    let shape = |shape: &Shape| renamed(shape, rename);
    match ty {
        Type::Struct(Struct { fields, closed, others, flattened }) => {
            let field = |Field { name, optional, shape: of }: &Field| Field {
                name: name.clone(),
                optional: *optional,
                shape: shape(of),
            };
            Type::Struct(Struct {
                fields: fields.iter().map(field).collect(),
                closed: *closed,
                others: others.as_ref().map(shape),
                flattened: flattened.iter().map(shape).collect(),
            })
        }
        Type::Enum(Enum { tag, variants }) => {
            let variant = |Variant { name, content }: &Variant| Variant {
                name: name.clone(),
                content: content.as_ref().map(shape),
            };
            Type::Enum(Enum { tag: tag.clone(), variants: variants.iter().map(variant).collect() })
        }
        Type::Union(all) => Type::Union(all.iter().map(shape).collect()),
        Type::Alias(of) => Type::Alias(shape(of)),
    }
}

fn renamed(shape: &Shape, rename: &dyn Fn(&str) -> String) -> Shape {
    let inner = |shape: &Shape| Box::new(renamed(shape, rename));
    match shape {
        Shape::Named(name) => Shape::Named(rename(name)),
        Shape::Json(of) => Shape::Json(inner(of)),
        Shape::List(of, len) => Shape::List(inner(of), *len),
        Shape::Map(keys, of) => Shape::Map(*keys, inner(of)),
        Shape::Optional(of) => Shape::Optional(inner(of)),
        Shape::Tuple(all) => Shape::Tuple(all.iter().map(|of| renamed(of, rename)).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list_of(name: &str) -> Type {
        Type::Alias(Shape::List(Box::new(Shape::Named(name.to_owned())), None))
    }

    #[test]
    fn a_type_whose_name_is_taken_is_numbered_with_those_that_contain_it() {
        let named = |name: &str| Shape::Named(name.to_owned());
        let own = |inner| {
            Types::from([
                ("Inner".to_owned(), Type::Alias(inner)),
                ("Outer".to_owned(), list_of("Inner")),
            ])
        };
        let mut types = Types::new();
        assert_eq!(merge(named("Outer"), own(Shape::Bool), &mut types), named("Outer"));
        assert_eq!(merge(named("Outer"), own(Shape::Bool), &mut types), named("Outer"));
        assert_eq!(types.len(), 2, "the same types again");
        assert_eq!(merge(named("Outer"), own(Shape::Null), &mut types), named("Outer-2"));
        assert_eq!(types["Outer-2"], list_of("Inner-2"));
        assert_eq!(merge(named("Outer"), own(Shape::Null), &mut types), named("Outer-2"));
        assert_eq!(types.len(), 4);
    }
}
