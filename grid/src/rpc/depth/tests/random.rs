//! Random values: those of at most 128 levels are encoded as by `rmp_serde` and round-trip, deeper ones are refused.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{MAX, compact, is_too_deep, msgpack, named, on_small_stack};

/// Nests in every way at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Node {
    Leaf,
    Number(i64),
    Newtype(Box<Self>),
    Tuple(u8, Box<Self>, String),
    Struct { id: u8, next: Box<Self> },
    Sequence(Vec<Self>),
    Map(BTreeMap<String, Self>),
    Option(Option<Box<Self>>),
    Wrapped(Wrapped),
    Linked(Linked),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wrapped(Box<Node>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Linked {
    id: u8,
    next: Option<Box<Node>>,
}

/// Nests a value once more, in one of eight ways, and returns it with the levels that this adds.
fn nest(way: u8, inner: Node) -> (Node, usize) {
    let next = Box::new(inner.clone());
    match way {
        0 => (Node::Newtype(next), 1),
        1 => (Node::Option(Some(next)), 1),
        2 => (Node::Wrapped(Wrapped(next)), 1),
        3 => (Node::Tuple(way, next, "text".to_owned()), 2),
        4 => (Node::Struct { id: way, next }, 2),
        5 => (Node::Sequence(vec![Node::Number(-1), inner, Node::Leaf]), 2),
        6 => (Node::Map(BTreeMap::from([("k".to_owned(), inner)])), 2),
        _ => (Node::Linked(Linked { id: way, next: Some(next) }), 2),
    }
}

fn check(ways: Vec<u8>) {
    // Each way enters three types at most: `Linked`, the option in it, and the node in that.
    let types = 3 * ways.len();
    let (mut value, mut levels) = (Node::Leaf, 0);
    for way in ways {
        let (outer, added) = nest(way, value);
        value = outer;
        levels += added;
    }
    let plain = [rmp_serde::to_vec_named(&value), rmp_serde::to_vec(&value)].map(Result::unwrap);
    for (ours, plain) in [named(&value), compact(&value)].into_iter().zip(plain) {
        // In a debug build the last levels of values that use much stack can exceed the limit of the stack.
        let may_exceed_stack = cfg!(debug_assertions) && (MAX - 31..=MAX).contains(&levels);
        let is_refused =
            |plain| is_too_deep(ours.clone()) || is_too_deep(msgpack::decode::<Node>(plain));
        if may_exceed_stack && is_refused(&plain) {
            continue;
        }
        if levels <= MAX {
            // In the compact layout, structs inside more than 32 types have names.
            let is_same = types <= 32 || plain == rmp_serde::to_vec_named(&value).unwrap();
            match is_same {
                true => assert_eq!(ours, Ok(plain.clone())),
                false => assert_eq!(msgpack::decode(&ours.unwrap()), Ok(value.clone())),
            }
            assert_eq!(msgpack::decode(&plain), Ok(value.clone()));
        } else {
            assert!(is_too_deep(ours), "{levels}");
            assert!(is_too_deep(msgpack::decode::<Node>(&plain)), "{levels}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn up_to_the_limit_values_round_trip(ways in prop::collection::vec(0..8_u8, 0..100)) {
        on_small_stack(|| check(ways));
    }

    #[test]
    fn a_hundred_levels_round_trip(ways in prop::collection::vec(0..3_u8, 100..130)) {
        on_small_stack(|| check(ways));
    }
}
