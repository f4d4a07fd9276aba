//! Jinja: from the source of a template to its tree, and from the tree to text. The reference is Jinja 3.1.6 as
//! transformers sets it up: an immutable sandbox with `trim_blocks`, `lstrip_blocks` and loop controls.

pub mod access;
pub mod arguments;
pub mod constant;
pub mod expression;
pub mod filters;
pub mod globals;
pub mod html;
pub mod lexer;
pub mod objects;
pub mod parser;
pub mod render;
pub mod selecting;
pub mod symbols;
pub mod tests;
pub mod tree;
pub mod urls;
pub mod writing;
