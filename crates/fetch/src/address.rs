//! Addresses of the web, as far as files are fetched from them, and where a redirect may lead.

use std::fmt;
use std::net::IpAddr;

/// An address with a scheme, a host and a path. Printed, it shows neither query nor fragment: signed addresses carry
/// in their query the permission to fetch.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    secure: bool,
    /// Lower case; an IPv6 address stands in brackets.
    host: String,
    port: u16,
    /// Begins with a slash; with the query.
    path: String,
}

/// Why a text is no address to fetch from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is no address to fetch from: {problem}")]
pub struct AddressError {
    shown: String,
    problem: &'static str,
}

/// Why a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// From a protected connection to an open one.
    #[error("leads from https to http")]
    Downgraded,
    /// More of them than anybody needs.
    #[error("is one redirect too many")]
    TooMany,
    /// Where it leads is no address.
    #[error("{0}")]
    Address(#[from] AddressError),
    /// The answer does not say where it leads.
    #[error("does not say where it leads")]
    Nowhere,
}

impl Address {
    /// Reads an absolute address.
    ///
    /// # Errors
    /// Another scheme than http or https, no host, a name and password before the host, or characters that would have
    /// to be escaped.
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        let fail = |problem| AddressError { shown: shown(text), problem };
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('\\') {
            return Err(fail("it has characters that no address has"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| fail("it does not begin with https://"))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(fail("only https and http are spoken")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(fail("it has a name or a password in it"));
        }
        let (host, port) = host_and_port(authority).ok_or_else(|| fail("its host or port cannot be read"))?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Address { secure, host, port: port.unwrap_or(if secure { 443 } else { 80 }), path })
    }

    /// The address of `path` below this one: `path` is taken as it is, escaped already, and begins with a slash.
    pub fn below(&self, path: &str) -> Address {
        let own = self.path.split('?').next().unwrap_or_default().trim_end_matches('/');
        Address { path: format!("{own}{path}"), ..self.clone() }
    }

    /// Whether both are reached by the same scheme, host and port: what is secret to one is not to the other.
    pub fn has_origin_of(&self, other: &Address) -> bool {
        (self.secure, &self.host, self.port) == (other.secure, &other.host, other.port)
    }

    /// Whether what is sent there can be read on the way: http, but for this machine itself.
    pub fn is_open(&self) -> bool {
        !self.secure && !self.is_loopback()
    }

    fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Where the header `Location` of an answer from here leads.
    ///
    /// # Errors
    /// From https to http, but on this machine; or to no address.
    pub fn redirected(&self, location: &str) -> Result<Address, RedirectError> {
        let to = if location.starts_with("//") {
            Address::parse(&format!("{}:{location}", self.scheme()))?
        } else if location.contains("://") {
            Address::parse(location)?
        } else if location.starts_with('/') {
            Address::parse(&format!("{}{location}", self.origin()))?
        } else {
            let own = self.path.split('?').next().unwrap_or_default();
            let folder = &own[..own.rfind('/').map_or(0, |at| at + 1)];
            Address::parse(&format!("{}{folder}{location}", self.origin()))?
        };
        if self.secure && to.is_open() {
            return Err(RedirectError::Downgraded);
        }
        Ok(to)
    }

    fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    fn origin(&self) -> String {
        let usual = if self.secure { 443 } else { 80 };
        let port = if self.port == usual { String::new() } else { format!(":{}", self.port) };
        format!("{}://{}{port}", self.scheme(), self.host)
    }

    /// The whole of it, for the request alone.
    pub(crate) fn whole(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{}{}", self.origin(), if path == "/" { "" } else { path })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Begins of an address that may be shown: nothing before an `@`, no query.
fn shown(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let text = text.rfind('@').map_or(text, |at| &text[at + 1..]);
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let after = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[after..].find(':') {
        Some(at) => (&authority[..after + at], Some(authority[after + at + 1..].parse().ok()?)),
        None => (authority, None),
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fine = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(is_host),
    };
    fine.then(|| (host.to_ascii_lowercase(), port))
}

/// Escapes a file's name or a revision for a path; `/` stays only where `keep_slashes` says that it parts folders.
pub fn escaped(text: &str, keep_slashes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if plain || (byte == b'/' && keep_slashes) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn an_address_is_printed_without_what_permits_to_fetch() {
        assert_eq!(at("https://CDN.example/a/b?Signature=secret#x").to_string(), "https://cdn.example/a/b");
        assert_eq!(at("http://127.0.0.1:8080").to_string(), "http://127.0.0.1:8080");
        let error = Address::parse("https://me:hunter2@host/x?secret").unwrap_err().to_string();
        assert!(!error.contains("hunter2") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "ftp://host/x",
            "host/x",
            "https://",
            "https://ho st/",
            "https://host:99999/",
            "https://[::g]/",
            "https://a\\b/",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
        assert!(at("https://[::1]:8443/x").has_origin_of(&at("https://[::1]:8443/y")));
    }

    #[test]
    fn another_scheme_host_or_port_is_another_origin() {
        let home = at("https://hub.example");
        assert!(home.has_origin_of(&at("https://HUB.example:443/any")));
        for other in
            ["http://hub.example", "https://hub.example:444", "https://hub.example.evil", "https://cdn.hub.example"]
        {
            assert!(!home.has_origin_of(&at(other)), "{other}");
        }
    }

    #[test]
    fn redirects_are_resolved_and_https_is_not_left() {
        let from = at("https://hub.example/org/name/resolve/main/x?download=true");
        let to = |location: &str| from.redirected(location).map(|to| to.whole());
        assert_eq!(to("/api/x?y=1").unwrap(), "https://hub.example/api/x?y=1");
        assert_eq!(to("other").unwrap(), "https://hub.example/org/name/resolve/main/other");
        assert_eq!(to("//cdn.example/x").unwrap(), "https://cdn.example/x");
        assert_eq!(to("https://cdn.example:444/x").unwrap(), "https://cdn.example:444/x");
        assert_eq!(to("http://hub.example/x"), Err(RedirectError::Downgraded));
        assert_eq!(to("http://127.0.0.1:9/x").unwrap(), "http://127.0.0.1:9/x");
        assert!(matches!(to("file:///etc/passwd"), Err(RedirectError::Address(_))));
    }

    #[test]
    fn what_can_be_read_on_the_way_is_known() {
        assert!(at("http://hub.example").is_open());
        assert!(at("http://127.0.0.1.evil.example").is_open());
        for closed in ["https://hub.example", "http://localhost:1", "http://127.8.0.1", "http://[::1]"] {
            assert!(!at(closed).is_open(), "{closed}");
        }
    }

    #[test]
    fn a_revision_with_a_slash_is_one_segment() {
        assert_eq!(escaped("refs/pr/1", false), "refs%2Fpr%2F1");
        assert_eq!(escaped("sub/a b+é.gguf", true), "sub/a%20b%2B%C3%A9.gguf");
        assert_eq!(at("https://h/mirror/").below("/api").whole(), "https://h/mirror/api");
    }
}
