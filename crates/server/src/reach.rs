//! Where a server that listens on every address of its machine can be opened.

use std::net::{IpAddr, SocketAddr};

/// Addresses that a browser can open, never none: the machine's own first; where it listens on all of them, those of its
/// networks after that.
pub fn addresses(listening: SocketAddr) -> Vec<String> {
    let port = listening.port();
    let open = |ip: IpAddr| format!("http://{}", SocketAddr::new(ip, port));
    if !listening.ip().is_unspecified() {
        return vec![open(listening.ip())];
    }
    let own: IpAddr = if listening.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
    // A machine that does not tell its addresses has none to print.
    let all = if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(|interface| interface.ip());
    let mut others: Vec<IpAddr> = all.filter(|ip| reaches(listening.ip(), *ip)).collect();
    others.sort();
    others.dedup();
    std::iter::once(own).chain(others).map(open).collect()
}

/// Whether other machines reach `ip` without naming one of their own interfaces, where `listening` is every address.
fn reaches(listening: IpAddr, ip: IpAddr) -> bool {
    let is_near = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    // A socket of the sixth version takes both kinds on most systems; one of the fourth takes its own alone.
    !is_near && !ip.is_loopback() && (listening.is_ipv6() || ip.is_ipv4())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_opened_is_never_an_address() {
        let all = addresses("0.0.0.0:7777".parse().unwrap());
        assert_eq!(all[0], "http://127.0.0.1:7777");
        assert!(all.iter().all(|address| !address.contains("0.0.0.0") && address.ends_with(":7777")), "{all:?}");
        assert_eq!(addresses("192.0.2.7:80".parse().unwrap()), ["http://192.0.2.7:80"]);
    }

    #[test]
    fn a_phone_reaches_addresses_of_the_network_alone() {
        let any: IpAddr = "0.0.0.0".parse().unwrap();
        let reached = |ip: &str| reaches(any, ip.parse().unwrap());
        assert!(reached("192.168.1.5"));
        assert!(!reached("127.0.0.1") && !reached("169.254.3.4") && !reached("2001:db8::1") && !reached("fe80::1"));
    }
}
