//! Formats of texts, as patterns.

use std::fmt::Write;

/// The formats that are enforced, to the letter of what defines them.
pub const FORMATS: [&str; 10] =
    ["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"];

/// The pattern of a format; none for those that llguidance has to the letter itself.
pub fn pattern(format: &str) -> Option<String> {
    match format {
        "date" => Some(whole(&date())),
        "time" => Some(whole(&time())),
        "date-time" => Some(whole(&format!("{}[tT]{}", date(), time()))),
        "ipv6" => Some(whole(&ipv6())),
        "email" => Some(whole(&email())),
        _ => None,
    }
}

fn whole(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

/// RFC 3339, `full-date`: as many days as the month has, in leap years too.
fn date() -> String {
    let two = |from_four: &str| format!("(?:{from_four})");
    // Multiples of 4 from 04 to 96, and those of 400 for years that end a century.
    let fours = two("0[48]|[2468][048]|[13579][26]");
    let leap = format!("(?:[0-9]{{2}}{fours}|(?:00|{fours})00)");
    let months = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)";
    format!("(?:[0-9]{{4}}-(?:{months}|02-(?:0[1-9]|1[0-9]|2[0-8]))|{leap}-02-29)")
}

/// RFC 3339, `full-time`: second 60 only where it is 23:59 in UTC.
fn time() -> String {
    const FRACTION: &str = r"(?:\.[0-9]+)?";
    let offset = "(?:[zZ]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
    let mut leap = format!("23:59:60{FRACTION}[zZ]");
    for hour in 0..24 {
        let _ = write!(leap, "|{hour:02}:(?:"); // a String takes everything
        for minute in 0..60 {
            let day = 24 * 60;
            let ahead = (hour * 60 + minute + 1) % day; // what the clock is ahead of 23:59
            let behind = (day - ahead) % day;
            let or = if minute == 0 { "" } else { "|" };
            let [ahead, behind] = [ahead, behind].map(|minutes| format!("{:02}:{:02}", minutes / 60, minutes % 60));
            let _ = write!(leap, r"{or}{minute:02}:60{FRACTION}(?:\+{ahead}|-{behind})");
        }
        leap.push(')');
    }
    format!("(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]{FRACTION}{offset}|{leap})")
}

const IPV4: &str =
    r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";

/// RFC 3986, `IPv6address`.
fn ipv6() -> String {
    const GROUP: &str = "[0-9a-fA-F]{1,4}";
    let last = format!("(?:{GROUP}:{GROUP}|{IPV4})");
    let mut forms = vec![format!("(?:{GROUP}:){{6}}{last}")];
    for before in 0..=5 {
        let head = if before == 0 { String::new() } else { format!("(?:(?:{GROUP}:){{0,{}}}{GROUP})?", before - 1) };
        forms.push(format!("{head}::(?:{GROUP}:){{{}}}{last}", 5 - before));
    }
    forms.push(format!("(?:(?:{GROUP}:){{0,5}}{GROUP})?::{GROUP}"));
    forms.push(format!("(?:(?:{GROUP}:){{0,6}}{GROUP})?::"));
    format!("(?:{})", forms.join("|"))
}

/// RFC 5321, `Mailbox`.
fn email() -> String {
    const ATOM: &str = r"[a-zA-Z0-9!#$%&'*+\-/=?\^_`{|}~]+";
    const LABEL: &str = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
    let quoted = r#""(?:[ !#-\[\]-~]|\\[ -~])*""#;
    let local = format!(r"(?:{ATOM}(?:\.{ATOM})*|{quoted})");
    let domain = format!(r"(?:{LABEL}(?:\.{LABEL})*|\[(?:{IPV4}|IPv6:{})\])", ipv6());
    format!("{local}@{domain}")
}
