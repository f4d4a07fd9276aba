//! Just enough of HTML to hold the report to its promises.

/// A tag or the text between two.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// Name and everything after it.
    Open(String, String),
    /// Name.
    Close(String),
    /// With entities as they are written.
    Text(String),
}

/// Elements that have no end.
const VOID: [&str; 4] = ["meta", "br", "img", "!doctype"];

/// The page in order; `<br/>` and its kin count as open and closed.
pub fn tokens(html: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        if !rest[..start].is_empty() {
            out.push(Token::Text(rest[..start].to_owned()));
        }
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            out.push(Token::Close(name.trim().to_owned()));
            continue;
        }
        let (name, attributes) = tag.split_once([' ', '\n']).unwrap_or((tag, ""));
        let name = name.trim_end_matches('/').to_owned();
        out.push(Token::Open(name.clone(), attributes.to_owned()));
        if tag.ends_with('/') || VOID.contains(&name.as_str()) {
            out.push(Token::Close(name));
        }
    }
    out
}

/// The value of an attribute.
pub fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let start = format!(" {attributes}").find(&format!(" {name}=\""))? + name.len() + 2;
    let value = &attributes[start..];
    value.find('"').map(|end| &value[..end])
}
