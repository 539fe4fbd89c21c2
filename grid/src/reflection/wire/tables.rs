//! Adds the types of one value to those of its service.
//!
//! Each schema has definitions of its own, and two types of different modules may have the same name. So a type whose name is
//! taken by another one is numbered, and so are those that contain it.

use std::collections::{BTreeMap, BTreeSet};

use super::shape::{Enum, Field, Shape, Struct, Type, Types, Variant};

/// Adds the types, and returns the shape with the names that they have there.
///
/// All that are renamed have the same number, so that types that contain each other are found again.
pub(super) fn merge(shape: Shape, own: Types, types: &mut Types) -> Shape {
    let taken = taken(&own, types);
    let numbered = |number: u32, name: &str| {
        if taken.contains(name) { format!("{name}-{number}") } else { name.to_owned() }
    };
    let is_free = |number: u32| {
        let rename = |name: &str| numbered(number, name);
        taken.iter().all(|name| {
            let new = rename(name);
            let known = types.get(&new);
            !own.contains_key(&new)
                && known.is_none_or(|ty| *ty == renamed_type(&own[*name], &rename))
        })
    };
    let number = (2..).find(|number| is_free(*number)).expect("there is a number that is free");
    let rename = |name: &str| numbered(number, name);
    let all = own.iter().map(|(name, ty)| (rename(name), renamed_type(ty, &rename)));
    types.extend(all.collect::<Vec<_>>());
    renamed(&shape, &rename)
}

/// The types whose names are taken by others, and those that contain them.
fn taken<'t>(own: &'t Types, types: &Types) -> BTreeSet<&'t str> {
    let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (owner, ty) in own {
        each_name(ty, &mut |name| owners.entry(name).or_default().push(owner));
    }
    let is_other = |(name, ty): &(&String, &Type)| types.get(*name).is_some_and(|of| of != *ty);
    let mut open: Vec<&str> = own.iter().filter(is_other).map(|(name, _)| &**name).collect();
    let mut taken = BTreeSet::new();
    while let Some(name) = open.pop() {
        if taken.insert(name) {
            open.extend(owners.get(name).into_iter().flatten());
        }
    }
    taken
}

/// Calls a function for each name in a type.
fn each_name<'t>(ty: &'t Type, found: &mut dyn FnMut(&'t str)) {
    match ty {
        Type::Struct(Struct { fields, others, flattened, .. }) => {
            let shapes = fields.iter().map(|field| &field.shape).chain(others).chain(flattened);
            shapes.for_each(|shape| names(shape, found));
        }
        Type::Enum(Enum { variants, .. }) => {
            let contents = variants.iter().filter_map(|variant| variant.content.as_ref());
            contents.for_each(|shape| names(shape, found));
        }
        Type::Union(all) => all.iter().for_each(|shape| names(shape, found)),
        Type::Alias(of) => names(of, found),
    }
}

fn names<'t>(shape: &'t Shape, found: &mut dyn FnMut(&'t str)) {
    match shape {
        Shape::Named(name) => found(name),
        Shape::Json(of) | Shape::List(of, _) | Shape::Map(_, of) | Shape::Optional(of) => {
            names(of, found);
        }
        Shape::Tuple(all) => all.iter().for_each(|of| names(of, found)),
        _ => {}
    }
}

fn renamed_type(ty: &Type, rename: &dyn Fn(&str) -> String) -> Type {
    let shape = |shape: &Shape| renamed(shape, rename);
    match ty {
        Type::Struct(Struct { fields, closed, others, flattened }) => {
            let field = |field: &Field| Field { shape: shape(&field.shape), ..field.clone() };
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

    /// As schemas of two modules state them, in the arguments and answers of several methods.
    #[test]
    fn types_that_contain_each_other_are_found_again() {
        let named = |name: &str| Shape::Named(name.to_owned());
        let own = |inner: Shape| {
            Types::from([
                ("A".to_owned(), Type::Alias(Shape::Tuple(vec![named("B"), inner]))),
                ("B".to_owned(), list_of("A")),
            ])
        };
        let mut types = Types::new();
        for _ in 0..3 {
            assert_eq!(merge(named("A"), own(Shape::Bool), &mut types), named("A"));
            assert_eq!(merge(named("A"), own(Shape::Null), &mut types), named("A-2"));
        }
        assert_eq!(types.len(), 4, "{types:?}");
    }

    #[test]
    fn a_numbered_name_may_be_one_of_a_type() {
        let named = |name: &str| Shape::Named(name.to_owned());
        let mut types = Types::from([("A".to_owned(), Type::Alias(Shape::Bool))]);
        let own = Types::from([
            ("A".to_owned(), Type::Alias(Shape::Null)),
            ("A-2".to_owned(), Type::Alias(Shape::Raw)),
        ]);
        assert_eq!(merge(named("A"), own, &mut types), named("A-3"));
        assert_eq!(types["A-2"], Type::Alias(Shape::Raw));
    }
}
