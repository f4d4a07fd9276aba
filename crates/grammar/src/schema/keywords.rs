//! What each keyword of JSON Schema has to be, and which are not enforced.

/// What stands behind a keyword that is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// A schema.
    Schema,
    /// A list of schemas, at least one.
    Schemas,
    /// An object whose members are schemas.
    NamedSchemas,
    /// An object whose members are schemas, by regular expressions.
    PatternSchemas,
    /// A whole number, 0 or more.
    Count,
    /// A number.
    Number,
    /// A number above 0.
    Positive,
    /// A regular expression.
    Pattern,
    /// The name of a format.
    Format,
    /// A type's name, or a list of them.
    Types,
    /// A list of different names.
    Names,
    /// A list of values, at least one.
    Values,
    /// Any value.
    Value,
    /// A place in the schema.
    Reference,
}

/// The keywords that are enforced.
pub const ENFORCED: [(&str, Operand); 29] = [
    ("$defs", Operand::NamedSchemas),
    ("$ref", Operand::Reference),
    ("additionalProperties", Operand::Schema),
    ("allOf", Operand::Schemas),
    ("anyOf", Operand::Schemas),
    ("const", Operand::Value),
    ("definitions", Operand::NamedSchemas),
    ("enum", Operand::Values),
    ("exclusiveMaximum", Operand::Number),
    ("exclusiveMinimum", Operand::Number),
    ("format", Operand::Format),
    ("items", Operand::Schema),
    ("maxItems", Operand::Count),
    ("maxLength", Operand::Count),
    ("maxProperties", Operand::Count),
    ("maximum", Operand::Number),
    ("minItems", Operand::Count),
    ("minLength", Operand::Count),
    ("minProperties", Operand::Count),
    ("minimum", Operand::Number),
    ("multipleOf", Operand::Positive),
    ("oneOf", Operand::Schemas),
    ("pattern", Operand::Pattern),
    ("patternProperties", Operand::PatternSchemas),
    ("prefixItems", Operand::Schemas),
    ("properties", Operand::NamedSchemas),
    ("required", Operand::Names),
    ("type", Operand::Types),
    // OpenAPI 3.0's, rewritten.
    ("nullable", Operand::Value),
];

/// Keywords that say nothing of which values are valid. `discriminator` is a hint for readers of `oneOf`.
pub const ANNOTATIONS: [&str; 18] = [
    "$comment",
    "$id",
    "$schema",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "deprecated",
    "description",
    "discriminator",
    "example",
    "examples",
    "externalDocs",
    "id",
    "readOnly",
    "title",
    "writeOnly",
    "xml",
];

/// Keywords of JSON Schema that no mask enforces here.
pub const NOT_ENFORCED: [&str; 22] = [
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
    "additionalItems",
    "contains",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "maxContains",
    "minContains",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
    "x-guidance",
];

/// The types that there are.
pub const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// The drafts whose schemas are read, by their `$schema`, with whether `$ref` leaves what stands beside it out of account.
pub const DRAFTS: [(&str, bool); 5] = [
    ("https://json-schema.org/draft/2020-12/schema", false),
    ("https://json-schema.org/draft/2019-09/schema", false),
    ("http://json-schema.org/draft-07/schema", true),
    ("http://json-schema.org/draft-06/schema", true),
    ("http://json-schema.org/draft-04/schema", true),
];
