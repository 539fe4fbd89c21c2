//! The kinds of changes: the rows of the tables in docs/guide/evolution.md, section "Changing a service", with what to do
//! instead. `grid/tests/wire_lock/table.rs` compares both.

/// Declares [`ChangeKind`] with both columns of each row: what has changed, which is also its documentation, and the advice.
macro_rules! kinds {
    ($($kind:ident: $text:literal => $advice:literal;)*) => {
        /// A kind of change: a row of the tables in the guide's chapter on evolving a service, section "Changing a service".
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ChangeKind {
            $(#[doc = concat!("The row \u{201c}", $text, "\u{201d}.")] $kind,)*
        }

        impl ChangeKind {
            /// The first column.
            pub(crate) fn text(self) -> &'static str {
                match self {
                    $(Self::$kind => $text,)*
                }
            }

            /// The last column.
            pub(crate) fn advice(self) -> &'static str {
                match self {
                    $(Self::$kind => $advice,)*
                }
            }
        }
    };
}

kinds! {
    ServiceAdded: "a service added"
        => "serve it everywhere before it is called, or handle the code `UnknownHandler` of old nodes";
    ServiceRemoved: "a service removed"
        => "serve it until nobody calls it";
    ServiceRenamed: "a service renamed"
        => "serve both until nobody calls the old one; to rename a trait only, write `#[grid::service(name = \"its old name\")]`";
    Subroute: "another subroute"
        => "serve it under both subroutes until nobody calls the old one";
    MethodAdded: "a method added"
        => "serve it everywhere before it is called, or handle the code `UnknownHandler` of old nodes";
    MethodRemoved: "a method removed or renamed"
        => "serve it until nobody calls it; to rename a method, write `#[handler(name = \"its old name\")]`";
    MethodRenamed: "a method renamed, with the same pinned id"
        => "nothing: a call has the id of its method, and not its name";
    Id: "another id"
        => "add a method, and keep the old one until nobody calls it";
    Kind: "another kind"
        => "add a method, and keep the old one until nobody calls it";
    Layout: "`compact` turned on or off"
        => "nodes of this library read both layouts; nodes of the original implementation in Go do not: for them, add a method";
    Limits: "another timeout or capacity, `inline` or `blocking`"
        => "each end applies its own; capacities must be equal towards Go nodes only";
    IdempotentAdded: "`idempotent` added"
        => "callers of the new version may make a call twice, also at an old node";
    IdempotentRemoved: "`idempotent` removed"
        => "old callers may still make a call twice: keep handlers idempotent until they are gone, or add a method";
    RequestLowered: "`request_bytes_max` lowered or added"
        => "old callers send what the new node refuses: lower it only to what no caller exceeds";
    RequestRaised: "`request_bytes_max` raised or removed"
        => "send more only when all nodes accept it";
    Fallible: "a method that could not fail returns a `Result`, or the reverse"
        => "callers that cannot decode an error receive its text as `CallError::Remote`";
    OptionalArgumentAdded: "an `Option` or `#[default]` argument added, where there are none or at least two"
        => "old nodes ignore it, which must be harmless";
    ArgumentAdded: "another argument added, where there are none or at least two"
        => "make it an `Option`, write `#[default]` before it, or add a method";
    OptionalArgumentRemoved: "an `Option` or `#[default]` argument removed"
        => "new nodes ignore it, which must be harmless";
    ArgumentRemoved: "another argument removed"
        => "write `#[default]` before it, update all nodes, and then remove it";
    ArgumentRenamed: "an argument renamed, where there are at least two"
        => "keep the name: several arguments are sent by name";
    CompactArgumentRenamed: "an argument renamed in a compact method"
        => "nothing: compact arguments are sent by position";
    ArgumentDefault: "`#[default]` removed from an argument"
        => "callers of both versions send it: keep `#[default]` only until no caller is older than the argument";
    SingleArgument: "an argument added to a single one, or all but one removed"
        => "put the values into a struct, which can grow, or add a method: a single argument is sent without its name";
    ArgumentsReordered: "arguments reordered"
        => "nothing: they are sent by name";
    CompactArguments: "arguments reordered in a compact method"
        => "keep the order, or add a method: compact arguments are sent by position";
    OptionalFieldAdded: "a field with a default, or an `Option`, added"
        => "receivers that do not know it ignore it, which must be harmless";
    FieldAdded: "a field without a default added"
        => "give it `#[serde(default)]`, or make it an `Option`";
    OptionalFieldRemoved: "a field with a default, or an `Option`, removed"
        => "old receivers see its default, which must be harmless";
    FieldRemoved: "a field without a default removed"
        => "give it `#[serde(default)]`, update all nodes, and then remove it";
    FieldRenamed: "a field renamed"
        => "keep its name on the wire: `#[serde(rename = \"its old name\")]`";
    DefaultAdded: "a default given to a field"
        => "do not leave it out (`skip_serializing_if`) until all receivers have the default";
    DefaultRemoved: "the default of a field removed"
        => "keep the default until no sender leaves the field out";
    LeftOut: "a field left out by its sender (`skip_serializing_if`)"
        => "give it a default, update all receivers, and then leave it out";
    FieldsReordered: "fields reordered"
        => "nothing: they are sent by name";
    CompactFields: "a field added, removed or reordered in a compact method"
        => "add a method: compact structs are sent by position";
    UnknownFieldAdded: "a field added, and old receivers have `deny_unknown_fields`"
        => "remove `deny_unknown_fields`, update all nodes, and then change the fields";
    UnknownFieldRemoved: "a field removed, and new receivers have `deny_unknown_fields`"
        => "remove `deny_unknown_fields`, update all nodes, and then change the fields";
    Closed: "`deny_unknown_fields` added or removed"
        => "receivers that refuse unknown fields break when fields are added later";
    FlattenedMap: "a flattened map added or removed"
        => "receivers without the map ignore what is in it";
    MapFieldAdded: "a field added that a flattened map of old receivers cannot hold"
        => "keep such fields out of structs with a flattened map, or make its values `serde_json::Value`";
    MapFieldRemoved: "a field removed that a flattened map of new receivers cannot hold"
        => "keep such fields out of structs with a flattened map, or make its values `serde_json::Value`";
    VariantAdded: "a variant added"
        => "update all receivers first, in a version that knows the variant and does not send it, or add a method";
    VariantRemoved: "a variant removed"
        => "keep it until no sender sends it";
    VariantRenamed: "a variant renamed"
        => "keep its name on the wire: `#[serde(rename = \"its old name\")]`";
    UntaggedVariant: "an untagged variant changed that is not the last one"
        => "put a tag on the enum, or add a method: the first variant that accepts a value is decoded";
    Error: "anything in an error"
        => "callers that cannot decode an error receive its text as `CallError::Remote`";
    Tag: "another way to tag an enum"
        => "add a method with the new type";
    Widened: "a number made wider"
        => "update all receivers first, before larger numbers are sent, or add a method";
    Narrowed: "a number made narrower"
        => "keep the type, and check the number where it is received";
    Precision: "`f32` made `f64`, or the reverse"
        => "the number is rounded";
    OptionAdded: "`T` made `Option<T>`"
        => "update all receivers first, before `None` is sent, or add a method";
    OptionRemoved: "`Option<T>` made `T`"
        => "keep the `Option`, and refuse `None` where it is received";
    TypeExtended: "another type, which reads all that the old one sends"
        => "update all receivers first, before values are sent that only the new type reads, or add a method";
    TypeRestricted: "another type, which the old one reads completely"
        => "keep the type, and check the value where it is received";
    TypeAlike: "another type, and each reads the other one"
        => "what a value means may have changed";
    AnotherType: "another type"
        => "add a method, or a field with a default, of the new type";
    UnknownType: "another type, of which not enough is known"
        => "write `#[grid::service(schema)]` to have it compared; if its schema does not show the change, keep the type or add a method";
    NameOfType: "the name of a type, or of a single argument"
        => "nothing: names of types and of single arguments are not sent";
}
