//! The kinds of changes: the rows of the tables in docs/guide/evolution.md, section "Changing a service", with what to do
//! instead. `grid/tests/wire_lock/table.rs` compares both.

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    ServiceAdded,
    ServiceRemoved,
    Subroute,
    MethodAdded,
    MethodRemoved,
    Id,
    Kind,
    Layout,
    Limits,
    IdempotentAdded,
    IdempotentRemoved,
    RequestLowered,
    RequestRaised,
    Fallible,
    OptionalArgumentAdded,
    ArgumentAdded,
    OptionalArgumentRemoved,
    ArgumentRemoved,
    ArgumentRenamed,
    ArgumentDefault,
    SingleArgument,
    ArgumentsReordered,
    CompactArguments,
    OptionalFieldAdded,
    FieldAdded,
    OptionalFieldRemoved,
    FieldRemoved,
    FieldRenamed,
    CompactRenamed,
    DefaultAdded,
    DefaultRemoved,
    FieldsReordered,
    CompactFields,
    UnknownFields,
    VariantAdded,
    VariantRemoved,
    VariantRenamed,
    ErrorVariant,
    Tag,
    Widened,
    Narrowed,
    Precision,
    OptionAdded,
    OptionRemoved,
    AnotherType,
    UnknownType,
    NameOfType,
}

impl Row {
    /// The first column.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::ServiceAdded => "a service added",
            Self::ServiceRemoved => "a service removed or renamed",
            Self::Subroute => "another subroute",
            Self::MethodAdded => "a method added",
            Self::MethodRemoved => "a method removed or renamed",
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
            Self::ArgumentDefault => "`#[default]` removed from an argument",
            Self::SingleArgument => "an argument added to a single one, or all but one removed",
            Self::ArgumentsReordered => "arguments reordered",
            Self::CompactArguments => "arguments reordered in a compact method",
            Self::OptionalFieldAdded => "a field with a default, or an `Option`, added",
            Self::FieldAdded => "a field without a default added",
            Self::OptionalFieldRemoved => "a field with a default, or an `Option`, removed",
            Self::FieldRemoved => "a field without a default removed",
            Self::FieldRenamed => "a field renamed",
            Self::CompactRenamed => {
                "a field renamed in a compact method, in a struct of fields without defaults"
            }
            Self::DefaultAdded => "a default given to a field",
            Self::DefaultRemoved => "the default of a field removed",
            Self::FieldsReordered => "fields reordered",
            Self::CompactFields => "a field added, removed or reordered in a compact method",
            Self::UnknownFields => "a field added or removed with `deny_unknown_fields`",
            Self::VariantAdded => "a variant added",
            Self::VariantRemoved => "a variant removed",
            Self::VariantRenamed => "a variant renamed",
            Self::ErrorVariant => "a variant of an error added or removed, or another error type",
            Self::Tag => "another way to tag an enum",
            Self::Widened => "a number made wider",
            Self::Narrowed => "a number made narrower",
            Self::Precision => "`f32` made `f64`, or the reverse",
            Self::OptionAdded => "`T` made `Option<T>`",
            Self::OptionRemoved => "`Option<T>` made `T`",
            Self::AnotherType => "another type",
            Self::UnknownType => "another type, without schemas",
            Self::NameOfType => "the name of a type, or of a single argument",
        }
    }

    /// The last column.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::ServiceAdded | Self::MethodAdded => {
                "serve it everywhere before it is called, or handle the code `UnknownHandler` of old nodes"
            }
            Self::ServiceRemoved => {
                "serve it until nobody calls it; to rename a trait, write `#[grid::service(name = \"its old name\")]`"
            }
            Self::Subroute => "serve it under both subroutes until nobody calls the old one",
            Self::MethodRemoved => {
                "serve it until nobody calls it; to rename a method, write `#[handler(name = \"its old name\")]`"
            }
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
            Self::Fallible | Self::ErrorVariant => {
                "callers that do not know an error receive its text as `CallError::Remote`"
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
            Self::ArgumentDefault => "keep `#[default]` until no caller is older than the argument",
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
            Self::UnknownFields => {
                "remove `deny_unknown_fields`, update all nodes, and then change the fields"
            }
            Self::VariantAdded => {
                "update all receivers first, in a version that knows the variant and does not send it, or add a method"
            }
            Self::VariantRemoved => "keep it until no sender sends it",
            Self::VariantRenamed => {
                "keep its name on the wire: `#[serde(rename = \"its old name\")]`"
            }
            Self::CompactRenamed => "nothing: such structs are sent by position",
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
            Self::AnotherType => "add a method, or a field with a default, of the new type",
            Self::UnknownType => {
                "its structure is not known: write `#[grid::service(schema)]` to have it compared, or keep the type"
            }
            Self::NameOfType => "nothing: names of types and of single arguments are not sent",
        }
    }
}
