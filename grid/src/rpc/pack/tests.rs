//! The bytes of values, what is refused, and when a value is decoded before it is sent. The table of docs/guide/payloads.md
//! has the shapes of types.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::net::IpAddr;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use crate::CodecError;
use crate::rpc::layout::Layout;
use crate::rpc::msgpack;
use crate::rpc::payload::Codec;

const LAYOUTS: [Layout; 2] = [Layout::Named, Layout::Compact];

fn encoded<T: Serialize + DeserializeOwned>(
    value: &T,
    layout: Layout,
) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    msgpack::append(value, layout, &mut bytes).map(|()| bytes)
}

fn error<T: Serialize + DeserializeOwned>(value: &T) -> String {
    encoded(value, Layout::Named).unwrap_err().to_string()
}

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    for layout in LAYOUTS {
        assert_eq!(&msgpack::decode::<T>(&encoded(value, layout).unwrap()).unwrap(), value);
    }
}

mod blobs {
    use super::*;

    /// Decodes the same bytes from a bin and from an array of integers, as the whole payload and inside another.
    fn both_forms<T>(bin: &'static [u8], array: &'static [u8])
    where
        T: Serialize + DeserializeOwned + Debug + PartialEq + Send + 'static,
    {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(untagged)]
        enum Untagged<T> {
            Blob(T),
        }

        let codec = Codec::<T>::of(Layout::Named);
        let value = codec.decode(Some(Bytes::from_static(bin))).unwrap();
        assert_eq!(codec.decode(Some(Bytes::from_static(array))).unwrap(), value);
        for form in [bin, array] {
            let Untagged::Blob(blob) = msgpack::decode(form).unwrap();
            assert_eq!(blob, value);
            let listed = [&b"\x91"[..], form].concat();
            assert_eq!(msgpack::decode::<Vec<T>>(&listed).unwrap()[..], [blob]);
        }
        assert_eq!(codec.encode(value).unwrap().unwrap().into_bytes(), bin);
    }

    #[test]
    fn they_are_a_bin_and_decoded_from_both_forms() {
        let (bin, array) = (b"\xc4\x03\x01\x02\xc8", b"\x93\x01\x02\xcc\xc8");
        both_forms::<Vec<u8>>(bin, array);
        both_forms::<[u8; 3]>(bin, array);
        both_forms::<Box<[u8]>>(bin, array);
        both_forms::<Cow<'static, [u8]>>(bin, array);
        both_forms::<Bytes>(bin, array);
        both_forms::<std::collections::VecDeque<u8>>(bin, array);
        both_forms::<(u8, u8, u8)>(bin, array);
        both_forms::<Vec<u8>>(b"\xc4\x00", b"\x90");
    }

    #[test]
    fn an_array_takes_no_more_bytes_than_it_has() {
        for bytes in [&b"\xc4\x03\x01\x02\xc8"[..], b"\x93\x01\x02\x03"] {
            msgpack::decode::<[u8; 2]>(bytes).unwrap_err();
            msgpack::decode::<[u8; 4]>(bytes).unwrap_err();
        }
    }

    #[test]
    fn only_u8_is_a_byte() {
        assert_eq!(encoded(&vec![1_i8, 2], Layout::Named).unwrap(), b"\x92\x01\x02");
        assert_eq!(
            encoded(&(1_u8, 200_u8, "a".to_owned()), Layout::Named).unwrap(),
            b"\x93\x01\xcc\xc8\xa1a"
        );
        assert_eq!(encoded(&(1_u8, 2_u16), Layout::Named).unwrap(), b"\x92\x01\x02");
        assert_eq!(encoded(&[0_u32; 0], Layout::Named).unwrap(), b"\x90");
    }

    /// A type that makes itself from bytes only, where serde buffers it.
    #[derive(Debug, PartialEq)]
    struct Strict(u8);

    impl Serialize for Strict {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&[self.0])
        }
    }

    impl<'de> Deserialize<'de> for Strict {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl serde::de::Visitor<'_> for Visitor {
                type Value = Strict;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("bytes")
                }
                fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Strict, E> {
                    Ok(Strict(bytes[0]))
                }
            }
            deserializer.deserialize_bytes(Visitor)
        }
    }

    #[test]
    fn types_that_accept_nothing_but_bytes_get_them() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "t")]
        enum Tagged {
            Strict { strict: Strict },
        }
        round_trip(&Tagged::Strict { strict: Strict(7) });
    }
}

#[test]
fn the_binary_form_of_a_type_with_two_is_read() {
    let ip: IpAddr = "10.0.0.1".parse().unwrap();
    assert_eq!(encoded(&ip, Layout::Named).unwrap(), b"\xa810.0.0.1");
    assert_eq!(msgpack::decode(b"\x81\xa2V4\x94\x0a\x00\x00\x01"), Ok(ip));
    assert_eq!(msgpack::decode(b"\x81\xa2V4\xc4\x04\x0a\x00\x00\x01"), Ok(ip));
    assert!(msgpack::decode::<IpAddr>(b"\xa3no!").unwrap_err().to_string().contains("IP address"));
}

/// What other types are encoded as has not changed.
#[test]
fn other_bytes_are_those_of_rmp_serde() {
    #[derive(Serialize, Deserialize)]
    struct Many {
        unsigned: Vec<u64>,
        signed: Vec<i64>,
        floats: (f32, f64),
        text: Vec<String>,
        map: BTreeMap<String, Option<char>>,
        unit: (),
        #[serde(flatten)]
        rest: BTreeMap<String, bool>,
    }

    let around = |bit: u32| [(1_u64 << bit) - 1, 1 << bit];
    let many = Many {
        unsigned: (0..64).flat_map(around).collect(),
        signed: (0..63).flat_map(around).map(|number| -(number as i64)).collect(),
        floats: (1.5, f64::NAN),
        text: [0, 31, 32, 255, 256, 65_535, 65_536].map(|len| "x".repeat(len)).into(),
        map: [("a".to_owned(), None), ("b".to_owned(), Some('é'))].into(),
        unit: (),
        // With a length that serde does not know before, and a header of three bytes.
        rest: (0..70_000).map(|number| (number.to_string(), true)).collect(),
    };
    assert_eq!(encoded(&many, Layout::Named).unwrap(), rmp_serde::to_vec_named(&many).unwrap());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Outer {
    inner: Vec<Inner>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    held: Option<()>,
}

#[test]
fn a_some_that_would_be_none_is_refused_with_its_place() {
    let text = error(&Outer { inner: vec![Inner { held: None }, Inner { held: Some(()) }] });
    assert!(text.contains("would arrive as `None`: use `bool`"), "{text}");
    assert!(text.contains("at `inner.held` in `grid::rpc::pack::tests::Outer`"), "{text}");
    assert!(error(&Some(None::<u8>)).contains("in `core::option::Option<"));
    round_trip(&Outer { inner: vec![Inner { held: None }] });
}

#[test]
fn a_refused_value_leaves_the_buffer_as_it_was_for_the_next_argument() {
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Wide {
        Wide { number: u128 },
    }

    let mut out = b"before".to_vec();
    let text = msgpack::append(&Wide::Wide { number: 1 }, Layout::Compact, &mut out)
        .unwrap_err()
        .to_string();
    assert!(text.contains("128-bit") && text.contains("at `number` in `"), "{text}");
    assert!(out.starts_with(b"before"));
}

mod compact {
    use super::*;

    thread_local! {
        static DECODED: Cell<u32> = const { Cell::new(0) };
    }

    /// Counts how often it is decoded.
    #[derive(Debug, PartialEq, Serialize)]
    struct Counting {
        number: u8,
    }

    impl<'de> Deserialize<'de> for Counting {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            #[derive(Deserialize)]
            #[serde(rename = "Counting")]
            struct Plain {
                number: u8,
            }
            DECODED.set(DECODED.get() + 1);
            Plain::deserialize(deserializer).map(|plain| Self { number: plain.number })
        }
    }

    #[test]
    fn the_first_value_of_a_struct_is_decoded_before_it_is_sent() {
        let send = |number| encoded(&Counting { number }, Layout::Compact).unwrap();
        assert_eq!((send(7), DECODED.get()), (b"\x91\x07".to_vec(), 1));
        assert_eq!((send(8), DECODED.get()), (b"\x91\x08".to_vec(), 1));
        encoded(&Counting { number: 7 }, Layout::Named).unwrap();
        assert_eq!(DECODED.get(), 1, "never in the named layout");
    }

    #[test]
    fn a_struct_with_a_skipped_field_has_names() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Skips {
            #[serde(default, skip_serializing_if = "Option::is_none")]
            a: Option<u8>,
            #[serde(default)]
            b: Option<u8>,
        }
        let value = |a| Skips { a, b: Some(7) };
        assert_eq!(encoded(&value(None), Layout::Compact).unwrap(), b"\x81\xa1b\x07");
        assert_eq!(encoded(&value(Some(1)), Layout::Compact).unwrap(), b"\x92\x01\x07");
        round_trip(&value(None));
    }

    /// As arrays, the variants of this type would be decoded as each other.
    #[test]
    fn a_value_that_an_array_would_change_has_names() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(untagged)]
        enum Area {
            Square { side: u32, at: u32 },
            Sides(Vec<u32>),
        }
        let square = Area::Square { side: 1, at: 2 };
        for _ in 0..2 {
            assert_eq!(encoded(&square, Layout::Compact).unwrap(), b"\x82\xa4side\x01\xa2at\x02");
        }
        round_trip(&square);
        round_trip(&Area::Sides(vec![1, 2]));
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Small {
        a: u8,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Large {
        b: u32,
    }

    /// As arrays, small values of the second variant would be decoded as the first one.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Small(Small),
        Large(Large),
    }

    /// The first value of the second variant does not show it.
    #[test]
    fn variants_of_untagged_enums_keep_their_names() {
        let first = encoded(&Either::Large(Large { b: 300 }), Layout::Compact).unwrap();
        assert_eq!(first, b"\x81\xa1b\xcd\x01\x2c");
        round_trip(&Either::Large(Large { b: 5 }));
        round_trip(&vec![Either::Small(Small { a: 1 }), Either::Large(Large { b: 5 })]);
    }

    /// Sends values one after another, as one thread: what is learned from the first must not change the next ones.
    fn in_order<T>(values: impl IntoIterator<Item = T>)
    where
        T: Serialize + DeserializeOwned + PartialEq + Debug,
    {
        let mut forms = values.into_iter().map(|value| {
            round_trip(&value);
            encoded(&value, Layout::Compact).unwrap()[0]
        });
        let first = forms.next().unwrap();
        assert!((0x90..0xa0).contains(&first), "the first is an array: {first:#x}");
        forms.for_each(drop);
    }

    fn large(b: u32) -> Large {
        Large { b }
    }

    /// A struct that was an array must not be one where it is inside an untagged enum, which was empty at first.
    #[test]
    fn a_struct_is_looked_at_in_each_place() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Both {
            large: Large,
            tagged: Vec<Variants>,
            either: Option<Either>,
            several: Vec<Either>,
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Variants {
            One(Large),
            Two(u8, Large),
        }
        let both = |either, several| Both {
            large: large(1),
            tagged: vec![Variants::One(large(3)), Variants::Two(1, large(4))],
            either,
            several,
        };
        in_order([
            both(None, Vec::new()),
            both(Some(Either::Large(large(5))), Vec::new()),
            both(None, vec![Either::Large(large(6))]),
        ]);
    }

    #[test]
    fn a_struct_in_two_tuples() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Whole {
            pair: (u8, Large),
            pairs: Option<Pairs>,
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(untagged)]
        enum Pairs {
            Small(u8, Small),
            Large(u8, Large),
        }
        let whole = |pairs| Whole { pair: (1, large(1)), pairs };
        let pairs = || Some(Pairs::Large(1, large(5)));
        in_order([whole(None), whole(pairs()), whole(pairs())]);
    }

    #[test]
    fn a_struct_in_two_variants_with_one_field_of_content() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "t", content = "c")]
        enum Adjacent {
            One(Large),
            Two(Either),
        }
        let two = || Adjacent::Two(Either::Large(large(5)));
        in_order([Adjacent::One(large(1)), two(), two()].map(|value| (value,)));
    }

    #[test]
    fn a_struct_beside_a_flattened_field() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Flat {
            plain: Large,
            #[serde(flatten)]
            rest: Rest,
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Rest {
            either: Option<Either>,
        }
        let flat = |either| (Flat { plain: large(1), rest: Rest { either } },);
        let some = || flat(Some(Either::Large(large(5))));
        in_order([flat(None), some(), some()]);
    }

    #[test]
    fn structs_in_variants_and_struct_variants() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum OfSmall {
            Tuple(Small),
            Struct { a: u8 },
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum OfLarge {
            Tuple(Large),
            Struct { b: u32 },
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(untagged)]
        enum Of {
            Small(OfSmall),
            Large(OfLarge),
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Whole {
            plain: Vec<OfLarge>,
            of: Option<Of>,
        }
        let plain = || vec![OfLarge::Tuple(large(1)), OfLarge::Struct { b: 1 }];
        let whole = |of| Whole { plain: plain(), of };
        let of = |of| whole(Some(Of::Large(of)));
        in_order([
            whole(None),
            of(OfLarge::Tuple(large(5))),
            of(OfLarge::Struct { b: 5 }),
            of(OfLarge::Tuple(large(5))),
        ]);
        round_trip(&Of::Large(OfLarge::Struct { b: 5 }));
    }

    #[test]
    fn a_struct_in_a_struct_of_two_types() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Wrap<T> {
            inner: T,
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(untagged)]
        enum Wrapped {
            Small(Wrap<Small>),
            Large(Wrap<Large>),
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Whole {
            plain: Wrap<Large>,
            wrapped: Option<Wrapped>,
        }
        let whole = |wrapped| Whole { plain: Wrap { inner: large(1) }, wrapped };
        let some = || whole(Some(Wrapped::Large(Wrap { inner: large(5) })));
        in_order([whole(None), some(), some()]);
    }

    /// The other fields would take the place of the one that is not sent.
    #[test]
    fn a_field_that_is_never_sent() {
        #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        struct User {
            #[serde(skip_serializing)]
            password: String,
            name: String,
            email: String,
        }
        let user =
            |name: &str| User { name: name.to_owned(), email: "a@b".to_owned(), ..User::default() };
        // With an empty name, the encodings of both have the same bytes.
        ["", "ann"].iter().for_each(|name| round_trip(&user(name)));
    }

    /// Attributes of fields and variants decide how a value is decoded.
    #[test]
    fn a_type_in_two_fields_and_in_two_variants() {
        fn either<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Large, D::Error> {
            match Either::deserialize(deserializer)? {
                Either::Small(Small { a }) => Ok(large(1000 + u32::from(a))),
                Either::Large(large) => Ok(large),
            }
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Variants {
            Plain(Large),
            #[serde(deserialize_with = "either")]
            Either(Large),
        }
        fn lenient<'de, D>(deserializer: D) -> Result<Option<Large>, D::Error>
        where
            D: serde::Deserializer<'de>,
        {
            let either = Option::<Either>::deserialize(deserializer)?;
            Ok(either.map(|either| match either {
                Either::Small(Small { a }) => large(1000 + u32::from(a)),
                Either::Large(large) => large,
            }))
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Fields {
            plain: Option<Large>,
            #[serde(deserialize_with = "lenient")]
            lenient: Option<Large>,
        }
        in_order([Variants::Plain(large(1)), Variants::Either(large(5))].map(|value| (value,)));
        let fields = |lenient| Fields { plain: Some(large(1)), lenient };
        in_order([fields(None), fields(Some(large(5)))]);
    }

    #[test]
    fn lists_of_many_structs_are_learned_at_once() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Lists {
            counted: Vec<(Counting, Large)>,
        }
        let lists =
            || Lists { counted: (0..5000).map(|_| (Counting { number: 1 }, large(2))).collect() };
        let sent = |times| {
            DECODED.set(0);
            (0..times).for_each(|_| drop(encoded(&lists(), Layout::Compact).unwrap()));
            DECODED.get()
        };
        assert_eq!((sent(1), sent(3)), (5000, 0));
    }

    #[test]
    fn internally_tagged_enums_keep_their_names_inside() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        enum Tagged {
            One { large: Large },
        }
        let value = Tagged::One { large: Large { b: 1 } };
        assert_eq!(
            encoded(&value, Layout::Compact).unwrap(),
            b"\x82\xa4kind\xa3One\xa5large\x81\xa1b\x01"
        );
        round_trip(&value);
    }

    #[test]
    fn the_order_of_a_hash_map_does_not_matter() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Counts {
            by_name: HashMap<String, u32>,
        }
        let by_name = (0..50).map(|number| (number.to_string(), number)).collect();
        assert_eq!(encoded(&Counts { by_name }, Layout::Compact).unwrap()[0], 0x91);
    }
}

mod attempts {
    use std::net::IpAddr;

    use super::*;

    thread_local! {
        static ATTEMPTS: Cell<u32> = const { Cell::new(0) };
    }

    /// Counts how often it is decoded, and accepts no number.
    #[derive(Debug)]
    struct Counting;

    impl<'de> Deserialize<'de> for Counting {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            ATTEMPTS.set(ATTEMPTS.get() + 1);
            String::deserialize(deserializer).map(|_| Self)
        }
    }

    fn attempts<T: DeserializeOwned>(bytes: &[u8]) -> u32 {
        ATTEMPTS.set(0);
        assert!(msgpack::decode::<T>(bytes).is_err());
        ATTEMPTS.get()
    }

    #[test]
    fn what_has_no_other_form_is_decoded_once() {
        #[derive(Debug, Deserialize)]
        #[serde(untagged)]
        enum Untagged {
            #[expect(dead_code)]
            Bytes((Bytes, Counting)),
        }
        assert_eq!(attempts::<Counting>(b"\x07"), 1);
        assert_eq!(attempts::<(u8, Counting)>(b"\x92\x07\x07"), 1);
        assert_eq!(
            attempts::<(IpAddr, Counting)>(b"\x92\xa9127.0.0.1\x07"),
            1,
            "in the readable form"
        );
        assert_eq!(attempts::<Untagged>(b"\x92\xc4\x01\x07\x07"), 2, "with bytes as a sequence");
    }

    /// One attempt meets the bytes, and the next one the address.
    #[test]
    fn bytes_before_a_type_with_two_forms() {
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(untagged)]
        enum Untagged {
            Bytes(whole_bytes::Whole),
        }
        mod whole_bytes {
            use std::fmt;

            use serde::de::{Deserialize, Deserializer, Error, Visitor};

            /// Accepts bytes only.
            #[derive(Debug, PartialEq)]
            pub(super) struct Whole(pub(super) Vec<u8>);

            impl<'de> Deserialize<'de> for Whole {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    struct Bytes;
                    impl Visitor<'_> for Bytes {
                        type Value = Whole;
                        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                            f.write_str("bytes")
                        }
                        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Whole, E> {
                            Ok(Whole(bytes.to_vec()))
                        }
                    }
                    deserializer.deserialize_bytes(Bytes)
                }
            }
        }
        let ip = IpAddr::from([127, 0, 0, 1]);
        let bytes = Untagged::Bytes(whole_bytes::Whole(vec![7]));
        // The binary form of an address is an enum of arrays of integers.
        let address = b"\x81\xa2V4\x94\x7f\x00\x00\x01";
        let both = [&b"\x92\xc4\x01\x07"[..], address].concat();
        assert_eq!(msgpack::decode::<(Untagged, IpAddr)>(&both).unwrap(), (bytes, ip));
    }
}

#[test]
fn a_wrong_number_of_elements_is_refused() {
    #[derive(Deserialize)]
    struct Liar;

    impl Serialize for Liar {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq as _;
            let mut elements = serializer.serialize_seq(Some(3))?;
            elements.serialize_element(&1_u16)?;
            elements.end()
        }
    }
    assert!(error(&Liar).contains("announces 3 elements and has 1"), "{}", error(&Liar));
}

#[test]
fn bytes_of_an_unknown_number_are_a_bin() {
    #[derive(Deserialize)]
    struct Finding;

    impl Serialize for Finding {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0_u8..6).filter(|byte| byte % 2 == 1))
        }
    }
    assert_eq!(encoded(&Finding, Layout::Named).unwrap(), b"\xc4\x03\x01\x03\x05");
}

/// As `serde_json` with `arbitrary_precision` serialises its numbers.
#[test]
fn numbers_that_are_text_become_numbers() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "$serde_json::private::Number")]
    struct Number {
        #[serde(rename = "$serde_json::private::Number")]
        digits: String,
    }
    let number = |digits: &str| Number { digits: digits.to_owned() };
    for layout in LAYOUTS {
        assert_eq!(encoded(&number("7"), layout).unwrap(), b"\x07");
        assert_eq!(
            encoded(&vec![number("-1"), number("0.5")], layout).unwrap(),
            b"\x92\xff\xcb\x3f\xe0\0\0\0\0\0\0"
        );
        let long = encoded(&number("1.50"), layout).unwrap();
        assert_eq!(long, b"\x81\xbc$serde_json::private::Number\xa41.50");
    }
}
