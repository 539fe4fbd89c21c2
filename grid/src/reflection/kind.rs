//! The kinds of changes: the rows of the tables in docs/guide/evolution.md, section "Changing a service", with what to do
//! instead. `grid/tests/wire_lock/table.rs` compares both.

/// A kind of change: a row of the tables in the guide's chapter on evolving a service, section "Changing a service".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// A service added.
    ServiceAdded,
    /// A service removed.
    ServiceRemoved,
    /// A service renamed.
    ServiceRenamed,
    /// Another subroute.
    Subroute,
    /// A method added.
    MethodAdded,
    /// A method removed or renamed.
    MethodRemoved,
    /// A method renamed, with the same pinned id.
    MethodRenamed,
    /// Another id.
    Id,
    /// Another kind.
    Kind,
    /// `compact` turned on or off.
    Layout,
    /// Another timeout or capacity, `inline` or `blocking`.
    Limits,
    /// `idempotent` added.
    IdempotentAdded,
    /// `idempotent` removed.
    IdempotentRemoved,
    /// `request_bytes_max` lowered or added.
    RequestLowered,
    /// `request_bytes_max` raised or removed.
    RequestRaised,
    /// A method that could not fail returns a `Result`, or the reverse.
    Fallible,
    /// An `Option` or `#[default]` argument added to a method that has none, or several.
    OptionalArgumentAdded,
    /// Another argument added to a method that has none, or several.
    ArgumentAdded,
    /// An `Option` or `#[default]` argument removed.
    OptionalArgumentRemoved,
    /// Another argument removed.
    ArgumentRemoved,
    /// An argument renamed, where there are at least two.
    ArgumentRenamed,
    /// An argument renamed in a compact method.
    CompactArgumentRenamed,
    /// `#[default]` removed from an argument.
    ArgumentDefault,
    /// An argument added to a single one, or all but one removed.
    SingleArgument,
    /// Arguments reordered.
    ArgumentsReordered,
    /// Arguments reordered in a compact method.
    CompactArguments,
    /// A field with a default, or an `Option`, added.
    OptionalFieldAdded,
    /// A field without a default added.
    FieldAdded,
    /// A field with a default, or an `Option`, removed.
    OptionalFieldRemoved,
    /// A field without a default removed.
    FieldRemoved,
    /// A field renamed.
    FieldRenamed,
    /// A default given to a field.
    DefaultAdded,
    /// The default of a field removed.
    DefaultRemoved,
    /// A field left out by its sender (`skip_serializing_if`).
    LeftOut,
    /// Fields reordered.
    FieldsReordered,
    /// A field added, removed or reordered in a compact method.
    CompactFields,
    /// A field added, and old receivers have `deny_unknown_fields`.
    UnknownFieldAdded,
    /// A field removed, and new receivers have `deny_unknown_fields`.
    UnknownFieldRemoved,
    /// `deny_unknown_fields` added or removed.
    Closed,
    /// A flattened map added or removed.
    FlattenedMap,
    /// A field added that a flattened map of old receivers cannot hold.
    MapFieldAdded,
    /// A field removed that a flattened map of new receivers cannot hold.
    MapFieldRemoved,
    /// A variant added.
    VariantAdded,
    /// A variant removed.
    VariantRemoved,
    /// A variant renamed.
    VariantRenamed,
    /// An untagged variant changed that is not the last one.
    UntaggedVariant,
    /// Anything in an error.
    Error,
    /// Another way to tag an enum.
    Tag,
    /// A number made wider.
    Widened,
    /// A number made narrower.
    Narrowed,
    /// `f32` made `f64`, or the reverse.
    Precision,
    /// `T` made `Option<T>`.
    OptionAdded,
    /// `Option<T>` made `T`.
    OptionRemoved,
    /// Another type, which reads all that the old one sends.
    TypeExtended,
    /// Another type, which the old one reads completely.
    TypeRestricted,
    /// Another type, and each reads the other one.
    TypeAlike,
    /// Another type.
    AnotherType,
    /// Another type, of which not enough is known.
    UnknownType,
    /// The name of a type, or of a single argument.
    NameOfType,
}

impl ChangeKind {
    /// The first column.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::ServiceAdded => "a service added",
            Self::ServiceRemoved => "a service removed",
            Self::ServiceRenamed => "a service renamed",
            Self::Subroute => "another subroute",
            Self::MethodAdded => "a method added",
            Self::MethodRemoved => "a method removed or renamed",
            Self::MethodRenamed => "a method renamed, with the same pinned id",
            Self::Id => "another id",
            Self::Kind => "another kind",
            Self::Layout => "`compact` turned on or off",
            Self::Limits => "another timeout or capacity, `inline` or `blocking`",
            Self::IdempotentAdded => "`idempotent` added",
            Self::IdempotentRemoved => "`idempotent` removed",
            Self::RequestLowered => "`request_bytes_max` lowered or added",
            Self::RequestRaised => "`request_bytes_max` raised or removed",
            Self::Fallible => "a method that could not fail returns a `Result`, or the reverse",
            Self::OptionalArgumentAdded => {
                "an `Option` or `#[default]` argument added, where there are none or at least two"
            }
            Self::ArgumentAdded => "another argument added, where there are none or at least two",
            Self::OptionalArgumentRemoved => "an `Option` or `#[default]` argument removed",
            Self::ArgumentRemoved => "another argument removed",
            Self::ArgumentRenamed => "an argument renamed, where there are at least two",
            Self::CompactArgumentRenamed => "an argument renamed in a compact method",
            Self::ArgumentDefault => "`#[default]` removed from an argument",
            Self::SingleArgument => "an argument added to a single one, or all but one removed",
            Self::ArgumentsReordered => "arguments reordered",
            Self::CompactArguments => "arguments reordered in a compact method",
            Self::OptionalFieldAdded => "a field with a default, or an `Option`, added",
            Self::FieldAdded => "a field without a default added",
            Self::OptionalFieldRemoved => "a field with a default, or an `Option`, removed",
            Self::FieldRemoved => "a field without a default removed",
            Self::FieldRenamed => "a field renamed",
            Self::DefaultAdded => "a default given to a field",
            Self::DefaultRemoved => "the default of a field removed",
            Self::LeftOut => "a field left out by its sender (`skip_serializing_if`)",
            Self::FieldsReordered => "fields reordered",
            Self::CompactFields => "a field added, removed or reordered in a compact method",
            Self::UnknownFieldAdded => {
                "a field added, and old receivers have `deny_unknown_fields`"
            }
            Self::UnknownFieldRemoved => {
                "a field removed, and new receivers have `deny_unknown_fields`"
            }
            Self::Closed => "`deny_unknown_fields` added or removed",
            Self::FlattenedMap => "a flattened map added or removed",
            Self::MapFieldAdded => {
                "a field added that a flattened map of old receivers cannot hold"
            }
            Self::MapFieldRemoved => {
                "a field removed that a flattened map of new receivers cannot hold"
            }
            Self::VariantAdded => "a variant added",
            Self::VariantRemoved => "a variant removed",
            Self::VariantRenamed => "a variant renamed",
            Self::UntaggedVariant => "an untagged variant changed that is not the last one",
            Self::Error => "anything in an error",
            Self::Tag => "another way to tag an enum",
            Self::Widened => "a number made wider",
            Self::Narrowed => "a number made narrower",
            Self::Precision => "`f32` made `f64`, or the reverse",
            Self::OptionAdded => "`T` made `Option<T>`",
            Self::OptionRemoved => "`Option<T>` made `T`",
            Self::TypeExtended => "another type, which reads all that the old one sends",
            Self::TypeRestricted => "another type, which the old one reads completely",
            Self::TypeAlike => "another type, and each reads the other one",
            Self::AnotherType => "another type",
            Self::UnknownType => "another type, of which not enough is known",
            Self::NameOfType => "the name of a type, or of a single argument",
        }
    }

    /// The last column.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::ServiceAdded | Self::MethodAdded => {
                "serve it everywhere before it is called, or handle the code `UnknownHandler` of old nodes"
            }
            Self::ServiceRemoved => "serve it until nobody calls it",
            Self::ServiceRenamed => {
                "serve both until nobody calls the old one; to rename a trait only, write `#[grid::service(name = \"its old name\")]`"
            }
            Self::Subroute => "serve it under both subroutes until nobody calls the old one",
            Self::MethodRemoved => {
                "serve it until nobody calls it; to rename a method, write `#[handler(name = \"its old name\")]`"
            }
            Self::MethodRenamed => "nothing: a call has the id of its method, and not its name",
            Self::Id | Self::Kind => "add a method, and keep the old one until nobody calls it",
            Self::Layout => {
                "nodes of this library read both layouts; nodes of the original implementation in Go do not: for them, add a method"
            }
            Self::Limits => {
                "each end applies its own; capacities must be equal towards Go nodes only"
            }
            Self::IdempotentAdded => {
                "callers of the new version may make a call twice, also at an old node"
            }
            Self::IdempotentRemoved => {
                "old callers may still make a call twice: keep handlers idempotent until they are gone, or add a method"
            }
            Self::RequestLowered => {
                "old callers send what the new node refuses: lower it only to what no caller exceeds"
            }
            Self::RequestRaised => "send more only when all nodes accept it",
            Self::Fallible | Self::Error => {
                "callers that cannot decode an error receive its text as `CallError::Remote`"
            }
            Self::OptionalArgumentAdded => "old nodes ignore it, which must be harmless",
            Self::ArgumentAdded => {
                "make it an `Option`, write `#[default]` before it, or add a method"
            }
            Self::OptionalArgumentRemoved => "new nodes ignore it, which must be harmless",
            Self::ArgumentRemoved => {
                "write `#[default]` before it, update all nodes, and then remove it"
            }
            Self::ArgumentRenamed => "keep the name: several arguments are sent by name",
            Self::CompactArgumentRenamed => "nothing: compact arguments are sent by position",
            Self::ArgumentDefault => {
                "callers of both versions send it: keep `#[default]` only until no caller is older than the argument"
            }
            Self::SingleArgument => {
                "put the values into a struct, which can grow, or add a method: a single argument is sent without its name"
            }
            Self::ArgumentsReordered => "nothing: they are sent by name",
            Self::CompactArguments => {
                "keep the order, or add a method: compact arguments are sent by position"
            }
            Self::OptionalFieldAdded => {
                "receivers that do not know it ignore it, which must be harmless"
            }
            Self::FieldAdded => "give it `#[serde(default)]`, or make it an `Option`",
            Self::OptionalFieldRemoved => "old receivers see its default, which must be harmless",
            Self::FieldRemoved => {
                "give it `#[serde(default)]`, update all nodes, and then remove it"
            }
            Self::FieldRenamed => {
                "keep its name on the wire: `#[serde(rename = \"its old name\")]`"
            }
            Self::DefaultAdded => {
                "do not leave it out (`skip_serializing_if`) until all receivers have the default"
            }
            Self::DefaultRemoved => "keep the default until no sender leaves the field out",
            Self::FieldsReordered => "nothing: they are sent by name",
            Self::CompactFields => "add a method: compact structs are sent by position",
            Self::LeftOut => "give it a default, update all receivers, and then leave it out",
            Self::UnknownFieldAdded | Self::UnknownFieldRemoved => {
                "remove `deny_unknown_fields`, update all nodes, and then change the fields"
            }
            Self::Closed => {
                "receivers that refuse unknown fields break when fields are added later"
            }
            Self::FlattenedMap => "receivers without the map ignore what is in it",
            Self::MapFieldAdded | Self::MapFieldRemoved => {
                "keep such fields out of structs with a flattened map, or make its values `serde_json::Value`"
            }
            Self::UntaggedVariant => {
                "put a tag on the enum, or add a method: the first variant that accepts a value is decoded"
            }
            Self::VariantAdded => {
                "update all receivers first, in a version that knows the variant and does not send it, or add a method"
            }
            Self::VariantRemoved => "keep it until no sender sends it",
            Self::VariantRenamed => {
                "keep its name on the wire: `#[serde(rename = \"its old name\")]`"
            }
            Self::Precision => "the number is rounded",
            Self::Tag => "add a method with the new type",
            Self::Widened => {
                "update all receivers first, before larger numbers are sent, or add a method"
            }
            Self::Narrowed => "keep the type, and check the number where it is received",
            Self::OptionAdded => {
                "update all receivers first, before `None` is sent, or add a method"
            }
            Self::OptionRemoved => "keep the `Option`, and refuse `None` where it is received",
            Self::TypeExtended => {
                "update all receivers first, before values are sent that only the new type reads, or add a method"
            }
            Self::TypeRestricted => "keep the type, and check the value where it is received",
            Self::TypeAlike => "what a value means may have changed",
            Self::AnotherType => "add a method, or a field with a default, of the new type",
            Self::UnknownType => {
                "write `#[grid::service(schema)]` to have it compared; if its schema does not show the change, keep the type or add a method"
            }
            Self::NameOfType => "nothing: names of types and of single arguments are not sent",
        }
    }
}
